//! The event log's side of the committer: markers, the end that readers wait for, retention.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::time::{Clock, Timestamp};
use tokio::sync::{oneshot, watch};

use super::{Cursor, MARKERS};
use crate::log::frame::Unit;
use crate::log::recovery::Visitor;
use crate::log::segments::Segments;
use crate::log::walk::FrameAt;
use crate::log::{Failure, Placed, Steward};

/// Segments are looked at for their age at least this far apart.
const RETENTION_EVERY: Duration = Duration::from_secs(60);
/// What was not read yet is kept until the log is larger than it may be by one part in so many.
const UNREAD_PART: u64 = 2;
/// Most markers. They are names in the program, not data: reaching this is a mistake in it.
pub(super) const MARKERS_MAX: usize = 256;
/// Longest name of a marker, in bytes.
pub(super) const MARKER_LEN_MAX: usize = 255;

/// How far things have come that are committed together with events.
pub(super) type Markers = BTreeMap<String, u64>;

/// What a unit of the event log is: an append that waits for its cursor.
pub(super) struct Appended {
    /// Size of the unit.
    pub(super) bytes: u32,
    pub(super) marker: Option<(&'static str, u64)>,
    pub(super) answer: oneshot::Sender<Result<Cursor, Failure>>,
}

#[derive(Default)]
pub(super) struct SharedMarkers(Mutex<Markers>);

impl SharedMarkers {
    pub(super) fn new(markers: Markers) -> Self {
        SharedMarkers(Mutex::new(markers))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Markers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct EventSteward {
    pub(super) markers: Arc<SharedMarkers>,
    pub(super) end: watch::Sender<Cursor>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) keep: Duration,
    pub(super) bytes_max: u64,
    /// The first segment that is kept for a consumer (see [`super::EventLog::keep_from`]).
    pub(super) unread: Arc<AtomicU32>,
    pub(super) checked_at: Timestamp,
    /// The active segment at the last look.
    pub(super) active: u32,
}

impl Steward for EventSteward {
    type Tag = Appended;

    fn snapshot(&mut self) -> Unit {
        let mut unit = Unit::default();
        push_markers(&mut unit, true, &self.markers.lock());
        unit
    }

    fn committed(&mut self, tag: Appended, result: Result<Placed, Failure>) {
        let cursor = result.map(|placed| Cursor { segment: placed.segment, offset: placed.offset + tag.bytes });
        if let (Ok(_), Some((key, value))) = (&cursor, tag.marker) {
            self.markers.lock().insert(key.to_owned(), value);
        }
        tag.answer.send(cursor).ok();
    }

    fn reached(&mut self, segment: u32, end: u32) {
        self.end.send_replace(Cursor { segment, offset: end });
    }

    fn after_groups(&mut self, segments: &Segments, _full: bool) {
        let now = self.clock.now();
        let active = segments.newest().map_or(0, |(number, _)| number);
        if active != self.active || now.since(self.checked_at) >= RETENTION_EVERY || now < self.checked_at {
            (self.active, self.checked_at) = (active, now);
            self.retain(segments, now);
        }
    }
}

impl EventSteward {
    /// Deletes the segments that are too old or too much. Never the active one, nor the one in front of it while the
    /// active one has no group, because markers are carried over with the first; nor one that is kept for a consumer, as
    /// long as there is room for that.
    fn retain(&self, segments: &Segments, now: Timestamp) {
        let unread = self.unread.load(Ordering::Relaxed);
        while let Some((oldest, _)) = segments.oldest() {
            let Some((next, successor)) = segments.at_or_behind(oldest + 1) else { return };
            let Some((newest, active)) = segments.newest() else { return };
            if next == newest && active.bytes <= crate::log::segment::SEGMENT_HEADER {
                return;
            }
            // Its youngest event is not younger than the segment behind it.
            let is_old = now.since(successor.header.created) > self.keep;
            let bytes = segments.bytes();
            if !is_old && bytes <= self.bytes_max {
                return;
            }
            let is_unread = oldest >= unread;
            if is_unread && bytes <= self.bytes_max.saturating_add(self.bytes_max / UNREAD_PART) {
                tracing::warn!(
                    segment = oldest,
                    bytes,
                    "the event log grows beyond its limits: events were not read yet"
                );
                return;
            }
            if let Err(error) = segments.delete_oldest(oldest) {
                tracing::error!(segment = oldest, %error, "cannot delete a segment of the event log");
                return;
            }
            if is_unread {
                tracing::error!(
                    segment = oldest,
                    bytes,
                    "events were deleted that had not been read: what they say is lost"
                );
            } else {
                tracing::info!(segment = oldest, is_old, "deleted a segment of the event log");
            }
        }
    }
}

/// Finds the markers when the log is opened.
#[derive(Default)]
pub(super) struct MarkerReader {
    pub(super) markers: Markers,
    saw_snapshot: bool,
}

impl Visitor for MarkerReader {
    fn frame(&mut self, _segment: u32, frame: FrameAt, prefix: &[u8], _body: &[u8]) {
        if frame.header.kind != MARKERS {
            return;
        }
        if let Some((is_snapshot, markers)) = read_markers(prefix) {
            self.saw_snapshot |= is_snapshot;
            self.markers.extend(markers);
        }
    }

    fn needs_older(&self) -> bool {
        !self.saw_snapshot
    }
}

pub(super) fn push_markers(unit: &mut Unit, is_snapshot: bool, markers: &Markers) {
    let write = |out: &mut Vec<u8>| {
        out.push(u8::from(is_snapshot));
        for (key, value) in markers {
            out.push(key.len().min(MARKER_LEN_MAX) as u8);
            out.extend_from_slice(&key.as_bytes()[..key.len().min(MARKER_LEN_MAX)]);
            out.extend_from_slice(&value.to_le_bytes());
        }
    };
    unit.push(MARKERS, write, Vec::new());
}

fn read_markers(prefix: &[u8]) -> Option<(bool, Markers)> {
    let (flag, mut rest) = prefix.split_first()?;
    let mut markers = Markers::new();
    while let Some((&len, behind)) = rest.split_first() {
        let (key, behind) = behind.split_at_checked(usize::from(len))?;
        let (value, behind) = behind.split_first_chunk::<8>()?;
        markers.insert(String::from_utf8(key.to_vec()).ok()?, u64::from_le_bytes(*value));
        rest = behind;
    }
    Some((*flag != 0, markers))
}
