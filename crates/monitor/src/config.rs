//! Habits of the monitor.

use model::config::{Fault, Faults};
use model::units::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Monitoring: the event store, and how it follows the event log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The event store.
    pub store: store::Config,
    /// Most events taken from the event log at once; questions wait for as long as one such batch is taken in.
    pub batch_events: usize,
    /// Wait after a failure (a full disk, an unreadable log) before trying again.
    pub retry_after: Span,
}

impl Default for Config {
    fn default() -> Self {
        Config { store: store::Config::default(), batch_events: 1_024, retry_after: Span::s(2) }
    }
}

impl Config {
    /// Checks ranges.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.inside("store", self.store.validate());
        faults.within("batch_events", self.batch_events, 1..=65_536);
        faults.unless(!self.retry_after.0.is_zero(), || Fault::new("retry_after", "must be longer than 0s"));
        faults.result()
    }
}
