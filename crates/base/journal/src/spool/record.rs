//! The records of the spool, as bytes.
//!
//! All stand in the prefix of a frame (see `log::frame`); numbers are little-endian.
//!
//! ```text
//! 1 SNAPSHOT  first record of every segment: everything that older segments said and that is no message.
//!     newest id u64 · flag u8 · applied segment u32, offset u32 · count u32 · count × (feed u64, position u64)
//! 2 CONTENT   a message without its recipients; the content is the frame's body.
//!     held u8 · content kind u8 · message u64 · envelope, routing, origin, received_at (CBOR)
//! 3 ROWS      recipients of one message; the record that makes an admission count.
//!     0 message u64 · 8 birth segment u32, offset u32 (0: here) · 16 rows of the birth u16 · 18 rows here u16
//!     20 hold u8 · 21 checkpoint flag u8 · 22 zero u16 · 24 feed u64 · 32 position u64 · 40 newest id u64
//!     48 table: rows here × (row u16, attempts u16, end u32, crc u32), by row
//!     .. rows: id u64 · due i64 · NewRecipient (CBOR); `end` counts from the start of the rows
//! 4 CHANGES   what became of recipients, messages and feeds: entries of one of
//!     1 done       birth segment u32, offset u32, row u16
//!     2 deferred   birth segment u32, offset u32, row u16, attempts u16, due i64
//!     3 finished   message u64
//!     4 forgotten  feed u64
//!     5 applied    segment u32, offset u32
//! ```
//! A batch is known by its **birth**, the place of its first ROWS record, and its rows by their number in it. When a
//! batch is copied forward, birth and row numbers stay, so a `RowRef` is good for the life of the recipient. Every row
//! has its own checksum (seeded with its number), so that one row of a large batch is read without the others.

use std::ops::Range;

use model::handoff::MessageHead;
use model::id::{MessageId, RecipientId};
use model::submission::{Checkpoint, Content, NewRecipient};
use model::time::Timestamp;

use super::index::Location;
use super::{Admission, Hold};
use crate::events::Cursor;
use crate::log::frame::{Unit, u32_at, u64_at};

pub(crate) const SNAPSHOT: u8 = 1;
pub(crate) const CONTENT: u8 = 2;
pub(crate) const ROWS: u8 = 3;
pub(crate) const CHANGES: u8 = 4;

/// Bytes in front of the table of rows.
pub(crate) const ROWS_HEADER: usize = 48;
/// Bytes of one entry of the table.
pub(crate) const ROW_ENTRY: usize = 12;
const CONTENT_HEADER: usize = 10;

/// Bytes that have a good checksum and still are not what this program writes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

// Content --------------------------------------------------------------------------------------------------------------

pub(crate) fn push_content(unit: &mut Unit, head: &MessageHead, held: bool, content: Content) -> u32 {
    let (kind, body) = match content {
        Content::Raw(bytes) => (0, bytes),
        Content::Merge(bytes) => (1, bytes),
    };
    let prefix = |out: &mut Vec<u8>| {
        out.extend_from_slice(&[u8::from(held), kind]);
        out.extend_from_slice(&head.id.0.to_le_bytes());
        write_cbor(&head.envelope, out);
        write_cbor(&head.routing, out);
        write_cbor(&head.origin, out);
        write_cbor(&head.received_at, out);
    };
    unit.push(CONTENT, prefix, body)
}

/// The same content again, at another place.
pub(crate) fn push_content_copy(unit: &mut Unit, prefix: &[u8], held: bool, body: Vec<u8>) -> u32 {
    let write = |out: &mut Vec<u8>| {
        out.push(u8::from(held));
        out.extend_from_slice(&prefix[1..]);
    };
    unit.push(CONTENT, write, body)
}

/// Whose content this is, and whether it is held.
pub(crate) fn content_key(prefix: &[u8]) -> Result<(MessageId, bool), Malformed> {
    let message = u64_at(prefix, 2).ok_or(Malformed)?;
    Ok((MessageId(message), prefix[0] != 0))
}

pub(crate) fn read_head(prefix: &[u8], body_len: u64) -> Result<MessageHead, Malformed> {
    let (id, _) = content_key(prefix)?;
    let mut decoder = minicbor::Decoder::new(&prefix[CONTENT_HEADER..]);
    let mut decode = || {
        Ok::<_, minicbor::decode::Error>(MessageHead {
            id,
            envelope: decoder.decode()?,
            routing: decoder.decode()?,
            origin: decoder.decode()?,
            received_at: decoder.decode()?,
            size_bytes: body_len,
        })
    };
    decode().map_err(|_| Malformed)
}

pub(crate) fn read_content(prefix: &[u8], body: Vec<u8>) -> Result<Content, Malformed> {
    match prefix.get(1) {
        Some(0) => Ok(Content::Raw(body)),
        Some(1) => Ok(Content::Merge(body)),
        _ => Err(Malformed),
    }
}

// Rows -----------------------------------------------------------------------------------------------------------------

/// What stands in front of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowsHeader {
    pub(crate) message: MessageId,
    /// `None`: this very record.
    pub(crate) birth: Option<Location>,
    /// Rows of the batch when it was born.
    pub(crate) total: u16,
    /// Rows in this record.
    pub(crate) stored: u16,
    pub(crate) hold: Hold,
    pub(crate) checkpoint: Option<Checkpoint>,
    /// The highest id in it.
    pub(crate) newest_id: u64,
}

/// One row as it is written.
pub(crate) struct RowBytes<'a> {
    pub(crate) row: u16,
    pub(crate) attempts: u16,
    pub(crate) due: Timestamp,
    pub(crate) id: u64,
    /// The recipient in binary form.
    pub(crate) recipient: &'a [u8],
}

/// One row as it was read.
#[derive(Debug, PartialEq)]
pub(crate) struct StoredRow {
    pub(crate) id: RecipientId,
    pub(crate) due: Timestamp,
    pub(crate) recipient: NewRecipient,
}

/// An entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowEntry {
    pub(crate) row: u16,
    pub(crate) attempts: u16,
    /// Where the row ends, counted from the start of the rows.
    pub(crate) end: u32,
    pub(crate) crc: u32,
}

pub(crate) fn push_admission(unit: &mut Unit, message: MessageId, admission: &Admission) -> u32 {
    let recipients = &admission.recipients;
    let count = recipients.len() as u16;
    let newest_id = recipients.iter().map(|(id, _)| id.0).max().unwrap_or(0).max(message.0);
    let header = RowsHeader {
        message,
        birth: None,
        total: count,
        stored: count,
        hold: admission.hold,
        checkpoint: admission.checkpoint,
        newest_id,
    };
    let mut encoded = Vec::with_capacity(recipients.len() * 64);
    let mut ends = Vec::with_capacity(recipients.len());
    for (_, recipient) in recipients {
        write_cbor(recipient, &mut encoded);
        ends.push(encoded.len());
    }
    let rows = recipients.iter().enumerate().map(|(row, (id, _))| RowBytes {
        row: row as u16,
        attempts: 0,
        due: admission.due,
        id: id.0,
        recipient: &encoded[row.checked_sub(1).map_or(0, |before| ends[before])..ends[row]],
    });
    push_rows(unit, &header, rows)
}

/// Writes `header.stored` rows.
pub(crate) fn push_rows<'a>(unit: &mut Unit, header: &RowsHeader, rows: impl Iterator<Item = RowBytes<'a>>) -> u32 {
    let prefix = |out: &mut Vec<u8>| {
        write_rows_header(header, out);
        let table = out.len();
        out.resize(table + usize::from(header.stored) * ROW_ENTRY, 0);
        let area = out.len();
        for (slot, row) in rows.enumerate() {
            let start = out.len();
            out.extend_from_slice(&row.id.to_le_bytes());
            out.extend_from_slice(&row.due.0.to_le_bytes());
            out.extend_from_slice(row.recipient);
            let crc = row_checksum(row.row, row.attempts, &out[start..]);
            let end = (out.len() - area) as u32;
            let entry = &mut out[table + slot * ROW_ENTRY..][..ROW_ENTRY];
            entry[0..2].copy_from_slice(&row.row.to_le_bytes());
            entry[2..4].copy_from_slice(&row.attempts.to_le_bytes());
            entry[4..8].copy_from_slice(&end.to_le_bytes());
            entry[8..12].copy_from_slice(&crc.to_le_bytes());
        }
    };
    unit.push(ROWS, prefix, Vec::new())
}

fn write_rows_header(header: &RowsHeader, out: &mut Vec<u8>) {
    let birth = header.birth.unwrap_or_default();
    out.extend_from_slice(&header.message.0.to_le_bytes());
    out.extend_from_slice(&birth.segment.to_le_bytes());
    out.extend_from_slice(&birth.offset.to_le_bytes());
    out.extend_from_slice(&header.total.to_le_bytes());
    out.extend_from_slice(&header.stored.to_le_bytes());
    let hold = match header.hold {
        Hold::Unchanged => 0,
        Hold::Open => 1,
        Hold::Closed => 2,
    };
    out.extend_from_slice(&[hold, u8::from(header.checkpoint.is_some()), 0, 0]);
    let checkpoint = header.checkpoint.unwrap_or(Checkpoint { feed: 0, position: 0 });
    out.extend_from_slice(&checkpoint.feed.to_le_bytes());
    out.extend_from_slice(&checkpoint.position.to_le_bytes());
    out.extend_from_slice(&header.newest_id.to_le_bytes());
}

pub(crate) fn read_rows_header(prefix: &[u8]) -> Result<RowsHeader, Malformed> {
    let number = |at| u64_at(prefix, at).ok_or(Malformed);
    let half = |at| u32_at(prefix, at).ok_or(Malformed);
    let short = |at: usize| prefix.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]])).ok_or(Malformed);
    let birth = Location { segment: half(8)?, offset: half(12)? };
    let newest_id = number(40)?;
    Ok(RowsHeader {
        message: MessageId(number(0)?),
        birth: (birth != Location::default()).then_some(birth),
        total: short(16)?,
        stored: short(18)?,
        hold: match prefix[20] {
            0 => Hold::Unchanged,
            1 => Hold::Open,
            2 => Hold::Closed,
            _ => return Err(Malformed),
        },
        checkpoint: (prefix[21] != 0).then_some(Checkpoint { feed: number(24)?, position: number(32)? }),
        newest_id,
    })
}

pub(crate) fn read_row_entry(bytes: &[u8]) -> RowEntry {
    let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    RowEntry {
        row: short(0),
        attempts: short(2),
        end: u32_at(bytes, 4).unwrap_or(0),
        crc: u32_at(bytes, 8).unwrap_or(0),
    }
}

/// Checks and reads the bytes of one row.
pub(crate) fn read_row(entry: RowEntry, bytes: &[u8]) -> Result<StoredRow, Malformed> {
    let recipient = row_recipient(entry, bytes)?;
    Ok(StoredRow {
        id: RecipientId(u64_at(bytes, 0).ok_or(Malformed)?),
        due: Timestamp(u64_at(bytes, 8).ok_or(Malformed)? as i64),
        recipient: minicbor::decode(recipient).map_err(|_| Malformed)?,
    })
}

/// The recipient's bytes of an intact row.
fn row_recipient(entry: RowEntry, bytes: &[u8]) -> Result<&[u8], Malformed> {
    if row_checksum(entry.row, entry.attempts, bytes) != entry.crc {
        return Err(Malformed);
    }
    bytes.get(16..).ok_or(Malformed)
}

fn row_checksum(row: u16, attempts: u16, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(u32::from(row) << 16 | u32::from(attempts));
    crc.update(bytes);
    crc.finalize()
}

/// A whole ROWS record.
pub(crate) struct Rows<'a> {
    pub(crate) header: RowsHeader,
    table: &'a [u8],
    area: &'a [u8],
}

impl<'a> Rows<'a> {
    pub(crate) fn read(prefix: &'a [u8]) -> Result<Self, Malformed> {
        let header = read_rows_header(prefix)?;
        let rest = &prefix[ROWS_HEADER..];
        let (table, area) = rest.split_at_checked(usize::from(header.stored) * ROW_ENTRY).ok_or(Malformed)?;
        Ok(Rows { header, table, area })
    }

    /// The entries with the places of their bytes.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (RowEntry, Range<usize>)> + 'a {
        let mut start = 0;
        self.table.chunks_exact(ROW_ENTRY).map(move |bytes| {
            let entry = read_row_entry(bytes);
            let range = start..entry.end as usize;
            start = range.end;
            (entry, range)
        })
    }

    pub(crate) fn stored_row(&self, entry: RowEntry, range: Range<usize>) -> Result<StoredRow, Malformed> {
        read_row(entry, self.area.get(range).ok_or(Malformed)?)
    }

    /// The row for another record: what its bytes say, without decoding the recipient.
    pub(crate) fn row_bytes(&self, entry: RowEntry, range: Range<usize>) -> Result<RowBytes<'a>, Malformed> {
        let bytes = self.area.get(range).ok_or(Malformed)?;
        let recipient = row_recipient(entry, bytes)?;
        let (id, due) = (u64_at(bytes, 0).ok_or(Malformed)?, u64_at(bytes, 8).ok_or(Malformed)?);
        Ok(RowBytes { row: entry.row, attempts: entry.attempts, due: Timestamp(due as i64), id, recipient })
    }
}

// Changes --------------------------------------------------------------------------------------------------------------

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

// Snapshot -------------------------------------------------------------------------------------------------------------

/// Everything that is no message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) newest_id: u64,
    pub(crate) applied: Option<Cursor>,
    /// Least recently moved first.
    pub(crate) checkpoints: Vec<Checkpoint>,
}

pub(crate) fn push_snapshot(unit: &mut Unit, snapshot: &Snapshot) -> u32 {
    let write = |out: &mut Vec<u8>| {
        let applied = snapshot.applied.unwrap_or_default();
        out.extend_from_slice(&snapshot.newest_id.to_le_bytes());
        out.push(u8::from(snapshot.applied.is_some()));
        out.extend_from_slice(&applied.segment.to_le_bytes());
        out.extend_from_slice(&applied.offset.to_le_bytes());
        out.extend_from_slice(&(snapshot.checkpoints.len() as u32).to_le_bytes());
        for checkpoint in &snapshot.checkpoints {
            out.extend_from_slice(&checkpoint.feed.to_le_bytes());
            out.extend_from_slice(&checkpoint.position.to_le_bytes());
        }
    };
    unit.push(SNAPSHOT, write, Vec::new())
}

pub(crate) fn read_snapshot(prefix: &[u8]) -> Result<Snapshot, Malformed> {
    let number = |at| u64_at(prefix, at).ok_or(Malformed);
    let half = |at| u32_at(prefix, at).ok_or(Malformed);
    let newest_id = number(0)?;
    let has_applied = *prefix.get(8).ok_or(Malformed)? != 0;
    let applied = Cursor { segment: half(9)?, offset: half(13)? };
    let pairs = prefix.get(21..).ok_or(Malformed)?.chunks_exact(16);
    if pairs.len() != half(17)? as usize {
        return Err(Malformed);
    }
    let checkpoint = |pair: &[u8]| {
        let half = |at: usize| u64_at(pair, at).unwrap_or_default();
        Checkpoint { feed: half(0), position: half(8) }
    };
    Ok(Snapshot { newest_id, applied: has_applied.then_some(applied), checkpoints: pairs.map(checkpoint).collect() })
}

fn write_cbor<T: minicbor::Encode<()>>(value: &T, out: &mut Vec<u8>) {
    minicbor::encode(value, out).expect("invariant: writing to memory cannot fail");
}
