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
pub mod config;
pub mod content;
mod error;
pub mod report;
pub mod sending;
pub mod tracking;

use std::sync::Arc;

use db::Db;
use journal::events::EventLog;
use mail::token::Keys;
use model::time::Clock;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;

use sending::ports::{Injector, QueueControl};

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
    pub audience: audience::Audience,
    /// Previews and checks.
    pub content: content::Content,
    /// Campaigns and their way out.
    pub sending: sending::Sending,
    /// What recipients open: pixel, links, unsubscribe page.
    pub tracking: tracking::Tracking,
    /// What came of it.
    pub reports: report::Reports,
}

impl Campaigns {
    /// Brings the tables up to date, loads what is held in memory, and folds what the event log holds already, so that
    /// the suppression set is complete before the first delivery.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong configuration, [`Error::Db`] when the database cannot be used.
    pub async fn open(config: Config, ports: Ports) -> Result<Self, Error> {
        let _ = (config, ports);
        todo!("in the next commits")
    }

    /// Works until `shutdown` is cancelled: feeds, folds, writes what tracking has buffered.
    pub async fn run(&self, shutdown: CancellationToken) {
        let _ = shutdown;
        todo!("in the next commits")
    }
}
