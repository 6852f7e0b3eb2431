//! Where events come from. For now one source: the suite's own event log.
//!
//! Every source hands batches to the store with a cursor of its own, so that it goes on exactly after a crash.

pub(crate) mod own;
pub(crate) mod routes;

pub use own::{Gap, SourceStatus};
pub use routes::{LOOK_BACK, LOOKUPS_MAX, REMEMBERED_MAX};
