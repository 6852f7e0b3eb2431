//! Who is next: higher priority first, and within a priority turns by weight, first among tenants, then among the jobs of
//! a tenant.
//!
//! Used twice: for what waits at a site (the backlog of a line) and for what is bound to a path. A class is a priority
//! (class 0 leaves first); a lane holds the recipients of one job in the order of their coming. A job with a million
//! recipients delays the first recipient of another job by one turn, and a tenant with a thousand jobs has no more turns
//! than one with a single job (start-time fair queueing: a lane that was served moves on by its stride, the lane that is
//! least far is next, and one that was empty starts where the others are). Mail of a job to a domain with a limit of its
//! own has a lane apart ([`Seat::lane`]): when it has to wait, the rest of the job goes on. The lanes of a job share its
//! turns.
//!
//! **Nobody starves:** while mail of a lower priority waits beside mail of a higher one, every
//! [`LOWER_TURN`]th that leaves is of a lower one; several lower ones take these turns round about.

use std::collections::{BTreeSet, HashMap};

use model::time::Timestamp;

use crate::entries::{Chain, Entries, List};

/// One of so many is of a lower priority, where such mail waits.
pub(crate) const LOWER_TURN: u32 = 20;

/// How far a lane of weight 1, alone in its tenant of weight 1, moves on when it is served.
const STRIDE: u64 = 1 << 20;

/// Lanes that stand empty are remembered with their place up to this number beyond those in use, so that a lane that
/// empties and fills again gains nothing by it.
const EMPTY_LANES_MAX: usize = 64;

/// Recipients in the order in which they leave.
#[derive(Debug)]
pub(crate) struct FairQueue {
    classes: Vec<Class>,
    len: u32,
    /// No record in here has an earlier deadline.
    deadline_min: Timestamp,
    /// Lanes that are passed over until [`FairQueue::unpark`].
    parked: Vec<Seat>,
    /// How many left in a row while others of a lower priority could have.
    streak: u32,
    /// The class that had the last turn of a lower one.
    lower: usize,
}

/// The job, and which of its lanes.
type LaneKey = (u32, u32);

#[derive(Debug, Default)]
struct Class {
    /// Lanes with somebody, but for the parked ones, by how far they are.
    turns: BTreeSet<(u64, LaneKey)>,
    lanes: HashMap<LaneKey, Lane>,
    /// How many lanes apart from its own a job has with somebody; jobs without such lanes are left out.
    apart: HashMap<u32, u32>,
    /// Weights of the jobs with somebody, by tenant.
    tenants: HashMap<u32, u64>,
    len: u32,
    /// How far the lane was that was served last.
    reached: u64,
}

#[derive(Debug)]
struct Lane {
    list: List,
    /// How far it is.
    pass: u64,
    share: Share,
}

/// What a lane weighs among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Number of the tenant; two tenants of one number only share their turns.
    pub tenant: u32,
    pub tenant_weight: u16,
    /// Among the jobs of the tenant.
    pub job_weight: u16,
}

impl Default for Share {
    fn default() -> Self {
        Share { tenant: 0, tenant_weight: 1, job_weight: 1 }
    }
}

/// The lane of a job's mail that stands nowhere apart.
pub(crate) const OWN_LANE: u32 = 0;

/// Where in the queue a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// 0 leaves first.
    pub class: u8,
    /// The job.
    pub job: u32,
    /// Which lane of the job: [`OWN_LANE`], or one for a domain that may have to wait while others go.
    pub lane: u32,
    /// What it weighs.
    pub share: Share,
}

impl Seat {
    fn key(self) -> LaneKey {
        (self.job, self.lane)
    }
}

impl Default for FairQueue {
    fn default() -> Self {
        FairQueue { classes: Vec::new(), len: 0, deadline_min: NEVER, parked: Vec::new(), streak: 0, lower: 0 }
    }
}

/// The end of time.
pub(crate) const NEVER: Timestamp = Timestamp(i64::MAX);

impl Class {
    /// The lane of a seat, into which somebody is about to be put.
    fn lane(&mut self, seat: Seat) -> &mut List {
        let (reached, key) = (self.reached, seat.key());
        let is_empty = self.lanes.get(&key).is_none_or(|lane| lane.list.is_empty());
        if is_empty {
            if self.open_lanes(seat.job) == 0 {
                *self.tenants.entry(seat.share.tenant).or_default() += u64::from(seat.share.job_weight.max(1));
            }
            if seat.lane != OWN_LANE {
                *self.apart.entry(seat.job).or_default() += 1;
            }
        }
        let lane =
            self.lanes.entry(key).or_insert_with(|| Lane { list: List::default(), pass: reached, share: seat.share });
        if is_empty {
            lane.pass = lane.pass.max(reached);
            lane.share = seat.share;
            self.turns.insert((lane.pass, key));
        }
        &mut lane.list
    }

    /// How many lanes of a job have somebody.
    fn open_lanes(&self, job: u32) -> u32 {
        let own = self.lanes.get(&(job, OWN_LANE)).is_some_and(|lane| !lane.list.is_empty());
        self.apart.get(&job).copied().unwrap_or(0) + u32::from(own)
    }

    /// A lane has become empty: it has no turn any more.
    fn lane_emptied(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(&key) else { return };
        let share = lane.share;
        self.turns.remove(&(lane.pass, key));
        if key.1 != OWN_LANE
            && let Some(count) = self.apart.get_mut(&key.0)
        {
            *count -= 1;
            if *count == 0 {
                self.apart.remove(&key.0);
            }
        }
        if self.open_lanes(key.0) == 0 {
            let weight = self.tenants.get_mut(&share.tenant).expect("invariant: a job with somebody weighs");
            *weight -= u64::from(share.job_weight.max(1));
            if *weight == 0 {
                self.tenants.remove(&share.tenant);
            }
        }
        if self.lanes.len() > 2 * self.turns.len() + EMPTY_LANES_MAX {
            let reached = self.reached;
            self.lanes.retain(|_, lane| !lane.list.is_empty() || lane.pass > reached);
        }
        if self.lanes.len() > 4 * self.turns.len() + 4 * EMPTY_LANES_MAX {
            self.lanes.retain(|_, lane| !lane.list.is_empty());
        }
    }

    /// How far a lane of a job moves on when it is served: less far, the more it weighs.
    fn stride(&self, job: u32, share: Share) -> u64 {
        let of_tenant = self.tenants.get(&share.tenant).copied().unwrap_or(1);
        let weight = u64::from(share.tenant_weight.max(1)) * u64::from(share.job_weight.max(1));
        (STRIDE.saturating_mul(of_tenant) / weight).saturating_mul(u64::from(self.open_lanes(job).max(1))).max(1)
    }
}

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
        self.deadline_min = self.deadline_min.min(entries.get(idx).deadline());
        let class = &mut self.classes[place];
        class.len += 1;
        class.lane(seat)
    }

    /// Takes out the next one that is not in a parked lane.
    pub fn pop(&mut self, entries: &mut Entries) -> Option<u32> {
        let place = self.next_class()?;
        let others = self.classes[place + 1..].iter().any(|class| !class.turns.is_empty());
        if self.classes[..place].iter().any(|class| !class.turns.is_empty()) {
            (self.streak, self.lower) = (0, place);
        } else if others {
            self.streak += 1;
        } else {
            self.streak = 0;
        }
        let class = &mut self.classes[place];
        let (pass, key) = class.turns.pop_first()?;
        let share = class.lanes[&key].share;
        let stride = class.stride(key.0, share);
        class.reached = class.reached.max(pass);
        let lane = class.lanes.get_mut(&key).expect("invariant: each turn has its lane");
        let idx = entries.pop_front(Chain::Place, &mut lane.list).expect("invariant: the next lane is not empty");
        lane.pass = pass.saturating_add(stride);
        if lane.list.is_empty() {
            class.lane_emptied(key);
        } else {
            class.turns.insert((lane.pass, key));
        }
        class.len -= 1;
        self.forget_if_empty();
        Some(idx)
    }

    /// The class whose turn it is: the highest, but for the turns of lower ones.
    fn next_class(&self) -> Option<usize> {
        let waits = |place: &usize| !self.classes[*place].turns.is_empty();
        let highest = (0..self.classes.len()).find(waits)?;
        if self.streak + 1 < LOWER_TURN {
            return Some(highest);
        }
        let lower = || (highest + 1..self.classes.len()).filter(waits);
        lower().find(|place| *place > self.lower).or_else(|| lower().next()).or(Some(highest))
    }

    /// The next one that is not in a parked lane, and its lane.
    pub fn peek(&self) -> Option<(u32, Seat)> {
        let place = self.next_class()?;
        let class = &self.classes[place];
        let &(_, key) = class.turns.first()?;
        let found = &class.lanes[&key];
        let (job, lane) = key;
        Some((found.list.head()?, Seat { class: place as u8, job, lane, share: found.share }))
    }

    /// The lane of the next one is passed over until [`FairQueue::unpark`]: something keeps its first recipient, and so
    /// the whole lane, while others may go.
    pub fn park(&mut self) {
        if let Some((_, seat)) = self.peek() {
            self.classes[usize::from(seat.class)].turns.pop_first();
            self.parked.push(seat);
        }
    }

    /// Leaves the turn of a lower priority to the highest: whoever has it has no room, and others have. False when it is
    /// the turn of the highest anyway.
    pub fn waive_lower_turn(&mut self) -> bool {
        std::mem::take(&mut self.streak) + 1 >= LOWER_TURN
    }

    /// How many stand in parked lanes.
    pub fn parked_len(&self) -> u32 {
        let lane =
            |seat: &Seat| self.classes.get(usize::from(seat.class)).and_then(|class| class.lanes.get(&seat.key()));
        self.parked.iter().filter_map(lane).map(|lane| lane.list.len()).sum()
    }

    /// Parked lanes are as far as they were: none has lost its turn.
    pub fn unpark(&mut self) {
        while let Some(seat) = self.parked.pop() {
            if let Some(class) = self.classes.get_mut(usize::from(seat.class))
                && let Some(lane) = class.lanes.get(&seat.key()).filter(|lane| !lane.list.is_empty())
            {
                class.turns.insert((lane.pass, seat.key()));
            }
        }
    }

    /// Parks every lane whose first recipient is kept by something.
    pub fn park_where(&mut self, mut kept: impl FnMut(u32) -> bool) {
        for (place, class) in self.classes.iter_mut().enumerate() {
            let (lanes, parked) = (&class.lanes, &mut self.parked);
            class.turns.retain(|&(_, key)| {
                let keep = lanes[&key].list.head().is_some_and(&mut kept);
                if keep {
                    let (job, lane) = key;
                    parked.push(Seat { class: place as u8, job, lane, share: lanes[&key].share });
                }
                !keep
            });
        }
    }

    /// Takes a record out of the middle.
    pub fn remove(&mut self, entries: &mut Entries, idx: u32, seat: Seat) {
        let class = &mut self.classes[usize::from(seat.class)];
        let lane = class.lanes.get_mut(&seat.key()).expect("invariant: a record in the queue has a lane");
        entries.unlink(Chain::Place, &mut lane.list, idx);
        if lane.list.is_empty() {
            class.lane_emptied(seat.key());
        }
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
            let deadline = entries.get(idx).deadline();
            if deadline <= now && overdue.len() < max {
                overdue.push(idx);
            } else {
                least = least.min(deadline);
            }
        }
        self.deadline_min = least;
        overdue
    }

    /// All records, class by class and lane by lane: those of parked lanes come behind the others of their class.
    pub fn indices<'a>(&'a self, entries: &'a Entries) -> impl Iterator<Item = u32> + 'a {
        let lanes = self.classes.iter().enumerate().flat_map(|(place, class)| {
            let parked = self.parked.iter().filter(move |seat| usize::from(seat.class) == place).map(|seat| seat.key());
            let parked =
                parked.filter(|key| !class.turns.contains(&(class.lanes.get(key).map_or(0, |lane| lane.pass), *key)));
            class.turns.iter().map(|(_, key)| *key).chain(parked).filter_map(|key| class.lanes.get(&key))
        });
        lanes.flat_map(|lane| std::iter::successors(lane.list.head(), |&idx| entries.next(Chain::Place, idx)))
    }

    /// About how many leave before a newcomer to this seat: those of higher priority, and for each place in its lane one
    /// of every other lane, weights left aside.
    pub fn ahead(&self, seat: Seat) -> u64 {
        let before: u64 = self.classes.iter().take(usize::from(seat.class)).map(|class| u64::from(class.len)).sum();
        let Some(class) = self.classes.get(usize::from(seat.class)) else { return before };
        let own = class.lanes.get(&seat.key()).map_or(0, |lane| lane.list.len());
        let others = class.lanes.iter().filter(|(key, _)| **key != seat.key());
        before + u64::from(own) + others.map(|(_, lane)| u64::from(lane.list.len().min(own))).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::Entry;
    use model::handoff::RowRef;
    use model::id::RecipientId;
    use proptest::prelude::*;

    fn seat(class: u8, job: u32) -> Seat {
        Seat { class, job, lane: OWN_LANE, share: Share { tenant: job, ..Share::default() } }
    }

    fn filled(seats: &[(u8, u32)]) -> (Entries, FairQueue) {
        let (mut entries, mut queue) = (Entries::default(), FairQueue::default());
        for (id, &(class, job)) in seats.iter().enumerate() {
            let idx = entries.insert(Entry::new(RecipientId(id as u64), RowRef::default(), 0, 0));
            queue.push_back(&mut entries, idx, seat(class, job));
        }
        (entries, queue)
    }

    fn drain(entries: &mut Entries, queue: &mut FairQueue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop(entries).map(|idx| entries.get(idx).id.0)).collect()
    }

    #[test]
    fn jobs_take_turns_and_priority_goes_first() {
        let (mut entries, mut queue) = filled(&[(1, 7), (1, 7), (1, 7), (1, 8), (0, 9), (1, 8)]);
        assert_eq!(queue.peek().map(|(_, seat)| seat.class), Some(0));
        assert_eq!(queue.len_up_to(0), 1);
        assert_eq!(drain(&mut entries, &mut queue), [4, 0, 3, 1, 5, 2]);
    }

    #[test]
    fn a_parked_lane_is_passed_over_and_loses_no_turn() {
        let (mut entries, mut queue) = filled(&[(0, 1), (0, 1), (0, 2), (1, 3)]);
        queue.park();
        assert_eq!((queue.parked_len(), queue.peek()), (2, Some((2, seat(0, 2)))));
        assert_eq!(queue.pop(&mut entries), Some(2));
        assert_eq!(queue.pop(&mut entries), Some(3), "the next class follows when all lanes of this one are parked");
        assert_eq!((queue.pop(&mut entries), queue.len()), (None, 2));
        queue.unpark();
        assert_eq!(drain(&mut entries, &mut queue), [0, 1]);
        let (mut entries, mut queue) = filled(&[(0, 1), (0, 2), (1, 3)]);
        queue.park_where(|idx| idx != 1);
        assert_eq!((queue.parked_len(), drain(&mut entries, &mut queue)), (2, vec![1]));
        queue.unpark();
        assert_eq!(drain(&mut entries, &mut queue), [0, 2]);
    }

    #[test]
    fn what_comes_back_keeps_its_place() {
        let (mut entries, mut queue) = filled(&[(0, 1), (0, 1)]);
        let first = queue.pop(&mut entries).unwrap();
        queue.push_front(&mut entries, first, seat(0, 1));
        assert_eq!(drain(&mut entries, &mut queue), [0, 1]);
    }

    #[test]
    fn a_removed_record_leaves_no_hole() {
        let (mut entries, mut queue) = filled(&[(0, 1), (0, 2), (0, 1)]);
        queue.remove(&mut entries, 1, seat(0, 2));
        assert_eq!(queue.ahead(seat(0, 2)), 0);
        assert_eq!(drain(&mut entries, &mut queue), [0, 2]);
        assert_eq!(queue.peek(), None);
    }

    #[test]
    fn overdue_records_are_found_in_portions() {
        let (mut entries, mut queue) = (Entries::default(), FairQueue::default());
        let at = |seconds: u64| Timestamp::from_unix_s(1_790_000_000 + seconds as i64);
        for id in 0..10_u64 {
            let mut entry = Entry::new(RecipientId(id), RowRef::default(), 0, 0);
            entry.set_deadline(at(id));
            let idx = entries.insert(entry);
            queue.push_back(&mut entries, idx, seat(0, 0));
        }
        assert_eq!(queue.deadline_min(), at(0));
        assert_eq!(queue.overdue(&entries, at(6), 4), [0, 1, 2, 3]);
        assert_eq!(queue.deadline_min(), at(4), "the others are still to be taken");
    }

    #[test]
    fn lower_priorities_have_one_turn_in_twenty() {
        let seats: Vec<(u8, u32)> = (0..300).map(|nth| [(0, 1), (1, 2), (2, 3)][nth % 3]).collect();
        let (mut entries, mut queue) = filled(&seats);
        let classes: Vec<u8> = drain(&mut entries, &mut queue)[..100].iter().map(|&id| seats[id as usize].0).collect();
        let lower: Vec<usize> = (0..100).filter(|&place| classes[place] > 0).collect();
        assert_eq!(lower, [19, 39, 59, 79, 99]);
        assert_eq!(lower.iter().map(|&place| classes[place]).collect::<Vec<_>>(), [1, 2, 1, 2, 1], "in turn");
        // Whoever has no use for its turn leaves it to the highest.
        let (mut entries, mut queue) = filled(&seats);
        (0..19).for_each(|_| assert!(queue.pop(&mut entries).is_some()));
        assert_eq!(queue.peek().map(|(_, seat)| seat.class), Some(1));
        assert!(queue.waive_lower_turn());
        assert_eq!(queue.peek().map(|(_, seat)| seat.class), Some(0));
        assert!(!queue.waive_lower_turn());
    }

    #[test]
    fn a_lane_that_empties_gains_nothing() {
        // Job 1 has one recipient at a time, job 2 a thousand; each is a tenant of weight 1.
        let (mut entries, mut queue) = filled(&[(0, 2); 200]);
        let mut served = [0, 0];
        for id in 0..100 {
            let idx = entries.insert(Entry::new(RecipientId(1_000 + id), RowRef::default(), 0, 0));
            queue.push_back(&mut entries, idx, seat(0, 1));
            for _ in 0..2 {
                let idx = queue.pop(&mut entries).unwrap();
                served[usize::from(entries.get(idx).id.0 < 1_000)] += 1;
            }
        }
        assert_eq!(served, [100, 100]);
    }

    #[test]
    fn lanes_of_a_job_share_its_turns_and_wait_apart() {
        // Job 1 has three lanes, job 2 of the same tenant has one, and so has job 3 of another tenant.
        let (mut entries, mut queue) = (Entries::default(), FairQueue::default());
        let of_job = |job, lane| Seat { class: 0, job, lane, share: Share { tenant: job / 3, ..Share::default() } };
        let seats = [of_job(1, OWN_LANE), of_job(1, 7), of_job(1, 8), of_job(2, OWN_LANE), of_job(3, OWN_LANE)];
        for nth in 0..2_000_u64 {
            let seat = seats[nth as usize % seats.len()];
            let idx = entries.insert(Entry::new(RecipientId(nth), RowRef::default(), 0, 0));
            queue.push_back(&mut entries, idx, seat);
        }
        let mut served = [0; 5];
        for _ in 0..480 {
            let idx = queue.pop(&mut entries).unwrap();
            served[entries.get(idx).id.0 as usize % seats.len()] += 1;
        }
        assert!(
            served.iter().zip([40, 40, 40, 120, 240_i32]).all(|(found, due)| (found - due).abs() <= 3),
            "{served:?}"
        );
        // One lane of job 1 is kept: the others of the job go on.
        queue.park_where(|idx| entries.get(idx).id.0 as usize % seats.len() == 1);
        let next: Vec<u32> = (0..40).map(|_| queue.pop(&mut entries).unwrap()).collect();
        let next: Vec<usize> = next.into_iter().map(|idx| entries.get(idx).id.0 as usize % seats.len()).collect();
        assert!(!next.contains(&1) && next.contains(&0) && next.contains(&2), "{next:?}");
        queue.unpark();
        assert_eq!(drain(&mut entries, &mut queue).len(), 2_000 - 480 - 40);
        assert!(queue.is_empty());
    }

    proptest! {
        /// No job waits longer than one turn of each other job of its class.
        #[test]
        fn turns_are_fair(seats in prop::collection::vec((0_u8..3, 0_u32..5), 1..80)) {
            let (mut entries, mut queue) = filled(&seats);
            let order = drain(&mut entries, &mut queue);
            prop_assert_eq!(order.len(), seats.len());
            let classes: Vec<u8> = order.iter().map(|&id| seats[id as usize].0).collect();
            // One in twenty may be of a lower priority than one that still waits.
            let overtaken = (1..classes.len()).filter(|&place| classes[place..].iter().any(|class| *class < classes[place - 1]));
            let lower_turns = order.len() / LOWER_TURN as usize + 1;
            prop_assert!(overtaken.count() <= lower_turns);
            for (place, &id) in order.iter().enumerate() {
                let (class, job) = seats[id as usize];
                let in_lane = seats[..id as usize].iter().filter(|&&seat| seat == (class, job)).count();
                let before = seats.iter().filter(|seat| seat.0 < class).count();
                let jobs = 5;
                prop_assert!(place <= before + (in_lane + 1) * jobs + lower_turns, "{place} {in_lane}");
            }
        }

        /// Over any stretch in which nobody's lanes run out, tenants get turns by their weights, however many jobs they
        /// have; and so do the jobs of a tenant.
        #[test]
        fn shares_follow_the_weights(
            tenants in prop::collection::vec((1_u16..6, prop::collection::vec(1_u16..4, 1..5)), 2..4),
        ) {
            let (mut entries, mut queue) = (Entries::default(), FairQueue::default());
            let mut seats = Vec::new();
            for (tenant, (tenant_weight, jobs)) in tenants.iter().enumerate() {
                for &job_weight in jobs {
                    let share = Share { tenant: tenant as u32, tenant_weight: *tenant_weight, job_weight };
                    seats.push(Seat { class: 0, job: seats.len() as u32, lane: OWN_LANE, share });
                }
            }
            let each = 400;
            for (nth, &seat) in seats.iter().cycle().take(each * seats.len()).enumerate() {
                let entry = Entry::new(RecipientId((nth % seats.len()) as u64), RowRef::default(), 0, 0);
                let idx = entries.insert(entry);
                queue.push_back(&mut entries, idx, seat);
            }
            let mut served = vec![0_usize; seats.len()];
            let mut total = 0;
            while served.iter().all(|count| *count < each) {
                let idx = queue.pop(&mut entries).unwrap();
                served[entries.get(idx).id.0 as usize] += 1;
                total += 1;
            }
            let weights: f64 = tenants.iter().map(|(weight, _)| f64::from(*weight)).sum();
            for (job, seat) in seats.iter().enumerate() {
                let (tenant_weight, jobs) = &tenants[seat.share.tenant as usize];
                let of_jobs: f64 = jobs.iter().map(|weight| f64::from(*weight)).sum();
                let share = f64::from(*tenant_weight) / weights * f64::from(seat.share.job_weight) / of_jobs;
                let expected = share * total as f64;
                prop_assert!((served[job] as f64 - expected).abs() <= 2.0 + seats.len() as f64, "{served:?} of {total}, job {job}: {expected}");
            }
        }
    }
}
