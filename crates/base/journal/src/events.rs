//! The event log: everything that happened, in one order, for consumers that keep their own place.
//!
//! In: [`Event`]s from intake, queue and tracking. Out: batches of them from any [`Cursor`] on, to campaigns, monitoring
//! and exporters. A consumer remembers its cursor together with what it made of the events, so that it goes on exactly
//! where it was; it may begin again at [`Cursor::default`]. A slow consumer slows nobody: it falls behind, and when
//! retention has deleted what it has not read, it is told ([`ReadError::Behind`]).
//!
//! **Records**: one frame (see `log::frame`) for each event, kind 1, prefix = [`Event::to_binary`]; an append is one unit,
//! so it is there as a whole or not at all. Frames of kind 2 are markers: `snapshot u8`, then `len u8, name, value u64`
//! for each. A snapshot of all markers is the first record of every segment.
//!
//! **Crash points** (the log's own are in `log::recovery`):
//!
//! | crash | what the next start finds |
//! |---|---|
//! | before the commit of an append | neither events nor marker |
//! | after the commit, before the answer | both; who appends again tells the same event twice, under the same id |
//! | after a consumer read, before it stored its cursor | it reads the same events again |
//! | while old segments are deleted | some of them are still there, and are deleted at the next look |
//!
//! Consumers see only what is on disk, so that no consumer knows an event that a crash then takes back (in relaxed mode
//! the loss of power can: such a consumer is told `Behind`).
//!
//! **Retention**: a segment goes when its youngest event is older than `keep`, or when all segments together are larger
//! than `bytes_max`, whatever its age; always the oldest first, never the active one. Looked at when a segment is begun
//! and once a minute while events come in. One consumer may ask to be waited for ([`EventLog::keep_from`]): what it has not
//! read stays, with a warning, until the log is half as large again as `bytes_max`. **Limits**: [`EventLogOptions`]; half a segment for one append.

mod cursor;
mod reader;
mod steward;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use model::event::Event;
use tokio::sync::{oneshot, watch};

pub use cursor::{Cursor, CursorError};
pub use reader::{Batch, EventReader};

use crate::log::frame::Unit;
use crate::log::recovery::Scan;
use crate::log::segment::SEGMENT_HEADER;
use crate::log::{Failure, Log, prepare};
use crate::{Damage, OpenError, Options, Work};
use steward::{Appended, EventSteward, MARKER_LEN_MAX, MARKERS_MAX, MarkerReader, Markers, SharedMarkers};

const KIND: [u8; 8] = *b"events\0\0";
/// Kind of the frames that are events.
const EVENT: u8 = 1;
/// Kind of the frames that set markers.
const MARKERS: u8 = 2;

/// How an event log is kept.
#[derive(Clone, Debug)]
pub struct EventLogOptions {
    /// The log below. Its `bytes_max` should be `None`: retention bounds the log.
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
pub struct EventLog {
    inner: Arc<Inner>,
}

struct Inner {
    log: Log<Appended>,
    markers: Arc<SharedMarkers>,
    unread: Arc<AtomicU32>,
    end: watch::Receiver<Cursor>,
    torn_bytes: u64,
    damage: Vec<Damage>,
}

/// Why events were not appended. None of them is in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk is full, or has failed for now: try again later. After a failure some of the events may be there until
    /// then; what the log takes afterwards stands in their place.
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
    /// Acknowledged events were damaged: the log takes nothing more until it is opened again. Whether these events are on
    /// disk is not known.
    #[error("the event log failed: {0}")]
    Failed(String),
}

/// Why events could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The events at the cursor have been deleted (or never were): go on at `oldest`, or rebuild.
    #[error("the event log begins at {oldest}")]
    Behind {
        /// The first place that can be read.
        oldest: Cursor,
    },
    /// The log was closed: the program is about to end.
    #[error("the event log is closed")]
    Closed,
    /// The disk failed: try again.
    #[error("cannot read the event log")]
    Io(#[from] std::io::Error),
}

impl EventLog {
    /// Opens or creates the event log in `dir`. Blocks.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(dir: &Path, options: EventLogOptions) -> Result<EventLog, OpenError> {
        let mut found = MarkerReader::default();
        let prepared = prepare(dir, KIND, options.log.clone(), Scan::Newest, &mut found)?;
        let segments = prepared.segments();
        let clock = options.log.clock.clone();
        let now = clock.now();
        // Nothing is deleted here: the consumer to be waited for has not said yet where it is.
        let unread = Arc::new(AtomicU32::new(u32::MAX));
        let markers = Arc::new(SharedMarkers::new(found.markers));
        let (sender, end) = watch::channel(Cursor::default());
        let active = segments.newest().map_or(0, |(number, _)| number);
        let steward = EventSteward {
            markers: markers.clone(),
            end: sender,
            clock,
            keep: options.keep,
            bytes_max: options.bytes_max,
            unread: unread.clone(),
            checked_at: now,
            active,
        };
        let (torn_bytes, damage) = (prepared.recovered.torn_bytes, prepared.recovered.damage.clone());
        let log = prepared.start(segments, steward)?;
        Ok(EventLog { inner: Arc::new(Inner { log, markers, unread, end, torn_bytes, damage }) })
    }

    /// Appends all of these or none. When it resolves they are on disk; the cursor lies behind the last of them.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append(&self, events: Vec<Event>) -> Result<Cursor, AppendError> {
        if events.is_empty() {
            return Ok(self.end());
        }
        self.append_unit(&events, None).await
    }

    /// Like [`EventLog::append`], and sets a marker in the same commit where there is one. `events` may be empty.
    ///
    /// # Errors
    /// See [`AppendError`].
    ///
    /// # Panics
    /// When the program uses more than 256 different markers, or one with a name of more than 255 bytes.
    pub async fn append_marked(
        &self,
        events: &[Event],
        marker: Option<(&'static str, u64)>,
    ) -> Result<Cursor, AppendError> {
        let Some((name, _)) = marker else {
            return if events.is_empty() { Ok(self.end()) } else { self.append_unit(events, None).await };
        };
        let markers_count = self.inner.markers.lock().len();
        assert!(name.len() <= MARKER_LEN_MAX && markers_count <= MARKERS_MAX, "markers are names in the program");
        self.append_unit(events, marker).await
    }

    async fn append_unit(&self, events: &[Event], marker: Option<(&'static str, u64)>) -> Result<Cursor, AppendError> {
        let mut unit = Unit::default();
        for event in events {
            let encode = |out: &mut Vec<u8>| {
                minicbor::encode(event, out).expect("invariant: writing to memory cannot fail");
            };
            unit.push(EVENT, encode, Vec::new());
        }
        if let Some((key, value)) = marker {
            steward::push_markers(&mut unit, false, &Markers::from([(key.to_owned(), value)]));
        }
        let (bytes, bytes_max) = (unit.bytes(), self.inner.log.unit_bytes_max());
        if bytes > bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        let (answer, answered) = oneshot::channel();
        let appended = self.inner.log.append(unit, Appended { bytes: bytes as u32, marker, answer }).await;
        appended.map_err(|(_, failure)| refuse(failure))?;
        match answered.await {
            Ok(result) => result.map_err(refuse),
            Err(_) => Err(self.inner.log.stopped().map_or(AppendError::Closed, AppendError::Failed)),
        }
    }

    /// The last value of a marker; survives restarts and retention.
    pub fn marker(&self, key: &str) -> Option<u64> {
        self.inner.markers.lock().get(key).copied()
    }

    /// Behind the last event that is on disk.
    pub fn end(&self) -> Cursor {
        *self.inner.end.borrow()
    }

    /// The oldest place that can be read.
    pub fn start(&self) -> Cursor {
        let oldest = self.inner.log.segments().oldest();
        oldest.map_or(Cursor::default(), |(segment, _)| Cursor { segment, offset: SEGMENT_HEADER as u32 })
    }

    /// A reader that begins at `from`; [`Cursor::default`] stands for the very beginning.
    pub fn reader(&self, from: Cursor) -> EventReader {
        let work = self.inner.log.work().clone();
        EventReader::new(self.inner.log.segments().clone(), from, self.inner.end.clone(), work)
    }

    /// Asks that nothing from this place on be deleted: for the one consumer whose work cannot be made up for. It says so
    /// before events are appended, and again whenever it has come further; the last call holds, until the log is closed.
    ///
    /// Within bounds: beyond one and a half times `bytes_max` the oldest events are deleted all the same, with an error in
    /// the program's log, and the consumer is told [`ReadError::Behind`].
    pub fn keep_from(&self, cursor: Cursor) {
        self.inner.unread.store(cursor.segment, Ordering::Relaxed);
    }

    /// Bytes of all segment files, of the active one only what is written.
    pub fn bytes(&self) -> u64 {
        self.inner.log.segments().bytes()
    }

    /// What was cut from the end when the log was opened (nobody had been told that it was there), in bytes.
    pub fn torn_bytes(&self) -> u64 {
        self.inner.torn_bytes
    }

    /// Damaged places that were found when the log was opened. Only the newest segments are looked through then; damage
    /// in older ones is counted by the readers that come across it.
    pub fn damage(&self) -> &[Damage] {
        &self.inner.damage
    }

    /// Who does what blocks.
    pub fn work(&self) -> &Work {
        self.inner.log.work()
    }

    /// Why the log takes nothing: until the disk works again, or, when acknowledged events are damaged, until it is opened
    /// again. `None` while it takes something.
    pub fn failure(&self) -> Option<String> {
        self.inner.log.failure()
    }

    /// True while events are refused for want of room (as of the last attempt).
    pub fn is_full(&self) -> bool {
        self.inner.log.is_full()
    }

    /// Writes what is taken over, and closes the files. Other clones get `Closed` from now on.
    pub async fn close(self) {
        self.inner.log.close().await;
    }
}

fn refuse(failure: Failure) -> AppendError {
    match failure {
        // Both may be tried again.
        Failure::NoSpace | Failure::Suspended(_) => AppendError::NoSpace,
        Failure::Closed => AppendError::Closed,
        Failure::Failed(reason) => AppendError::Failed(reason),
    }
}
