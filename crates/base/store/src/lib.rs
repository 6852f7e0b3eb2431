//! The event store: every event of the suite in columns, to be counted, searched and told as a history.
//!
//! What comes in is at once in memory (a hot buffer of record batches), in the roll-ups and in the dictionary of reply
//! templates; from time to time a flush moves the hot buffer into a Parquet segment, and one manifest names all of it
//! together with the place in the event log. The store can be rebuilt from the event log at any time.
//!
//! This is the only crate that knows the query engine (DataFusion). At its border stand plain types and boxed futures.
//! It must not know who asks: dashboards and the search language are `monitor`'s.
//!
//! Where to start: [`EventStore`], [`Query`], [`RollupQuery`].
//! Known gaps: an event that the log tells twice is dropped only while its id is remembered (`repeats.rs`); no encryption
//! of recipients; local disk only.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod ask;
mod columns;
mod compact;
mod config;
mod damage;
mod disk;
mod error;
mod field;
mod filter;
mod flush;
mod hot;
mod manifest;
mod plan;
mod query;
mod repeats;
mod rollup;
mod segment;
mod store;
mod template;

pub use config::Config;
pub use error::{OpenError, QueryError, StoreError};
pub use field::{Field, FieldType};
pub use filter::{FILTER_DEPTH_MAX, FILTER_PARTS_MAX, FILTER_TEXT_MAX, Filter, Scalar};
pub use flush::Flushed;
pub use query::{
    Cell, CellKind, Cost, DIMENSIONS_MAX, Dimension, EVENTS_PAGE_MAX, EventsPage, EventsQuery, HISTORY_EVENTS_MAX,
    History, HistoryOf, MEASURES_MAX, Measure, Order, Query, QueryResult, ROWS_OUT_DEFAULT, ROWS_OUT_MAX, Rate,
    ResultColumn,
};
pub use rollup::{
    CELLS_PER_HOUR_MAX, Histogram, NAMES_MAX, ROLLUP_ROWS_MAX, RollupFilter, RollupKey, RollupQuery, RollupRow, Totals,
};
pub use store::{EventStore, Maintained, Opened, StoreStats};
pub use template::{PROVIDERS_MAX, SAMPLE_MAX, Template, TemplateProvider, TemplateSearch};
