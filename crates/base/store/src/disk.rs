//! Files of the store: written once, whole and synced, never changed, removed when nobody reads them any more.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::StoreError;

/// Largest state file read into memory, unpacked: protects against damaged lengths.
const UNPACKED_MAX: u64 = 512 << 20;
/// Compression of state files.
const LEVEL: i32 = 3;

/// A file that is removed with its last reader, unless a manifest names it.
#[derive(Debug)]
pub(crate) struct StoredFile {
    path: PathBuf,
    obsolete: AtomicBool,
}

impl StoredFile {
    /// A file that the manifest names.
    pub fn named(path: PathBuf) -> StoredFile {
        StoredFile { path, obsolete: AtomicBool::new(false) }
    }

    /// A file in the making: gone again if nothing comes of it.
    pub fn fresh(path: PathBuf) -> StoredFile {
        StoredFile { path, obsolete: AtomicBool::new(true) }
    }

    /// The manifest names it now.
    pub fn mark_named(&self) {
        self.obsolete.store(false, Ordering::Relaxed);
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// No manifest names it any more.
    pub fn mark_obsolete(&self) {
        self.obsolete.store(true, Ordering::Relaxed);
    }
}

impl Drop for StoredFile {
    fn drop(&mut self) {
        if *self.obsolete.get_mut() {
            remove(&self.path);
        }
    }
}

/// Removes a file; a failure is logged, and the next start removes it.
pub(crate) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "could not remove a file of the event store");
    }
}

/// Writes a new file and makes it durable, its directory entry included.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || -> std::io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        journal::file::sync_parent(path)
    };
    write().map_err(StoreError::io(path))
}

/// A value in CBOR, packed, with a checksum.
pub(crate) fn pack(value: &impl minicbor::Encode<()>) -> std::io::Result<Vec<u8>> {
    let plain = minicbor::to_vec(value).map_err(std::io::Error::other)?;
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(&plain)?;
    encoder.finish()
}

/// Reads a file that was written with [`pack`].
pub(crate) fn unpack<T: for<'b> minicbor::Decode<'b, ()>>(path: &Path) -> std::io::Result<T> {
    let mut plain = Vec::new();
    let decoder = zstd::stream::Decoder::new(File::open(path)?)?;
    let read = decoder.take(UNPACKED_MAX).read_to_end(&mut plain)?;
    if read as u64 == UNPACKED_MAX {
        return Err(std::io::Error::other("unpacks to more than 512 MB"));
    }
    minicbor::decode(&plain).map_err(std::io::Error::other)
}
