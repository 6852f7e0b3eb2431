//! The spool: messages waiting for delivery. Content once, recipient rows in batches, and what became of each recipient.
//!
//! In: [`Admission`]s from intake (the only writer of messages), [`Ack`]s from the queue (the only one who says what
//! became of a recipient). Out: [`Admitted`] to the queue in the order of commits, rows and contents to delivery.
//!
//! **Records**: see `record`. An admission is one unit of the log, its content, rows and checkpoint together: it is there
//! as a whole or not at all. Acks are small records in the same groups as admissions.
//!
//! **Crash points** (the log's own are in `log::recovery`):
//!
//! | crash | what the next start finds |
//! |---|---|
//! | before the commit of an admission | nothing of it; the submitter was not told and keeps the responsibility |
//! | after the commit, before the answer | the whole admission; a submitter that repeats it makes a second one, a feed asks for its checkpoint and does not |
//! | after the commit, before the queue got it | its recipients in [`SpoolRecovery::admitted`] |
//! | after an outcome, before its ack is on disk | the recipient is live; the event log behind [`Spool::applied`] says what became of it |
//! | while segments are reclaimed | the same recipients, at their old or their new place, never at both (see `reclaim`) |
//!
//! **Memory** is bounded by the options and by the number of live recipients (see `index`). **Limits**: [`SpoolOptions`],
//! `checkpoints::CHECKPOINTS_MAX`, half a segment for one admission.
//!
//! Known gaps: opening reads all bytes of all segments; a message that is held open by a feed that never comes back stays
//! until somebody calls [`Spool::finish`] (see [`Spool::held_open`]).

mod admission;
mod checkpoints;
mod content_cache;
mod index;
mod read;
mod reclaim;
mod record;
mod recovery;
mod shared;
mod steward;
mod types;

#[cfg(test)]
mod model_tests;

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::handoff::{Admitted, MessageHead, RowRef};
use model::id::MessageId;
use model::submission::{Content, NewRecipient};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::events::Cursor;
use crate::log::recovery::Scan;
use crate::log::work::{Work, Worker};
use crate::log::{Failure, Log, prepare};
use crate::{Disk, OpenError};
use index::Location;
use record::Change;
use shared::Shared;
use steward::{SpoolSteward, Tag};
pub use types::{
    Ack, AckError, Admission, AdmitError, AdmitMessage, Hold, ReadError, SpoolOptions, SpoolRecovery, SpoolStats,
};

const KIND: [u8; 8] = *b"spool\0\0\0";

/// Messages waiting for delivery. Cheap to clone; all clones are the same spool.
#[derive(Clone)]
pub struct Spool {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    log: Log<Tag>,
    reclaimer: Mutex<Option<Worker>>,
    acks_max: usize,
    admit_wait_max: Duration,
    damaged: bool,
}

/// A spool that was just opened.
pub struct Opened {
    /// The spool.
    pub spool: Spool,
    /// Every admission from now on, in the order of commits. Has to be received: submitters wait a moment while it is
    /// full and are refused with [`AdmitError::Busy`] then, and with [`AdmitError::Closed`] when it is dropped.
    pub admitted: mpsc::Receiver<Admitted>,
    /// What was found on disk.
    pub recovery: SpoolRecovery,
}

impl Spool {
    /// Opens or creates the spool in `dir` and reads what is there. Blocks.
    ///
    /// # Errors
    /// See [`OpenError`]; damaged records are not an error but reported in [`SpoolRecovery`].
    pub fn open(dir: &Path, options: SpoolOptions) -> Result<Opened, OpenError> {
        let io_error = |source| OpenError::Io { dir: dir.to_owned(), source };
        let opened = Self::open_still(dir, options)?;
        let inner = &opened.spool.inner;
        let reclaimer = start_reclaimer(&inner.shared, &inner.log).map_err(io_error)?;
        *inner.reclaimer.lock().unwrap_or_else(PoisonError::into_inner) = Some(reclaimer);
        Ok(opened)
    }

    /// Opens a spool in which nothing is reclaimed.
    fn open_still(dir: &Path, options: SpoolOptions) -> Result<Opened, OpenError> {
        let io_error = |source| OpenError::Io { dir: dir.to_owned(), source };
        let mut teller = recovery::Teller::new();
        let prepared = prepare(dir, KIND, options.log.clone(), Scan::All, &mut teller)?;
        let segments = prepared.segments();
        let recovery::Teller { mut index, mut damage } = teller;
        let mut domains = HashSet::new();
        recovery::settle(&mut index, &segments, &mut damage);
        let live = recovery::read_live(&mut index, &segments, &mut domains, &mut damage).map_err(io_error)?;
        let recovery = SpoolRecovery {
            admitted: live,
            newest_id: index.newest_id,
            torn_bytes: prepared.recovered.torn_bytes,
            quarantined: prepared.recovered.damage.iter().cloned().chain(damage).collect(),
        };
        let (sender, admitted) = mpsc::channel(options.admitted_max.max(1));
        let shared = Arc::new(Shared::new(segments.clone(), index, sender, &options));
        let log = prepared.start(segments, SpoolSteward::new(shared.clone()))?;
        let damaged = !recovery.quarantined.is_empty();
        let acks_max = options.acks_max.max(1);
        let admit_wait_max = options.admit_wait_max;
        let inner = Inner { shared, log, reclaimer: Mutex::new(None), acks_max, admit_wait_max, damaged };
        Ok(Opened { spool: Spool { inner: Arc::new(inner) }, admitted, recovery })
    }

    /// Commits an admission; for intake only. When it resolves, the recipients are on disk and have been sent to the
    /// queue. Returns the position of the commit; positions grow. Waits for the queue before anything is committed, and
    /// no longer than [`SpoolOptions::admit_wait_max`].
    ///
    /// Dropping the future does not take the admission back when it has been handed to the log already.
    ///
    /// # Errors
    /// See [`AdmitError`].
    pub async fn admit(&self, admission: Admission) -> Result<u64, AdmitError> {
        admission::check_count(&admission)?;
        let sender = self.inner.shared.admitted().ok_or(AdmitError::Closed)?;
        let permit = match sender.try_reserve_owned() {
            Ok(permit) => permit,
            Err(TrySendError::Closed(_)) => return Err(AdmitError::Closed),
            Err(TrySendError::Full(sender)) => {
                let permit = tokio::time::timeout(self.inner.admit_wait_max, sender.reserve_owned()).await;
                permit.map_err(|_| AdmitError::Busy)?.map_err(|_| AdmitError::Closed)?
            }
        };
        let (answer, answered) = oneshot::channel();
        let (unit, placed) = admission::encode(&self.inner.shared, admission, permit, answer)?;
        let bytes_max = self.inner.log.unit_bytes_max();
        if unit.bytes() > bytes_max {
            return Err(AdmitError::TooLarge { bytes: unit.bytes(), bytes_max });
        }
        let appended = self.inner.log.append(unit, Tag::Admission(Box::new(placed))).await;
        appended.map_err(|(_, failure)| refuse(failure))?;
        match answered.await {
            Ok(result) => result.map_err(refuse),
            Err(_) => Err(self.inner.log.stopped().map_or(AdmitError::Closed, AdmitError::Failed)),
        }
    }

    /// How far a feed has come; survives restarts and reclaim.
    pub fn checkpoint(&self, feed: u64) -> Option<u64> {
        self.inner.shared.index().checkpoints.get(feed)
    }

    /// The feeds that have a checkpoint, in no order.
    pub fn feeds(&self) -> Vec<u64> {
        self.inner.shared.index().checkpoints.all().map(|checkpoint| checkpoint.feed).collect()
    }

    /// Forgets a feed that will not go on: its checkpoint need not be carried any further. Unknown feeds are ignored.
    ///
    /// # Errors
    /// See [`AckError`].
    pub async fn forget(&self, feed: u64) -> Result<(), AckError> {
        if self.checkpoint(feed).is_none() {
            return Ok(());
        }
        self.change(vec![Change::Forgotten(feed)]).await
    }

    /// The message goes with its last recipient; no more recipients will be added. Unknown messages are ignored.
    ///
    /// # Errors
    /// See [`AckError`].
    pub async fn finish(&self, message: MessageId) -> Result<(), AckError> {
        self.change(vec![Change::Finished(message)]).await
    }

    /// Messages that are held open ([`Hold::Open`]), in no order: after a start their feeds go on, or finish them.
    pub fn held_open(&self) -> Vec<MessageId> {
        let index = self.inner.shared.index();
        index.messages.iter().filter(|(_, entry)| entry.held).map(|(message, _)| *message).collect()
    }

    /// Whether a message is held open ([`Hold::Open`]).
    pub fn is_held(&self, message: MessageId) -> bool {
        self.inner.shared.index().messages.get(&message).is_some_and(|entry| entry.held)
    }

    /// Reads one recipient row. Blocks at the speed of the page cache; checked against its checksum.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read_row(&self, row: RowRef) -> Result<NewRecipient, ReadError> {
        self.inner.shared.read_row(row)
    }

    /// Reads many rows, each as [`Spool::read_row`] does and in the order asked for; rows that were accepted together
    /// cost one reading.
    pub fn read_rows(&self, rows: &[RowRef]) -> Vec<Result<NewRecipient, ReadError>> {
        self.inner.shared.read_rows(rows)
    }

    /// Reads a content. Blocks at the speed of the page cache; contents with several recipients are kept in memory for
    /// a while.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read_content(&self, message: MessageId) -> Result<Arc<Content>, ReadError> {
        self.inner.shared.read_content(message)
    }

    /// What is known of a message without its bytes. `None` when it is not here (any more) or cannot be read.
    pub fn head(&self, message: MessageId) -> Option<Arc<MessageHead>> {
        self.inner.shared.index().messages.contains_key(&message).then_some(())?;
        self.inner.shared.head(message).ok()
    }

    /// Takes over what became of recipients; for the queue only. Resolves as soon as there is room in the buffer; the
    /// acks are durable with the next commit. Acks of recipients that are done already are ignored.
    ///
    /// # Errors
    /// See [`AckError`].
    pub async fn ack(&self, acks: Vec<Ack>) -> Result<(), AckError> {
        let changes = acks.into_iter().map(|ack| match ack {
            Ack::Done(_, row) => Change::Done { birth: Location::birth(row), row: row.row },
            Ack::Deferred { row, attempts, due, .. } => {
                Change::Deferred { birth: Location::birth(row), row: row.row, attempts, due }
            }
        });
        self.change(changes.collect()).await
    }

    async fn change(&self, mut changes: Vec<Change>) -> Result<(), AckError> {
        while !changes.is_empty() {
            let rest = changes.split_off(changes.len().min(self.inner.acks_max));
            let count = u32::try_from(changes.len()).unwrap_or(u32::MAX);
            let permits = self.inner.shared.acks_room.acquire_many(count).await.map_err(|_| AckError::Closed)?;
            if let Some(reason) = self.inner.log.stopped() {
                return Err(AckError::Failed(reason));
            }
            permits.forget();
            self.inner.shared.changes().waiting.append(&mut changes);
            self.inner.log.wake();
            changes = rest;
        }
        Ok(())
    }

    /// Notes that all events before `cursor` have led to acks that were given to [`Spool::ack`] before this call.
    /// Written in the same record as those acks, or later.
    pub fn note_applied(&self, cursor: Cursor) {
        let mut changes = self.inner.shared.changes();
        changes.applied = changes.applied.max(Some(cursor));
    }

    /// The last [`Spool::note_applied`] that is on disk.
    pub fn applied(&self) -> Option<Cursor> {
        self.inner.shared.index().applied
    }

    /// Most bytes of one admission, content and rows together: half a segment, less a little.
    pub fn admission_bytes_max(&self) -> u64 {
        self.inner.log.unit_bytes_max()
    }

    /// Where the files are.
    pub fn dir(&self) -> &Path {
        self.inner.shared.segments.dir()
    }

    /// Who does what blocks: reading rows and contents, too.
    pub fn work(&self) -> &Work {
        self.inner.log.work()
    }

    /// The disk it lies on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        self.inner.log.disk()
    }

    /// True when records were damaged at the start ([`SpoolRecovery::quarantined`]): recipients may be missing.
    pub fn was_damaged(&self) -> bool {
        self.inner.damaged
    }

    /// Sizes at this moment.
    pub fn stats(&self) -> SpoolStats {
        let shared = &self.inner.shared;
        let index = shared.index();
        SpoolStats {
            segments: shared.segments.count() as u64,
            bytes: shared.segments.bytes(),
            live_bytes: index.live_bytes(),
            live_recipients: index.live_recipients,
            live_messages: index.messages.len() as u64,
            lost_recipients: shared.copies.lost_recipients.load(Ordering::Relaxed),
            full: self.inner.log.is_full(),
        }
    }

    /// Why the spool takes nothing: until the disk works again, or, when acknowledged records are damaged, until it is
    /// opened again. `None` while it takes something.
    pub fn failure(&self) -> Option<String> {
        self.inner.log.failure()
    }

    /// Writes what is taken over, and closes the files. Other clones get `Closed` from now on.
    pub async fn close(self) {
        self.inner.shared.end_admitted();
        self.inner.shared.copies.close();
        let reclaimer = self.inner.reclaimer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reclaimer) = reclaimer {
            reclaimer.ended().await;
        }
        self.inner.log.close().await;
        self.inner.shared.acks_room.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.copies.close();
    }
}

fn start_reclaimer(shared: &Arc<Shared>, log: &Log<Tag>) -> std::io::Result<Worker> {
    let (shared, wake_log) = (shared.clone(), log.waker());
    shared.copies.wake();
    match log.work() {
        Work::Threads => {
            let thread = std::thread::Builder::new().name("spool-reclaim".to_owned());
            thread.spawn(move || reclaim::run(&shared, &wake_log)).map(Worker::Thread)
        }
        Work::Tasks(_) => Ok(Worker::Task(tokio::spawn(reclaim::run_as_task(shared, wake_log)))),
    }
}

fn refuse(failure: Failure) -> AdmitError {
    match failure {
        Failure::NoSpace => AdmitError::NoSpace,
        Failure::Closed => AdmitError::Closed,
        Failure::Suspended(reason) | Failure::Failed(reason) => AdmitError::Failed(reason),
    }
}
