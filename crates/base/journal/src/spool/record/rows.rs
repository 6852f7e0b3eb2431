//! ROWS: recipients of one message. Layout: see the module above.

use std::ops::Range;

use model::id::{MessageId, RecipientId};
use model::submission::{Checkpoint, NewRecipient};
use model::time::Timestamp;

use super::{Malformed, ROWS, write_cbor};
use crate::log::frame::{Unit, u32_at, u64_at};
use crate::spool::Hold;
use crate::spool::index::Location;

/// Bytes in front of the table of rows.
pub(crate) const ROWS_HEADER: usize = 48;
/// Bytes of one entry of the table.
pub(crate) const ROW_ENTRY: usize = 12;

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

/// Writes the rows of an admission.
pub(crate) fn push_new_rows(
    unit: &mut Unit,
    header: &RowsHeader,
    recipients: &[(RecipientId, NewRecipient)],
    due: Timestamp,
) -> u32 {
    let mut encoded = Vec::with_capacity(recipients.len() * 64);
    let mut ends = Vec::with_capacity(recipients.len());
    for (_, recipient) in recipients {
        write_cbor(recipient, &mut encoded);
        ends.push(encoded.len());
    }
    let rows = recipients.iter().enumerate().map(|(row, (id, _))| RowBytes {
        row: row as u16,
        attempts: 0,
        due,
        id: id.0,
        recipient: &encoded[row.checked_sub(1).map_or(0, |before| ends[before])..ends[row]],
    });
    push_rows(unit, header, rows)
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
