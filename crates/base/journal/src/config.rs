//! Configuration of the spool and of the event log.

use std::sync::Arc;

use model::config::{Fault, Faults};
use model::time::Clock;
use model::units::{Size, Span};

use crate::events::EventLogOptions;
use crate::spool::SpoolOptions;
use crate::{Options, SyncMode};

/// The spool: messages waiting for delivery.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpoolConfig {
    /// What an acceptance waits for: `durable` (fdatasync) or `relaxed`. Relaxed is faster on slow disks, but accepted
    /// mail of the last seconds is lost, and delivered mail is sent twice, when the machine loses power.
    pub sync: SyncMode,
    /// Size of one segment file. A message can be half as large as a segment.
    pub segment_size: Size,
    /// Most bytes of all segment files together; without it the disk is the limit.
    pub size_max: Option<Size>,
    /// Most bytes accepted but not yet written; more wait.
    pub queue_size_max: Size,
    /// Memory for contents read lately (merge programs of running campaigns).
    pub content_cache: Size,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        SpoolConfig {
            sync: SyncMode::Durable,
            segment_size: Size::mb(128),
            size_max: None,
            queue_size_max: Size::mb(64),
            content_cache: Size::mb(32),
        }
    }
}

impl SpoolConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        check_sizes(self.segment_size, self.queue_size_max, self.size_max)
    }

    /// The options this configuration stands for.
    pub fn options(&self, clock: Arc<dyn Clock>) -> SpoolOptions {
        SpoolOptions {
            log: Options {
                segment_bytes: self.segment_size.0,
                sync: self.sync,
                queue_bytes_max: usize::try_from(self.queue_size_max.0).unwrap_or(usize::MAX),
                bytes_max: self.size_max.map(|size| size.0),
                clock,
                ..Options::default()
            },
            content_cache_bytes: usize::try_from(self.content_cache.0).unwrap_or(usize::MAX),
            ..SpoolOptions::default()
        }
    }
}

/// The event log: everything that happened, read by campaigns, monitoring and exporters.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventLogConfig {
    /// What an append waits for: `durable` (fdatasync) or `relaxed` (see the spool's `sync`).
    pub sync: SyncMode,
    /// Size of one segment file.
    pub segment_size: Size,
    /// Most bytes written but not yet on disk; more wait.
    pub queue_size_max: Size,
    /// Events older than this are deleted, a segment at a time. A consumer that is further behind loses them.
    pub keep: Span,
    /// Most bytes of all segment files together: the oldest segments are deleted beyond it, whatever their age. What the
    /// reports have not taken in yet stays until it is half as much again.
    pub size_max: Size,
}

impl Default for EventLogConfig {
    fn default() -> Self {
        EventLogConfig {
            sync: SyncMode::Durable,
            segment_size: Size::mb(64),
            queue_size_max: Size::mb(32),
            keep: Span::s(14 * 86_400),
            size_max: Size(50 << 30),
        }
    }
}

impl EventLogConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        check_sizes(self.segment_size, self.queue_size_max, Some(self.size_max))
    }

    /// The options this configuration stands for.
    pub fn options(&self, clock: Arc<dyn Clock>) -> EventLogOptions {
        EventLogOptions {
            log: Options {
                segment_bytes: self.segment_size.0,
                sync: self.sync,
                queue_bytes_max: usize::try_from(self.queue_size_max.0).unwrap_or(usize::MAX),
                clock,
                ..Options::default()
            },
            keep: self.keep.0,
            bytes_max: self.size_max.0,
        }
    }
}

/// Segment, queue and the whole log must fit each other.
fn check_sizes(segment: Size, queue: Size, total: Option<Size>) -> Result<(), Faults> {
    let mut faults = Faults::default();
    faults.within("segment_size", segment, Size(Options::SEGMENT_BYTES_MIN)..=Size(Options::SEGMENT_BYTES_MAX));
    faults.unless(queue.0 >= segment.0 / 2, || {
        Fault::new("queue_size_max", "must be at least half of").than("segment_size")
    });
    let queue_max = Size(Options::QUEUE_BYTES_MAX as u64);
    faults.unless(queue <= queue_max, || Fault::new("queue_size_max", format!("must be at most {queue_max}")));
    faults.unless(total.is_none_or(|total| total.0 / 3 >= segment.0), || {
        Fault::new("size_max", "must be at least three times").than("segment_size")
    });
    faults.result()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_open_a_log() {
        assert_eq!(SpoolConfig::default().validate(), Ok(()));
        assert_eq!(EventLogConfig::default().validate(), Ok(()));
        let clock = Arc::new(model::time::SystemClock);
        assert_eq!(SpoolConfig::default().options(clock.clone()).log.validate(), Ok(()));
        assert_eq!(EventLogConfig::default().options(clock).log.validate(), Ok(()));
    }

    #[test]
    fn errors_name_the_key() {
        let check = |config: SpoolConfig, expected: &str| {
            assert_eq!(config.validate().unwrap_err().to_string(), expected);
        };
        let config = SpoolConfig::default;
        check(SpoolConfig { segment_size: Size(1), ..config() }, "segment_size must be between 16KB and 1GB");
        check(
            SpoolConfig { queue_size_max: Size::mb(1), size_max: Some(Size::mb(128)), ..config() },
            "queue_size_max must be at least half of segment_size; size_max must be at least three times segment_size",
        );
        check(SpoolConfig { queue_size_max: Size::mb(2_048), ..config() }, "queue_size_max must be at most 1GB");
    }
}
