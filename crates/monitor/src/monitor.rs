//! The handle: everything the API asks of the monitor, and its background work.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use journal::events::{EventLog, ReadError};
use model::id::{MessageId, RecipientId};
use model::name::Name;
use model::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use store::{
    EventStore, EventsPage, EventsQuery, History, HistoryOf, OpenError, Query, QueryError, QueryResult, StoreStats,
    Template, TemplateSearch,
};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::dashboards::{self, NowDashboard, ProviderDashboard, ProvidersSummary};
use crate::hints::{self, Configured, SearchHint};
use crate::history::{self, MessageHistory, RECIPIENTS_MAX, RecipientHistory, RecipientSummary};
use crate::live::{Live, LiveTick};
use crate::search::{self, SearchError};
use crate::sources::SourceStatus;
use crate::sources::own::{OwnLog, Status, stands_at};
use crate::sources::routes::Routes;

/// How often the store is asked whether something is due.
const MAINTAIN_EVERY: Duration = Duration::from_secs(1);
/// How far back a search looks that names no time.
const SEARCH_BACK: Duration = Duration::from_secs(24 * 3_600);
/// Clocks of other machines may run ahead by so much.
const SEARCH_AHEAD: Duration = Duration::from_secs(3_600);
/// Events of a page that names no limit.
const PAGE_DEFAULT: u32 = 50;

/// The monitor. Clones share it.
#[derive(Clone)]
pub struct Monitor(Arc<Inner>);

struct Inner {
    store: EventStore,
    clock: Arc<dyn Clock>,
    config: Config,
    live: Live,
    routes: Routes,
    status: Status,
}

/// What was found when the monitor was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Everything before this place of the event log is in the store.
    pub cursor: Option<String>,
    /// Segments that are missing or damaged.
    pub missing_segments: Vec<String>,
    /// Files that a crash left behind and that were removed.
    pub orphans_removed: usize,
}

/// A search for events, as the search box sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct EventsRequest {
    /// The search; empty means everything.
    pub q: String,
    /// From this time; a day ago when absent.
    pub from: Option<Timestamp>,
    /// To this time; now when absent.
    pub to: Option<Timestamp>,
    /// Goes on behind the page whose `next` this is.
    pub after: Option<String>,
    /// How many, up to 1,000; 50 when absent.
    pub limit: Option<u32>,
}

/// Why the monitor has no answer.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The search is wrong; its writer can mend it.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The query is wrong, too large, or could not be answered.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// How the monitor itself is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MonitorStatus {
    /// Reading of the event log.
    pub source: SourceStatus,
    /// The event store.
    pub store: StoreStats,
}

impl Monitor {
    /// Opens the event store in `dir`. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// [`OpenError`]: see its variants.
    pub fn open(dir: &Path, config: Config, clock: Arc<dyn Clock>) -> Result<(Monitor, Found), OpenError> {
        let opened = EventStore::open(dir, config.store.clone(), Arc::clone(&clock))?;
        let found = Found { cursor: opened.cursor, missing_segments: opened.missing, orphans_removed: opened.orphans };
        let (live, routes, status) = (Live::default(), Routes::default(), Status::default());
        Ok((Monitor(Arc::new(Inner { store: opened.store, clock, config, live, routes, status })), found))
    }

    /// Follows the event log and keeps the store in order until `shutdown`; then writes what is in memory.
    pub async fn run(&self, log: EventLog, shutdown: CancellationToken) {
        let inner = &*self.0;
        let own = OwnLog {
            log: &log,
            store: &inner.store,
            live: &inner.live,
            routes: &inner.routes,
            status: &inner.status,
            clock: &*inner.clock,
            config: &inner.config,
        };
        tokio::join!(own.follow(&shutdown), inner.maintain(&shutdown));
        if let Err(error) = inner.store.flush().await {
            tracing::error!(%error, "the event store was not written; it reads these events again at the next start");
        }
    }

    /// Waits until everything that is in the log now can be queried. Needs [`Monitor::run`] to be running; resolves at
    /// once when the log cannot be read.
    pub async fn caught_up(&self, log: &EventLog) {
        let mut batches = self.0.status.batches();
        let target = log.end();
        loop {
            batches.mark_unchanged();
            let Ok(from) = stands_at(&self.0.store) else { return };
            if from >= target {
                return;
            }
            // What is left may be records that are no events: they never come as a batch.
            let mut reader = log.reader(from);
            let left = tokio::task::spawn_blocking(move || reader.poll_batch(1)).await;
            // Behind a gap there is always something left: deleting ends before the newest segment.
            let more = matches!(left, Ok(Ok(Some(_)) | Err(ReadError::Behind { .. })));
            if !more || batches.changed().await.is_err() {
                return;
            }
        }
    }

    /// The dashboard *Now* of the last `minutes` minutes (1 to 1,440).
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn now(&self, minutes: u32) -> Result<NowDashboard, QueryError> {
        dashboards::now(&self.0.store, self.0.clock.now(), minutes).await
    }

    /// The dashboard *Provider* of the last `hours` hours (1 to 336).
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn provider(&self, name: &str, hours: u32) -> Result<ProviderDashboard, QueryError> {
        dashboards::provider(&self.0.store, self.0.clock.now(), &Name::from(name), hours).await
    }

    /// All providers of the last `hours` hours (1 to 336).
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn providers_summary(&self, hours: u32) -> Result<ProvidersSummary, QueryError> {
        dashboards::summary(&self.0.store, self.0.clock.now(), hours).await
    }

    /// A page of events, newest first, without transcripts.
    ///
    /// # Errors
    /// [`MonitorError`]: the search names the wrong character.
    pub async fn events(&self, request: EventsRequest) -> Result<EventsPage, MonitorError> {
        let filter = search::parse(&request.q)?;
        let now = self.0.clock.now();
        let query = EventsQuery {
            from: request.from.unwrap_or_else(|| request.to.unwrap_or(now).minus(SEARCH_BACK)),
            to: request.to.unwrap_or_else(|| now.plus(SEARCH_AHEAD)),
            filter,
            after: request.after,
            limit: request.limit.unwrap_or(PAGE_DEFAULT),
            newest_first: true,
        };
        Ok(self.0.store.events(query).await?)
    }

    /// Values of a search that nobody knows: neither the configuration nor any event that is kept. No hints when the
    /// search is wrong, or the events cannot be asked in time.
    pub async fn hints(&self, q: &str, configured: &Configured) -> Vec<SearchHint> {
        hints::hints(&self.0.store, self.0.clock.now(), q, configured).await
    }

    /// The typed query.
    ///
    /// # Errors
    /// [`QueryError`]: names the wrong part, or the limit that was reached.
    pub async fn query(&self, query: Query) -> Result<QueryResult, QueryError> {
        self.0.store.query(query).await
    }

    /// Everything that happened to a message; none when nothing is known of it.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn message(&self, message: MessageId) -> Result<Option<MessageHistory>, QueryError> {
        let History { events, truncated, .. } = self.0.store.history(HistoryOf::Message(message)).await?;
        Ok(MessageHistory::of(message, events, truncated))
    }

    /// Everything that happened to a recipient, with the dialogues; none when nothing is known of it.
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn recipient(&self, recipient: RecipientId) -> Result<Option<RecipientHistory>, QueryError> {
        let History { events, truncated, .. } = self.0.store.history(HistoryOf::Recipient(recipient)).await?;
        Ok(RecipientHistory::of(recipient, events, truncated))
    }

    /// The latest mails to an address, upper or lower case, newest first; at most [`RECIPIENTS_MAX`].
    ///
    /// # Errors
    /// [`QueryError`]
    pub async fn recipients_of_address(&self, address: &str) -> Result<Vec<RecipientSummary>, QueryError> {
        let History { events, .. } = self.0.store.history(HistoryOf::Address(address.to_owned())).await?;
        let mut summaries = history::summaries(&events);
        summaries.truncate(RECIPIENTS_MAX);
        Ok(summaries)
    }

    /// Reply templates, the most frequent first.
    pub fn templates(&self, search: &TemplateSearch, limit: usize) -> Vec<Arc<Template>> {
        self.0.store.search_templates(search, limit)
    }

    /// What happened just now.
    pub fn live(&self) -> LiveTick {
        self.0.live.tick(self.0.clock.now())
    }

    /// How the monitor itself is doing.
    pub fn status(&self) -> MonitorStatus {
        let store = self.0.store.stats();
        MonitorStatus { source: SourceStatus { cursor: store.cursor.clone(), ..self.0.status.read() }, store }
    }

    /// Writes everything in memory to disk.
    ///
    /// # Errors
    /// [`store::StoreError`]: everything stays in memory and can be queried.
    pub async fn flush(&self) -> Result<(), store::StoreError> {
        self.0.store.flush().await.map(drop)
    }
}

impl Inner {
    async fn maintain(&self, shutdown: &CancellationToken) {
        let mut every = tokio::time::interval(MAINTAIN_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(every.tick()).await.is_some() {
            if let Err(error) = self.store.maintain().await {
                tracing::error!(%error, "the event store could not be put in order; trying again");
                let pause = tokio::time::sleep(self.config.retry_after.0);
                shutdown.run_until_cancelled(pause).await;
            }
        }
    }
}
