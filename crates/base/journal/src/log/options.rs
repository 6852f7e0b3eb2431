//! How a log is kept, and why it could not be opened.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use model::time::{Clock, SystemClock};

use super::disk::{Disk, RealDisk};
use super::group::GROUP_HEADER;
use super::segment::SEGMENT_HEADER;
use super::work::Work;

/// What a commit waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SyncMode {
    /// Every commit waits for fdatasync: what is acknowledged survives the loss of power.
    #[default]
    Durable,
    /// A commit waits only until the operating system has the bytes. What is acknowledged survives a crash of the
    /// program, but **not a crash of the machine or the loss of power**: the last seconds of accepted mail, and of the
    /// knowledge of what was delivered, may be gone, so that mail is lost and mail is sent twice.
    Relaxed,
}

/// How a log is kept.
#[derive(Clone)]
pub struct Options {
    /// Size of a segment file, allocated in advance; [`Options::SEGMENT_BYTES_MIN`] to [`Options::SEGMENT_BYTES_MAX`].
    pub segment_bytes: u64,
    /// What a commit waits for.
    pub sync: SyncMode,
    /// Most bytes waiting to be written; an append beyond waits for its turn. At least half of `segment_bytes`.
    pub queue_bytes_max: usize,
    /// Most bytes of all segment files together; `None` leaves it to the disk. Reaching it is like a full disk.
    pub bytes_max: Option<u64>,
    /// The operations on files that can fail for want of room.
    pub disk: Arc<dyn Disk>,
    /// For the age of segments.
    pub clock: Arc<dyn Clock>,
    /// Who does what blocks: threads, but in a simulation.
    pub work: Work,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            segment_bytes: 64 << 20,
            sync: SyncMode::Durable,
            queue_bytes_max: 64 << 20,
            bytes_max: None,
            disk: Arc::new(RealDisk),
            clock: Arc::new(SystemClock),
            work: Work::Threads,
        }
    }
}

impl Options {
    /// Smallest segment.
    pub const SEGMENT_BYTES_MIN: u64 = 16 << 10;
    /// Largest segment: offsets in a segment have 32 bits, with room to spare.
    pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
    /// Largest queue.
    pub const QUEUE_BYTES_MAX: usize = 1 << 30;

    /// Most bytes of what is committed at once: half a segment, so that it fits beside the snapshot of a new one.
    pub fn unit_bytes_max(&self) -> u64 {
        (self.segment_bytes - SEGMENT_HEADER - GROUP_HEADER as u64) / 2
    }

    pub(crate) fn validate(&self) -> Result<(), String> {
        if !(Self::SEGMENT_BYTES_MIN..=Self::SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return Err(format!("segment_bytes: {} is out of range", self.segment_bytes));
        }
        let queue = (self.segment_bytes / 2) as usize..=Self::QUEUE_BYTES_MAX;
        if !queue.contains(&self.queue_bytes_max) {
            return Err(format!("queue_bytes_max: {} is not between {queue:?}", self.queue_bytes_max));
        }
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("segment_bytes", &self.segment_bytes)
            .field("sync", &self.sync)
            .field("queue_bytes_max", &self.queue_bytes_max)
            .field("bytes_max", &self.bytes_max)
            .finish_non_exhaustive()
    }
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another part of this one) has it open: stop that one first.
    #[error("{} is in use by another process", dir.display())]
    Locked {
        /// The directory of the log.
        dir: PathBuf,
    },
    /// The directory or a file in it cannot be read or written.
    #[error("cannot open the log in {}", dir.display())]
    Io {
        /// The directory of the log.
        dir: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The directory holds the files of another kind of log, or of a newer program.
    #[error("{} does not hold a log of this kind: {found}", dir.display())]
    Foreign {
        /// The directory of the log.
        dir: PathBuf,
        /// What was found instead.
        found: String,
    },
    /// The options make no sense; names the option.
    #[error("log options: {0}")]
    Options(String),
}
