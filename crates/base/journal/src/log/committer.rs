//! The committer: one thread for each log (or one task, see [`super::work`]), and the only one that writes.
//!
//! Group commit without a timer: it takes everything that is queued, writes it as one group with one gathering write,
//! waits for fdatasync, answers, and takes what has been queued meanwhile. So a lone append waits for one fdatasync,
//! and many concurrent ones share it.
//!
//! **Room.** An append is *vital* when it helps to make room (acks, copies of survivors, see [`Steward::contribute`]).
//! Others are taken only while the next segment is allocated already, or the active one is not half full. So on a full
//! disk at least half a segment is left for the vital ones, and the log gets out of the trouble by itself. Every refused
//! append tries again to allocate, so it recovers as soon as there is room.
//!
//! **A write fails for want of room** (file systems that do not honour allocation): its header is overwritten with
//! zeros, so that nothing of it is read after a crash, and its appends are told [`Failure::NoSpace`].
//!
//! **Any other error of a write or of fdatasync** stops the log for good ([`Failure::Failed`]): after a failed fdatasync
//! the operating system may have dropped the bytes, so trying again proves nothing. Opening it again reads what is there.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::frame::Unit;
use super::group::{GROUP_ALIGN, GROUP_HEADER, GroupHeader, align};
use super::segment::{SEGMENT_HEADER, SegmentHeader, is_no_space, make_spare, promote_spare, random_salt, write_all};
use super::{Failure, Placed, Queued, Shared, Steward, SyncMode};

/// Vital appends that found no room are tried again after this long, when nothing else wakes the committer.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) struct Committer<S: Steward> {
    shared: Arc<Shared<S::Tag>>,
    steward: S,
    active: Active,
    spare: Option<File>,
    /// First unit of a segment that has no group yet.
    opening: Option<Unit>,
}

/// The segment that is written to.
struct Active {
    number: u32,
    salt: u32,
    file: Arc<File>,
    position: u64,
    capacity: u64,
}

/// A unit on its way into the next group.
struct Entry<T> {
    unit: Unit,
    tag: T,
    vital: bool,
    /// Gives the room in the queue back when it is dropped.
    _permit: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl<S: Steward> Committer<S> {
    /// Goes on in the last segment that was found, or begins the first one.
    pub(crate) fn new(shared: Arc<Shared<S::Tag>>, mut steward: S) -> io::Result<Self> {
        let last = shared.segments.newest();
        let active = match last {
            Some((number, segment)) => {
                // Behind a segment that had to be put aside nothing may be written under an older number.
                let is_last = number + 1 >= shared.next_number;
                let capacity = if is_last { segment.file.metadata()?.len() } else { segment.bytes };
                let salt = segment.header.salt;
                Active { number, salt, file: segment.file, position: segment.bytes, capacity }
            }
            None => {
                let spare = make_spare(&shared.dir, &*shared.options.disk, shared.options.segment_bytes)?;
                begin_segment(&shared, shared.next_number, spare)?
            }
        };
        let opening = (active.position == SEGMENT_HEADER).then(|| steward.snapshot());
        steward.reached(active.number, active.position as u32);
        Ok(Committer { shared, steward, active, spare: None, opening })
    }

    /// Commits until the log is closed.
    pub(crate) fn run(mut self) {
        let shared = self.shared.clone();
        let _guard = ExitGuard(&shared);
        loop {
            let (queued, closing) = shared.wait(self.steward.has_backlog().then_some(RETRY));
            if !self.turn(queued, closing) {
                break;
            }
        }
        self.seal();
    }

    /// Commits what is queued and what the steward has to say; false when the log is closed and all is done.
    fn turn(&mut self, queued: Vec<Queued<S::Tag>>, closing: bool) -> bool {
        let mut entries = self.gather(queued);
        if entries.is_empty() && closing {
            return false;
        }
        self.commit(&mut entries);
        if closing && self.steward.has_backlog() {
            tracing::warn!(dir = %self.shared.dir.display(), "closing a full log: the last acks are not written");
            return false;
        }
        true
    }

    /// What goes into the next groups, vital units first.
    fn gather(&mut self, queued: Vec<Queued<S::Tag>>) -> VecDeque<Entry<S::Tag>> {
        let mut entries = VecDeque::with_capacity(queued.len() + 2);
        let mut own = Vec::new();
        self.steward.contribute(&mut own);
        entries.extend(own.into_iter().map(|(unit, tag)| Entry { unit, tag, vital: true, _permit: None }));
        entries.extend(queued.into_iter().map(|queued| Entry {
            unit: queued.unit,
            tag: queued.tag,
            vital: false,
            _permit: Some(queued.permit),
        }));
        entries
    }

    fn commit(&mut self, entries: &mut VecDeque<Entry<S::Tag>>) {
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(entry) = entries.pop_front() {
            if let Some(reason) = self.shared.failed.get() {
                self.steward.committed(entry.tag, Err(Failure::Failed(reason.clone())));
                continue;
            }
            if !self.fits(bytes + entry.unit.bytes()) {
                self.flush(std::mem::take(&mut group));
                bytes = 0;
            }
            if let Err(failure) = self.make_room(bytes + entry.unit.bytes(), entry.vital) {
                self.steward.committed(entry.tag, Err(failure));
                continue;
            }
            bytes += entry.unit.bytes();
            group.push(entry);
        }
        self.flush(group);
        if self.spare.is_none() && self.is_half_full() && !self.shared.full.load(Ordering::Relaxed) {
            self.allocate_spare();
        }
        // A log that has failed has no house to keep: whoever is told to reclaim would come back at once, for ever.
        if self.shared.failed.get().is_none() {
            self.steward.after_groups(&self.shared.segments, self.shared.full.load(Ordering::Relaxed));
        }
    }

    /// True when a group of so many bytes of units fits into the active segment.
    fn fits(&self, units_bytes: u64) -> bool {
        let opening = self.opening.as_ref().map_or(0, Unit::bytes);
        let end = self.active.position + GROUP_HEADER as u64 + opening + units_bytes;
        align(end) <= self.active.capacity
    }

    fn is_half_full(&self) -> bool {
        self.active.position * 2 > self.active.capacity
    }

    /// Makes sure that the active segment can take so many bytes, and that this append may have them.
    fn make_room(&mut self, units_bytes: u64, vital: bool) -> Result<(), Failure> {
        if let Some(reason) = self.shared.failed.get() {
            return Err(Failure::Failed(reason.clone()));
        }
        if !self.fits(units_bytes) {
            self.roll()?;
        }
        if vital || !self.is_half_full() || self.spare.is_some() || self.allocate_spare() {
            return Ok(());
        }
        Err(Failure::NoSpace)
    }

    /// Goes on in a new segment. The active one is complete and synced.
    fn roll(&mut self) -> Result<(), Failure> {
        if self.spare.is_none() && !self.allocate_spare() {
            return Err(self.shared.failed.get().map_or(Failure::NoSpace, |reason| Failure::Failed(reason.clone())));
        }
        let spare = self.spare.take().expect("invariant: allocated above");
        if self.shared.options.sync == SyncMode::Relaxed {
            let synced = self.shared.options.disk.sync(&self.active.file);
            synced.map_err(|error| self.shared.fail("sync a finished segment", &error))?;
        }
        let number = self.shared.next_number.max(self.active.number + 1);
        let begun = begin_segment(&self.shared, number, spare).map_err(|error| {
            if is_no_space(&error) { Failure::NoSpace } else { self.shared.fail("begin a segment", &error) }
        })?;
        // The allocated rest is given back; it counts for nothing when this fails.
        self.active.file.set_len(self.active.position).ok();
        self.active = begun;
        self.opening = Some(self.steward.snapshot());
        Ok(())
    }

    /// Allocates the next segment in advance; false when there is no room for it.
    fn allocate_spare(&mut self) -> bool {
        let options = &self.shared.options;
        let total = self.shared.segments.bytes_on_disk(self.active.number, self.active.capacity);
        let allowed = options.bytes_max.is_none_or(|bytes_max| total + options.segment_bytes <= bytes_max);
        if !allowed {
            self.shared.note_full(true);
            return false;
        }
        match make_spare(&self.shared.dir, &*options.disk, options.segment_bytes) {
            Ok(spare) => {
                self.spare = Some(spare);
                self.shared.note_full(false);
                true
            }
            Err(error) if is_no_space(&error) => {
                self.shared.note_full(true);
                false
            }
            Err(error) => {
                self.shared.fail("allocate a segment", &error);
                false
            }
        }
    }

    /// Writes one group, waits for the disk, answers.
    fn flush(&mut self, group: Vec<Entry<S::Tag>>) {
        if group.is_empty() {
            return;
        }
        match self.write_group(&group) {
            Ok(frames_start) => {
                // Readers may use a place as soon as the steward knows it.
                self.shared.segments.extend(self.active.number, self.active.position);
                self.steward.reached(self.active.number, self.active.position as u32);
                let mut offset = frames_start;
                for entry in group {
                    let placed = Placed { segment: self.active.number, offset: offset as u32 };
                    offset += entry.unit.bytes();
                    self.steward.committed(entry.tag, Ok(placed));
                }
            }
            Err(failure) => {
                for entry in group {
                    self.steward.committed(entry.tag, Err(failure.clone()));
                }
            }
        }
    }

    /// Where the frames of the units begin, behind those of the opening.
    fn write_group(&mut self, group: &[Entry<S::Tag>]) -> Result<u64, Failure> {
        let units = || self.opening.iter().chain(group.iter().map(|entry| &entry.unit));
        let len: u64 = units().map(Unit::bytes).sum();
        let header = GroupHeader {
            segment: self.active.number,
            offset: self.active.position as u32,
            len: len as u32,
            frames: units().map(Unit::frames).sum(),
        };
        let head = header.write(self.active.salt);
        let padding = [0; GROUP_ALIGN as usize];
        let padding = &padding[..(align(header.frames_end()) - header.frames_end()) as usize];
        let mut slices = vec![IoSlice::new(&head)];
        units().for_each(|unit| slices.extend(unit.slices()));
        slices.push(IoSlice::new(padding));
        slices.retain(|slice| !slice.is_empty());
        let disk = &self.shared.options.disk;
        let written = write_all(&**disk, &self.active.file, &mut slices, self.active.position);
        written.map_err(|error| self.take_back(&error))?;
        if self.shared.options.sync == SyncMode::Durable {
            disk.sync(&self.active.file).map_err(|error| self.shared.fail("sync", &error))?;
        }
        let opening = self.opening.take().map_or(0, |unit| unit.bytes());
        self.active.position = align(header.frames_end());
        Ok(header.frames_start() + opening)
    }

    /// A group was written in part: make sure that nobody reads it.
    fn take_back(&self, error: &io::Error) -> Failure {
        if !is_no_space(error) {
            return self.shared.fail("write", error);
        }
        self.shared.note_full(true);
        let disk = &self.shared.options.disk;
        let zeros = [0; GROUP_HEADER];
        let erased = write_all(&**disk, &self.active.file, &mut [IoSlice::new(&zeros)], self.active.position)
            .and_then(|()| disk.sync(&self.active.file));
        match erased {
            Ok(()) => Failure::NoSpace,
            Err(error) => self.shared.fail("take back a write", &error),
        }
    }

    /// Ends an orderly life with an empty group, which proves that the one in front of it was complete.
    fn seal(&mut self) {
        if self.shared.failed.get().is_none() && self.opening.is_none() && self.fits(0) {
            let sealed = self.write_group(&[]).is_ok() && self.shared.options.disk.sync(&self.active.file).is_ok();
            tracing::debug!(dir = %self.shared.dir.display(), sealed, "log closed");
        }
        if self.spare.take().is_some() {
            std::fs::remove_file(self.shared.dir.join(super::segment::SPARE_NAME)).ok();
        }
    }
}

/// A committer without a thread: whoever has it calls its turns.
pub(crate) trait Turns: Send {
    /// Commits what is there; false when the log has ended. Once it has, nothing is written any more.
    fn take_turn(&mut self) -> bool;

    /// How soon another turn is due although nobody asks for it.
    fn retry_in(&self) -> Option<Duration>;
}

/// The committer of a log whose work is done by tasks.
pub(crate) struct Tame<S: Steward> {
    committer: Committer<S>,
    ended: bool,
}

impl<S: Steward> Tame<S> {
    pub(crate) fn new(committer: Committer<S>) -> Self {
        Tame { committer, ended: false }
    }
}

impl<S: Steward> Turns for Tame<S> {
    fn take_turn(&mut self) -> bool {
        let committer = &mut self.committer;
        if self.ended {
            // Whoever still has something to contribute must not wait for it.
            for entry in committer.gather(Vec::new()) {
                committer.steward.committed(entry.tag, Err(Failure::Closed));
            }
            return false;
        }
        let shared = committer.shared.clone();
        let (queued, closing) = shared.take_queued();
        if committer.turn(queued, closing) {
            return true;
        }
        committer.seal();
        self.ended = true;
        shared.end();
        false
    }

    fn retry_in(&self) -> Option<Duration> {
        self.committer.steward.has_backlog().then_some(RETRY)
    }
}

/// Takes the turns of a committer that has no thread, until the log has ended.
pub(crate) async fn serve<T: Send + 'static>(turns: Arc<Mutex<dyn Turns>>, shared: Arc<Shared<T>>) {
    let _guard = ExitGuard(&shared);
    loop {
        let retry_in = lock(&turns).retry_in();
        shared.woken(retry_in).await;
        // While the disk lets it wait more may come; all of it shares this turn.
        shared.options.work.pause().await;
        if !lock(&turns).take_turn() {
            return;
        }
    }
}

/// A panic in a turn has been noted by the guard of the task.
pub(crate) fn lock<T: ?Sized>(turns: &Mutex<T>) -> MutexGuard<'_, T> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

fn begin_segment<T>(shared: &Shared<T>, number: u32, spare: File) -> io::Result<Active> {
    let header = SegmentHeader { number, kind: shared.kind, created: shared.options.clock.now(), salt: random_salt() };
    promote_spare(&shared.dir, &*shared.options.disk, &spare, &header)?;
    let capacity = spare.metadata()?.len();
    let file = Arc::new(spare);
    shared.segments.begin(file.clone(), header);
    Ok(Active { number, salt: header.salt, file, position: SEGMENT_HEADER, capacity })
}

/// Lets nobody wait for a committer that is gone, whatever ended it.
struct ExitGuard<'a, T>(&'a Shared<T>);

impl<T> Drop for ExitGuard<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.set("the committer stopped by a mistake in the program".to_owned()).ok();
        }
        self.0.end();
    }
}
