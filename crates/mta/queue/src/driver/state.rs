//! The file of holds, suspensions, cancellations and learned limits: written whole or not at all.
//!
//! **Orders of persons** are answered when the file with them is on disk. They are in force before that, so a failure to
//! write is answered as an error that says so. The loop does not wait for the disk: orders that come while the file is
//! being written share the next writing.
//!
//! **Other changes** are written together [`SAVE_AFTER`] later. What could not be written is tried again after
//! [`SAVE_AGAIN`]. Without a path nothing is kept, and orders are answered at once.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use journal::spool::Spool;
use journal::{Disk, Work};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::RunError;
use crate::core::Memory;
use crate::handle::ControlError;

/// Changes that nobody waits for are written together after this long.
const SAVE_AFTER: Duration = Duration::from_secs(2);

/// Pause before the file is tried again when it could not be written.
const SAVE_AGAIN: Duration = Duration::from_secs(10);

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// An order that is in force and not on disk yet.
pub(super) struct Unanswered {
    /// Tells who ordered it that it is on disk, or why not.
    pub answer: Box<dyn FnOnce(Result<(), ControlError>) + Send + Sync>,
}

/// Where [`Memory`] is kept; without a path nowhere.
pub(super) struct StateFile {
    path: Option<PathBuf>,
    disk: Arc<dyn Disk>,
    work: Work,
    due_at: Option<Instant>,
    writing: Option<JoinHandle<io::Result<()>>>,
    /// Orders in what is being written.
    under_way: Vec<Unanswered>,
    /// Orders that the next writing takes along.
    waiting: Vec<Unanswered>,
}

impl StateFile {
    /// The file lies beside the spool: on its disk, read and written by whoever does its work.
    pub fn new(path: Option<PathBuf>, spool: &Spool) -> Self {
        let (disk, work) = (spool.disk().clone(), spool.work().clone());
        StateFile { path, disk, work, due_at: None, writing: None, under_way: Vec::new(), waiting: Vec::new() }
    }

    /// Reads the file; nothing remembered when there is none.
    pub async fn load(&self) -> Result<Memory, RunError> {
        let Some(path) = self.path.clone() else { return Ok(Memory::default()) };
        let refuse = |reason: String| RunError::State { file: path.display().to_string(), reason };
        let found = path.clone();
        let read = self.work.aside(move || read(&found)).await;
        let bytes = read.map_err(io::Error::other).flatten().map_err(|error| refuse(error.to_string()))?;
        let Some(bytes) = bytes else { return Ok(Memory::default()) };
        serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))
    }

    /// Something to be remembered has changed.
    pub fn changed(&mut self) {
        self.write_by(Instant::now() + SAVE_AFTER);
    }

    /// A person has ordered something: the answer follows when it is on disk.
    pub fn ordered(&mut self, order: Unanswered) {
        if self.path.is_none() {
            (order.answer)(Ok(()));
            return;
        }
        self.waiting.push(order);
        self.write_by(Instant::now());
    }

    pub fn is_waiting(&self) -> bool {
        self.due_at.is_some() || self.writing.is_some()
    }

    /// Waits until the file is to be written; answers meanwhile what has been. Cancel safe.
    pub async fn due(&mut self) {
        self.written().await;
        match self.due_at {
            Some(due_at) => tokio::time::sleep_until(due_at).await,
            None => std::future::pending().await,
        }
    }

    /// Begins to write; [`StateFile::due`] has said that it is time.
    pub fn write(&mut self, memory: Memory) {
        debug_assert!(self.writing.is_none(), "one writing at a time");
        self.due_at = None;
        self.under_way = std::mem::take(&mut self.waiting);
        let Some(path) = self.path.clone() else { return };
        let disk = Arc::clone(&self.disk);
        self.writing = Some(self.work.aside(move || write(&*disk, &path, &memory)));
    }

    /// Writes for the last time, and answers everybody.
    pub async fn end(&mut self, memory: Memory) {
        self.written().await;
        self.write(memory);
        self.written().await;
    }

    fn write_by(&mut self, at: Instant) {
        if self.path.is_some() {
            self.due_at = Some(self.due_at.map_or(at, |due_at| due_at.min(at)));
        }
    }

    /// Waits for the writing under way.
    async fn written(&mut self) {
        let Some(writing) = &mut self.writing else { return };
        let written = writing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        self.writing = None;
        let Err(error) = written else {
            for order in self.under_way.drain(..) {
                (order.answer)(Ok(()));
            }
            return;
        };
        let file = self.path.as_deref().unwrap_or(Path::new("")).display().to_string();
        tracing::error!(file, %error, "holds, cancellations and learned limits could not be saved");
        for order in self.under_way.drain(..) {
            (order.answer)(Err(ControlError::Unsaved { reason: format!("{file}: {error}") }));
        }
        self.write_by(Instant::now() + SAVE_AGAIN);
    }
}

fn write(disk: &dyn Disk, path: &Path, memory: &Memory) -> io::Result<()> {
    disk.replace(path, &bytes_of(memory, FILE_BYTES_MAX)?, 0o644)
}

/// At most so many bytes, which is what is read again: what was learned makes way for what was ordered.
fn bytes_of(memory: &Memory, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(memory)?;
    let mut kept = memory.paths.len();
    while bytes.len() as u64 > bytes_max && kept > 0 {
        kept /= 2;
        bytes = serde_json::to_vec(&Memory { paths: memory.paths[..kept].to_vec(), ..memory.clone() })?;
        tracing::warn!(paths = memory.paths.len(), kept, "too much was learned to be remembered over a restart");
    }
    Ok(bytes)
}

/// The file's bytes; `None` when there is none.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::metadata(path) {
        Ok(found) if found.len() > FILE_BYTES_MAX => Err(io::Error::new(io::ErrorKind::FileTooLarge, "too large")),
        Ok(_) => std::fs::read(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
