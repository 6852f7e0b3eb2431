//! CHANGES: what became of recipients, messages and feeds. Layout: see the module above.

use model::id::MessageId;
use model::time::Timestamp;

use super::{CHANGES, Malformed};
use crate::events::Cursor;
use crate::log::frame::{Unit, u32_at, u64_at};
use crate::spool::index::Location;

/// Something that became of a recipient, a message or a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Done { birth: Location, row: u16 },
    Deferred { birth: Location, row: u16, attempts: u16, due: Timestamp },
    Finished(MessageId),
    Forgotten(u64),
    Applied(Cursor),
}

/// Most bytes of one entry.
pub(crate) const CHANGE_BYTES_MAX: usize = 21;

pub(crate) fn push_changes(unit: &mut Unit, changes: &[Change]) -> u32 {
    unit.push(CHANGES, |out| changes.iter().for_each(|change| write_change(*change, out)), Vec::new())
}

fn write_change(change: Change, out: &mut Vec<u8>) {
    let place = |out: &mut Vec<u8>, tag: u8, segment: u32, offset: u32| {
        out.push(tag);
        out.extend_from_slice(&segment.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
    };
    match change {
        Change::Done { birth, row } => {
            place(out, 1, birth.segment, birth.offset);
            out.extend_from_slice(&row.to_le_bytes());
        }
        Change::Deferred { birth, row, attempts, due } => {
            place(out, 2, birth.segment, birth.offset);
            out.extend_from_slice(&row.to_le_bytes());
            out.extend_from_slice(&attempts.to_le_bytes());
            out.extend_from_slice(&due.0.to_le_bytes());
        }
        Change::Finished(message) => {
            out.push(3);
            out.extend_from_slice(&message.0.to_le_bytes());
        }
        Change::Forgotten(feed) => {
            out.push(4);
            out.extend_from_slice(&feed.to_le_bytes());
        }
        Change::Applied(cursor) => place(out, 5, cursor.segment, cursor.offset),
    }
}

/// The changes of a record; stops at the first that it does not understand.
pub(crate) fn read_changes(prefix: &[u8]) -> impl Iterator<Item = Result<Change, Malformed>> {
    let mut rest = prefix;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (change, len) = match read_change(rest) {
            Some(read) => read,
            None => {
                rest = &[];
                return Some(Err(Malformed));
            }
        };
        rest = &rest[len..];
        Some(Ok(change))
    })
}

fn read_change(bytes: &[u8]) -> Option<(Change, usize)> {
    let short = |at: usize| bytes.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    let birth = || Some(Location { segment: u32_at(bytes, 1)?, offset: u32_at(bytes, 5)? });
    Some(match bytes[0] {
        1 => (Change::Done { birth: birth()?, row: short(9)? }, 11),
        2 => {
            let due = Timestamp(u64_at(bytes, 13)? as i64);
            (Change::Deferred { birth: birth()?, row: short(9)?, attempts: short(11)?, due }, 21)
        }
        3 => (Change::Finished(MessageId(u64_at(bytes, 1)?)), 9),
        4 => (Change::Forgotten(u64_at(bytes, 1)?), 9),
        5 => (Change::Applied(Cursor { segment: u32_at(bytes, 1)?, offset: u32_at(bytes, 5)? }), 9),
        _ => return None,
    })
}
