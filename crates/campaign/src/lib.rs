//! The campaigns wing: to whom, what, when, and what came of it.
//!
//! | folder | question | noun |
//! |---|---|---|
//! | [`audience`] | who may be written to | [`audience::Audience`]: lists, contacts, fields, imports, suppressions |
//! | [`content`] | what is written | [`content::Content`]: previews, checks |
//! | [`sending`] | handing it over, exactly once | [`sending::Sending`]: campaigns, tests, the feed |
//! | [`tracking`] | what comes back from people | [`tracking::Tracking`]: pixel, links, unsubscribe page |
//! | [`report`] | what came of it | [`report::Reports`]: folds the event log into numbers |
//!
//! [`Campaigns`] holds them together. It is opened once, and [`Campaigns::run`] does the work in the background: feeds
//! of campaigns in state sending, the fold of the event log, the buffer of opens and clicks.
//!
//! This wing knows nothing of HTTP, SMTP, queues and sources. It meets the engine in [`sending::ports`] (declared here,
//! implemented by the binary) and in the event log. Relational state lives in `db` under the namespace `campaign`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod audience;
mod base;
pub mod config;
pub mod content;
mod error;
mod language;
pub mod report;
mod schema;
pub mod sending;
pub mod tracking;

use std::sync::{Arc, Mutex, PoisonError};

use db::Db;
use journal::events::EventLog;
use mail::token::Keys;
use model::time::Clock;
use tokio_util::sync::CancellationToken;

pub use config::Config;
/// Pages of lists, for callers that do not know the database.
pub use db::{Page, PageRequest};
pub use error::Error;

use audience::{Audience, SuppressionSet};
use base::Base;
use content::Content;
use report::Reports;
use report::consumer::Consumer;
use sending::ports::{Injector, QueueControl};
use sending::{Runner, Sending};
use tracking::links::LinkTables;
use tracking::{AppenderTask, Tracking};

/// What the wing stands on; tied by the binary.
#[derive(Clone)]
pub struct Ports {
    /// Relational state.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Number of this node, for ids.
    pub node: u16,
    /// The event log: read, and appended to by tracking.
    pub events: EventLog,
    /// Keys of the tokens in links.
    pub keys: Arc<Keys>,
    /// The way into the engine.
    pub injector: Arc<dyn Injector>,
    /// The queue, for hold and cancel.
    pub control: Arc<dyn QueueControl>,
}

/// The campaigns wing. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Campaigns {
    /// Lists, contacts, fields, imports, suppressions.
    pub audience: Audience,
    /// Previews and checks.
    pub content: Content,
    /// Campaigns and their way out.
    pub sending: Sending,
    /// What recipients open: pixel, links, unsubscribe page.
    pub tracking: Tracking,
    /// What came of it.
    pub reports: Reports,
    background: Arc<Background>,
}

/// What [`Campaigns::run`] runs beside the feeds.
struct Background {
    consumer: Arc<Consumer>,
    events: EventLog,
    appender: Mutex<Option<AppenderTask>>,
}

impl Campaigns {
    /// Brings the tables up to date, loads what is held in memory, and folds what the event log holds already, so that
    /// the suppression set is complete before the first delivery.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong configuration, [`Error::Db`] when the database cannot be used,
    /// [`Error::Unavailable`] when the event log cannot be read.
    pub async fn open(config: Config, ports: Ports) -> Result<Self, Error> {
        config.validate().map_err(|faults| Error::invalid("campaign", faults.to_string()))?;
        let Ports { db, clock, node, events, keys, injector, control } = ports;
        db.migrate(schema::NAMESPACE, schema::MIGRATIONS, clock.now()).await?;
        let touches_max = config.touches_max as usize;
        let base = Arc::new(Base::new(config, db, clock, node).await?);
        audience::import::close_stopped(&base).await?;
        let set = SuppressionSet::load(&base.db).await?;
        let links = Arc::new(LinkTables::load(&base).await?);
        let runner = Runner::new(base.clone(), injector.clone(), control);
        let consumer = Arc::new(Consumer { base: base.clone(), events: events.clone(), set: set.clone() });
        consumer.catch_up().await?;
        let (appender, task) = tracking::appender(touches_max);
        Ok(Campaigns {
            audience: Audience::new(base.clone(), set.clone()),
            content: Content::new(base.clone()),
            sending: Sending::new(base.clone(), injector, set.clone(), links.clone(), runner),
            tracking: Tracking::new(base.clone(), keys, events.clone(), set, links, appender),
            reports: Reports::new(base, consumer.clone()),
            background: Arc::new(Background { consumer, events, appender: Mutex::new(Some(task)) }),
        })
    }

    /// Works until `shutdown` is cancelled: feeds, folds, writes what tracking has buffered. Called a second time, it
    /// leaves the buffer to the first.
    pub async fn run(&self, shutdown: CancellationToken) {
        let task = self.background.appender.lock().unwrap_or_else(PoisonError::into_inner).take();
        let append = async {
            if let Some(task) = task {
                task.run(&self.background.events, &shutdown).await;
            }
        };
        tokio::join!(self.sending.runner.run(&shutdown), self.background.consumer.run(&shutdown), append);
    }
}
