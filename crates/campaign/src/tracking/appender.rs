//! Opens and clicks on their way to the event log: a bounded buffer, so that the endpoint answers at once.
//!
//! What does not fit is lost and counted ([`TouchStats::lost`], and a warning in the log); the mail program will not ask
//! again, so there is nobody to refuse to. One task writes: everything that waits goes into one append.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use journal::events::{AppendError, EventLog};
use model::event::Event;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Events of one append.
pub const APPEND_MAX: usize = 1_000;

/// Delay before an append that failed for want of room is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A warning for the first lost touch and for each that many further ones.
const LOST_WARNING_EVERY: u64 = 1_000;

/// What became of opens and clicks since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TouchStats {
    /// In the event log.
    pub appended: u64,
    /// Not in the event log: the buffer was full, or the log failed for good.
    pub lost: u64,
}

#[derive(Debug, Default)]
struct Counters {
    appended: AtomicU64,
    lost: AtomicU64,
}

/// Where endpoints put their events.
#[derive(Clone, Debug)]
pub(crate) struct Appender {
    sender: mpsc::Sender<Event>,
    counters: Arc<Counters>,
}

/// The other end.
pub(crate) struct AppenderTask {
    receiver: mpsc::Receiver<Event>,
    counters: Arc<Counters>,
}

pub(crate) fn appender(touches_max: usize) -> (Appender, AppenderTask) {
    let (sender, receiver) = mpsc::channel(touches_max);
    let counters = Arc::new(Counters::default());
    (Appender { sender, counters: counters.clone() }, AppenderTask { receiver, counters })
}

impl Appender {
    /// Takes an event, or counts it as lost.
    pub(crate) fn put(&self, event: Event) {
        if self.sender.try_send(event).is_err() {
            self.counters.lose(1);
        }
    }

    pub(crate) fn stats(&self) -> TouchStats {
        TouchStats {
            appended: self.counters.appended.load(Ordering::Relaxed),
            lost: self.counters.lost.load(Ordering::Relaxed),
        }
    }
}

impl Counters {
    fn lose(&self, count: u64) {
        let before = self.lost.fetch_add(count, Ordering::Relaxed);
        if before / LOST_WARNING_EVERY != (before + count) / LOST_WARNING_EVERY || before == 0 {
            tracing::warn!(lost = before + count, "opens and clicks are lost: the event log is too slow");
        }
    }
}

impl AppenderTask {
    /// Writes until `shutdown`, then writes what is left.
    pub(crate) async fn run(mut self, log: &EventLog, shutdown: &CancellationToken) {
        let mut events = Vec::with_capacity(APPEND_MAX);
        loop {
            let received = tokio::select! {
                () = shutdown.cancelled() => break,
                received = self.receiver.recv_many(&mut events, APPEND_MAX) => received,
            };
            if received == 0 {
                return;
            }
            self.append(log, std::mem::take(&mut events), shutdown).await;
        }
        // Closed, it gives what waits, then zero.
        self.receiver.close();
        while self.receiver.recv_many(&mut events, APPEND_MAX).await > 0 {
            self.append(log, std::mem::take(&mut events), shutdown).await;
        }
    }

    async fn append(&self, log: &EventLog, events: Vec<Event>, shutdown: &CancellationToken) {
        let count = events.len() as u64;
        loop {
            match log.append(events.clone()).await {
                Ok(_) => {
                    self.counters.appended.fetch_add(count, Ordering::Relaxed);
                    return;
                }
                Err(AppendError::NoSpace) if !shutdown.is_cancelled() => {
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        () = tokio::time::sleep(RETRY) => {}
                    }
                }
                Err(error) => {
                    tracing::error!(%error, count, "opens and clicks could not be written");
                    self.counters.lose(count);
                    return;
                }
            }
        }
    }
}
