//! Segment files: names, header, the directory and its lock.
//!
//! ```text
//! segment  0  magic     8 bytes  "iES log\n"
//!          8  version   u32      1
//!         12  number    u32      also the name of the file: ten digits and ".seg"
//!         16  kind      8 bytes  which log: "spool", "events"; zeros behind
//!         24  created   i64      microseconds since 1970
//!         32  salt      u32      random, see [`super::group`]
//!         36  zero      24 bytes
//!         60  crc       u32      CRC-32 of the bytes in front of it
//!         64  groups, then zeros to the end of the file
//! ```
//! A new segment is made as `spare`: allocated and synced. When its turn comes the header is written and synced, the
//! file gets its name, and the directory is synced; only then is the first group written. A crash on the way leaves a
//! spare, which is used again, or a segment without groups.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use model::time::Timestamp;

use super::disk::Disk;
use super::frame::{u32_at, u64_at};

/// Bytes in front of the first group.
pub(crate) const SEGMENT_HEADER: u64 = 64;
/// Name of the file that will be the next segment.
pub(crate) const SPARE_NAME: &str = "spare";
/// Name of the file that is locked while the log is open.
pub(crate) const LOCK_NAME: &str = "lock";

const MAGIC: &[u8; 8] = b"iES log\n";
const VERSION: u32 = 1;

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) number: u32,
    pub(crate) kind: [u8; 8],
    pub(crate) created: Timestamp,
    pub(crate) salt: u32,
}

/// What the first bytes of a file turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderFound {
    /// A segment of this kind of log.
    Good(SegmentHeader),
    /// A segment of another kind of log or of another program version.
    Foreign(String),
    /// Not a header, or a damaged one.
    Damaged,
}

impl SegmentHeader {
    pub(crate) fn write(&self) -> [u8; SEGMENT_HEADER as usize] {
        let mut bytes = [0; SEGMENT_HEADER as usize];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.kind);
        bytes[24..32].copy_from_slice(&self.created.0.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn read(bytes: &[u8], kind: [u8; 8]) -> HeaderFound {
        let parse = || {
            let intact = bytes.get(..8)? == MAGIC && u32_at(bytes, 60)? == crc32fast::hash(bytes.get(..60)?);
            if !intact {
                return None;
            }
            let version = u32_at(bytes, 8)?;
            if version != VERSION {
                return Some(HeaderFound::Foreign(format!("version {version} of the format")));
            }
            let found: [u8; 8] = bytes.get(16..24)?.try_into().ok()?;
            if found != kind {
                return Some(HeaderFound::Foreign(String::from_utf8_lossy(&found).trim_matches('\0').to_owned()));
            }
            Some(HeaderFound::Good(SegmentHeader {
                number: u32_at(bytes, 12)?,
                kind: found,
                created: Timestamp(u64_at(bytes, 24)? as i64),
                salt: u32_at(bytes, 32)?,
            }))
        };
        parse().unwrap_or(HeaderFound::Damaged)
    }
}

/// A random number that nobody outside knows. The keys of the standard hasher are random; no value depends on it.
pub(crate) fn random_salt() -> u32 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish() as u32
}

pub(crate) fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:010}.seg"))
}

/// Numbers of the segment files in a directory, oldest first.
pub(crate) fn list_segments(dir: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_suffix(".seg")).and_then(|digits| digits.parse::<u32>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Takes the lock of the directory; `None` when somebody else has it. It is held until the file is dropped.
pub(crate) fn lock_dir(dir: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{FlockOperation, flock};
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(LOCK_NAME))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes an empty allocated file that can become a segment. A file that was begun is removed on failure.
pub(crate) fn make_spare(dir: &Path, disk: &dyn Disk, bytes: u64) -> io::Result<File> {
    let path = dir.join(SPARE_NAME);
    let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path)?;
    match disk.allocate(&file, bytes).and_then(|()| file.sync_all()) {
        Ok(()) => Ok(file),
        Err(error) => {
            drop(file);
            std::fs::remove_file(&path).ok();
            Err(error)
        }
    }
}

/// Turns the spare into the segment of this header.
pub(crate) fn promote_spare(dir: &Path, disk: &dyn Disk, spare: &File, header: &SegmentHeader) -> io::Result<()> {
    write_all(disk, spare, &mut [IoSlice::new(&header.write())], 0)?;
    disk.sync(spare)?;
    std::fs::rename(dir.join(SPARE_NAME), segment_path(dir, header.number))?;
    sync_dir(dir)
}

/// Most slices in one call (IOV_MAX on Linux).
const SLICES_MAX: usize = 1024;

/// Writes all of these slices one behind the other.
pub(crate) fn write_all(
    disk: &dyn Disk,
    file: &File,
    mut slices: &mut [IoSlice<'_>],
    mut offset: u64,
) -> io::Result<()> {
    while !slices.is_empty() {
        let count = slices.len().min(SLICES_MAX);
        let written = match disk.write(file, &slices[..count], offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        offset += written as u64;
        IoSlice::advance_slices(&mut slices, written);
    }
    Ok(())
}

/// True for the errors that mean: no room now, perhaps later.
pub(crate) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_apart() {
        let header =
            SegmentHeader { number: 7, kind: *b"spool\0\0\0", created: Timestamp::from_unix_s(1_790_000_000), salt: 5 };
        let bytes = header.write();
        assert_eq!(SegmentHeader::read(&bytes, header.kind), HeaderFound::Good(header));
        assert_eq!(SegmentHeader::read(&bytes, *b"events\0\0"), HeaderFound::Foreign("spool".to_owned()));
        assert_eq!(SegmentHeader::read(&bytes[..20], header.kind), HeaderFound::Damaged);
        assert_eq!(SegmentHeader::read(&[0; 64], header.kind), HeaderFound::Damaged);
    }

    #[test]
    fn the_lock_is_exclusive_and_goes_with_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock_dir(dir.path()).unwrap();
        assert!(held.is_some());
        assert!(lock_dir(dir.path()).unwrap().is_none());
        drop(held);
        assert!(lock_dir(dir.path()).unwrap().is_some());
    }
}
