//! The pickup directory: files become mail, each once.
//!
//! In: files that others rename into the directory. Out: submissions, and the files in `failed` (with a reason beside
//! them and an event) or `done`.
//!
//! A file is first renamed into `work`, under the id that its message will have; then it is committed with a checkpoint
//! under that id; then it is removed. So every crash leaves a state that says what was done:
//!
//! | crash | what the next start finds |
//! |---|---|
//! | before the rename is on disk | the file where it was |
//! | after it | the file in `work`, no checkpoint of its id: it is committed now |
//! | between parts of a large one | the file in `work`, a checkpoint: the rest is committed now |
//! | after the commit | the file in `work`, a checkpoint, nothing open: it is removed |
//! | after the removal | a checkpoint without a file: forgotten (see `injection::service`) |
//!
//! Whoever may write into the directory may send mail; files of other owners, links and directories are left out. Names
//! that begin with a dot or end in `.tmp` are not looked at.
//! Must not: follow links, read what is not a file, remove what was not committed.
//! Limits: [`FILES_AT_ONCE`], [`NAMES_AT_ONCE`], the size of a message, [`form::RECEIVERS_MAX`].

pub mod config;
pub mod form;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::events::EventLog;
use journal::file::sync_parent;
use model::event::{Event, EventKind};
use model::id::MessageId;
use model::submission::{Origin, Protocol, Refusal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use config::Config;

use crate::injection::Ways;
use crate::injection::feed::Feed;
use crate::submit::Intake;
use crate::trace::date;
use form::{Letter, Reading};

/// Files that are worked on at the same time.
pub const FILES_AT_ONCE: usize = 32;

/// Files that are taken over before the directories are synced once for all of them.
pub const NAMES_AT_ONCE: usize = 1_000;

/// A directory, looked after.
#[derive(Clone)]
pub struct Pickup {
    inner: Arc<Inner>,
}

struct Inner {
    intake: Intake,
    events: EventLog,
    config: Config,
    directory: PathBuf,
    owners: Vec<u32>,
    ways: Ways,
    hops_max: u32,
    recipients_max: u32,
}

/// What became of a file.
enum Fate {
    Taken(u64),
    Failed(String),
    /// Stays where it is, to be tried again.
    Later(String),
}

impl Pickup {
    /// A pickup directory; its folders are made. `None` where the configuration has none. Blocks.
    ///
    /// # Errors
    /// The directory cannot be made or read.
    pub fn open(
        config: &crate::Config,
        data_dir: &Path,
        intake: Intake,
        events: EventLog,
        ways: Ways,
    ) -> io::Result<Option<Pickup>> {
        let pickup = config.pickup.clone();
        let Some(directory) = pickup.directory.as_ref().map(|directory| data_dir.join(directory)) else {
            return Ok(None);
        };
        for folder in ["work", "failed"].into_iter().chain(pickup.keep.then_some("done")) {
            fs::create_dir_all(directory.join(folder))?;
        }
        let mut owners = pickup.owners.clone();
        if owners.is_empty() {
            owners = vec![fs::metadata(&directory)?.uid(), rustix::process::geteuid().as_raw(), 0];
        }
        let (hops_max, recipients_max) = (config.hops_max, config.injection.recipients_max);
        let inner = Inner { intake, events, config: pickup, directory, owners, ways, hops_max, recipients_max };
        let pickup = Pickup { inner: Arc::new(inner) };
        let newest = pickup.left()?.into_iter().map(|(id, _)| id.0).max().unwrap_or(0);
        pickup.inner.intake.resume_ids_after(newest);
        Ok(Some(pickup))
    }

    /// The messages of files that an earlier life of the program left in `work`.
    ///
    /// # Errors
    /// The machine's.
    pub fn unfinished(&self) -> io::Result<Vec<MessageId>> {
        Ok(self.left()?.into_iter().map(|(id, _)| id).collect())
    }

    fn left(&self) -> io::Result<Vec<(MessageId, PathBuf)>> {
        let mut left = Vec::new();
        for entry in fs::read_dir(self.inner.directory.join("work"))? {
            let path = entry?.path();
            let id = path.file_name().and_then(OsStr::to_str).and_then(|name| name.split_once('.'));
            left.extend(id.and_then(|(id, _)| id.parse().ok()).map(|id: MessageId| (id, path)));
        }
        left.sort();
        Ok(left)
    }

    /// Looks after the directory until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.inner.config.poll.0);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut is_told = false;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            // A pass is ended, whatever it was told: a file is taken or not.
            match self.pass(&stop).await {
                Ok(_) => is_told = false,
                Err(error) if !is_told => {
                    is_told = true;
                    tracing::error!(directory = %self.inner.directory.display(), %error, "nothing is picked up");
                }
                Err(_) => {}
            }
        }
    }

    /// Takes everything that is there: first what was left in `work`, then what came. How many recipients were taken.
    ///
    /// # Errors
    /// The directory cannot be read; what was worked on stays in `work`.
    pub async fn pass(&self, stop: &CancellationToken) -> io::Result<u64> {
        let left = self.left()?;
        let mut taken = self.work_on(left, stop).await;
        while !stop.is_cancelled() && self.inner.intake.check_room().is_ok() {
            let pickup = self.clone();
            let came = tokio::task::spawn_blocking(move || pickup.inner.take_over()).await;
            let came = came.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
            if came.is_empty() {
                break;
            }
            taken += self.work_on(came, stop).await;
        }
        Ok(taken)
    }

    async fn work_on(&self, files: Vec<(MessageId, PathBuf)>, stop: &CancellationToken) -> u64 {
        let slots = Arc::new(Semaphore::new(FILES_AT_ONCE));
        let mut running = JoinSet::new();
        for (id, path) in files {
            if stop.is_cancelled() || self.inner.intake.check_room().is_err() {
                break;
            }
            let slot = slots.clone().acquire_owned().await.expect("invariant: the semaphore is never closed");
            let inner = self.inner.clone();
            running.spawn(async move {
                let taken = inner.settle(id, path).await;
                drop(slot);
                taken
            });
        }
        let mut taken = 0;
        while let Some(done) = running.join_next().await {
            taken += done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        }
        taken
    }
}

impl Inner {
    /// Renames what may be taken into `work`, under ids of its own, and makes that durable.
    fn take_over(&self) -> io::Result<Vec<(MessageId, PathBuf)>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let path = self.directory.join(&name);
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_file() && !is_hidden(&name) {
                names.push((metadata.mtime(), name));
            }
            if names.len() >= NAMES_AT_ONCE {
                break;
            }
        }
        names.sort();
        let mut came = Vec::new();
        for (_, name) in names {
            let id = self.intake.next_message_id();
            let target = self.directory.join("work").join(format!("{id}.{}", shown(&name)));
            match fs::rename(self.directory.join(&name), &target) {
                Ok(()) => came.push((id, target)),
                // Whoever put it there has taken it back.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if let Some((_, path)) = came.first() {
            sync_parent(path)?;
            sync_parent(&self.directory.join("work"))?;
        }
        Ok(came)
    }

    /// Commits a file of `work` and puts it away; the number of recipients taken.
    async fn settle(self: Arc<Self>, id: MessageId, path: PathBuf) -> u64 {
        let (fate, feed) = self.commit(id, &path).await;
        let (count, done) = match fate {
            Fate::Taken(count) => (count, self.put_away(&path)),
            Fate::Failed(reason) => {
                self.tell(&path, &reason).await;
                // Parts of it may have been committed before.
                self.intake.let_go(id).await;
                (0, self.put_aside(&path, &reason))
            }
            Fate::Later(reason) => {
                tracing::debug!(file = %path.display(), reason, "a file waits");
                return 0;
            }
        };
        match done {
            Ok(()) => {
                if let Some(feed) = feed {
                    feed.forget().await;
                }
            }
            // It is found in `work` again, with a checkpoint that says that it was committed.
            Err(error) => tracing::error!(file = %path.display(), %error, "a file cannot be put away"),
        }
        count
    }

    async fn commit(self: &Arc<Self>, id: MessageId, path: &Path) -> (Fate, Option<Feed>) {
        let (reader, file) = (self.clone(), path.to_owned());
        let read = tokio::task::spawn_blocking(move || reader.read(id, &file)).await;
        let letter = match read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())) {
            Ok(letter) => letter,
            Err(fate) => return (fate, None),
        };
        let Letter { message, rows, rejected } = letter;
        let mut feed = Feed::new(self.intake.clone(), id, Box::new(message), None, true).resume();
        if feed.is_complete() {
            return (Fate::Taken(0), Some(feed));
        }
        let from = feed.position();
        match feed.take_all(move |each| rows.batches(from, each)).await {
            Ok(()) => {}
            Err(Refusal::Unavailable { reason }) => return (Fate::Later(reason), None),
            Err(refusal) => return (Fate::Failed(refusal.to_string()), None),
        }
        if !rejected.is_empty() {
            let words = rejected.iter().map(|one| format!("{}: {}", one.address, one.reason));
            self.tell(path, &format!("left out: {}", words.collect::<Vec<_>>().join("; "))).await;
        }
        (Fate::Taken(feed.count()), Some(feed))
    }

    fn read(&self, id: MessageId, path: &Path) -> Result<Letter, Fate> {
        let fails = |reason: String| Fate::Failed(reason);
        let later = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Fate::Failed(error.to_string()),
            _ => Fate::Later(error.to_string()),
        };
        let mut file = open_plain(path).map_err(|error| match error {
            rustix::io::Errno::LOOP => fails("a symbolic link".to_owned()),
            other => later(other.into()),
        })?;
        let metadata = file.metadata().map_err(later)?;
        if !metadata.is_file() {
            return Err(fails("not a file".to_owned()));
        }
        if !self.owners.contains(&metadata.uid()) {
            return Err(fails(format!("its owner {} may not send mail (intake.pickup.owners)", metadata.uid())));
        }
        let bytes_max = self.intake.message_bytes_max();
        if metadata.len() > bytes_max {
            return Err(fails(format!("it has {} bytes; at most {bytes_max}", metadata.len())));
        }
        let mut bytes = Vec::with_capacity(metadata.len() as usize);
        file.by_ref().take(bytes_max + 1).read_to_end(&mut bytes).map_err(later)?;
        if bytes.len() as u64 > bytes_max {
            return Err(fails(format!("it has more than {bytes_max} bytes")));
        }
        let now = self.intake.now();
        let reading = Reading {
            config: &self.config,
            ways: &self.ways,
            host_name: self.intake.host_name(),
            hops_max: self.hops_max,
            recipients_max: self.recipients_max,
            id: id.to_string(),
            now,
            date: date(now),
        };
        form::read(&path.to_string_lossy(), bytes, &reading).map_err(fails)
    }

    fn put_away(&self, path: &Path) -> io::Result<()> {
        if self.config.keep {
            return move_to(path, &self.directory.join("done"));
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        sync_parent(path)
    }

    /// The reason first: a file in `failed` always has one.
    fn put_aside(&self, path: &Path, reason: &str) -> io::Result<()> {
        let folder = self.directory.join("failed");
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".reason");
        journal::file::replace(&folder.join(name), format!("{reason}\n").as_bytes(), 0o640)?;
        move_to(path, &folder)
    }

    async fn tell(&self, path: &Path, reason: &str) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tracing::warn!(file = name, reason, "a file of the pickup directory");
        let event = Event {
            origin: Some(Origin { protocol: Protocol::Pickup, peer: None, user: None }),
            note: Some(format!("{name}: {}", reason.chars().take(1_000).collect::<String>())),
            ..Event::of_engine(EventKind::Rejected, self.intake.next_number(), self.intake.now())
        };
        if let Err(error) = self.events.append(vec![event]).await {
            tracing::warn!(%error, "an event about a file of the pickup directory is lost");
        }
    }
}

fn move_to(path: &Path, folder: &Path) -> io::Result<()> {
    let target = folder.join(path.file_name().unwrap_or_default());
    match fs::rename(path, &target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    sync_parent(&target)?;
    sync_parent(path)
}

/// Opens what is a file and no link; a pipe does not keep it waiting.
fn open_plain(path: &Path) -> Result<File, rustix::io::Errno> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).map(File::from)
}

fn is_hidden(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || name.to_ascii_lowercase().ends_with(".tmp")
}

/// A name that can stand behind an id: without what a terminal would take for an order, and short enough.
fn shown(name: &OsStr) -> String {
    let plain = |letter: char| if letter.is_control() || letter == '/' { '_' } else { letter };
    let name: String = name.to_string_lossy().chars().map(plain).collect();
    let start = name.char_indices().rev().map(|(at, _)| at).find(|&at| name.len() - at >= 150).unwrap_or(0);
    name[start..].to_owned()
}
