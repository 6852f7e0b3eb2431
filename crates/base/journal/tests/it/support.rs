//! What the tests share: small logs, messages, a disk that fails on command.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use journal::events::{EventLog, EventLogOptions};
use journal::spool::{Admission, AdmitMessage, Hold, Opened, Spool, SpoolOptions};
use journal::{Disk, Options, RealDisk, SyncMode};
use model::event::{Event, EventKind};
use model::handoff::MessageHead;
use model::hash::{GAMMA, mix};
use model::id::{MessageId, RecipientId};
use model::name::Name;
use model::submission::{Checkpoint, Content, Envelope, NewRecipient, Origin, Protocol, ReturnPath, Routing};
use model::time::Timestamp;
use model::value::Value;

pub const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);

/// A log of small segments, so that a test sees many; quick, because nobody pulls the plug.
pub fn small() -> Options {
    let sync = SyncMode::Relaxed;
    Options { segment_bytes: 64 << 10, queue_bytes_max: 1 << 20, sync, ..Options::default() }
}

pub fn small_spool() -> SpoolOptions {
    SpoolOptions { log: small(), ..SpoolOptions::default() }
}

pub fn open_spool(dir: &Path) -> Opened {
    Spool::open(dir, small_spool()).unwrap()
}

pub fn open_events(dir: &Path) -> EventLog {
    EventLog::open(dir, EventLogOptions { log: small(), ..EventLogOptions::default() }).unwrap()
}

pub fn head(id: u64) -> MessageHead {
    MessageHead {
        id: MessageId(id),
        envelope: Envelope { sender: ReturnPath::PerRecipient("bounce.example".into()), ..Envelope::default() },
        routing: Routing { job: Name::from("job-7"), ..Routing::default() },
        origin: Origin { protocol: Protocol::Smtp, peer: Some([127, 0, 0, 1].into()), user: None },
        received_at: NOW,
        size_bytes: 0,
    }
}

pub fn address(id: u64) -> String {
    format!("r{id}@d{}.example", id % 5)
}

pub fn recipient(id: u64) -> (RecipientId, NewRecipient) {
    let values = vec![Value::from("Zoë"), Value::Int(id as i64)];
    (RecipientId(id), NewRecipient { address: address(id), values, ..NewRecipient::default() })
}

pub fn new_message(id: u64, content: &[u8], recipients: impl IntoIterator<Item = u64>) -> Admission {
    Admission {
        message: AdmitMessage::New { head: Box::new(head(id)), content: Content::Raw(content.to_vec()) },
        recipients: recipients.into_iter().map(recipient).collect(),
        due: NOW,
        checkpoint: None,
        hold: Hold::Unchanged,
    }
}

pub fn more_recipients(message: u64, recipients: impl IntoIterator<Item = u64>, position: u64) -> Admission {
    Admission {
        message: AdmitMessage::Existing(MessageId(message)),
        recipients: recipients.into_iter().map(recipient).collect(),
        due: NOW,
        checkpoint: Some(Checkpoint { feed: message, position }),
        hold: Hold::Unchanged,
    }
}

pub fn delivered(recipient: u64) -> Event {
    Event::of_recipient(EventKind::Delivered, RecipientId(recipient), 1, NOW)
}

/// Damages a file.
pub type Lose = fn(&File);

/// A disk that can be full, cut writes short, or lose its mind.
#[derive(Clone, Default)]
pub struct TrickyDisk {
    /// No more segments.
    pub no_allocation: Arc<AtomicBool>,
    pub allocations: Arc<AtomicUsize>,
    /// Writes fail after this many bytes, once.
    pub fail_after: Arc<std::sync::Mutex<Option<usize>>>,
    /// So many syncs fail, with an error of this number.
    pub failing_syncs: Arc<AtomicUsize>,
    pub errno: Arc<AtomicI32>,
    /// Every write fails, with an error of that number.
    pub no_write: Arc<AtomicBool>,
    /// What the medium has made of a file that memory had better.
    pub lost: Arc<std::sync::Mutex<Option<Lose>>>,
    /// Draws failures of every kind.
    pub dice: Arc<std::sync::Mutex<Option<Dice>>>,
    pub writes: Arc<AtomicUsize>,
    pub syncs: Arc<AtomicUsize>,
}

impl TrickyDisk {
    /// What fails, fails with this; for want of room, when nothing else is said.
    fn error(&self) -> io::Error {
        match self.errno.load(Ordering::SeqCst) {
            0 => full(),
            errno => io::Error::from_raw_os_error(errno),
        }
    }

    /// An error, if the dice want one.
    fn thrown(&self) -> io::Result<()> {
        let mut dice = self.dice.lock().unwrap();
        let errno = dice.as_mut().and_then(Dice::errno);
        errno.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }
}

/// Random numbers of a seed (splitmix64), for failures that come in bursts.
pub struct Dice {
    state: u64,
    burst: usize,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice { state: seed, burst: 0 }
    }

    /// Less than `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(GAMMA);
        (mix(self.state) % end as u64) as usize
    }

    /// No room, a disk that fails, a quota.
    fn errno(&mut self) -> Option<i32> {
        if self.burst == 0 && self.below(12) == 0 {
            self.burst = 1 + self.below(6);
        }
        self.burst = self.burst.checked_sub(1)?;
        Some([28, 5, 122][self.below(3)])
    }
}

fn full() -> io::Error {
    io::Error::from_raw_os_error(28)
}

impl Disk for TrickyDisk {
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.allocations.fetch_add(1, Ordering::SeqCst);
        self.thrown()?;
        if self.no_allocation.load(Ordering::SeqCst) { Err(self.error()) } else { RealDisk.allocate(file, bytes) }
    }

    fn write(&self, file: &File, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        if let Err(error) = self.thrown() {
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let part = self.dice.lock().unwrap().as_mut().unwrap().below(bytes.len() + 1);
            RealDisk.write(file, &[IoSlice::new(&bytes[..part])], offset)?;
            return Err(error);
        }
        if self.no_write.load(Ordering::SeqCst) {
            return Err(self.error());
        }
        let mut fail_after = self.fail_after.lock().unwrap();
        let Some(left) = fail_after.as_mut() else { return RealDisk.write(file, slices, offset) };
        if *left == 0 {
            *fail_after = None;
            return Err(full());
        }
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        let part = &bytes[..bytes.len().min(*left)];
        *left -= part.len();
        RealDisk.write(file, &[IoSlice::new(part)], offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.thrown()?;
        let failing = self.failing_syncs.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match failing {
            Ok(_) => Err(self.error()),
            Err(_) => RealDisk.sync(file),
        }
    }

    fn forget_cached(&self, file: &File) -> io::Result<()> {
        if let Some(lose) = *self.lost.lock().unwrap() {
            lose(file);
        }
        RealDisk.forget_cached(file)
    }
}
