//! Reclaim: segments whose records are done are deleted, oldest first; what is still needed in the oldest is copied to
//! the end before.
//!
//! A thread of its own reads the oldest segment and offers what is needed, a step of bounded size at a time. The
//! committer decides what of it goes into the next group, from the index as of that very commit, so that nothing that
//! is done is ever copied back to life. Only when all copies of a segment are on disk is it deleted.
//!
//! Deleting only from the oldest on is what makes the records of changes simple: when it is a segment's turn, everything
//! its changes speak of was deleted before, or copied forward behind them with the changes applied.
//!
//! Crash points: between copy and deletion both are there, and the copy, read later, wins. A deleted segment that comes
//! back (its directory entry was not synced) is read again, and everything in it is found to be done or copied, because
//! no later segment has been deleted yet.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use model::id::MessageId;
use tokio::sync::Notify;

use super::Hold;
use super::index::{Index, Location};
use super::record::{self, Malformed, RowBytes, Rows, RowsHeader};
use super::shared::Shared;
use super::steward::Tag;
use crate::log::frame::Unit;
use crate::log::recovery::keep_aside;
use crate::log::segment::SEGMENT_HEADER;
use crate::log::segments::Segments;
use crate::log::walk::{FrameAt, Step, Walker, Window};
use crate::log::{Failure, Placed};

/// The oldest segment is emptied when at most this part of it is needed, …
const LIVE_PERCENT_MAX: u64 = 25;
/// … or when at most this part of it is needed and the disk is full, …
const LIVE_PERCENT_MAX_FULL: u64 = 90;
/// … or when all segments together are so many times as large as what is needed in them, …
const GARBAGE_FACTOR: u64 = 3;
/// … and there are at least so many of them.
const GARBAGE_SEGMENTS_MIN: u64 = 4;
/// Bytes that are offered for copying at a time.
const STEP_BYTES: usize = 1 << 20;

/// Something that is needed, with its bytes, on the way from the reclaiming thread to the committer.
struct Job {
    what: Record,
    from: Location,
    prefix: Vec<u8>,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Record {
    Content(MessageId),
    Rows(Location),
}

/// A copy that is being written.
pub(crate) enum Copy {
    Content { message: MessageId, held: bool, len: u32 },
    Rows { header: RowsHeader, rows: Vec<u16>, len: u32 },
}

/// Between the reclaiming thread and the committer.
#[derive(Default)]
pub(crate) struct Copies {
    state: Mutex<State>,
    signal: Condvar,
    /// The same signal, for a reclaimer that is a task.
    task_signal: Notify,
    /// The disk is full: reclaim what there is.
    pub(crate) pressed: AtomicBool,
    /// One more than the bytes that were needed when there was no room for copies; 0 when there was.
    refused_at: AtomicU64,
    /// Recipients given up because their records could not be read.
    pub(crate) lost_recipients: AtomicU64,
}

#[derive(Default)]
struct State {
    wake: bool,
    closing: bool,
    offered: Vec<Job>,
    pending: usize,
    failure: Option<Failure>,
}

impl Copies {
    /// There may be something to reclaim.
    pub(crate) fn wake(&self) {
        self.state().wake = true;
        self.signal.notify_all();
        self.task_signal.notify_one();
    }

    /// Whether a pass would find no room again: the last one did not, and nothing has been done away with since. Without
    /// this a full disk would keep reclaimer and committer busy with each other for nothing.
    pub(crate) fn is_hopeless(&self, live_bytes: u64) -> bool {
        self.refused_at.load(Ordering::Relaxed) == live_bytes + 1
    }

    /// Ends the reclaiming thread after the step it is at.
    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.signal.notify_all();
        self.task_signal.notify_one();
    }

    /// Committer: what of the offered records goes into the next group.
    pub(crate) fn contribute(&self, index: &Index, units: &mut Vec<(Unit, Tag)>) {
        let offered = std::mem::take(&mut self.state().offered);
        for job in offered {
            match job.copy(index) {
                Some((unit, copy)) => units.push((unit, Tag::Copy(copy))),
                None => self.settle(None),
            }
        }
    }

    /// Committer: a copy is on disk, or is not.
    pub(crate) fn committed(&self, copy: Copy, result: Result<Placed, Failure>, index: &mut Index) {
        let placed = match result {
            Ok(placed) => placed,
            Err(failure) => return self.settle(Some(failure)),
        };
        let at = Location { segment: placed.segment, offset: placed.offset };
        match copy {
            Copy::Content { message, held, len } => index.place_content(message, held, at, len),
            Copy::Rows { header, rows, len } => index.place_rows(&header, rows.into_iter(), at, len),
        }
        self.settle(None);
    }

    fn settle(&self, failure: Option<Failure>) {
        let mut state = self.state();
        state.pending = state.pending.saturating_sub(1);
        state.failure = state.failure.take().or(failure);
        if state.pending == 0 {
            self.signal.notify_all();
        }
    }

    /// Waits for [`Copies::wake`]; false when the spool is being closed.
    fn wait(&self) -> bool {
        let idle = |state: &mut State| !state.wake && !state.closing;
        let mut state = self.signal.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
        state.wake = false;
        !state.closing
    }

    /// As [`Copies::wait`], for a task.
    async fn woken(&self) -> bool {
        loop {
            {
                let mut state = self.state();
                if state.closing || std::mem::take(&mut state.wake) {
                    return !state.closing;
                }
            }
            self.task_signal.notified().await;
        }
    }

    /// Offers records and waits until they are copied, or found to be done.
    fn copy(&self, jobs: Vec<Job>, wake_log: &dyn Fn()) -> Result<(), Failure> {
        if jobs.is_empty() {
            return Ok(());
        }
        {
            let mut state = self.state();
            if state.closing {
                return Err(Failure::Closed);
            }
            state.pending = jobs.len();
            state.failure = None;
            state.offered = jobs;
        }
        wake_log();
        let busy = |state: &mut State| state.pending > 0 && !state.closing;
        let mut state = self.signal.wait_while(self.state(), busy).unwrap_or_else(PoisonError::into_inner);
        if state.pending > 0 {
            return Err(Failure::Closed);
        }
        state.failure.take().map_or(Ok(()), Err)
    }

    fn is_closing(&self) -> bool {
        self.state().closing
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// The record at its new place; `None` when it is not needed any more.
    fn copy(self, index: &Index) -> Option<(Unit, Copy)> {
        if !needs(index, self.what, self.from) {
            return None;
        }
        let mut unit = Unit::default();
        let copy = match self.what {
            Record::Content(message) => {
                let held = index.messages.get(&message)?.held;
                record::push_content_copy(&mut unit, &self.prefix, held, self.body);
                Copy::Content { message, held, len: unit.bytes() as u32 }
            }
            Record::Rows(birth) => {
                let (header, rows) = copy_rows(&mut unit, index, birth, &self.prefix).ok()?;
                Copy::Rows { header, rows, len: unit.bytes() as u32 }
            }
        };
        Some((unit, copy))
    }
}

/// Writes the live rows with their attempts and due times of this moment.
fn copy_rows(
    unit: &mut Unit,
    index: &Index,
    birth: Location,
    prefix: &[u8],
) -> Result<(RowsHeader, Vec<u16>), Malformed> {
    let batch = index.batches.get(&birth).ok_or(Malformed)?;
    let source = Rows::read(prefix)?;
    let mut live = Vec::with_capacity(usize::from(batch.live));
    for (entry, range) in source.entries().filter(|(entry, _)| batch.is_live(entry.row)) {
        let row = source.row_bytes(entry, range)?;
        let (attempts, due) = batch.state(row.row).resolve(row.attempts, row.due);
        live.push(RowBytes { attempts, due, ..row });
    }
    let rows: Vec<u16> = live.iter().map(|row| row.row).collect();
    let header = RowsHeader {
        birth: Some(birth),
        stored: rows.len() as u16,
        hold: Hold::Unchanged,
        checkpoint: None,
        ..source.header
    };
    record::push_rows(unit, &header, live.into_iter());
    Ok((header, rows))
}

fn needs(index: &Index, record: Record, at: Location) -> bool {
    match record {
        Record::Content(message) => index.messages.get(&message).is_some_and(|entry| entry.at == at),
        Record::Rows(birth) => index.batches.get(&birth).is_some_and(|entry| entry.at == at),
    }
}

/// The segment to empty next, if there is one worth it. Never the active one, and none before the active one has its
/// first group, which holds the snapshot.
fn victim(index: &Index, segments: &Segments, pressed: bool) -> Option<u32> {
    let (newest, active) = segments.newest()?;
    let (oldest, segment) = segments.oldest()?;
    if oldest == newest || active.bytes <= SEGMENT_HEADER {
        return None;
    }
    let live = index.live_bytes_in(oldest);
    let percent_max = if pressed { LIVE_PERCENT_MAX_FULL } else { LIVE_PERCENT_MAX };
    let total = segments.bytes();
    let wasteful = segments.count() as u64 >= GARBAGE_SEGMENTS_MIN && total > GARBAGE_FACTOR * index.live_bytes();
    (live * 100 <= segment.bytes * percent_max || wasteful).then_some(oldest)
}

pub(crate) fn reclaim_due(index: &Index, segments: &Segments, pressed: bool) -> bool {
    victim(index, segments, pressed).is_some()
}

/// The reclaiming thread.
pub(crate) fn run(shared: &Arc<Shared>, wake_log: &dyn Fn()) {
    while shared.copies.wait() {
        pass(shared, wake_log);
    }
}

/// The reclaimer as a task (see [`crate::Work::Tasks`]).
pub(crate) async fn run_as_task(shared: Arc<Shared>, turn_of_log: impl Fn() + Send) {
    while shared.copies.woken().await {
        pass(&shared, &turn_of_log);
        tokio::task::yield_now().await;
    }
}

/// Reclaims what is worth it at the moment.
pub(crate) fn pass(shared: &Arc<Shared>, wake_log: &dyn Fn()) {
    loop {
        let pressed = shared.copies.pressed.load(Ordering::Relaxed);
        let Some(segment) = victim(&shared.index(), &shared.segments, pressed) else { return };
        match empty(shared, segment, wake_log) {
            Ok(()) => tracing::debug!(segment, "reclaimed"),
            Err(Trouble::Log(Failure::NoSpace)) => {
                shared.copies.refused_at.store(shared.index().live_bytes() + 1, Ordering::Relaxed);
                return;
            }
            Err(Trouble::Log(Failure::Closed)) => return,
            Err(trouble) => {
                tracing::error!(segment, ?trouble, "cannot reclaim a segment");
                return;
            }
        }
    }
}

#[derive(Debug)]
enum Trouble {
    Log(Failure),
    Io(#[expect(dead_code, reason = "for the log")] std::io::Error),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Trouble::Io(error)
    }
}

/// Copies what is needed of a segment, and deletes it.
fn empty(shared: &Arc<Shared>, segment: u32, wake_log: &dyn Fn()) -> Result<(), Trouble> {
    let mut jobs = Vec::new();
    let mut bytes = 0;
    let mut damage = Vec::new();
    let needed = shared.index().live_bytes_in(segment) > 0;
    let mut walker = shared.segments.walk(segment, 0).filter(|_| needed);
    while let Some(walker) = &mut walker {
        match walker.next()? {
            Step::Frame(frame) => {
                let job = job_of(shared, segment, walker, frame)?;
                bytes += job.as_ref().map_or(0, |job| job.prefix.len() + job.body.len());
                jobs.extend(job);
            }
            Step::Damage { offset, bytes, .. } => damage.push((offset, bytes)),
            Step::End => break,
        }
        if bytes >= STEP_BYTES {
            bytes = 0;
            shared.copies.copy(std::mem::take(&mut jobs), wake_log).map_err(Trouble::Log)?;
        }
    }
    shared.copies.copy(jobs, wake_log).map_err(Trouble::Log)?;
    if shared.index().live_bytes_in(segment) > 0 {
        give_up(shared, segment, &damage);
    }
    if shared.copies.is_closing() {
        return Err(Trouble::Log(Failure::Closed));
    }
    shared.segments.delete_oldest(segment)?;
    Ok(())
}

/// A record that is needed, with its bytes.
fn job_of(shared: &Shared, segment: u32, walker: &mut Walker, frame: FrameAt) -> std::io::Result<Option<Job>> {
    let from = Location { segment, offset: frame.offset };
    let (prefix, body) = walker.payload(frame)?;
    let what = match frame.header.kind {
        record::CONTENT => record::content_key(prefix).ok().map(|(message, _)| Record::Content(message)),
        record::ROWS => record::read_rows_header(prefix).ok().map(|header| Record::Rows(header.birth.unwrap_or(from))),
        _ => None,
    };
    let what = what.filter(|&what| needs(&shared.index(), what, from));
    Ok(what.map(|what| Job { what, from, prefix: prefix.to_vec(), body: body.to_vec() }))
}

/// What the index needs of a segment cannot be read: keep the bytes aside, say so, and go on without.
fn give_up(shared: &Shared, segment: u32, damage: &[(u32, u64)]) {
    if let Some(file) = shared.segments.get(segment) {
        let mut window = Window::new(file.file, file.bytes);
        for &(offset, bytes) in damage {
            if let Ok(Some(bytes)) = window.slice(u64::from(offset), bytes as usize) {
                keep_aside(shared.segments.dir(), segment, offset, bytes);
            }
        }
    }
    let mut index = shared.index();
    let before = index.live_recipients;
    let births = index.batches.iter().filter(|(_, entry)| entry.at.segment == segment).map(|(birth, _)| *birth);
    let births: Vec<Location> = births.collect();
    births.into_iter().for_each(|birth| index.give_up_batch(birth));
    let messages = index.messages.iter().filter(|(_, entry)| entry.at.segment == segment).map(|(id, _)| *id);
    let messages: Vec<MessageId> = messages.collect();
    messages.into_iter().for_each(|message| index.give_up_message(message));
    let lost = before - index.live_recipients;
    shared.copies.lost_recipients.fetch_add(lost, Ordering::Relaxed);
    tracing::error!(segment, recipients = lost, "records are damaged; their bytes are in quarantine");
}
