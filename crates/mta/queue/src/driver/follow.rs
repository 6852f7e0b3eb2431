//! Follows the event log for warm-ups: counts what became of the mail of warming sources, and hears of complaints.
//!
//! The running queue counts by itself, from the events it makes; what is kept over a restart is counted here, from the
//! events that are on disk, together with the cursor up to which they were read. So a crash between an event and the
//! state file neither doubles nor forgets a count. Complaints reach the queue this way alone: they are intake's events.
//!
//! Where no source has a plan nothing is read. A reader that falls behind the retention of the log goes on with the
//! oldest event there is, and says so. Limits: [`READ_MAX`], [`CHECKPOINT_EVENTS`], [`HEARD_MAX`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use journal::events::{Cursor, EventLog, EventReader, ReadError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::RunError;
use crate::config::Config;
use crate::providers::Providers;
use crate::warmup::ledger::{Complaint, Ledger, Plans, Reader};

/// Events read at a time.
const READ_MAX: usize = 4_096;

/// After so many events the counts are written with the cursor, so that a start has no more of them to read again.
const CHECKPOINT_EVENTS: usize = 50_000;

/// Complaints and checkpoints that the queue has not heard of; the follower waits beyond them.
const HEARD_MAX: usize = 256;

/// Pause after the log could not be read.
const READ_AGAIN: Duration = Duration::from_secs(10);

/// What the follower tells.
#[derive(Debug)]
pub(super) enum Heard {
    Complaint(Box<Complaint>),
    /// The counts want to be written.
    Checkpoint,
}

/// The counts, and who keeps them up to date; neither where no source has a plan.
pub(super) struct Follow {
    reader: Option<Arc<Mutex<Reader>>>,
    heard: mpsc::Receiver<Heard>,
    task: Option<JoinHandle<()>>,
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.task.iter().for_each(JoinHandle::abort);
    }
}

impl Follow {
    /// Brings the ledger up to the end of the log, and follows that from there on.
    pub async fn start(
        config: &Config,
        providers: &Providers,
        log: &EventLog,
        ledger: &mut Ledger,
    ) -> Result<Follow, RunError> {
        let plans = Plans::new(config, providers);
        let (sender, heard) = mpsc::channel(HEARD_MAX);
        if plans.is_empty() {
            return Ok(Follow { reader: None, heard, task: None });
        }
        let end = log.end();
        let mut reader = Reader::new(plans, &config.effective_sources(), std::mem::take(ledger));
        let (from, of_log) = (reader.cursor().unwrap_or(end), log.clone());
        let read = log.work().aside(move || catch_up(&of_log, from, end, &mut reader).map(|()| reader));
        let reader = read.await.map_err(|error| RunError::EventLog(error.to_string()))??;
        *ledger = reader.ledger();
        let reader = Arc::new(Mutex::new(reader));
        let task = tokio::spawn(follow(log.clone(), end, Arc::clone(&reader), sender));
        Ok(Follow { reader: Some(reader), heard, task: Some(task) })
    }

    /// True while there is something to hear.
    pub fn is_on(&self) -> bool {
        self.reader.is_some() && !self.heard.is_closed()
    }

    /// What was heard next; `None` when there will be nothing more. Cancel safe.
    pub async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// The counts as they are now.
    pub fn ledger(&self) -> Ledger {
        self.reader.as_deref().map_or_else(Ledger::default, |reader| lock(reader).ledger())
    }
}

fn lock(reader: &Mutex<Reader>) -> MutexGuard<'_, Reader> {
    reader.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads what the log has told since the counts were written. Blocks at the speed of the disk.
fn catch_up(log: &EventLog, from: Cursor, end: Cursor, reader: &mut Reader) -> Result<(), RunError> {
    let mut events: EventReader = log.reader(from);
    while events.cursor() < end {
        match events.poll_batch(READ_MAX) {
            Ok(Some(batch)) => drop(reader.take(&batch.events, batch.next)),
            Ok(None) => break,
            Err(ReadError::Behind { oldest }) if oldest > events.cursor() => events = skip(log, oldest),
            // A cursor of another log, perhaps of a disk that was restored: nothing behind it is known.
            Err(ReadError::Behind { .. }) => break,
            Err(error) => return Err(RunError::EventLog(error.to_string())),
        }
    }
    drop(reader.take(&[], end));
    Ok(())
}

fn skip(log: &EventLog, oldest: Cursor) -> EventReader {
    tracing::error!(%oldest, "events that warm-ups had not counted are gone: the counts of their days are too low");
    log.reader(oldest)
}

async fn follow(log: EventLog, from: Cursor, counts: Arc<Mutex<Reader>>, heard: mpsc::Sender<Heard>) {
    let mut events = log.reader(from);
    let mut since_checkpoint = 0;
    loop {
        let batch = match events.next_batch(READ_MAX).await {
            Ok(batch) => batch,
            Err(ReadError::Closed) => return,
            Err(ReadError::Behind { oldest }) => {
                events = skip(&log, oldest);
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "warm-ups cannot follow the event log");
                tokio::time::sleep(READ_AGAIN).await;
                continue;
            }
        };
        let complaints = lock(&counts).take(&batch.events, batch.next);
        for complaint in complaints {
            if heard.send(Heard::Complaint(Box::new(complaint))).await.is_err() {
                return;
            }
        }
        since_checkpoint += batch.events.len();
        if since_checkpoint >= CHECKPOINT_EVENTS {
            since_checkpoint = 0;
            if heard.send(Heard::Checkpoint).await.is_err() {
                return;
            }
        }
    }
}
