//! Reading the event log from a cursor on, and waiting at its end.
//!
//! A reader belongs to one consumer and keeps nothing but its place; where to go on after a restart is the consumer's to
//! remember. It never holds anybody up: when retention has deleted what it was about to read, it is told so.

use model::event::Event;
use tokio::sync::watch;

use super::{Cursor, EVENT, ReadError};
use crate::Work;
use crate::log::segment::SEGMENT_HEADER;
use crate::log::segments::Segments;
use crate::log::walk::{Step, Walker};

/// A batch ends when so many bytes of records have been read, whatever `max` says.
const BATCH_BYTES: u64 = 4 << 20;

/// Some events in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The events; may be empty when there was only something unreadable.
    pub events: Vec<Event>,
    /// Where to go on.
    pub next: Cursor,
    /// Damaged places and records that are not events among these events; they stay in the log.
    pub unreadable: u64,
}

/// Reads events in order, from one cursor to the end and on.
pub struct EventReader {
    place: Option<Place>,
    end: watch::Receiver<Cursor>,
    work: Work,
}

/// Everything that moves while reading; travels to the blocking thread and back.
struct Place {
    segments: Segments,
    cursor: Cursor,
    walker: Option<(u32, Walker)>,
}

impl EventReader {
    pub(super) fn new(segments: Segments, cursor: Cursor, end: watch::Receiver<Cursor>, work: Work) -> Self {
        EventReader { place: Some(Place { segments, cursor, walker: None }), end, work }
    }

    /// The next events, at most `max`; waits for the first. When the future is dropped, nothing is lost: the next call
    /// begins at the same place.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn next_batch(&mut self, max: usize) -> Result<Batch, ReadError> {
        loop {
            let end = *self.end.borrow_and_update();
            if let Some(batch) = self.read_aside(max, end).await? {
                return Ok(batch);
            }
            self.end.changed().await.map_err(|_| ReadError::Closed)?;
        }
    }

    /// Like [`EventReader::next_batch`], but `None` instead of waiting. Blocks at the speed of the disk.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn poll_batch(&mut self, max: usize) -> Result<Option<Batch>, ReadError> {
        let end = *self.end.borrow_and_update();
        self.place().read(max, end)
    }

    /// Where the next batch begins.
    pub fn cursor(&self) -> Cursor {
        self.place.as_ref().map_or(Cursor::default(), |place| place.cursor)
    }

    /// Reads on a thread where blocking is allowed.
    async fn read_aside(&mut self, max: usize, end: Cursor) -> Result<Option<Batch>, ReadError> {
        if self.place().cursor == end {
            return Ok(None);
        }
        let Place { segments, cursor, walker } = self.place.take().expect("invariant: put back below");
        // Left behind for the case that this future is dropped while the thread reads.
        self.place = Some(Place { segments: segments.clone(), cursor, walker: None });
        let mut place = Place { segments, cursor, walker };
        let task = self.work.aside(move || {
            let read = place.read(max, end);
            (place, read)
        });
        let (place, read) = task.await.map_err(|error| std::io::Error::other(error.to_string()))?;
        self.place = Some(place);
        read
    }

    fn place(&mut self) -> &mut Place {
        self.place.as_mut().expect("invariant: a place is always left behind")
    }
}

impl Place {
    fn read(&mut self, max: usize, end: Cursor) -> Result<Option<Batch>, ReadError> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        if self.cursor > end {
            return Err(self.behind());
        }
        while batch.events.len() < max.max(1) && bytes < BATCH_BYTES && self.cursor < end {
            let Some(walker) = self.walker(end)? else { continue };
            match walker.next()? {
                Step::Frame(frame) => {
                    bytes += frame.header.total();
                    if frame.header.kind == EVENT {
                        let (prefix, _) = walker.payload(frame)?;
                        match Event::from_binary(prefix) {
                            Ok(event) => batch.events.push(event),
                            Err(_) => batch.unreadable += 1,
                        }
                    }
                    self.cursor.offset = walker.position() as u32;
                }
                Step::Damage { .. } => {
                    batch.unreadable += 1;
                    self.cursor.offset = walker.position() as u32;
                }
                Step::End => self.leave_segment(end),
            }
        }
        batch.next = self.cursor;
        let found = !batch.events.is_empty() || batch.unreadable > 0;
        Ok(found.then_some(batch))
    }

    /// The walker of the segment in which the cursor lies, able to read up to `end`. `None`: the cursor has moved to
    /// another segment.
    fn walker(&mut self, end: Cursor) -> Result<Option<&mut Walker>, ReadError> {
        let number = self.cursor.segment;
        let current = self.walker.as_ref().is_some_and(|(at, _)| *at == number);
        if !current {
            let Some((found, segment)) = self.segments.at_or_behind(number) else { return Err(self.behind()) };
            if found != number {
                // The very beginning, or a segment that recovery put aside, or one that retention has deleted.
                let is_first = self.segments.oldest().is_some_and(|(oldest, _)| oldest == found);
                if is_first && self.cursor != Cursor::default() {
                    return Err(self.behind());
                }
                self.cursor = Cursor { segment: found, offset: SEGMENT_HEADER as u32 };
                return Ok(None);
            }
            let position = u64::from(self.cursor.offset).max(SEGMENT_HEADER);
            let limit = limit(number, segment.bytes, end);
            let walker = Walker::new(segment.file, number, segment.header.salt, position.min(limit), limit);
            self.walker = Some((number, walker));
        } else if let Some((_, walker)) = &mut self.walker {
            // A segment that was deleted while it is open here can still be read to its end.
            if let Some(segment) = self.segments.get(number) {
                walker.extend(limit(number, segment.bytes, end));
            }
        }
        Ok(self.walker.as_mut().map(|(_, walker)| walker))
    }

    /// Everything of this segment has been read: on to the next one, or wait for more.
    fn leave_segment(&mut self, end: Cursor) {
        if self.cursor.segment == end.segment {
            self.cursor = end;
            return;
        }
        self.cursor = Cursor { segment: self.cursor.segment + 1, offset: SEGMENT_HEADER as u32 };
        self.walker = None;
    }

    fn behind(&self) -> ReadError {
        let oldest = self.segments.oldest().map_or(0, |(number, _)| number);
        ReadError::Behind { oldest: Cursor { segment: oldest, offset: SEGMENT_HEADER as u32 } }
    }
}

/// Up to where a segment may be read.
fn limit(number: u32, bytes: u64, end: Cursor) -> u64 {
    if number == end.segment { bytes.min(u64::from(end.offset)) } else { bytes }
}
