//! Letters to the postmaster where nobody said whither to send them on: one file each, whole, for people to read.
//!
//! A directory of bounded size: when it is full, letters are refused for the time being, and whoever runs the house
//! makes room by moving files away. Never read by the program.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Most files kept.
pub(crate) const FILES_MAX: usize = 1_000;
/// Most bytes of all files together.
pub(crate) const BYTES_MAX: u64 = 64 << 20;

/// Why a letter was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// [`FILES_MAX`] or [`BYTES_MAX`] is reached.
    #[error("the directory of letters is full")]
    Full,
    /// The disk.
    #[error("a letter cannot be written")]
    Io(#[from] io::Error),
}

/// The directory.
#[derive(Debug)]
pub(crate) struct Inbox {
    dir: PathBuf,
    /// Room is looked for and taken by one at a time.
    writing: Mutex<()>,
}

impl Inbox {
    /// In this directory, which is made with the first letter.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Inbox { dir, writing: Mutex::new(()) }
    }

    /// Writes a letter under a name of its own; it is on disk when this returns. Blocks.
    ///
    /// # Errors
    /// See [`KeepError`]; nothing is kept.
    pub(crate) fn keep(&self, name: &str, letter: &[u8]) -> Result<(), KeepError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        fs::create_dir_all(&self.dir)?;
        let (files, bytes) = used(&self.dir)?;
        if files >= FILES_MAX || bytes.saturating_add(letter.len() as u64) > BYTES_MAX {
            return Err(KeepError::Full);
        }
        journal::file::create(&self.dir.join(name), letter, 0o600)?;
        Ok(())
    }
}

/// Files of the directory and their bytes.
fn used(dir: &Path) -> io::Result<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(dir)? {
        files += 1;
        bytes += entry?.metadata()?.len();
    }
    Ok((files, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_directory_refuses() {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Inbox::new(dir.path().join("inbound"));
        inbox.keep("1.eml", b"first").unwrap();
        assert!(matches!(inbox.keep("1.eml", b"again"), Err(KeepError::Io(_))), "nothing is written over");
        assert_eq!(fs::read(dir.path().join("inbound/1.eml")).unwrap(), b"first");
        for number in 2..=FILES_MAX {
            fs::write(dir.path().join(format!("inbound/{number}.eml")), b"").unwrap();
        }
        assert!(matches!(inbox.keep("more.eml", b""), Err(KeepError::Full)));
        fs::remove_file(dir.path().join("inbound/2.eml")).unwrap();
        inbox.keep("more.eml", b"").unwrap();
        fs::remove_file(dir.path().join("inbound/3.eml")).unwrap();
        let large = vec![b'x'; BYTES_MAX as usize];
        assert!(matches!(inbox.keep("large.eml", &large), Err(KeepError::Full)));
    }
}
