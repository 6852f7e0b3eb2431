//! Configuration of injection.

use std::time::Duration;

use model::config::{Fault, Faults};
use model::units::{Size, Span};

/// Mail that programs hand in over HTTP.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Most recipients in one JSON request; more of them are a stream of lines (`POST /api/v1/messages/stream`), which
    /// has no limit. At most 1000000.
    pub recipients_max: u32,
    /// Largest JSON request, and largest first line of a stream.
    pub body_size_max: Size,
    /// Memory for requests that are being received, over all of them; beyond it a request is refused for the time being
    /// (503).
    pub buffered_size_max: Size,
    /// How long an idempotency key is remembered.
    pub key_keep: Span,
    /// Most idempotency keys that are remembered, about 100 bytes of memory each; beyond it the oldest are forgotten
    /// before their time.
    pub keys_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            recipients_max: 100_000,
            body_size_max: Size::mb(128),
            buffered_size_max: Size::mb(512),
            key_keep: Span(Duration::from_secs(86_400)),
            keys_max: 1_000_000,
        }
    }
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.within("recipients_max", self.recipients_max, 1..=1_000_000);
        faults.within("keys_max", self.keys_max, 1..=100_000_000);
        faults.at_least("body_size_max", self.body_size_max, Size(64 << 10));
        faults.at_least("key_keep", self.key_keep, Span::s(60));
        faults.unless(self.buffered_size_max >= self.body_size_max, || {
            Fault::new("buffered_size_max", "must not be less than").than("body_size_max")
        });
        faults.result()
    }
}
