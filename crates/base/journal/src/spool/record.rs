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

mod changes;
mod rows;

use model::handoff::MessageHead;
use model::id::MessageId;
use model::submission::{Checkpoint, Content};

use crate::events::Cursor;
use crate::log::frame::{Unit, u32_at, u64_at};

pub(crate) use changes::{CHANGE_BYTES_MAX, Change, push_changes, read_changes};
pub(crate) use rows::{
    ROW_ENTRY, ROWS_HEADER, RowBytes, RowEntry, Rows, RowsHeader, push_new_rows, push_rows, read_row, read_row_entry,
    read_rows_header,
};

pub(crate) const SNAPSHOT: u8 = 1;
pub(crate) const CONTENT: u8 = 2;
pub(crate) const ROWS: u8 = 3;
pub(crate) const CHANGES: u8 = 4;

const CONTENT_HEADER: usize = 10;

/// Bytes that have a good checksum and still are not what this program writes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

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
