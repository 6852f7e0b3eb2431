//! A suite of two: an event log and a monitor that follows it.

use std::path::Path;
use std::sync::Arc;

use journal::Options;
use journal::events::{EventLog, EventLogOptions};
use model::category::Category;
use model::event::{Attempt, Event, EventKind};
use model::id::{MessageId, RecipientId};
use model::name::Name;
use model::reply::Reply;
use model::time::{ManualClock, Timestamp};
use monitor::{Config, Monitor};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// 2026-09-21T14:13:20Z.
pub const NOW: i64 = 1_790_000_000;

pub fn at(minutes_ago: i64) -> Timestamp {
    Timestamp::from_unix_s(NOW - minutes_ago * 60)
}

/// A log and a monitor that runs.
pub struct Suite {
    pub log: EventLog,
    pub monitor: Monitor,
    pub clock: ManualClock,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

pub fn open_log(dir: &Path, bytes_max: u64) -> EventLog {
    let log = Options { segment_bytes: 256 << 10, queue_bytes_max: 1 << 20, ..Options::default() };
    EventLog::open(&dir.join("events"), EventLogOptions { log, bytes_max, ..EventLogOptions::default() }).unwrap()
}

impl Suite {
    pub fn open(dir: &Path) -> Suite {
        Suite::over(dir, open_log(dir, 1 << 30))
    }

    pub fn over(dir: &Path, log: EventLog) -> Suite {
        let clock = ManualClock::new(at(0));
        let config = Config { batch_events: 50, ..Config::default() };
        let (monitor, found) = Monitor::open(&dir.join("store"), config, Arc::new(clock.clone())).unwrap();
        assert!(found.missing_segments.is_empty());
        let shutdown = CancellationToken::new();
        let running = {
            let (monitor, log, shutdown) = (monitor.clone(), log.clone(), shutdown.clone());
            tokio::spawn(async move { monitor.run(log, shutdown).await })
        };
        Suite { log, monitor, clock, shutdown, running }
    }

    /// Appends events and waits until they can be queried.
    pub async fn tell(&self, events: Vec<Event>) {
        for chunk in events.chunks(100) {
            self.log.append(chunk.to_vec()).await.unwrap();
        }
        self.monitor.caught_up(&self.log).await;
    }

    /// Ends in order: what is in memory is written.
    pub async fn close(self) {
        self.shutdown.cancel();
        self.running.await.unwrap();
        self.log.close().await;
    }

    /// Ends at once: what is in memory is gone.
    pub async fn crash(self) {
        self.running.abort();
        assert!(self.running.await.unwrap_err().is_cancelled());
        self.log.close().await;
    }
}

/// An attempt at a provider.
pub fn attempt(kind: EventKind, number: u64, minutes_ago: i64, provider: &str) -> Event {
    let mut event = Event::of_recipient(kind, RecipientId(number), 1, at(minutes_ago));
    event.message = Some(MessageId(9_000));
    event.address = Some(format!("user{number}@example.fr"));
    event.provider = Some(Name::from(provider));
    event.source = Some(Name::from(if number.is_multiple_of(2) { "ip-1" } else { "ip-2" }));
    event.size_bytes = Some(10_000);
    event.attempt = Some(Attempt { number: 1, queued_ms: Some(10_000), ..Attempt::default() });
    event
}

/// A failed attempt with its reply.
pub fn refused(
    kind: EventKind,
    number: u64,
    minutes_ago: i64,
    provider: &str,
    category: Category,
    reply: (u16, &str),
) -> Event {
    let mut event = attempt(kind, number, minutes_ago, provider);
    let attempt = event.attempt.get_or_insert_default();
    attempt.category = Some(category);
    attempt.reply = Some(Reply::new(reply.0, reply.1));
    attempt.transcript = Some(format!("S: 220 {provider}\nC: EHLO here\nS: {} {}\n", reply.0, reply.1));
    event
}
