//! Where events come from. For now one source: the suite's own event log.
//!
//! Every source hands batches to the store with a cursor of its own, so that it goes on exactly after a crash.

pub(crate) mod own;

pub use own::{Gap, SourceStatus};
