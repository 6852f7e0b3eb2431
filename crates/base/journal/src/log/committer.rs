//! The committer: one thread for each log (or one task, see [`super::work`]), and the only one that writes.
//!
//! Group commit: it takes everything that is queued, writes it as one group with one gathering write, waits for
//! fdatasync, answers, and takes what has been queued meanwhile. So a lone append waits for one fdatasync, and many
//! concurrent ones share it; for those it waits a moment, see [`super::pace`].
//!
//! **Room.** An append is *vital* when it helps to make room (acks, copies of survivors, see [`Steward::contribute`]).
//! Others are taken only while the next segment is allocated already, or the active one is not half full. So on a full
//! disk at least half a segment is left for the vital ones, and the log gets out of the trouble by itself. Every refused
//! append tries again to allocate, so it recovers as soon as there is room.
//!
//! **A write fails** for want of room (file systems that do not honour allocation), or fdatasync fails for whatever
//! reason: the end of the segment is mended before anything else is written to it, see [`super::mending`]. Only what
//! mending finds damaged stops the log for good ([`Failure::Failed`]).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::frame::Unit;
use super::group::{GROUP_ALIGN, GROUP_HEADER, GroupHeader, align};
use super::mending::Wound;
use super::pace::Pace;
use super::segment::{
    SEGMENT_HEADER, SPARE_NAME, SegmentHeader, is_no_space, make_spare, promote_spare, random_salt, segment_path,
    write_all,
};
use super::{Failure, Placed, Queued, Shared, Steward, SyncMode};

/// Vital appends that found no room, and mending, are tried again after this long, when nothing else wakes the
/// committer.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) struct Committer<S: Steward> {
    pub(super) shared: Arc<Shared<S::Tag>>,
    steward: S,
    pub(super) active: Active,
    /// The end of the active segment has to be mended.
    pub(super) wound: Option<Wound>,
    spare: Option<File>,
    /// First unit of a segment that has no group yet.
    opening: Option<Unit>,
}

/// The segment that is written to.
pub(super) struct Active {
    pub(super) number: u32,
    pub(super) salt: u32,
    pub(super) file: Arc<File>,
    /// Behind the last acknowledged group.
    pub(super) position: u64,
    pub(super) capacity: u64,
    /// Where this committer began to write: what lies before was checked when the log was opened.
    pub(super) begun_at: u64,
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
                let begun_at = segment.bytes;
                Active { number, salt, file: segment.file, position: segment.bytes, capacity, begun_at }
            }
            None => {
                let spare = make_spare(&shared.dir, &*shared.options.disk, shared.options.segment_bytes)?;
                begin_segment(&shared, shared.next_number, spare)?
            }
        };
        let opening = (active.position == SEGMENT_HEADER).then(|| steward.snapshot());
        steward.reached(active.number, active.position as u32);
        Ok(Committer { shared, steward, active, wound: None, spare: None, opening })
    }

    /// Commits until the log is closed.
    pub(crate) fn run(mut self) {
        let shared = self.shared.clone();
        let _guard = ExitGuard(&shared);
        let mut pace = Pace::default();
        loop {
            let (queued, closing) = shared.wait(self.retry_in(), pace);
            let (appends, began) = (queued.len(), Instant::now());
            if !self.turn(queued, closing) {
                break;
            }
            pace = Pace::after(appends, began.elapsed());
        }
        self.seal();
    }

    /// How soon another turn is due although nobody asks for it.
    fn retry_in(&self) -> Option<Duration> {
        (self.steward.has_backlog() || self.wound.is_some()).then_some(RETRY)
    }

    /// Commits what is queued and what the steward has to say; false when the log is closed and all is done.
    fn turn(&mut self, queued: Vec<Queued<S::Tag>>, closing: bool) -> bool {
        let mut entries = self.gather(queued);
        // Those who ask while it cannot be mended are told so.
        let _ = self.mend();
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
        if self.wound.is_none()
            && self.spare.is_none()
            && self.is_half_full()
            && !self.shared.full.load(Ordering::Relaxed)
        {
            self.allocate_spare();
        }
        // A log that takes nothing has no house to keep: whoever is told to reclaim would come back at once, for ever.
        if self.shared.failed.get().is_none() && self.wound.is_none() {
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
        if let Some(wound) = &self.wound {
            return Err(wound.failure());
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
            return Err(Failure::NoSpace);
        }
        let spare = self.spare.take().expect("invariant: allocated above");
        if self.shared.options.sync == SyncMode::Relaxed {
            let synced = self.shared.options.disk.sync(&self.active.file);
            synced.map_err(|error| self.wounded("sync a finished segment", &error))?;
        }
        let number = self.shared.next_number.max(self.active.number + 1);
        let begun = begin_segment(&self.shared, number, spare).map_err(|error| self.refuse_room("begin", &error))?;
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
            Err(error) => {
                self.refuse_room("allocate", &error);
                false
            }
        }
    }

    /// There is no next segment now, for want of room, of an inode, of a file descriptor or of a disk that works. Nothing
    /// that was written is touched by that: it is tried again with the next append.
    fn refuse_room(&self, what: &str, error: &io::Error) -> Failure {
        if !self.shared.note_full(true) && !is_no_space(error) {
            tracing::error!(dir = %self.shared.dir.display(), %error, "cannot {what} a segment");
        }
        Failure::NoSpace
    }

    /// Writes one group, waits for the disk, answers.
    fn flush(&mut self, group: Vec<Entry<S::Tag>>) {
        if group.is_empty() {
            return;
        }
        match self.write_or_mend(&group) {
            Ok(frames_start) => {
                if self.spare.is_some() || !self.is_half_full() {
                    self.shared.note_full(false);
                }
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

    /// Writes a group; after a commit that failed for another reason than want of room, once more.
    ///
    /// What is refused is not there, or only until the log is mended.
    fn write_or_mend(&mut self, group: &[Entry<S::Tag>]) -> Result<u64, Failure> {
        let failure = match self.write_group(group) {
            Ok(placed) => return Ok(placed),
            Err(failure) => failure,
        };
        self.mend()?;
        match failure {
            Failure::Suspended(_) => self.write_group(group),
            _ => Err(failure),
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
        if let Some(wound) = &self.wound {
            return Err(wound.failure());
        }
        let disk = Arc::clone(&self.shared.options.disk);
        let written = write_all(&*disk, &self.active.file, &mut slices, self.active.position);
        written.map_err(|error| self.cut_short(&error))?;
        if self.shared.options.sync == SyncMode::Durable {
            disk.sync(&self.active.file).map_err(|error| self.wounded("sync", &error))?;
        }
        let opening = self.opening.take().map_or(0, |unit| unit.bytes());
        self.active.position = align(header.frames_end());
        Ok(header.frames_start() + opening)
    }

    /// Ends an orderly life with an empty group, which proves that the one in front of it was complete.
    fn seal(&mut self) {
        let whole = self.shared.failed.get().is_none() && self.mend().is_ok();
        if whole && self.opening.is_none() && self.fits(0) {
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
        self.committer.retry_in()
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
    if let Err(error) = promote_spare(&shared.dir, &*shared.options.disk, &spare, &header) {
        // Under neither name: the active segment stays the last one.
        let begun = [shared.dir.join(SPARE_NAME), segment_path(&shared.dir, number)];
        begun.iter().for_each(|path| drop(std::fs::remove_file(path)));
        return Err(error);
    }
    let capacity = spare.metadata()?.len();
    let file = Arc::new(spare);
    shared.segments.begin(file.clone(), header);
    let (position, begun_at) = (SEGMENT_HEADER, SEGMENT_HEADER);
    Ok(Active { number, salt: header.salt, file, position, capacity, begun_at })
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
