//! The operations on files that fail when a disk is full or broken, behind a trait so that tests can make them fail.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;

/// Room, bytes, durability.
pub trait Disk: Send + Sync + 'static {
    /// Makes sure that the file has `bytes` of room (fallocate).
    ///
    /// # Errors
    /// `StorageFull` when there is no room.
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()>;

    /// Writes some of these slices at `offset` and says how many bytes (pwritev).
    ///
    /// # Errors
    /// What the operating system says; nothing is known about what was written.
    fn write(&self, file: &File, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;

    /// Waits until the bytes of the file are on the medium (fdatasync).
    ///
    /// # Errors
    /// What the operating system says; nothing is known about what is on the medium.
    fn sync(&self, file: &File) -> io::Result<()>;

    /// Lets go of what memory holds of a file whose bytes are synced, so that they are read from the medium next.
    ///
    /// # Errors
    /// What the operating system says.
    fn forget_cached(&self, file: &File) -> io::Result<()> {
        Ok(rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)?)
    }

    /// Puts a small file in the place of another, whole, synced, under its name (see
    /// [`crate::file::replace_durably`]).
    ///
    /// # Errors
    /// What the operating system says; whether the old file or the new one is there after a crash is not known.
    fn replace(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        crate::file::replace_durably(path, bytes, mode)
    }
}

/// The disk of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        use rustix::fs::FallocateFlags;
        use rustix::io::Errno;
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
            // Some file systems cannot allocate in advance; the writes will find the room, or not.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(bytes),
            other => Ok(other?),
        }
    }

    fn write(&self, file: &File, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pwritev(file, slices, offset)?)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}
