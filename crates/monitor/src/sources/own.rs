//! Our own event log as a source.
//!
//! Reads batches from the place where the store stands and hands them on, one at a time: a slow store slows this reader
//! and nobody else. The store's cursor is the only memory, so after a crash each event is in the store once. When the
//! log has deleted what was not read yet, the gap is counted, remembered and shown, and reading goes on behind it.
//! Errors: a store that cannot write and a log that cannot be read are tried again after `retry_after`, for ever.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use journal::events::{Batch, Cursor, CursorError, EventLog, ReadError};
use model::error::chain;
use model::time::{Clock, Timestamp};
use serde::Serialize;
use store::{EventStore, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::live::{Live, LiveDelta};
use crate::sources::routes::Routes;

/// Gaps remembered for display.
pub const GAPS_MAX: usize = 16;

/// Events that the log deleted before they were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Gap {
    /// Where reading stood.
    pub from: String,
    /// Where it went on.
    pub to: String,
    /// When it was noticed.
    pub at: Timestamp,
}

/// How the reading of the log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SourceStatus {
    /// Everything before this place of the log can be queried.
    pub cursor: Option<String>,
    /// The end of the log, when it was last looked at.
    pub log_end: Option<String>,
    /// Time of the newest event taken in.
    pub newest_event: Option<Timestamp>,
    /// When something was last taken in.
    pub last_batch: Option<Timestamp>,
    /// Events taken in since the start of the program.
    pub events: u64,
    /// Damaged records of the log that were skipped; they stay in the log.
    pub unreadable: u64,
    /// How often events were deleted before they were read.
    pub gaps: u64,
    /// The last gaps.
    pub recent_gaps: Vec<Gap>,
    /// Failures of store or log since the start of the program.
    pub failures: u64,
    /// The last of them, while it lasts.
    pub failure: Option<String>,
}

/// The status, as the reader keeps it.
#[derive(Debug, Default)]
pub(crate) struct Status {
    shown: Mutex<(SourceStatus, VecDeque<Gap>)>,
    /// Counts batches, for those who wait for one.
    batches: watch::Sender<u64>,
}

impl Status {
    fn lock(&self) -> MutexGuard<'_, (SourceStatus, VecDeque<Gap>)> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes with every batch that was taken in.
    pub fn batches(&self) -> watch::Receiver<u64> {
        self.batches.subscribe()
    }

    pub fn read(&self) -> SourceStatus {
        let guard = self.lock();
        let (status, gaps) = &*guard;
        SourceStatus { recent_gaps: gaps.iter().cloned().collect(), ..status.clone() }
    }

    fn note_batch(&self, batch: &Noted, now: Timestamp) {
        let status = &mut self.lock().0;
        status.events += batch.events;
        status.unreadable += batch.unreadable;
        status.newest_event = status.newest_event.max(batch.newest);
        status.last_batch = Some(now);
        status.log_end = Some(batch.log_end.clone());
        status.failure = None;
        self.batches.send_modify(|batches| *batches += 1);
    }

    fn note_gap(&self, gap: Gap) {
        let (status, gaps) = &mut *self.lock();
        status.gaps += 1;
        gaps.push_back(gap);
        if gaps.len() > GAPS_MAX {
            gaps.pop_front();
        }
    }

    fn note_failure(&self, failure: String) {
        let status = &mut self.lock().0;
        status.failures += 1;
        status.failure = Some(failure);
    }
}

/// What the status learns from a batch.
struct Noted {
    events: u64,
    unreadable: u64,
    newest: Option<Timestamp>,
    log_end: String,
}

/// The reader and what it works with.
pub(crate) struct OwnLog<'a> {
    pub log: &'a EventLog,
    pub store: &'a EventStore,
    pub live: &'a Live,
    pub routes: &'a Routes,
    pub status: &'a Status,
    pub clock: &'a dyn Clock,
    pub config: &'a Config,
}

/// Why reading ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The program ends, or the log was closed.
    Closed,
    /// Begin again where the store stands, after a wait.
    Retry,
    /// Begin again at this place, at once.
    Continue(Cursor),
}

impl OwnLog<'_> {
    /// Follows the log until the program ends.
    pub async fn follow(&self, shutdown: &CancellationToken) {
        let mut behind = None;
        loop {
            let end = match behind.take().map_or_else(|| stands_at(self.store), Ok) {
                Ok(from) => self.read_on(from, shutdown).await,
                Err(error) => self.fail(&format!("the event store: {error}; rebuild it from the event log")),
            };
            match end {
                End::Closed => return,
                End::Continue(at) => behind = Some(at),
                End::Retry => {
                    let pause = tokio::time::sleep(self.config.retry_after.0);
                    if shutdown.run_until_cancelled(pause).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    async fn read_on(&self, from: Cursor, shutdown: &CancellationToken) -> End {
        let mut reader = self.log.reader(from);
        loop {
            let next = shutdown.run_until_cancelled(reader.next_batch(self.config.batch_events)).await;
            let batch = match next {
                None | Some(Err(ReadError::Closed)) => return End::Closed,
                Some(Ok(batch)) => batch,
                Some(Err(ReadError::Behind { oldest })) => {
                    // A log that ends before the place where the store stands has lost its tail: what is in it up to
                    // now is in the store already.
                    let from = reader.cursor();
                    let to = if oldest > from { oldest } else { self.log.end() };
                    self.note_gap(from, to);
                    return End::Continue(to);
                }
                Some(Err(ReadError::Io(error))) => return self.fail(&format!("the event log: {error}")),
            };
            if let Err(error) = self.take(batch).await {
                return self.fail(&format!("the event store: {}", chain(&error)));
            }
        }
    }

    async fn take(&self, mut batch: Batch) -> Result<(), StoreError> {
        self.routes.complete(&mut batch.events, self.store, self.clock.now()).await;
        let delta = LiveDelta::of(&batch.events);
        let noted = Noted {
            events: batch.events.len() as u64,
            unreadable: batch.unreadable,
            newest: batch.events.iter().map(|event| event.at).max(),
            log_end: self.log.end().to_string(),
        };
        self.store.ingest(batch.events, batch.next.to_string()).await?;
        let now = self.clock.now();
        self.live.add(&delta, now);
        self.status.note_batch(&noted, now);
        Ok(())
    }

    fn note_gap(&self, from: Cursor, to: Cursor) {
        tracing::error!(%from, %to, "events were deleted from the event log before the monitor had read them");
        self.status.note_gap(Gap { from: from.to_string(), to: to.to_string(), at: self.clock.now() });
    }

    fn fail(&self, failure: &str) -> End {
        tracing::error!(failure, "the monitor cannot follow the event log; trying again");
        self.status.note_failure(failure.to_owned());
        End::Retry
    }
}

/// Where the store stands: the beginning of the log for a new store.
pub(crate) fn stands_at(store: &EventStore) -> Result<Cursor, CursorError> {
    store.cursor().as_deref().map_or(Ok(Cursor::default()), str::parse)
}
