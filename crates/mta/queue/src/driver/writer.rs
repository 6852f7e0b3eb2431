//! Events on their way to the event log, and what follows once they are there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use journal::events::{AppendError, Cursor, EventLog};
use journal::spool::Spool;
use model::event::Event;
use model::handoff::RowRef;
use model::time::Timestamp;
use tokio::sync::mpsc;

use super::RunError;
use super::ack::Acks;
use crate::core::{Settled, Told};

/// Marker of the event log: the position of the last admission whose `received` events are there.
pub(super) const MARKER: &str = "spool";

/// Most events in one append.
const APPEND_MAX: usize = 4_096;

/// Pause before a full disk is tried again.
const FULL_PAUSE: Duration = Duration::from_secs(1);

/// How often a full disk is tried again after everything else has ended.
const FULL_TRIES_AT_END: u32 = 5;

/// What one or more steps said, in their order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    events: Vec<Told>,
    settled: Vec<Settled>,
    /// Position of the newest admission whose `received` events are among the events.
    position: Option<u64>,
    /// When the last of it was said.
    until: Timestamp,
}

/// Until when everything that was said is on disk. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Written(Arc<AtomicI64>);

impl Written {
    pub fn until(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Acquire))
    }
}

impl Batch {
    /// Adds what a step said at `now`.
    pub fn add(&mut self, now: Timestamp, events: Vec<Told>, settled: Vec<Settled>, position: Option<u64>) {
        if self.is_empty() {
            (self.events, self.settled) = (events, settled);
        } else {
            self.events.extend(events);
            self.settled.extend(settled);
        }
        self.position = self.position.max(position);
        self.until = self.until.max(now);
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.settled.is_empty() && self.position.is_none()
    }
}

/// Appends batches until there are no more.
pub(super) async fn run(
    mut batches: mpsc::Receiver<Batch>,
    log: EventLog,
    spool: Spool,
    acks: Acks,
    written: Written,
) -> Result<(), RunError> {
    while let Some(mut batch) = batches.recv().await {
        while batch.len() < APPEND_MAX {
            let Ok(next) = batches.try_recv() else { break };
            batch.add(next.until, next.events, next.settled, next.position);
        }
        let Batch { events, settled, position, until } = batch;
        let events = with_addresses(events, &spool).await;
        let ending = batches.is_closed();
        let cursor = append_all(&log, events, position, ending).await?;
        acks.push(settled, cursor);
        written.0.fetch_max(until.0, Ordering::AcqRel);
    }
    Ok(())
}

/// Appends in portions, the marker with the last.
async fn append_all(
    log: &EventLog,
    mut events: Vec<Event>,
    position: Option<u64>,
    ending: bool,
) -> Result<Cursor, RunError> {
    let mut portion_max = APPEND_MAX;
    let mut tries_left = FULL_TRIES_AT_END;
    loop {
        let last = events.len() <= portion_max;
        // Cloned, because a log that is full gives nothing back.
        let portion = events[..events.len().min(portion_max)].to_vec();
        let count = portion.len();
        let appended = match position.filter(|_| last) {
            Some(position) => log.append_marked(portion, (MARKER, position)).await,
            None => log.append(portion).await,
        };
        match appended {
            Ok(cursor) if last => return Ok(cursor),
            Ok(_) => drop(events.drain(..count)),
            Err(AppendError::TooLarge { .. }) if count > 1 => portion_max = count / 2,
            Err(AppendError::NoSpace) if !ending || tries_left > 0 => {
                tracing::error!("no room in the event log: nothing is delivered until there is");
                tries_left = tries_left.saturating_sub(u32::from(ending));
                tokio::time::sleep(FULL_PAUSE).await;
            }
            Err(error) => return Err(RunError::EventLog(error.to_string())),
        }
    }
}

/// Fills in addresses that only the spool knows.
async fn with_addresses(told: Vec<Told>, spool: &Spool) -> Vec<Event> {
    let rows: Vec<(usize, RowRef)> =
        told.iter().enumerate().filter_map(|(idx, told)| Some((idx, told.address_in?))).collect();
    let mut events: Vec<Event> = told.into_iter().map(|told| *told.event).collect();
    if rows.is_empty() {
        return events;
    }
    let spool = spool.clone();
    let read = tokio::task::spawn_blocking(move || {
        let read = |(idx, row)| (idx, spool.read_row(row).map(|recipient| recipient.address));
        rows.into_iter().map(read).collect::<Vec<_>>()
    });
    for (idx, address) in read.await.unwrap_or_default() {
        match address {
            Ok(address) => events[idx].address = Some(address),
            Err(error) => tracing::warn!(%error, "an event goes without its address"),
        }
    }
    events
}
