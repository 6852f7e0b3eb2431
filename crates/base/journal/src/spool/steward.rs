//! The spool's side of the committer: what was committed changes the index and is told to the queue, in that order.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::handoff::{Admitted, MessageHead, RowRef, SpooledRecipient};
use model::id::MessageId;
use tokio::sync::{mpsc, oneshot};

use super::index::Location;
use super::reclaim::{Copy, reclaim_due};
use super::record::{self, CHANGE_BYTES_MAX, Change, RowsHeader};
use super::shared::Shared;
use crate::log::frame::Unit;
use crate::log::segments::Segments;
use crate::log::{Failure, Placed, Steward};

/// What a unit of the spool is.
pub(crate) enum Tag {
    Admission(Box<PlacedAdmission>),
    Changes(Vec<Change>),
    Copy(Copy),
}

/// An admission on its way to the disk.
pub(crate) struct PlacedAdmission {
    pub(crate) head: Arc<MessageHead>,
    /// Size of the CONTENT frame and whether the message is held, for a new message.
    pub(crate) content: Option<(u32, bool)>,
    /// Where the ROWS frame begins in the unit, and its size.
    pub(crate) rows: (u32, u32),
    pub(crate) header: RowsHeader,
    /// Rows still without their place.
    pub(crate) recipients: Vec<SpooledRecipient>,
    /// The place in the channel to the queue, reserved so that the committer never waits.
    pub(crate) permit: mpsc::OwnedPermit<Admitted>,
    pub(crate) pin: Option<Pin>,
    pub(crate) answer: oneshot::Sender<Result<u64, Failure>>,
}

/// Keeps a message in the spool while recipients are being added to it.
pub(crate) struct Pin {
    shared: Arc<Shared>,
    message: MessageId,
}

impl Pin {
    pub(crate) fn new(shared: &Arc<Shared>, message: MessageId) -> Option<Pin> {
        shared.index().pin(message).then(|| Pin { shared: shared.clone(), message })
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.shared.index().unpin(self.message);
    }
}

pub(crate) struct SpoolSteward {
    shared: Arc<Shared>,
}

impl SpoolSteward {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        SpoolSteward { shared }
    }

    fn admitted(&self, placed: Placed, admission: PlacedAdmission) {
        let PlacedAdmission { head, content, rows, header, mut recipients, permit, pin, answer } = admission;
        let at = |offset: u32| Location { segment: placed.segment, offset: placed.offset + offset };
        let birth = at(rows.0);
        {
            let mut index = self.shared.index();
            if let Some((len, held)) = content {
                index.place_content(head.id, held, at(0), len);
            }
            index.place_rows(&header, 0..header.total, birth, rows.1);
        }
        // After the rows count, and outside of the lock that it takes itself.
        drop(pin);
        for (row, recipient) in recipients.iter_mut().enumerate() {
            recipient.row = RowRef { segment: birth.segment, offset: birth.offset, row: row as u16 };
        }
        if !recipients.is_empty() {
            permit.send(Admitted { position: birth.position(), message: head, recipients });
        }
        answer.send(Ok(birth.position())).ok();
    }

    fn changed(&self, changes: Vec<Change>, result: &Result<Placed, Failure>) {
        if matches!(result, Err(Failure::NoSpace | Failure::Suspended(_))) {
            self.put_back(changes);
            return;
        }
        self.shared.acks_room.add_permits(changes.iter().filter(|change| takes_room(change)).count());
        if result.is_ok() {
            let mut index = self.shared.index();
            changes.into_iter().for_each(|change| index.apply(change));
        }
    }

    /// Keeps what found no room for the next time: in front of what is newer, behind what was put back before it.
    fn put_back(&self, changes: Vec<Change>) {
        let mut waiting = self.shared.changes();
        let (applied, acks): (Vec<Change>, Vec<Change>) =
            changes.into_iter().partition(|change| matches!(change, Change::Applied(_)));
        for change in applied {
            if let Change::Applied(cursor) = change {
                waiting.applied = waiting.applied.max(Some(cursor));
            }
        }
        let (at, count) = (waiting.put_back, acks.len());
        waiting.waiting.splice(at..at, acks);
        waiting.put_back += count;
    }

    /// The changes that are waiting, in units of a size that fits.
    ///
    /// The cursor only goes along when one unit takes everything: of several, a later one may find room when an earlier
    /// one does not, and a cursor that is ahead of its acks would bring back after a crash who was delivered.
    fn contribute_changes(&self, units: &mut Vec<(Unit, Tag)>) {
        let count_max = (self.shared.unit_bytes_max as usize / 2) / CHANGE_BYTES_MAX;
        let mut changes = {
            let mut waiting = self.shared.changes();
            waiting.put_back = 0;
            let mut changes = std::mem::take(&mut waiting.waiting);
            if changes.len() < count_max {
                changes.extend(waiting.applied.take().map(Change::Applied));
            }
            changes
        };
        while !changes.is_empty() {
            let rest = changes.split_off(changes.len().min(count_max));
            let mut unit = Unit::default();
            record::push_changes(&mut unit, &changes);
            units.push((unit, Tag::Changes(changes)));
            changes = rest;
        }
    }
}

/// Whether a change came through the bounded buffer.
fn takes_room(change: &Change) -> bool {
    !matches!(change, Change::Applied(_))
}

impl Steward for SpoolSteward {
    type Tag = Tag;

    fn snapshot(&mut self) -> Unit {
        let mut unit = Unit::default();
        record::push_snapshot(&mut unit, &self.shared.index().snapshot());
        unit
    }

    /// Copies first: they are made from what is committed, and the changes behind them speak of recipients, wherever
    /// their rows lie.
    fn contribute(&mut self, units: &mut Vec<(Unit, Tag)>) {
        self.shared.copies.contribute(&self.shared.index(), units);
        self.contribute_changes(units);
    }

    fn has_backlog(&self) -> bool {
        !self.shared.changes().waiting.is_empty()
    }

    fn committed(&mut self, tag: Tag, result: Result<Placed, Failure>) {
        match tag {
            Tag::Admission(admission) => match result {
                Ok(placed) => self.admitted(placed, *admission),
                Err(failure) => {
                    admission.answer.send(Err(failure)).ok();
                }
            },
            Tag::Changes(changes) => self.changed(changes, &result),
            Tag::Copy(copy) => self.shared.copies.committed(copy, result, &mut self.shared.index()),
        }
    }

    fn reached(&mut self, _segment: u32, _end: u32) {}

    fn after_groups(&mut self, segments: &Segments, full: bool) {
        self.shared.copies.pressed.store(full, Ordering::Relaxed);
        let mut index = self.shared.index();
        index.shrink();
        let hopeless = full && self.shared.copies.is_hopeless(index.live_bytes());
        if !hopeless && reclaim_due(&index, segments, full) {
            self.shared.copies.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::events::Cursor;
    use crate::spool::SpoolOptions;
    use crate::spool::index::Index;

    fn steward(dir: &std::path::Path) -> SpoolSteward {
        let mut options = SpoolOptions::default();
        options.log.segment_bytes = 16 << 10;
        let segments = Segments::new(dir.to_owned(), BTreeMap::new());
        let (admitted, _) = mpsc::channel(1);
        SpoolSteward::new(Arc::new(Shared::new(segments, Index::default(), admitted, &options)))
    }

    fn finished(messages: std::ops::Range<u64>) -> Vec<Change> {
        messages.map(|message| Change::Finished(MessageId(message))).collect()
    }

    fn contributed(steward: &mut SpoolSteward) -> Vec<Vec<Change>> {
        let mut units = Vec::new();
        steward.contribute(&mut units);
        let changes = units.into_iter().map(|(_, tag)| match tag {
            Tag::Changes(changes) => changes,
            _ => Vec::new(),
        });
        changes.collect()
    }

    #[test]
    fn what_finds_no_room_keeps_its_order_and_the_cursor_stays_behind_its_acks() {
        let dir = tempfile::tempdir().unwrap();
        let mut steward = steward(dir.path());
        let cursor = Cursor { segment: 1, offset: 7 };
        steward.shared.changes().waiting = finished(0..400);
        steward.shared.changes().applied = Some(cursor);
        let units = contributed(&mut steward);
        assert!(units.len() > 2, "{}", units.len());
        assert_eq!(units.concat(), finished(0..400), "several units: a later one may find room before an earlier one");
        // Nothing but the last finds room, and meanwhile there is more.
        steward.shared.changes().waiting = finished(400..410);
        let last = units.len() - 1;
        let left: Vec<Change> = units[..last].concat();
        for (number, unit) in units.into_iter().enumerate() {
            let placed = if number == last { Ok(Placed { segment: 1, offset: 0 }) } else { Err(Failure::NoSpace) };
            steward.committed(Tag::Changes(unit), placed);
        }
        assert_eq!(steward.shared.changes().waiting, [left, finished(400..410)].concat());
        steward.shared.changes().waiting.truncate(3);
        let with_cursor = [finished(0..3), vec![Change::Applied(cursor)]].concat();
        let unit = contributed(&mut steward).concat();
        assert_eq!(unit, with_cursor, "one unit: all or nothing");
        steward.committed(Tag::Changes(unit), Err(Failure::NoSpace));
        steward.shared.changes().waiting.extend(finished(3..4));
        assert_eq!(contributed(&mut steward).concat(), [finished(0..4), vec![Change::Applied(cursor)]].concat());
    }
}
