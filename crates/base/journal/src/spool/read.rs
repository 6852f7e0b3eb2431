//! Reading rows, contents and heads. Blocks at the speed of the page cache; no thread of its own.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use model::handoff::{MessageHead, RowRef};
use model::id::MessageId;
use model::submission::{Content, NewRecipient};

use super::ReadError;
use super::index::Location;
use super::record::{self, ROW_ENTRY, ROWS_HEADER, RowEntry, Rows};
use super::shared::Shared;
use crate::log::frame::{FRAME_HEADER, FrameHeader};

/// Batches up to this size are read whole; of a larger one only the row.
const WHOLE_BYTES_MAX: u32 = 4 << 10;
/// From so many rows of one record on it is read whole.
const ROWS_TOGETHER_MIN: usize = 4;
/// A record can be moved by reclaim between its look-up and its reading: look it up again, at most so often.
const LOOKUPS_MAX: usize = 4;

/// A record and where it lies.
#[derive(Clone, Copy)]
struct Place {
    at: Location,
    len: u32,
    stored: u16,
    /// The record has all rows of its birth, so that their numbers are their places in it.
    dense: bool,
}

impl Shared {
    pub(crate) fn read_row(&self, row: RowRef) -> Result<NewRecipient, ReadError> {
        let place = || {
            let index = self.index();
            let batch = index.batches.get(&Location::birth(row)).filter(|batch| batch.is_live(row.row))?;
            let dense = batch.stored == batch.total();
            Some(Place { at: batch.at, len: batch.len, stored: batch.stored, dense })
        };
        self.read_moving(place, |place| match place.len {
            0..=WHOLE_BYTES_MAX => self.read_row_of_small(place, row.row),
            _ => self.read_row_of_large(place, row.row),
        })
    }

    /// Reads many rows, in the order asked for; a record of which several are wanted is read once.
    pub(crate) fn read_rows(&self, rows: &[RowRef]) -> Vec<Result<NewRecipient, ReadError>> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_unstable_by_key(|&nth| rows[nth]);
        let mut found: Vec<Option<NewRecipient>> = rows.iter().map(|_| None).collect();
        for batch in order.chunk_by(|&a, &b| Location::birth(rows[a]) == Location::birth(rows[b])) {
            if batch.len() >= ROWS_TOGETHER_MIN {
                let wanted: HashMap<u16, usize> = batch.iter().map(|&nth| (rows[nth].row, nth)).collect();
                // What cannot be read with the others is read alone, and says why.
                let _ = self.read_together(rows[batch[0]], &wanted, &mut found);
            }
        }
        let alone = |(nth, found): (usize, Option<NewRecipient>)| found.map_or_else(|| self.read_row(rows[nth]), Ok);
        found.into_iter().enumerate().map(alone).collect()
    }

    /// Fills in the wanted rows of one record; those that are not live or damaged are left out.
    fn read_together(
        &self,
        any: RowRef,
        wanted: &HashMap<u16, usize>,
        found: &mut [Option<NewRecipient>],
    ) -> Result<(), ReadError> {
        let place = || {
            let index = self.index();
            let batch = index.batches.get(&Location::birth(any))?;
            Some(Place { at: batch.at, len: batch.len, stored: batch.stored, dense: false })
        };
        let (header, frame) = self.read_moving(place, |place| self.read_whole(place))?;
        let live: HashSet<u16> = {
            let index = self.index();
            let batch = index.batches.get(&Location::birth(any)).ok_or(ReadError::Gone)?;
            wanted.keys().copied().filter(|row| batch.is_live(*row)).collect()
        };
        let Ok(rows) = Rows::read(header.split(&frame).0) else { return Ok(()) };
        for (entry, range) in rows.entries().filter(|(entry, _)| live.contains(&entry.row)) {
            found[wanted[&entry.row]] = rows.stored_row(entry, range).ok().map(|row| row.recipient);
        }
        Ok(())
    }

    pub(crate) fn read_content(&self, message: MessageId) -> Result<Arc<Content>, ReadError> {
        let shared_by_many = {
            let index = self.index();
            let entry = index.messages.get(&message).ok_or(ReadError::Gone)?;
            entry.live > 1 || entry.held
        };
        if let Some(content) = self.contents().get(message) {
            return Ok(content);
        }
        let place = || self.content_place(message);
        let content = self.read_moving(place, |place| {
            let Some((header, mut frame)) = self.read_whole(place)? else { return Ok(None) };
            let body = frame.split_off(FRAME_HEADER + header.prefix as usize);
            let content = record::read_content(&frame[FRAME_HEADER..], body);
            content.map(Some).map_err(|_| damaged(place.at, "not a content"))
        })?;
        let content = Arc::new(content);
        if shared_by_many {
            self.contents().put(message, content.clone());
        }
        Ok(content)
    }

    pub(crate) fn head(&self, message: MessageId) -> Result<Arc<MessageHead>, ReadError> {
        if let Some(head) = self.heads().get(&message) {
            return Ok(head.clone());
        }
        let place = || self.content_place(message);
        let head = self.read_moving(place, |place| {
            let Some((header, frame)) = self.read_whole(place)? else { return Ok(None) };
            let (prefix, body) = header.split(&frame);
            let head = record::read_head(prefix, body.len() as u64);
            head.map(Some).map_err(|_| damaged(place.at, "not a message"))
        })?;
        let head = Arc::new(head);
        self.heads().put(message, head.clone());
        Ok(head)
    }

    fn content_place(&self, message: MessageId) -> Option<Place> {
        let index = self.index();
        let entry = index.messages.get(&message)?;
        Some(Place { at: entry.at, len: entry.len, stored: 0, dense: false })
    }

    /// Reads something that reclaim may move meanwhile: `read` gives `None` when the segment is gone.
    fn read_moving<T>(
        &self,
        place: impl Fn() -> Option<Place>,
        read: impl Fn(Place) -> Result<Option<T>, ReadError>,
    ) -> Result<T, ReadError> {
        for _ in 0..LOOKUPS_MAX {
            if let Some(found) = read(place().ok_or(ReadError::Gone)?)? {
                return Ok(found);
            }
        }
        Err(ReadError::Gone)
    }

    fn read_whole(&self, place: Place) -> Result<Option<(FrameHeader, Vec<u8>)>, ReadError> {
        let frame = self.segments.read_frame(place.at.segment, place.at.offset, u64::from(place.len));
        frame.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => damaged(place.at, "checksum"),
            _ => ReadError::Io(error),
        })
    }

    fn read_row_of_small(&self, place: Place, row: u16) -> Result<Option<NewRecipient>, ReadError> {
        let Some((header, frame)) = self.read_whole(place)? else { return Ok(None) };
        let malformed = |_| damaged(place.at, "not recipients");
        let rows = Rows::read(header.split(&frame).0).map_err(malformed)?;
        let found = rows.entries().find(|(entry, _)| entry.row == row);
        let (entry, range) = found.ok_or_else(|| damaged(place.at, "a row is missing"))?;
        Ok(Some(rows.stored_row(entry, range).map_err(malformed)?.recipient))
    }

    /// Reads the entry of the table, then the row; the row's own checksum covers both.
    fn read_row_of_large(&self, place: Place, row: u16) -> Result<Option<NewRecipient>, ReadError> {
        let table_at = u64::from(place.at.offset) + (FRAME_HEADER + ROWS_HEADER) as u64;
        let area_at = table_at + u64::from(place.stored) * ROW_ENTRY as u64;
        let (first, count) = if place.dense { (row.saturating_sub(1), 2) } else { (0, place.stored) };
        let first_at = table_at + u64::from(first) * ROW_ENTRY as u64;
        let mut table = vec![0; usize::from(count) * ROW_ENTRY];
        if self.segments.read_at(place.at.segment, first_at, &mut table)?.is_none() {
            return Ok(None);
        }
        let entries: Vec<RowEntry> = table.chunks_exact(ROW_ENTRY).map(record::read_row_entry).collect();
        let missing = || damaged(place.at, "a row is missing");
        let slot = entries.iter().position(|entry| entry.row == row).ok_or_else(missing)?;
        let entry = entries[slot];
        let start = if first == 0 && slot == 0 { 0 } else { entries[slot.checked_sub(1).ok_or_else(missing)?].end };
        if entry.end < start || area_at + u64::from(entry.end) > u64::from(place.at.offset) + u64::from(place.len) {
            return Err(damaged(place.at, "the table of rows"));
        }
        let mut bytes = vec![0; (entry.end - start) as usize];
        if self.segments.read_at(place.at.segment, area_at + u64::from(start), &mut bytes)?.is_none() {
            return Ok(None);
        }
        let stored = record::read_row(entry, &bytes).map_err(|_| damaged(place.at, "checksum of a row"))?;
        Ok(Some(stored.recipient))
    }
}

fn damaged(at: Location, reason: &str) -> ReadError {
    ReadError::Damaged { segment: at.segment, offset: at.offset, reason: reason.to_owned() }
}
