//! What a spool finds when it is opened: first the whole log is told to the index, then the rows that are still live
//! are read for the queue.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::handoff::{Admitted, MessageHead, RowRef, SpooledRecipient};
use model::id::MessageId;
use model::name::Name;

use super::index::{Index, Location};
use super::record::{self, Malformed, Rows};
use super::shared::domain_of;
use crate::log::Damage;
use crate::log::recovery::{Visitor, keep_aside};
use crate::log::segments::Segments;
use crate::log::walk::FrameAt;

/// Tells the log to an index.
pub(crate) struct Teller {
    pub(crate) index: Index,
    pub(crate) damage: Vec<Damage>,
}

impl Teller {
    pub(crate) fn new() -> Self {
        Teller { index: Index::recovering(), damage: Vec::new() }
    }

    fn tell(&mut self, at: Location, len: u32, kind: u8, prefix: &[u8]) -> Result<(), Malformed> {
        match kind {
            record::SNAPSHOT => self.index.restore(record::read_snapshot(prefix)?),
            record::CONTENT => {
                let (message, held) = record::content_key(prefix)?;
                self.index.place_content(message, held, at, len);
            }
            record::ROWS => {
                let rows = Rows::read(prefix)?;
                let numbers: Vec<u16> = rows.entries().map(|(entry, _)| entry.row).collect();
                self.index.place_rows(&rows.header, numbers.iter().copied(), at, len);
            }
            record::CHANGES => {
                for change in record::read_changes(prefix) {
                    self.index.apply(change?);
                }
            }
            // A newer program may have written it.
            _ => return Err(Malformed),
        }
        Ok(())
    }
}

impl Visitor for Teller {
    fn frame(&mut self, segment: u32, frame: FrameAt, prefix: &[u8], _body: &[u8]) {
        let at = Location { segment, offset: frame.offset };
        let len = frame.header.total() as u32;
        if self.tell(at, len, frame.header.kind, prefix).is_err() {
            let reason = format!("a record of kind {} that this program does not understand", frame.header.kind);
            self.damage.push(Damage { segment, offset: at.offset, bytes: u64::from(len), reason });
        }
    }
}

/// Ends the telling: batches without their content are put aside.
pub(crate) fn settle(index: &mut Index, segments: &Segments, damage: &mut Vec<Damage>) {
    for birth in index.end_recovery() {
        let Some(at) = index.batches.get(&birth).map(|batch| batch.at) else { continue };
        put_aside(index, segments, damage, birth, at, "recipients of a message whose content is damaged or missing");
    }
}

fn put_aside(
    index: &mut Index,
    segments: &Segments,
    damage: &mut Vec<Damage>,
    birth: Location,
    at: Location,
    reason: &str,
) {
    let len = index.batches.get(&birth).map_or(0, |batch| batch.len);
    let mut bytes = vec![0; len as usize];
    if let Ok(Some(())) = segments.read_at(at.segment, u64::from(at.offset), &mut bytes) {
        keep_aside(segments.dir(), at.segment, at.offset, &bytes);
    }
    damage.push(Damage { segment: at.segment, offset: at.offset, bytes: u64::from(len), reason: reason.to_owned() });
    index.give_up_batch(birth);
}

/// Reads the live recipients, in the order in which they were admitted.
pub(crate) fn read_live(
    index: &mut Index,
    segments: &Segments,
    domains: &mut HashSet<Name>,
    damage: &mut Vec<Damage>,
) -> std::io::Result<Vec<Admitted>> {
    let mut births: Vec<Location> = index.batches.keys().copied().collect();
    births.sort_unstable();
    let mut heads: HashMap<MessageId, Arc<MessageHead>> = HashMap::new();
    let mut admitted = Vec::with_capacity(births.len());
    for birth in births {
        let Some(batch) = index.batches.get(&birth) else { continue };
        let (message, at) = (batch.message, batch.at);
        let head = match heads.get(&message) {
            Some(head) => Some(head.clone()),
            None => read_head(index, segments, message)?,
        };
        let read = match &head {
            Some(_) => read_batch(index, segments, birth, domains)?,
            None => None,
        };
        match (head, read) {
            (Some(head), Some(recipients)) => {
                heads.insert(message, head.clone());
                admitted.push(Admitted { position: birth.position(), message: head, recipients });
            }
            _ => put_aside(index, segments, damage, birth, at, "a record with a good checksum that cannot be read"),
        }
    }
    Ok(admitted)
}

/// The head of a message whose frame was checked before.
fn read_head(index: &Index, segments: &Segments, message: MessageId) -> std::io::Result<Option<Arc<MessageHead>>> {
    let Some(entry) = index.messages.get(&message) else { return Ok(None) };
    let Some((header, prefix)) = segments.read_prefix(entry.at.segment, entry.at.offset)? else { return Ok(None) };
    let head = record::read_head(&prefix, u64::from(header.len - header.prefix));
    Ok(head.ok().map(Arc::new))
}

fn read_batch(
    index: &Index,
    segments: &Segments,
    birth: Location,
    domains: &mut HashSet<Name>,
) -> std::io::Result<Option<Vec<SpooledRecipient>>> {
    let Some(batch) = index.batches.get(&birth) else { return Ok(None) };
    let Some((_, prefix)) = segments.read_prefix(batch.at.segment, batch.at.offset)? else { return Ok(None) };
    let Ok(rows) = Rows::read(&prefix) else { return Ok(None) };
    let mut recipients = Vec::with_capacity(usize::from(batch.live));
    for (entry, range) in rows.entries().filter(|(entry, _)| batch.is_live(entry.row)) {
        let Ok(stored) = rows.stored_row(entry, range) else { return Ok(None) };
        let (attempts, due) = batch.state(entry.row).resolve(entry.attempts, stored.due);
        recipients.push(SpooledRecipient {
            id: stored.id,
            row: RowRef { segment: birth.segment, offset: birth.offset, row: entry.row },
            domain: domain_of(domains, &stored.recipient.address),
            contact: stored.recipient.contact,
            attempts,
            due,
            address: Some(stored.recipient.address.into_boxed_str()),
        });
    }
    // A live row that is not in the record, or is there twice, would never be done.
    Ok((recipients.len() == usize::from(batch.live)).then_some(recipients))
}

#[cfg(test)]
mod tests {
    use model::handoff::MessageHead;
    use model::submission::{Content, Envelope, NewRecipient, Origin, Protocol, Routing};
    use model::time::Timestamp;

    use super::*;
    use crate::log::frame::Unit;
    use crate::log::group::GroupHeader;
    use crate::log::segment::{SEGMENT_HEADER, SegmentHeader, segment_path};
    use crate::spool::record::{RowBytes, RowsHeader};
    use crate::spool::{Hold, Spool, SpoolOptions};

    /// A segment with one message and one record of recipients: rows of these numbers, of a batch of `total`.
    fn segment(total: u16, numbers: &[u16]) -> Vec<u8> {
        let mut unit = Unit::default();
        let head = MessageHead {
            id: MessageId(7),
            envelope: Envelope::default(),
            routing: Routing::default(),
            origin: Origin { protocol: Protocol::Http, peer: None, user: None },
            received_at: Timestamp(0),
            size_bytes: 1,
        };
        record::push_content(&mut unit, &head, false, Content::Raw(b"x".to_vec()));
        let stored = numbers.len() as u16;
        let hold = Hold::Unchanged;
        let header = RowsHeader { message: head.id, birth: None, total, stored, hold, checkpoint: None, newest_id: 9 };
        let recipient = minicbor::to_vec(NewRecipient { address: "a@x.test".to_owned(), ..NewRecipient::default() });
        let recipient = recipient.unwrap();
        let row = |&row: &u16| RowBytes { row, attempts: 0, due: Timestamp(0), id: 8, recipient: &recipient };
        record::push_rows(&mut unit, &header, numbers.iter().map(row));
        let salt = 5;
        let segment = SegmentHeader { number: 1, kind: *b"spool\0\0\0", created: Timestamp(0), salt };
        let (offset, len) = (SEGMENT_HEADER as u32, unit.bytes() as u32);
        let group = GroupHeader { segment: 1, offset, len, frames: unit.frames() };
        let frames: Vec<u8> = unit.slices().flat_map(|slice| slice.to_vec()).collect();
        [&segment.write()[..], &group.write(salt)[..], &frames].concat()
    }

    #[test]
    fn who_is_live_is_told_or_put_aside() {
        let check = |total: u16, numbers: &[u16], told: usize| {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(segment_path(dir.path(), 1), segment(total, numbers)).unwrap();
            let opened = Spool::open(dir.path(), SpoolOptions::default()).unwrap();
            let found: usize = opened.recovery.admitted.iter().map(|admitted| admitted.recipients.len()).sum();
            assert_eq!((found, opened.spool.stats().live_recipients), (told, told as u64), "{numbers:?} of {total}");
            assert_eq!(opened.recovery.quarantined.is_empty(), told > 0, "{numbers:?} of {total}");
        };
        check(1, &[0], 1);
        check(3, &[0, 2], 2);
        // Records that contradict themselves, with good checksums (the fuzz target `journal_records`).
        check(1, &[1], 0);
        check(3, &[0, 1, 1], 0);
    }
}
