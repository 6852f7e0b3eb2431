//! The event log.

mod cursor;

use std::path::Path;
use std::time::Duration;

use model::event::Event;

pub use cursor::{Cursor, CursorError};

use crate::{OpenError, Options};

/// How an event log is kept.
#[derive(Clone, Debug)]
pub struct EventLogOptions {
    /// The log below. Its `bytes_max` is not used.
    pub log: Options,
    /// A segment is deleted when all its events are older.
    pub keep: Duration,
    /// The oldest segments are deleted while all together are larger.
    pub bytes_max: u64,
}

impl Default for EventLogOptions {
    fn default() -> Self {
        EventLogOptions { log: Options::default(), keep: Duration::from_secs(14 * 86_400), bytes_max: 50 << 30 }
    }
}

/// Everything that happened, in one order. Cheap to clone; all clones are the same log.
#[derive(Clone)]
pub struct EventLog {}

/// Why events were not appended. None of them is in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk is full: try again later.
    #[error("no room in the event log")]
    NoSpace,
    /// All together are larger than one commit may be: append fewer at a time.
    #[error("{bytes} bytes of events are more than the {bytes_max} that one commit can have")]
    TooLarge {
        /// Size of the events.
        bytes: u64,
        /// Most bytes of one append.
        bytes_max: u64,
    },
    /// The log is closed: the program is about to end.
    #[error("the event log is closed")]
    Closed,
    /// The disk failed; the log takes nothing more until it is opened again. Whether these events are on disk is not
    /// known.
    #[error("the event log failed: {0}")]
    Failed(String),
}

/// Why events could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The events at the cursor have been deleted (or never were): go on at `oldest`, or rebuild.
    #[error("the event log begins at {oldest}")]
    Behind {
        /// The first event that can be read.
        oldest: Cursor,
    },
    /// The log was closed: the program is about to end.
    #[error("the event log is closed")]
    Closed,
    /// The disk failed: try again.
    #[error("cannot read the event log")]
    Io(#[from] std::io::Error),
}

/// Some events in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The events; may be empty when there was only something unreadable.
    pub events: Vec<Event>,
    /// Where to go on.
    pub next: Cursor,
    /// Damaged records and records that are not events between these events; they stay in the log.
    pub unreadable: u64,
}

impl EventLog {
    /// Opens or creates the event log in `dir`. Blocks.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(dir: &Path, options: EventLogOptions) -> Result<EventLog, OpenError> {
        let _ = (dir, options);
        todo!()
    }

    /// Appends all of these or none. When it resolves they are on disk; the cursor lies behind the last of them.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append(&self, events: Vec<Event>) -> Result<Cursor, AppendError> {
        let _ = events;
        todo!()
    }

    /// Like [`EventLog::append`], and sets a marker in the same commit. `events` may be empty.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append_marked(&self, events: Vec<Event>, marker: (&'static str, u64)) -> Result<Cursor, AppendError> {
        let _ = (events, marker);
        todo!()
    }

    /// The last value of a marker; survives restarts and retention.
    pub fn marker(&self, key: &str) -> Option<u64> {
        let _ = key;
        todo!()
    }

    /// Behind the last event.
    pub fn end(&self) -> Cursor {
        todo!()
    }

    /// The oldest event that can be read.
    pub fn start(&self) -> Cursor {
        todo!()
    }

    /// A reader that begins at `from`; [`Cursor::default`] stands for the very beginning.
    pub fn reader(&self, from: Cursor) -> EventReader {
        let _ = from;
        todo!()
    }

    /// Bytes of all segment files.
    pub fn bytes(&self) -> u64 {
        todo!()
    }

    /// Writes what is taken over, and closes the files. Other clones get `Closed` from now on.
    pub async fn close(self) {
        todo!()
    }
}

/// Reads events in order, from one cursor to the end and on.
pub struct EventReader {}

impl EventReader {
    /// The next events, at most `max` (at least one is meant); waits for the first. Safe to cancel: events are lost
    /// only to the future that was dropped, [`EventReader::cursor`] does not move.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn next_batch(&mut self, max: usize) -> Result<Batch, ReadError> {
        let _ = max;
        todo!()
    }

    /// Like [`EventReader::next_batch`], but `None` instead of waiting. Blocks at the speed of the disk.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn poll_batch(&mut self, max: usize) -> Result<Option<Batch>, ReadError> {
        let _ = max;
        todo!()
    }

    /// Where the next batch begins.
    pub fn cursor(&self) -> Cursor {
        todo!()
    }
}
