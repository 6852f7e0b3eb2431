//! The due-time wheel: which recipients have to be looked at next.
//!
//! A hierarchical timing wheel over the records' own links: scheduling, taking out and being due are constant time and
//! cost no memory of their own, which for a million recipients beats a heap (16 bytes each, stale ones left inside).
//! Resolution is one tick, an eighth of a second: a recipient is due up to one tick late, never early.
//! Bounded work: a caller takes at most so many at a time and comes back. A clock that steps back by more than
//! [`STEP_BACK_MAX`] ticks makes the wheel start over from the new time, so that nobody waits for the lost hours.

use model::time::Timestamp;

use crate::entries::{Chain, Entries, List, Place};

/// A tick is 2^17 microseconds: 131 ms.
const TICK_BITS: u32 = 17;

/// 256 slots on each level.
const SLOT_BITS: u32 = 8;
const SLOTS: usize = 1 << SLOT_BITS;

/// Levels of 33 s, 2.4 h, 25 days, 17 years, 4,500 years.
const LEVELS: usize = 5;

/// Ticks the clock may step back without the wheel starting over: 8 s.
const STEP_BACK_MAX: u64 = 64;

/// Which recipients are due when.
#[derive(Debug)]
pub(crate) struct Schedule {
    slots: Vec<List>,
    occupied: [[u64; SLOTS / 64]; LEVELS],
    /// The tick being handed out; everything before it is gone.
    tick: u64,
    len: usize,
}

impl Schedule {
    pub fn new(now: Timestamp) -> Self {
        Schedule {
            slots: vec![List::default(); LEVELS * SLOTS],
            occupied: [[0; SLOTS / 64]; LEVELS],
            tick: tick_before(now),
            len: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Puts a record in, to be handed out at `at`.
    pub fn insert(&mut self, entries: &mut Entries, idx: u32, at: Timestamp) {
        let tick = tick_behind(at).clamp(self.tick, (1 << (SLOT_BITS as usize * LEVELS)) - 1);
        let level = ((63 - ((tick ^ self.tick) | 0xff).leading_zeros()) / SLOT_BITS) as usize;
        let slot = (tick >> (level as u32 * SLOT_BITS)) as usize % SLOTS;
        let entry = entries.get_mut(idx);
        entry.place = Place::Wheel;
        entry.holder = (level * SLOTS + slot) as u32;
        entries.push_back(Chain::Place, &mut self.slots[level * SLOTS + slot], idx);
        self.occupied[level][slot / 64] |= 1 << (slot % 64);
        self.len += 1;
    }

    /// Takes a record out before its time.
    pub fn remove(&mut self, entries: &mut Entries, idx: u32) {
        let number = entries.get(idx).holder as usize;
        entries.unlink(Chain::Place, &mut self.slots[number], idx);
        entries.get_mut(idx).place = Place::Nowhere;
        self.note_if_empty(number);
        self.len -= 1;
    }

    /// Hands out what is due, at most `max`, in the order of their times. True when there may be more.
    pub fn pop_due(&mut self, entries: &mut Entries, now: Timestamp, max: usize, due: &mut Vec<u32>) -> bool {
        let now_tick = tick_before(now);
        if now_tick + STEP_BACK_MAX < self.tick {
            self.start_over(entries, now_tick);
        }
        let end = due.len() + max;
        while let Some((tick, level)) = self.next_slot() {
            if tick > now_tick {
                break;
            }
            self.tick = tick;
            let number = level * SLOTS + (tick >> (level as u32 * SLOT_BITS)) as usize % SLOTS;
            if level > 0 {
                self.cascade(entries, number);
                continue;
            }
            while due.len() < end {
                let Some(idx) = entries.pop_front(Chain::Place, &mut self.slots[number]) else { break };
                entries.get_mut(idx).place = Place::Nowhere;
                self.len -= 1;
                due.push(idx);
            }
            self.note_if_empty(number);
            if due.len() == end {
                return true;
            }
        }
        self.tick = self.tick.max(now_tick);
        false
    }

    /// When to call again at the latest; `None` when nothing is scheduled.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.next_slot().map(|(tick, _)| Timestamp((tick << TICK_BITS) as i64))
    }

    /// The slot that is next to be handed out or spread: its first tick and its level; higher levels first.
    fn next_slot(&self) -> Option<(u64, usize)> {
        (0..LEVELS)
            .rev()
            .filter_map(|level| {
                let shift = level as u32 * SLOT_BITS;
                let here = (self.tick >> shift) as usize % SLOTS;
                let slot = first_bit_from(&self.occupied[level], here)?;
                let base = (self.tick >> shift) & !(SLOTS as u64 - 1);
                Some(((base + slot as u64) << shift, level))
            })
            .map(|(tick, level)| (tick.max(self.tick), level))
            .min_by_key(|&(tick, level)| (tick, LEVELS - level))
    }

    /// Spreads the records of a slot of a higher level over the lower ones.
    fn cascade(&mut self, entries: &mut Entries, number: usize) {
        let mut list = std::mem::take(&mut self.slots[number]);
        self.note_if_empty(number);
        self.spread(entries, &mut list);
    }

    fn spread(&mut self, entries: &mut Entries, list: &mut List) {
        while let Some(idx) = entries.pop_front(Chain::Place, list) {
            self.len -= 1;
            let entry = entries.get(idx);
            let at = entry.wakes_at();
            self.insert(entries, idx, at);
        }
    }

    fn start_over(&mut self, entries: &mut Entries, tick: u64) {
        self.tick = tick;
        self.occupied = [[0; SLOTS / 64]; LEVELS];
        for mut list in std::mem::replace(&mut self.slots, vec![List::default(); LEVELS * SLOTS]) {
            self.spread(entries, &mut list);
        }
    }

    fn note_if_empty(&mut self, number: usize) {
        if self.slots[number].is_empty() {
            let (level, slot) = (number / SLOTS, number % SLOTS);
            self.occupied[level][slot / 64] &= !(1 << (slot % 64));
        }
    }
}

/// The last tick that has begun.
fn tick_before(at: Timestamp) -> u64 {
    u64::try_from(at.0 >> TICK_BITS).unwrap_or(0)
}

/// The first tick that begins at this time or later.
fn tick_behind(at: Timestamp) -> u64 {
    u64::try_from(at.0.saturating_add((1 << TICK_BITS) - 1) >> TICK_BITS).unwrap_or(0)
}

fn first_bit_from(words: &[u64; SLOTS / 64], from: usize) -> Option<usize> {
    let masked = |word: usize| if word == from / 64 { words[word] & (u64::MAX << (from % 64)) } else { words[word] };
    (from / 64..words.len()).find_map(|word| match masked(word) {
        0 => None,
        bits => Some(word * 64 + bits.trailing_zeros() as usize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::Entry;
    use model::handoff::RowRef;
    use model::id::RecipientId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const START: Timestamp = Timestamp::from_unix_s(1_790_000_000);
    const FAR: Timestamp = Timestamp(i64::MAX);

    fn put(schedule: &mut Schedule, entries: &mut Entries, id: u64, at: Timestamp) -> u32 {
        let mut entry = Entry::new(RecipientId(id), RowRef::default(), 0, 0);
        entry.set_due(at);
        entry.set_deadline(FAR);
        let idx = entries.insert(entry);
        schedule.insert(entries, idx, at);
        idx
    }

    #[derive(Clone, Debug)]
    enum Step {
        Put(i64),
        Take(usize),
        Pass(i64, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let delay = prop_oneof![-1_000_000_i64..60_000_000, 0_i64..20_000_000_000, 0_i64..100_000_000_000_000,];
        let pass = prop_oneof![0_i64..1_000_000, 0_i64..50_000_000_000, -60_000_000_i64..0];
        prop::collection::vec(
            prop_oneof![
                4 => delay.prop_map(Step::Put),
                1 => any::<usize>().prop_map(Step::Take),
                3 => (pass, 1_usize..20).prop_map(|(by, max)| Step::Pass(by, max)),
            ],
            1..150,
        )
    }

    proptest! {
        /// Against a sorted map: everything comes out once, not early, at most a tick late.
        #[test]
        fn behaves_like_a_sorted_map(steps in steps()) {
            let (mut entries, mut schedule) = (Entries::default(), Schedule::new(START));
            let mut model: BTreeMap<u32, Timestamp> = BTreeMap::new();
            let (mut now, mut next_id) = (START, 0);
            for step in steps {
                match step {
                    Step::Put(delay_us) => {
                        // As exact as a record keeps it.
                        let at = Timestamp((now.0 + delay_us) & !7);
                        next_id += 1;
                        model.insert(put(&mut schedule, &mut entries, next_id, at), at);
                    }
                    Step::Take(nth) => {
                        if let Some(&idx) = model.keys().nth(nth % model.len().max(1)) {
                            model.remove(&idx);
                            schedule.remove(&mut entries, idx);
                            entries.remove(idx);
                        }
                    }
                    Step::Pass(by_us, max) => {
                        now = Timestamp(now.0 + by_us);
                        let mut due = Vec::new();
                        let more = schedule.pop_due(&mut entries, now, max, &mut due);
                        prop_assert!(due.len() <= max);
                        for idx in due {
                            let at = model.remove(&idx).expect("handed out once");
                            prop_assert!(at <= now, "early");
                            entries.remove(idx);
                        }
                        if !more && by_us >= 0 {
                            let late = model.values().filter(|at| at.0 + (1 << TICK_BITS) <= now.0).count();
                            // After a step back of the clock the wheel may lag by as much as it tolerates.
                            let lagging = tick_before(now) < schedule.tick;
                            prop_assert!(late == 0 || lagging, "{late} overdue");
                            if let (Some(next), Some(first)) = (schedule.next_at(), model.values().min()) {
                                prop_assert!(lagging || next.0 <= first.0.max(now.0) + (1 << TICK_BITS), "wakes too late");
                            }
                        }
                    }
                }
                prop_assert_eq!(schedule.len(), model.len());
                prop_assert_eq!(entries.len(), model.len());
            }
        }
    }

    #[test]
    fn many_of_one_second_come_in_portions() {
        let (mut entries, mut schedule) = (Entries::default(), Schedule::new(START));
        let later = START.plus(std::time::Duration::from_secs(7_200));
        for id in 0..10_000 {
            put(&mut schedule, &mut entries, id, later);
        }
        let mut due = Vec::new();
        assert!(!schedule.pop_due(&mut entries, START, 4_000, &mut due));
        assert!(due.is_empty());
        let now = later.plus(std::time::Duration::from_secs(1));
        assert!(schedule.pop_due(&mut entries, now, 4_000, &mut due));
        assert!(schedule.pop_due(&mut entries, now, 4_000, &mut due));
        assert!(!schedule.pop_due(&mut entries, now, 4_000, &mut due));
        assert_eq!((due.len(), schedule.next_at()), (10_000, None));
        assert!(due.windows(2).all(|pair| entries.get(pair[0]).id < entries.get(pair[1]).id), "in order");
    }
}
