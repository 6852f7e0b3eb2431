//! Habits of the monitor.

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
    /// A sentence that names the key.
    pub fn validate(&self) -> Result<(), String> {
        self.store.validate().map_err(|error| format!("store.{error}"))?;
        if !(1..=65_536).contains(&self.batch_events) {
            return Err(format!("batch_events must lie between 1 and 65536, it is {}", self.batch_events));
        }
        if self.retry_after.0.is_zero() {
            return Err("retry_after must be longer than 0s".to_owned());
        }
        Ok(())
    }
}
