//! Is every part able to do its work? Asks each of them, and says what is wrong in words that anybody may read.
//!
//! Also what has been lost so far: nothing is lost silently. Must not: repair anything, or tell strangers paths and
//! causes; those are in the log of the program.

use std::time::Duration;

use journal::events::{EventLog, ReadError};
use model::time::Timestamp;
use queue::handle::Show;
use serde::Serialize;

use crate::state::ApiState;

/// A part that does not answer in this time is not well.
pub const ANSWER_MAX: Duration = Duration::from_secs(2);

/// A reader of the event log that has not taken in what happened so long ago is not well.
pub const LAG_MAX: Duration = Duration::from_secs(5 * 60);

/// Whether the program can do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// `ok` or `failing`.
    pub status: HealthStatus,
    /// Every part that cannot do its work; empty when all can.
    pub reasons: Vec<HealthReason>,
}

/// The answer in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HealthStatus {
    /// Every part can do its work.
    Ok,
    /// At least one cannot.
    Failing,
}

/// A part that cannot do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct HealthReason {
    /// `spool`, `event-log`, `intake`, `queue`, `sources`, `database`, `campaigns` or `monitor`.
    pub part: &'static str,
    /// What is wrong.
    pub reason: String,
}

/// What is lost for good, and was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Losses {
    /// Opens and clicks that did not reach the event log, since the program started.
    pub touches: u64,
    /// How often events were deleted before the reports had read them; null while the database does not answer.
    pub report_gaps: Option<u64>,
    /// How often events were deleted before monitoring had read them, since the program started.
    pub monitor_gaps: u64,
    /// Recipients given up because their records are damaged, since the program started.
    pub recipients: u64,
}

impl Losses {
    pub async fn of(state: &ApiState) -> Losses {
        let reports = in_time(state.campaigns.reports.stats()).await.and_then(Result::ok);
        Losses {
            touches: state.campaigns.tracking.stats().lost,
            report_gaps: reports.map(|stats| stats.gaps),
            monitor_gaps: state.monitor.status().source.gaps,
            recipients: state.spool.stats().lost_recipients,
        }
    }
}

impl Health {
    /// Asks every part.
    pub async fn of(state: &ApiState) -> Health {
        let (queue, sources, database, campaigns, monitor) =
            futures::join!(queue(state), sources(state), database(state), campaigns(state), monitor(state));
        let checks = [
            ("spool", log(state.spool.failure().is_some(), state.spool.stats().full)),
            ("event-log", log(state.events.failure().is_some(), state.events.is_full())),
            ("intake", intake(state)),
            ("queue", queue),
            ("sources", sources),
            ("database", database),
            ("campaigns", campaigns),
            ("monitor", monitor),
        ];
        let found = checks.into_iter().filter_map(|(part, check)| Some((part, check.err()?)));
        let reasons: Vec<HealthReason> = found.map(|(part, reason)| HealthReason { part, reason }).collect();
        let status = if reasons.is_empty() { HealthStatus::Ok } else { HealthStatus::Failing };
        Health { status, reasons }
    }
}

fn log(failed: bool, full: bool) -> Result<(), String> {
    match (failed, full) {
        (true, _) => Err("the disk failed: nothing is taken until the program is started again".to_owned()),
        (false, true) => Err("no room: nothing is taken until there is".to_owned()),
        (false, false) => Ok(()),
    }
}

/// Which floors keep mail out. Strangers may read this: no numbers.
fn intake(state: &ApiState) -> Result<(), String> {
    let low: Vec<&str> = state.intake.pressures().iter().map(|pressure| pressure.kind.as_str()).collect();
    if low.is_empty() {
        return Ok(());
    }
    Err(format!("too little room, no mail is taken until there is more: {}", low.join(", ")))
}

/// One source that cannot send is made up for by others; it stands in the list of sources.
async fn sources(state: &ApiState) -> Result<(), String> {
    let Some(Ok(doing)) = in_time(state.queue.doing()).await else { return Ok(()) };
    let sources = state.directory.sources(&doing);
    match !sources.is_empty() && sources.iter().all(|source| source.down.is_some()) {
        true => Err("no source can send: addresses are missing or proxies do not answer".to_owned()),
        false => Ok(()),
    }
}

async fn queue(state: &ApiState) -> Result<(), String> {
    match in_time(state.queue.snapshot(Show { paths: 0, domains: 0, campaigns: 0 })).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(stopped)) => Err(stopped.to_string()),
        None => Err(silent()),
    }
}

async fn database(state: &ApiState) -> Result<(), String> {
    match in_time(state.accounts.is_empty()).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(_)) => Err("it cannot be read".to_owned()),
        None => Err(silent()),
    }
}

async fn campaigns(state: &ApiState) -> Result<(), String> {
    // What the database is asked for and cannot say is the database's fault.
    let Some(Ok(stats)) = in_time(state.campaigns.reports.stats()).await else { return Ok(()) };
    in_step(lag(&state.events, &stats.cursor, state.clock.now()).await)
}

async fn monitor(state: &ApiState) -> Result<(), String> {
    let source = state.monitor.status().source;
    if source.failure.is_some() {
        return Err("the event log or the event store fails; it is tried again".to_owned());
    }
    in_step(lag(&state.events, source.cursor.as_deref().unwrap_or_default(), state.clock.now()).await)
}

fn in_step(lag: Duration) -> Result<(), String> {
    if lag <= LAG_MAX {
        return Ok(());
    }
    Err(format!("what happened {} s ago has not been taken in", lag.as_secs()))
}

/// How long ago the first event happened that a reader has not taken in yet; zero for one that stands at the end.
/// `cursor` is where the reader stands, empty at the very beginning.
pub(crate) async fn lag(events: &EventLog, cursor: &str, now: Timestamp) -> Duration {
    let from = cursor.parse().unwrap_or_default();
    if from >= events.end() {
        return Duration::ZERO;
    }
    let events = events.clone();
    // Reads a file: off the async threads.
    let oldest = tokio::task::spawn_blocking(move || {
        let batch = match events.reader(from).poll_batch(1) {
            // What was deleted will be counted as a gap; what is left has to be read all the same.
            Err(ReadError::Behind { oldest }) => events.reader(oldest).poll_batch(1),
            read => read,
        };
        batch.ok().flatten()?.events.first().map(|event| event.at)
    });
    oldest.await.ok().flatten().map_or(Duration::ZERO, |at| now.since(at))
}

async fn in_time<T>(answer: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(ANSWER_MAX, answer).await.ok()
}

fn silent() -> String {
    format!("no answer within {} s", ANSWER_MAX.as_secs())
}
