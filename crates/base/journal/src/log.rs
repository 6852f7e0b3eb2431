//! The log under spool and event log: append-only, in segments, checksummed, with group commit.
//!
//! In: [`frame::Unit`]s. Out: to a [`Steward`], on the committer's thread and in the order of commits, where each unit
//! was placed. Layout: [`segment`] > [`group`] > [`frame`]. Crash points and what recovery makes of them: [`recovery`].
//! What happens on a full or broken disk: [`committer`].
//!
//! The log does not know what a frame means. Segments are deleted only from the oldest on, so a frame can rely on every
//! frame in front of it that is still of use having been copied behind it before its segment goes.
//!
//! Limits: [`Options`]. Known gaps: a damaged header of a segment costs the whole segment; opening a log that wants all
//! its segments reads all their bytes.

pub(crate) mod committer;
pub(crate) mod disk;
pub(crate) mod frame;
pub(crate) mod group;
mod mending;
pub(crate) mod options;
mod pace;
pub(crate) mod recovery;
pub(crate) mod segment;
pub(crate) mod segments;
pub(crate) mod walk;
pub(crate) mod work;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use committer::{Committer, Tame, Turns};
use frame::Unit;
pub use options::{OpenError, Options, SyncMode};
use pace::{Gathering, Pace};
use recovery::{Recovered, Scan, Visitor, recover};
use segments::Segments;
use work::{Work, Worker};

/// A damaged place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Number of the segment.
    pub segment: u32,
    /// Where in it.
    pub offset: u32,
    /// How many bytes.
    pub bytes: u64,
    /// What is wrong with it, in words.
    pub reason: String,
}

/// Where a unit was placed: its first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
}

/// Why a unit is not in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No room now; nothing of it is there.
    NoSpace,
    /// The log is closed; nothing of it is there.
    Closed,
    /// The disk refused something other than room, and the log is being mended: whether it is there is not known until
    /// then, and it will not be there afterwards. The same may be tried again.
    Suspended(String),
    /// The log has stopped; whether it is there is not known.
    Failed(String),
}

/// The owner of a log: gets what was committed, adds what it has to say. Called on the committer's thread only.
pub(crate) trait Steward: Send + 'static {
    /// What a unit is, to its owner.
    type Tag: Send + 'static;

    /// The first unit of a new segment: everything that must survive the deletion of the older ones.
    fn snapshot(&mut self) -> Unit;

    /// Units of its own for the next group, in front of all others. They are vital, see [`committer`].
    fn contribute(&mut self, _units: &mut Vec<(Unit, Self::Tag)>) {}

    /// True while it has something to contribute that did not find room.
    fn has_backlog(&self) -> bool {
        false
    }

    /// A unit is on disk, or is not.
    fn committed(&mut self, tag: Self::Tag, result: Result<Placed, Failure>);

    /// Everything before this place is on disk; what is new of it is told by [`Steward::committed`] next.
    fn reached(&mut self, segment: u32, end: u32);

    /// After each round; the time for housekeeping. `full`: appends are being refused for want of room.
    fn after_groups(&mut self, _segments: &Segments, _full: bool) {}
}

/// A log that is open. Dropping it lets the committer finish what is queued.
pub(crate) struct Log<T> {
    shared: Arc<Shared<T>>,
    worker: Mutex<Option<Worker>>,
    /// The committer, when it has no thread.
    turns: Option<Arc<Mutex<dyn Turns>>>,
}

/// What the handle and the committer share.
pub(crate) struct Shared<T> {
    dir: PathBuf,
    kind: [u8; 8],
    options: Options,
    /// Smallest number that a new segment may have.
    next_number: u32,
    pub(crate) segments: Segments,
    queue: Mutex<Queue<T>>,
    signal: Condvar,
    /// The same signal, for a committer that is a task.
    task_signal: Notify,
    room: Arc<Semaphore>,
    /// Why it has stopped for good.
    failed: OnceLock<String>,
    /// Why it takes nothing until it is mended.
    suspended: Mutex<Option<String>>,
    full: AtomicBool,
    /// Held while the log is open.
    lock: Mutex<Option<File>>,
}

struct Queue<T> {
    units: Vec<Queued<T>>,
    /// The steward has something to contribute.
    woken: bool,
    closing: bool,
    /// The committer is told of appends when there are so many.
    enough: usize,
}

struct Queued<T> {
    unit: Unit,
    tag: T,
    permit: OwnedSemaphorePermit,
}

/// A log whose directory has been read.
pub(crate) struct Prepared {
    dir: PathBuf,
    kind: [u8; 8],
    options: Options,
    lock: File,
    pub(crate) recovered: Recovered,
}

/// Locks the directory, repairs the log in it and shows its frames to `visitor`.
pub(crate) fn prepare(
    dir: &Path,
    kind: [u8; 8],
    options: Options,
    scan: Scan,
    visitor: &mut dyn Visitor,
) -> Result<Prepared, OpenError> {
    options.validate().map_err(OpenError::Options)?;
    let io_error = |source| OpenError::Io { dir: dir.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(io_error)?;
    let lock = segment::lock_dir(dir).map_err(io_error)?;
    let lock = lock.ok_or_else(|| OpenError::Locked { dir: dir.to_owned() })?;
    let recovered = recover(dir, &options, kind, scan, visitor)?;
    Ok(Prepared { dir: dir.to_owned(), kind, options, lock, recovered })
}

impl Prepared {
    /// The segments that were found, to read from before the log is started.
    pub(crate) fn segments(&self) -> Segments {
        Segments::new(self.dir.clone(), self.recovered.segments.clone())
    }

    /// Starts the committer.
    pub(crate) fn start<S: Steward>(self, segments: Segments, steward: S) -> Result<Log<S::Tag>, OpenError> {
        let io_error = |source| OpenError::Io { dir: self.dir.clone(), source };
        let shared = Arc::new(Shared {
            dir: self.dir.clone(),
            kind: self.kind,
            room: Arc::new(Semaphore::new(self.options.queue_bytes_max)),
            options: self.options,
            next_number: self.recovered.next_number,
            segments,
            queue: Mutex::new(Queue { units: Vec::new(), woken: false, closing: false, enough: 1 }),
            signal: Condvar::new(),
            task_signal: Notify::new(),
            failed: OnceLock::new(),
            suspended: Mutex::new(None),
            full: AtomicBool::new(false),
            lock: Mutex::new(Some(self.lock)),
        });
        let committer = Committer::new(shared.clone(), steward).map_err(io_error)?;
        let (worker, turns) = match &shared.options.work {
            Work::Threads => {
                let name = String::from_utf8_lossy(&self.kind).trim_matches('\0').to_owned();
                let thread = std::thread::Builder::new().name(format!("{name}-commit")).spawn(move || committer.run());
                (Worker::Thread(thread.map_err(io_error)?), None)
            }
            Work::Tasks(_) => {
                let turns: Arc<Mutex<dyn Turns>> = Arc::new(Mutex::new(Tame::new(committer)));
                let task = tokio::spawn(committer::serve(turns.clone(), shared.clone()));
                (Worker::Task(task), Some(turns))
            }
        };
        Ok(Log { shared, worker: Mutex::new(Some(worker)), turns })
    }
}

impl<T: Send + 'static> Log<T> {
    /// Most bytes of one unit.
    pub(crate) fn unit_bytes_max(&self) -> u64 {
        self.shared.options.unit_bytes_max()
    }

    pub(crate) fn segments(&self) -> &Segments {
        &self.shared.segments
    }

    /// True while appends are refused for want of room (as of the last attempt).
    pub(crate) fn is_full(&self) -> bool {
        self.shared.full.load(Ordering::Relaxed)
    }

    /// Why the log has stopped for good, if it has.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.shared.failed.get().cloned()
    }

    /// Why the log takes nothing: for good, or until the disk works again.
    pub(crate) fn failure(&self) -> Option<String> {
        self.stopped().or_else(|| self.shared.suspended().clone())
    }

    /// Puts a unit (of at most [`Log::unit_bytes_max`]) into the queue, when there is room in it. What becomes of it is
    /// told to the steward. On failure the tag comes back.
    pub(crate) async fn append(&self, unit: Unit, tag: T) -> Result<(), (T, Failure)> {
        debug_assert!(unit.bytes() <= self.unit_bytes_max());
        let bytes = u32::try_from(unit.bytes()).unwrap_or(u32::MAX);
        let Ok(permit) = self.shared.room.clone().acquire_many_owned(bytes).await else {
            return Err((tag, self.shared.why_ended()));
        };
        let mut queue = self.shared.queue();
        if queue.closing {
            return Err((tag, self.shared.why_ended()));
        }
        queue.units.push(Queued { unit, tag, permit });
        if queue.units.len() >= queue.enough {
            self.shared.notify();
        }
        Ok(())
    }

    /// The steward has something to contribute.
    pub(crate) fn wake(&self) {
        self.shared.wake();
    }

    /// For somebody who wakes the committer without keeping the log open, and then waits for it. A committer that is a
    /// task could not run meanwhile: its turn is over when the call returns.
    pub(crate) fn waker(&self) -> impl Fn() + Send + use<T> {
        let (shared, turns) = (self.shared.clone(), self.turns.clone());
        move || match &turns {
            None => shared.wake(),
            Some(turns) => {
                committer::lock(turns).take_turn();
            }
        }
    }

    /// Who does what blocks.
    pub(crate) fn work(&self) -> &Work {
        &self.shared.options.work
    }

    /// The disk it lies on.
    pub(crate) fn disk(&self) -> &Arc<dyn disk::Disk> {
        &self.shared.options.disk
    }

    /// Commits what is queued, stops the committer and gives up the lock.
    pub(crate) async fn close(&self) {
        self.shared.begin_close();
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            worker.ended().await;
        }
    }
}

impl<T> Drop for Log<T> {
    fn drop(&mut self) {
        self.shared.begin_close();
    }
}

impl<T> Shared<T> {
    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to do, and then for company as the pace says; what is queued, and whether the log
    /// is being closed.
    fn wait(&self, timeout: Option<Duration>, pace: Pace) -> (Vec<Queued<T>>, bool) {
        let idle = |queue: &mut Queue<T>| queue.units.is_empty() && !queue.woken && !queue.closing;
        let queue = self.queue();
        let came_meanwhile = queue.units.len();
        let mut queue = match timeout {
            None => self.signal.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                self.signal.wait_timeout_while(queue, timeout, idle).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        let gathering = pace.gathering(came_meanwhile, queue.units.len());
        if let Some(Gathering { enough, at_most }) = gathering {
            queue.enough = enough;
            let few = |queue: &mut Queue<T>| queue.units.len() < queue.enough && !queue.closing;
            let gathered = self.signal.wait_timeout_while(queue, at_most, few);
            queue = gathered.unwrap_or_else(PoisonError::into_inner).0;
            queue.enough = 1;
        }
        queue.woken = false;
        (std::mem::take(&mut queue.units), queue.closing)
    }

    /// As [`Shared::wait`] for a task; what is queued is taken afterwards.
    async fn woken(&self, timeout: Option<Duration>) {
        let signalled = async {
            while !self.has_work() {
                self.task_signal.notified().await;
            }
        };
        match timeout {
            None => signalled.await,
            Some(timeout) => tokio::time::timeout(timeout, signalled).await.unwrap_or_default(),
        }
    }

    fn has_work(&self) -> bool {
        let queue = self.queue();
        !queue.units.is_empty() || queue.woken || queue.closing
    }

    /// What is queued, and whether the log is being closed.
    fn take_queued(&self) -> (Vec<Queued<T>>, bool) {
        let mut queue = self.queue();
        queue.woken = false;
        (std::mem::take(&mut queue.units), queue.closing)
    }

    fn notify(&self) {
        self.signal.notify_one();
        self.task_signal.notify_one();
    }

    fn wake(&self) {
        self.queue().woken = true;
        self.notify();
    }

    fn begin_close(&self) {
        self.queue().closing = true;
        self.notify();
    }

    /// The committer is gone.
    fn end(&self) {
        let abandoned = {
            let mut queue = self.queue();
            queue.closing = true;
            std::mem::take(&mut queue.units)
        };
        drop(abandoned);
        self.room.close();
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn why_ended(&self) -> Failure {
        self.failed.get().map_or(Failure::Closed, |reason| Failure::Failed(reason.clone()))
    }

    /// Stops the log for good.
    fn fail(&self, what: &str, error: &io::Error) -> Failure {
        let reason = format!("{what}: {error}");
        tracing::error!(dir = %self.dir.display(), reason, "the log has failed and takes nothing more");
        Failure::Failed(self.failed.get_or_init(|| reason).clone())
    }

    fn suspended(&self) -> MutexGuard<'_, Option<String>> {
        self.suspended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes nothing until the committer has mended the log.
    fn suspend(&self, what: &str, error: &io::Error) -> Failure {
        let reason = format!("{what}: {error}");
        let before = self.suspended().replace(reason.clone());
        if before.as_ref() != Some(&reason) {
            tracing::error!(dir = %self.dir.display(), reason, "the disk has failed: the log takes nothing until it works");
        }
        Failure::Suspended(reason)
    }

    /// The log is mended.
    fn resume(&self, verified_bytes: u64) {
        if let Some(reason) = self.suspended().take() {
            tracing::warn!(dir = %self.dir.display(), reason, verified_bytes,
                "the disk works again: what was acknowledged is there, and the log goes on");
        }
    }

    /// What it was before.
    fn note_full(&self, full: bool) -> bool {
        let before = self.full.swap(full, Ordering::Relaxed);
        if before != full {
            tracing::warn!(dir = %self.dir.display(), full, "room in the log");
        }
        before
    }
}
