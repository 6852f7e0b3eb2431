//! The index: what of the spool is still needed, and where it lies.
//!
//! Changed only in the order of commits (by the committer, or by recovery, which tells the same story again); read by
//! everyone. Memory: a message with one recipient takes about 90 bytes (the two entries, before the slack of the hash
//! tables); a recipient of a batch of many takes one bit, and 16 bytes more once it has been deferred.
//!
//! Invariants: a batch is here exactly as long as it has live rows; a message exactly as long as it has live rows, is
//! held, or is pinned by an admission on its way. `live_bytes` of a segment is 0 when nothing in it is needed.

use std::collections::{BTreeMap, HashMap};

use model::handoff::RowRef;
use model::id::MessageId;
use model::submission::Checkpoint;
use model::time::Timestamp;

use super::Hold;
use super::checkpoints::Checkpoints;
use super::record::{Change, RowsHeader, Snapshot};
use crate::events::Cursor;

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Location {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
}

impl Location {
    /// As one number that grows along the log.
    pub(crate) fn position(self) -> u64 {
        u64::from(self.segment) << 32 | u64::from(self.offset)
    }

    /// The birth of the batch of a row.
    pub(crate) fn birth(row: RowRef) -> Self {
        Location { segment: row.segment, offset: row.offset }
    }
}

/// A message.
#[derive(Debug)]
pub(crate) struct MessageEntry {
    /// Where its CONTENT record lies.
    pub(crate) at: Location,
    /// Size of that frame.
    pub(crate) len: u32,
    /// Live recipients.
    pub(crate) live: u32,
    /// Admissions on their way that add recipients.
    pins: u16,
    pub(crate) held: bool,
}

/// A batch of recipients.
#[derive(Debug)]
pub(crate) struct BatchEntry {
    pub(crate) message: MessageId,
    /// Where its ROWS record lies now.
    pub(crate) at: Location,
    /// Size of that frame.
    pub(crate) len: u32,
    /// Live rows; at least 1.
    pub(crate) live: u16,
    /// Rows in that record, live or not.
    pub(crate) stored: u16,
    rows: RowStates,
}

/// Attempts and due time of a row, when they are not those in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowState {
    due: i64,
    attempts: u16,
}

#[derive(Debug)]
enum RowStates {
    /// A batch of one.
    One(RowState),
    Many(Box<ManyRows>),
}

#[derive(Debug)]
struct ManyRows {
    /// A bit for each row of the birth.
    live: Box<[u64]>,
    /// A state for each row of the birth, once one differs from the record.
    states: Option<Box<[RowState]>>,
    total: u16,
}

impl RowState {
    const AS_RECORDED: RowState = RowState { due: i64::MIN, attempts: 0 };

    /// Attempts and due time, where those of the record are `attempts` and `due`.
    pub(crate) fn resolve(self, attempts: u16, due: Timestamp) -> (u16, Timestamp) {
        if self == Self::AS_RECORDED { (attempts, due) } else { (self.attempts, Timestamp(self.due)) }
    }
}

impl BatchEntry {
    pub(crate) fn is_live(&self, row: u16) -> bool {
        match &self.rows {
            RowStates::One(_) => row == 0,
            RowStates::Many(many) => row < many.total && many.live[usize::from(row) / 64] & (1 << (row % 64)) != 0,
        }
    }

    pub(crate) fn state(&self, row: u16) -> RowState {
        match &self.rows {
            RowStates::One(state) => *state,
            RowStates::Many(many) => {
                many.states.as_ref().map_or(RowState::AS_RECORDED, |states| states[usize::from(row)])
            }
        }
    }

    pub(crate) fn total(&self) -> u16 {
        match &self.rows {
            RowStates::One(_) => 1,
            RowStates::Many(many) => many.total,
        }
    }

    /// The part of the frame that is needed for the live rows.
    fn share_bytes(&self) -> u64 {
        u64::from(self.len) * u64::from(self.live) / u64::from(self.stored.max(1))
    }

    fn clear(&mut self, row: u16) {
        if let RowStates::Many(many) = &mut self.rows {
            many.live[usize::from(row) / 64] &= !(1 << (row % 64));
        }
        self.live -= 1;
    }

    fn set_state(&mut self, row: u16, state: RowState) {
        match &mut self.rows {
            RowStates::One(one) => *one = state,
            RowStates::Many(many) => {
                let total = usize::from(many.total);
                let states = many.states.get_or_insert_with(|| vec![RowState::AS_RECORDED; total].into_boxed_slice());
                states[usize::from(row)] = state;
            }
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) messages: HashMap<MessageId, MessageEntry>,
    pub(crate) batches: HashMap<Location, BatchEntry>,
    live_bytes: BTreeMap<u32, u64>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) applied: Option<Cursor>,
    pub(crate) newest_id: u64,
    pub(crate) live_recipients: u64,
    /// Recovery is going on: messages stay and are not counted until the whole story has been told, because one without
    /// recipients may get some, and a content that was copied forward comes behind recipients of it.
    recovering: bool,
}

impl Index {
    /// An empty index to which a log is told.
    pub(crate) fn recovering() -> Self {
        Index { recovering: true, ..Index::default() }
    }

    /// A CONTENT record was written or read: a new message, or an old one at another place.
    pub(crate) fn place_content(&mut self, message: MessageId, held: bool, at: Location, len: u32) {
        match self.messages.get_mut(&message) {
            Some(entry) => {
                let before = (entry.at, entry.len);
                (entry.at, entry.len, entry.held) = (at, len, held);
                self.forget_bytes(before.0.segment, u64::from(before.1));
            }
            None => {
                self.messages.insert(message, MessageEntry { at, len, live: 0, pins: 0, held });
            }
        }
        self.need_bytes(at.segment, u64::from(len));
        self.newest_id = self.newest_id.max(message.0);
    }

    /// A ROWS record was written or read: a new batch, or an old one at another place. `rows` are the rows in it.
    pub(crate) fn place_rows(
        &mut self,
        header: &RowsHeader,
        rows: impl Iterator<Item = u16> + Clone,
        at: Location,
        len: u32,
    ) {
        if let Some(checkpoint) = header.checkpoint {
            self.checkpoints.set(checkpoint);
        }
        self.newest_id = self.newest_id.max(header.newest_id);
        let birth = header.birth.unwrap_or(at);
        if self.batches.contains_key(&birth) {
            self.move_rows(birth, rows, at, len, header.stored);
        } else if header.stored > 0 {
            self.add_rows(birth, header, rows, at, len);
        }
        match header.hold {
            Hold::Unchanged => {}
            Hold::Open => self.hold(header.message, true),
            Hold::Closed => self.hold(header.message, false),
        }
    }

    fn add_rows(
        &mut self,
        birth: Location,
        header: &RowsHeader,
        rows: impl Iterator<Item = u16>,
        at: Location,
        len: u32,
    ) {
        let states = if header.total == 1 {
            RowStates::One(RowState::AS_RECORDED)
        } else {
            let mut live = vec![0_u64; usize::from(header.total).div_ceil(64)].into_boxed_slice();
            rows.filter(|&row| row < header.total).for_each(|row| live[usize::from(row) / 64] |= 1 << (row % 64));
            RowStates::Many(Box::new(ManyRows { live, states: None, total: header.total }))
        };
        let live = match &states {
            RowStates::One(_) => 1,
            RowStates::Many(many) => many.live.iter().map(|word| word.count_ones()).sum::<u32>() as u16,
        };
        if live == 0 {
            return;
        }
        let batch = BatchEntry { message: header.message, at, len, live, stored: header.stored, rows: states };
        self.need_bytes(at.segment, batch.share_bytes());
        self.batches.insert(birth, batch);
        self.live_recipients += u64::from(live);
        if let Some(message) = self.messages.get_mut(&header.message).filter(|_| !self.recovering) {
            message.live += u32::from(live);
        }
    }

    /// Rows that are not in the new record are done; the states of the others are in it.
    fn move_rows(&mut self, birth: Location, rows: impl Iterator<Item = u16>, at: Location, len: u32, stored: u16) {
        let Some(batch) = self.batches.get_mut(&birth) else { return };
        let mut gone: Vec<u16> = (0..batch.total()).filter(|&row| batch.is_live(row)).collect();
        if gone.len() > usize::from(stored) {
            let kept: std::collections::HashSet<u16> = rows.collect();
            gone.retain(|row| !kept.contains(row));
        } else {
            gone.clear();
        }
        let before = (batch.at.segment, batch.share_bytes());
        (batch.at, batch.len, batch.stored) = (at, len, stored);
        match &mut batch.rows {
            RowStates::One(state) => *state = RowState::AS_RECORDED,
            RowStates::Many(many) => many.states = None,
        }
        let after = batch.share_bytes();
        self.forget_bytes(before.0, before.1);
        self.need_bytes(at.segment, after);
        gone.into_iter().for_each(|row| self.done(birth, row));
    }

    /// Applies what a CHANGES record says. What concerns nothing that is here is ignored: it was told before.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Done { birth, row } => self.done(birth, row),
            Change::Deferred { birth, row, attempts, due } => {
                let live = self.batches.get_mut(&birth).filter(|batch| batch.is_live(row));
                if let Some(batch) = live {
                    batch.set_state(row, RowState { due: due.0, attempts });
                }
            }
            Change::Finished(message) => self.hold(message, false),
            Change::Forgotten(feed) => self.checkpoints.forget(feed),
            Change::Applied(cursor) => self.applied = self.applied.max(Some(cursor)),
        }
    }

    fn done(&mut self, birth: Location, row: u16) {
        let Some(batch) = self.batches.get_mut(&birth).filter(|batch| batch.is_live(row)) else { return };
        let before = batch.share_bytes();
        batch.clear(row);
        let (segment, message, after, last) = (batch.at.segment, batch.message, batch.share_bytes(), batch.live == 0);
        if last {
            self.batches.remove(&birth);
        }
        self.forget_bytes(segment, before - after);
        self.live_recipients -= 1;
        if let Some(entry) = self.messages.get_mut(&message).filter(|_| !self.recovering) {
            entry.live -= 1;
        }
        self.drop_if_idle(message);
    }

    fn hold(&mut self, message: MessageId, held: bool) {
        if let Some(entry) = self.messages.get_mut(&message) {
            entry.held = held;
        }
        self.drop_if_idle(message);
    }

    /// Keeps a message while an admission adds recipients to it. False when it is not here.
    pub(crate) fn pin(&mut self, message: MessageId) -> bool {
        let entry = self.messages.get_mut(&message);
        // So many admissions for one message at once mean that nobody waits for the answers; the caller is told that
        // it is not here rather than to lose count.
        let Some(entry) = entry.filter(|entry| entry.pins < u16::MAX) else { return false };
        entry.pins += 1;
        true
    }

    pub(crate) fn unpin(&mut self, message: MessageId) {
        if let Some(entry) = self.messages.get_mut(&message) {
            entry.pins = entry.pins.saturating_sub(1);
        }
        self.drop_if_idle(message);
    }

    fn drop_if_idle(&mut self, message: MessageId) {
        let idle = |entry: &MessageEntry| entry.live == 0 && entry.pins == 0 && !entry.held;
        if self.recovering || !self.messages.get(&message).is_some_and(idle) {
            return;
        }
        if let Some(entry) = self.messages.remove(&message) {
            self.forget_bytes(entry.at.segment, u64::from(entry.len));
        }
    }

    /// Recovery has told everything: counts, drops what is not needed, and says which batches have no message.
    pub(crate) fn end_recovery(&mut self) -> Vec<Location> {
        let mut orphans = Vec::new();
        for (birth, batch) in &self.batches {
            match self.messages.get_mut(&batch.message) {
                Some(message) => message.live += u32::from(batch.live),
                None => orphans.push(*birth),
            }
        }
        self.recovering = false;
        let all: Vec<MessageId> = self.messages.keys().copied().collect();
        all.into_iter().for_each(|message| self.drop_if_idle(message));
        orphans
    }

    /// Gives up a batch that cannot be read.
    pub(crate) fn give_up_batch(&mut self, birth: Location) {
        let Some(batch) = self.batches.get(&birth) else { return };
        let live: Vec<u16> = (0..batch.total()).filter(|&row| batch.is_live(row)).collect();
        live.into_iter().for_each(|row| self.done(birth, row));
    }

    /// Gives up a message whose content cannot be read, with all its recipients.
    pub(crate) fn give_up_message(&mut self, message: MessageId) {
        let of_message = |(birth, batch): (&Location, &BatchEntry)| (batch.message == message).then_some(*birth);
        let births: Vec<Location> = self.batches.iter().filter_map(of_message).collect();
        births.into_iter().for_each(|birth| self.give_up_batch(birth));
        self.hold(message, false);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let checkpoints: Vec<Checkpoint> = self.checkpoints.all().collect();
        Snapshot { newest_id: self.newest_id, applied: self.applied, checkpoints }
    }

    pub(crate) fn restore(&mut self, snapshot: Snapshot) {
        self.newest_id = self.newest_id.max(snapshot.newest_id);
        self.applied = self.applied.max(snapshot.applied);
        snapshot.checkpoints.into_iter().for_each(|checkpoint| self.checkpoints.set(checkpoint));
    }

    /// Bytes of a segment that are needed.
    pub(crate) fn live_bytes_in(&self, segment: u32) -> u64 {
        self.live_bytes.get(&segment).copied().unwrap_or(0)
    }

    /// Bytes that are needed, of all segments.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes.values().sum()
    }

    fn need_bytes(&mut self, segment: u32, bytes: u64) {
        *self.live_bytes.entry(segment).or_default() += bytes;
    }

    fn forget_bytes(&mut self, segment: u32, bytes: u64) {
        if let Some(live) = self.live_bytes.get_mut(&segment) {
            debug_assert!(*live >= bytes, "a segment needs fewer bytes than were forgotten");
            *live = live.saturating_sub(bytes);
            if *live == 0 {
                self.live_bytes.remove(&segment);
            }
        }
    }

    /// Gives memory back after a peak.
    pub(crate) fn shrink(&mut self) {
        const KEPT: usize = 1_024;
        if self.batches.capacity() > KEPT && self.batches.len() * 8 < self.batches.capacity() {
            self.batches.shrink_to(self.batches.len() * 2);
            self.messages.shrink_to(self.messages.len() * 2);
        }
    }
}
