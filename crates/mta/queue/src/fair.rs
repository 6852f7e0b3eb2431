//! Who is next: higher priority first, and within a priority one of each job in turn.
//!
//! Used twice: for what waits at a site (the backlog of a line) and for what is bound to a path. A class is a priority
//! (class 0 leaves first); a lane holds the recipients of one job in the order of their coming. A job with a million
//! recipients delays the first recipient of another job by one turn.
//! Known gap: turns go to jobs, so a tenant with more jobs gets more turns.

use std::collections::{HashMap, VecDeque};

use model::time::Timestamp;

use crate::entries::{Chain, Entries, List};

/// Recipients in the order in which they leave.
#[derive(Debug)]
pub(crate) struct FairQueue {
    classes: Vec<Class>,
    len: u32,
    /// No record in here has an earlier deadline.
    deadline_min: Timestamp,
}

#[derive(Debug, Default)]
struct Class {
    /// Jobs that have a lane, each once; the first one is next.
    turns: VecDeque<u32>,
    lanes: HashMap<u32, List>,
    len: u32,
}

/// Where in the queue a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// 0 leaves first.
    pub class: u8,
    /// The job.
    pub job: u32,
}

impl Default for FairQueue {
    fn default() -> Self {
        FairQueue { classes: Vec::new(), len: 0, deadline_min: NEVER }
    }
}

/// The end of time.
pub(crate) const NEVER: Timestamp = Timestamp(i64::MAX);

impl FairQueue {
    pub fn len(&self) -> u32 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many leave not later than a newcomer of this class, by priority alone.
    pub fn len_up_to(&self, class: u8) -> u32 {
        self.classes.iter().take(usize::from(class) + 1).map(|class| class.len).sum()
    }

    /// No record in here has an earlier deadline; may be earlier than the earliest.
    pub fn deadline_min(&self) -> Timestamp {
        self.deadline_min
    }

    pub fn push_back(&mut self, entries: &mut Entries, idx: u32, seat: Seat) {
        let lane = self.lane(entries, idx, seat);
        entries.push_back(Chain::Place, lane, idx);
    }

    /// Puts a record before all others of its lane: it was there before and comes back.
    pub fn push_front(&mut self, entries: &mut Entries, idx: u32, seat: Seat) {
        let lane = self.lane(entries, idx, seat);
        entries.push_front(Chain::Place, lane, idx);
    }

    fn lane(&mut self, entries: &Entries, idx: u32, seat: Seat) -> &mut List {
        let place = usize::from(seat.class);
        if self.classes.len() <= place {
            self.classes.resize_with(place + 1, Class::default);
        }
        self.len += 1;
        self.deadline_min = self.deadline_min.min(entries.get(idx).deadline);
        let class = &mut self.classes[place];
        class.len += 1;
        class.lanes.entry(seat.job).or_insert_with(|| {
            class.turns.push_back(seat.job);
            List::default()
        })
    }

    /// Takes out the next one.
    pub fn pop(&mut self, entries: &mut Entries) -> Option<u32> {
        let class = self.classes.iter_mut().find(|class| class.len > 0)?;
        loop {
            let job = class.turns.pop_front().expect("invariant: a class that is not empty has a lane that is not");
            let lane = class.lanes.get_mut(&job).expect("invariant: each turn has its lane");
            match entries.pop_front(Chain::Place, lane) {
                // Emptied by `remove`.
                None => {
                    class.lanes.remove(&job);
                }
                Some(idx) => {
                    if lane.is_empty() {
                        class.lanes.remove(&job);
                    } else {
                        class.turns.push_back(job);
                    }
                    class.len -= 1;
                    self.forget_if_empty();
                    return Some(idx);
                }
            }
        }
    }

    /// The class of the next one.
    pub fn next_class(&self) -> Option<u8> {
        self.classes.iter().position(|class| class.len > 0).map(|class| class as u8)
    }

    /// Takes a record out of the middle.
    pub fn remove(&mut self, entries: &mut Entries, idx: u32, seat: Seat) {
        let class = &mut self.classes[usize::from(seat.class)];
        let lane = class.lanes.get_mut(&seat.job).expect("invariant: a record in the queue has a lane");
        entries.unlink(Chain::Place, lane, idx);
        class.len -= 1;
        self.forget_if_empty();
    }

    fn forget_if_empty(&mut self) {
        self.len -= 1;
        if self.len == 0 {
            *self = FairQueue::default();
        }
    }

    /// Records whose deadline has come, at most `max` (the caller takes them out); renews [`FairQueue::deadline_min`].
    pub fn overdue(&mut self, entries: &Entries, now: Timestamp, max: usize) -> Vec<u32> {
        let (mut overdue, mut least) = (Vec::new(), NEVER);
        for idx in self.indices(entries) {
            let deadline = entries.get(idx).deadline;
            if deadline <= now && overdue.len() < max {
                overdue.push(idx);
            } else {
                least = least.min(deadline);
            }
        }
        self.deadline_min = least;
        overdue
    }

    /// All records, class by class and lane by lane.
    pub fn indices<'a>(&'a self, entries: &'a Entries) -> impl Iterator<Item = u32> + 'a {
        let lanes = self.classes.iter().flat_map(|class| class.turns.iter().filter_map(|job| class.lanes.get(job)));
        lanes.flat_map(|lane| std::iter::successors(lane.head(), |&idx| entries.next(Chain::Place, idx)))
    }

    /// At least how many leave before a newcomer to this seat: those of higher priority, and for each place in its
    /// lane one of every other lane.
    pub fn ahead(&self, seat: Seat) -> u64 {
        let before: u64 = self.classes.iter().take(usize::from(seat.class)).map(|class| u64::from(class.len)).sum();
        let Some(class) = self.classes.get(usize::from(seat.class)) else { return before };
        let own = class.lanes.get(&seat.job).map_or(0, |lane| lane.len());
        let others = class.lanes.iter().filter(|(job, _)| **job != seat.job);
        before + u64::from(own) + others.map(|(_, lane)| u64::from(lane.len().min(own))).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::Entry;
    use model::handoff::RowRef;
    use model::id::RecipientId;
    use proptest::prelude::*;

    fn filled(seats: &[(u8, u32)]) -> (Entries, FairQueue) {
        let (mut entries, mut queue) = (Entries::default(), FairQueue::default());
        for (id, &(class, job)) in seats.iter().enumerate() {
            let idx = entries.insert(Entry::new(RecipientId(id as u64), None, RowRef::default(), 0, 0));
            queue.push_back(&mut entries, idx, Seat { class, job });
        }
        (entries, queue)
    }

    fn drain(entries: &mut Entries, queue: &mut FairQueue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop(entries).map(|idx| entries.get(idx).id.0)).collect()
    }

    #[test]
    fn jobs_take_turns_and_priority_goes_first() {
        let (mut entries, mut queue) = filled(&[(1, 7), (1, 7), (1, 7), (1, 8), (0, 9), (1, 8)]);
        assert_eq!(queue.next_class(), Some(0));
        assert_eq!(queue.len_up_to(0), 1);
        assert_eq!(drain(&mut entries, &mut queue), [4, 0, 3, 1, 5, 2]);
    }

    #[test]
    fn what_comes_back_keeps_its_place() {
        let (mut entries, mut queue) = filled(&[(0, 1), (0, 1)]);
        let first = queue.pop(&mut entries).unwrap();
        queue.push_front(&mut entries, first, Seat { class: 0, job: 1 });
        assert_eq!(drain(&mut entries, &mut queue), [0, 1]);
    }

    #[test]
    fn a_removed_record_leaves_no_hole() {
        let (mut entries, mut queue) = filled(&[(0, 1), (0, 2), (0, 1)]);
        queue.remove(&mut entries, 1, Seat { class: 0, job: 2 });
        assert_eq!(queue.ahead(Seat { class: 0, job: 2 }), 0);
        assert_eq!(drain(&mut entries, &mut queue), [0, 2]);
        assert_eq!(queue.next_class(), None);
    }

    #[test]
    fn overdue_records_are_found_in_portions() {
        let (mut entries, mut queue) = (Entries::default(), FairQueue::default());
        for id in 0..10_u64 {
            let mut entry = Entry::new(RecipientId(id), None, RowRef::default(), 0, 0);
            entry.deadline = Timestamp(id as i64);
            let idx = entries.insert(entry);
            queue.push_back(&mut entries, idx, Seat { class: 0, job: 0 });
        }
        assert_eq!(queue.deadline_min(), Timestamp(0));
        assert_eq!(queue.overdue(&entries, Timestamp(6), 4), [0, 1, 2, 3]);
        assert_eq!(queue.deadline_min(), Timestamp(4), "the others are still to be taken");
    }

    proptest! {
        /// No job waits longer than one turn of each other job of its class.
        #[test]
        fn turns_are_fair(seats in prop::collection::vec((0_u8..3, 0_u32..5), 1..80)) {
            let (mut entries, mut queue) = filled(&seats);
            let order = drain(&mut entries, &mut queue);
            prop_assert_eq!(order.len(), seats.len());
            let classes: Vec<u8> = order.iter().map(|&id| seats[id as usize].0).collect();
            prop_assert!(classes.is_sorted());
            for (place, &id) in order.iter().enumerate() {
                let (class, job) = seats[id as usize];
                let in_lane = seats[..id as usize].iter().filter(|&&seat| seat == (class, job)).count();
                let before = seats.iter().filter(|seat| seat.0 < class).count();
                let jobs = 5;
                prop_assert!(place <= before + (in_lane + 1) * jobs, "{place} {in_lane}");
            }
        }
    }
}
