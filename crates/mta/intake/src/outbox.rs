//! Notices that wait to be submitted: one file each, on disk before the mail they speak of leaves the spool, so that no
//! crash loses one; and which recipients' senders were told of a delay already.
//!
//! A file is `to LF tenant LF text`, named by a number that grows. It goes when the notice is in the spool: a crash in
//! between submits it twice, never not at all. Bounded: [`WAITING_MAX`] files, [`DELAYS_MAX`] recipients.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::id::RecipientId;
use model::name::Name;
use model::time::Timestamp;

/// Notices waiting to be submitted; more are left out.
pub(crate) const WAITING_MAX: usize = 1_000;
/// Recipients of whose delay was told; of more, the oldest are forgotten, and may be told of again.
pub(crate) const DELAYS_MAX: usize = 10_000;
/// A delay is forgotten after so long: no mail is queued for as long.
const DELAY_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Ends the names of files.
const SUFFIX: &str = ".notice";
const DELAYS: &str = "delays";

/// A notice that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) to: String,
    pub(crate) tenant: Name,
    pub(crate) text: Vec<u8>,
}

/// The directory.
#[derive(Debug)]
pub(crate) struct Outbox {
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    waiting: usize,
    /// When it was told, by recipient.
    delays: BTreeMap<RecipientId, Timestamp>,
}

impl Outbox {
    /// In this directory, which is made when missing. Blocks.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let text = match fs::read_to_string(dir.join(DELAYS)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let delays = text.lines().filter_map(|line| {
            let (recipient, at) = line.split_once(' ')?;
            Some((recipient.parse().ok()?, Timestamp(at.parse().ok()?)))
        });
        let state = State { waiting: names(&dir)?.len(), delays: delays.collect() };
        Ok(Outbox { dir, state: Mutex::new(state) })
    }

    /// Keeps a notice; it is on disk when this returns. Blocks. False when there is no room.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn keep(&self, number: u64, ready: &Ready) -> io::Result<bool> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.waiting >= WAITING_MAX {
            return Ok(false);
        }
        let mut file = format!("{}\n{}\n", ready.to, ready.tenant).into_bytes();
        file.extend_from_slice(&ready.text);
        journal::file::create(&self.dir.join(format!("{number:020}{SUFFIX}")), &file, 0o600)?;
        state.waiting += 1;
        Ok(true)
    }

    /// Whether there is no room for another one.
    pub(crate) fn is_full(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).waiting >= WAITING_MAX
    }

    /// The names of those that wait, the oldest first.
    pub(crate) fn waiting(&self) -> io::Result<Vec<String>> {
        names(&self.dir)
    }

    /// Reads one; None for a file that is no notice.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Ready>> {
        let file = fs::read(self.dir.join(name))?;
        let mut lines = file.splitn(3, |&byte| byte == b'\n');
        let (Some(to), Some(tenant), Some(text)) = (lines.next(), lines.next(), lines.next()) else { return Ok(None) };
        let (Ok(to), Ok(tenant)) = (std::str::from_utf8(to), std::str::from_utf8(tenant)) else { return Ok(None) };
        Ok(Some(Ready { to: to.to_owned(), tenant: Name::from(tenant), text: text.to_vec() }))
    }

    /// Takes one away.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting = state.waiting.saturating_sub(1);
        Ok(())
    }

    /// Whether somebody was told of this recipient's delay already.
    pub(crate) fn was_delayed(&self, recipient: RecipientId) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).delays.contains_key(&recipient)
    }

    /// Remembers of whose delay is told; on disk when this returns.
    ///
    /// # Errors
    /// The disk's; they are remembered until the end of the program.
    pub(crate) fn note_delayed(&self, recipients: &[RecipientId], now: Timestamp) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.delays.retain(|_, at| now <= at.plus(DELAY_KEPT));
        state.delays.extend(recipients.iter().map(|recipient| (*recipient, now)));
        // Ids grow with time: the first are the oldest.
        while state.delays.len() > DELAYS_MAX {
            state.delays.pop_first();
        }
        let lines: String = state.delays.iter().map(|(recipient, at)| format!("{recipient} {}\n", at.0)).collect();
        journal::file::replace_durably(&self.dir.join(DELAYS), lines.as_bytes(), 0o600)
    }
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(SUFFIX) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);

    #[test]
    fn notices_and_delays_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notices");
        let ready = Ready { to: "zoé@example.org".to_owned(), tenant: Name::from("acme"), text: b"a\r\n\nb".to_vec() };
        let outbox = Outbox::open(path.clone()).unwrap();
        assert!(outbox.keep(20, &ready).unwrap() && outbox.keep(3, &ready).unwrap());
        outbox.note_delayed(&[RecipientId(7)], NOW).unwrap();
        let outbox = Outbox::open(path.clone()).unwrap();
        let names = outbox.waiting().unwrap();
        assert_eq!((names.len(), names[0].starts_with("00000000000000000003")), (2, true));
        assert_eq!(outbox.read(&names[1]).unwrap(), Some(ready));
        assert!(outbox.was_delayed(RecipientId(7)) && !outbox.was_delayed(RecipientId(8)));
        outbox.remove(&names[0]).unwrap();
        assert_eq!(outbox.waiting().unwrap().len(), 1);
        // Damaged, and of somebody else.
        fs::write(path.join("9.notice"), b"x").unwrap();
        fs::write(path.join("readme"), b"x").unwrap();
        assert_eq!((outbox.read("9.notice").unwrap(), outbox.waiting().unwrap().len()), (None, 2));
        outbox.note_delayed(&[RecipientId(9)], NOW.plus(DELAY_KEPT * 2)).unwrap();
        assert!(!outbox.was_delayed(RecipientId(7)));
    }

    #[test]
    fn there_is_room_for_so_many() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..WAITING_MAX {
            fs::write(dir.path().join(format!("{number}{SUFFIX}")), b"").unwrap();
        }
        let outbox = Outbox::open(dir.path().to_owned()).unwrap();
        let ready = Ready { to: String::new(), tenant: Name::default(), text: Vec::new() };
        assert!(outbox.is_full() && !outbox.keep(u64::MAX, &ready).unwrap());
        let many: Vec<RecipientId> = (0..DELAYS_MAX as u64 + 5).map(RecipientId).collect();
        outbox.note_delayed(&many, NOW).unwrap();
        assert!(!outbox.was_delayed(RecipientId(4)) && outbox.was_delayed(RecipientId(5)));
    }
}
