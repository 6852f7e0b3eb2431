//! Monitoring: how the mailbox providers treat the mail, told from the events.
//!
//! Follows the event log into the event store ([`sources`]), answers dashboards ([`dashboards`]) from roll-ups, searches
//! ([`search`]) and histories ([`history`]) from the events, and counts the present ([`live`]). It decides nothing about
//! mail and changes nothing but its own store. Where to start: [`Monitor`].
//! Known gaps: foreign logs, detectors, alerts and tickets are not here yet.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod config;
pub mod dashboards;
pub mod hints;
pub mod history;
pub mod live;
mod monitor;
pub mod search;
pub mod sources;

pub use config::Config;
pub use monitor::{EventsRequest, Found, Monitor, MonitorError, MonitorStatus};
/// Queries, pages and templates, so that callers need not know the store.
pub use store::{
    Cell, CellKind, Cost, Dimension, EventsPage, Field, FieldType, Filter, Measure, OpenError, Order, Query,
    QueryError, QueryResult, Rate, ResultColumn, Scalar, StoreError, StoreStats, Template, TemplateProvider,
    TemplateSearch,
};
