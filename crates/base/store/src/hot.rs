//! The hot buffer: events that are not in a segment yet, as record batches in memory.
//!
//! Events come in by the handful and wait as they are (`tail`) until there are enough for a batch; a query that comes
//! earlier gets them as a batch of its own. `freeze` hands everything to a flush and keeps it visible until the flush
//! is committed or given up: at every moment an event is in exactly one of tail, batches, frozen and segments.
//! Invariant: only [`Hot::commit`] makes events leave, and the caller adds their segment in the same critical section.

use datafusion::arrow::record_batch::RecordBatch;
use model::event::Event;
use model::time::Timestamp;

use crate::columns::{self, Row};
use crate::error::StoreError;

/// Events that make a batch: large enough for columns to pay, small enough to be made between two breaths.
const BATCH_ROWS: usize = 4_096;

/// Memory of an event that is not in columns yet: the struct and its texts, roughly.
const TAIL_ROW_BYTES: usize = 1_500;

/// A batch and the times it spans.
#[derive(Clone, Debug)]
pub(crate) struct HotBatch {
    pub batch: RecordBatch,
    pub from: Timestamp,
    pub to: Timestamp,
    bytes: usize,
}

/// Events in memory.
#[derive(Debug, Default)]
pub(crate) struct Hot {
    tail: Vec<Row>,
    /// The tail as a batch, until the next event comes.
    tail_batch: Option<HotBatch>,
    batches: Vec<HotBatch>,
    frozen: Vec<HotBatch>,
    since: Option<Timestamp>,
}

impl HotBatch {
    fn of(rows: &[Row]) -> Result<HotBatch, StoreError> {
        let batch = columns::batch(rows)?;
        let times = || rows.iter().map(|row| row.event.at);
        let bytes = batch.get_array_memory_size();
        Ok(HotBatch { batch, from: times().min().unwrap_or_default(), to: times().max().unwrap_or_default(), bytes })
    }
}

impl Hot {
    /// Takes events in; `now` is the time of the store, not of the events.
    ///
    /// # Errors
    /// [`StoreError::Columns`]: nothing of the call is kept.
    pub fn push(&mut self, events: impl Iterator<Item = (Event, u32)>, now: Timestamp) -> Result<(), StoreError> {
        let before = self.tail.len();
        self.tail.extend(events.map(|(event, template)| Row { event, template }));
        if self.tail.len() == before {
            return Ok(());
        }
        self.since.get_or_insert(now);
        self.tail_batch = None;
        if self.tail.len() >= BATCH_ROWS
            && let Err(error) = self.pack_tail()
        {
            self.tail.truncate(before);
            return Err(error);
        }
        Ok(())
    }

    fn pack_tail(&mut self) -> Result<(), StoreError> {
        let packed: Vec<HotBatch> = self.tail.chunks(BATCH_ROWS).map(HotBatch::of).collect::<Result<_, _>>()?;
        self.batches.extend(packed);
        self.tail = Vec::new();
        self.tail_batch = None;
        Ok(())
    }

    /// Everything that is in memory, as batches.
    ///
    /// # Errors
    /// [`StoreError::Columns`], a bug.
    pub fn snapshot(&mut self) -> Result<Vec<HotBatch>, StoreError> {
        if self.tail_batch.is_none() && !self.tail.is_empty() {
            self.tail_batch = Some(HotBatch::of(&self.tail)?);
        }
        Ok(self.frozen.iter().chain(&self.batches).chain(&self.tail_batch).cloned().collect())
    }

    /// Hands everything to a flush. It stays visible until [`Hot::commit`] or [`Hot::thaw`].
    ///
    /// # Errors
    /// [`StoreError::Columns`], a bug.
    pub fn freeze(&mut self) -> Result<Vec<HotBatch>, StoreError> {
        // One flush at a time: something is frozen still only when the last one ended in a panic.
        self.thaw();
        self.pack_tail()?;
        self.frozen = std::mem::take(&mut self.batches);
        Ok(self.frozen.clone())
    }

    /// What was frozen is in segments now.
    pub fn commit(&mut self, now: Timestamp) {
        self.frozen = Vec::new();
        self.since = (self.rows() > 0).then_some(now);
    }

    /// The flush failed: what was frozen waits for the next one.
    pub fn thaw(&mut self) {
        let later = std::mem::replace(&mut self.batches, std::mem::take(&mut self.frozen));
        self.batches.extend(later);
    }

    /// Events in memory.
    pub fn rows(&self) -> usize {
        let packed: usize = self.frozen.iter().chain(&self.batches).map(|batch| batch.batch.num_rows()).sum();
        packed + self.tail.len()
    }

    /// Memory they take, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes_waiting() + self.frozen.iter().map(|batch| batch.bytes).sum::<usize>()
    }

    /// Memory of those that no flush has taken yet.
    pub fn bytes_waiting(&self) -> usize {
        let packed: usize = self.batches.iter().map(|batch| batch.bytes).sum();
        packed + self.tail.len() * TAIL_ROW_BYTES
    }

    /// Since when the oldest has been waiting.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }
}
