//! The segment files of an open log, shared by the committer (who adds) and the readers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::frame::{FRAME_HEADER, FrameHeader};
use super::recovery::SegmentFile;
use super::segment::{SEGMENT_HEADER, SegmentHeader, segment_path, sync_dir};
use super::walk::Walker;

/// Segments by number. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Segments {
    dir: Arc<PathBuf>,
    files: Arc<RwLock<BTreeMap<u32, SegmentFile>>>,
}

impl Segments {
    pub(crate) fn new(dir: PathBuf, files: BTreeMap<u32, SegmentFile>) -> Self {
        Segments { dir: Arc::new(dir), files: Arc::new(RwLock::new(files)) }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn get(&self, number: u32) -> Option<SegmentFile> {
        self.read().get(&number).cloned()
    }

    pub(crate) fn newest(&self) -> Option<(u32, SegmentFile)> {
        self.read().last_key_value().map(|(&number, segment)| (number, segment.clone()))
    }

    pub(crate) fn oldest(&self) -> Option<(u32, SegmentFile)> {
        self.read().first_key_value().map(|(&number, segment)| (number, segment.clone()))
    }

    /// The first segment at or behind this number.
    pub(crate) fn at_or_behind(&self, number: u32) -> Option<(u32, SegmentFile)> {
        self.read().range(number..).next().map(|(&number, segment)| (number, segment.clone()))
    }

    pub(crate) fn count(&self) -> usize {
        self.read().len()
    }

    /// Bytes of all segments; of the active one only what is written.
    pub(crate) fn bytes(&self) -> u64 {
        self.read().values().map(|segment| segment.bytes).sum()
    }

    /// Bytes of all files when the active one has this capacity.
    pub(crate) fn bytes_on_disk(&self, active: u32, capacity: u64) -> u64 {
        let size = |(&number, segment): (&u32, &SegmentFile)| if number == active { capacity } else { segment.bytes };
        self.read().iter().map(size).sum()
    }

    /// Goes through a segment from a place on.
    pub(crate) fn walk(&self, number: u32, position: u64) -> Option<Walker> {
        let segment = self.get(number)?;
        Some(Walker::new(segment.file, number, segment.header.salt, position, segment.bytes))
    }

    /// Reads some bytes of a segment; `None` when the segment is gone.
    pub(crate) fn read_at(&self, number: u32, offset: u64, bytes: &mut [u8]) -> io::Result<Option<()>> {
        let Some(segment) = self.get(number) else { return Ok(None) };
        segment.file.read_exact_at(bytes, offset).map(Some)
    }

    /// Reads and checks a whole frame. `None` when the segment is gone.
    ///
    /// # Errors
    /// `InvalidData` when there is no intact frame of at most `bytes_max` at this place.
    pub(crate) fn read_frame(
        &self,
        number: u32,
        offset: u32,
        bytes_max: u64,
    ) -> io::Result<Option<(FrameHeader, Vec<u8>)>> {
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let Some(segment) = self.get(number) else { return Ok(None) };
        let mut head = [0; FRAME_HEADER];
        segment.file.read_exact_at(&mut head, u64::from(offset))?;
        let header = FrameHeader::read(&head).ok_or_else(damaged)?;
        if header.total() > bytes_max || u64::from(offset) + header.total() > segment.bytes {
            return Err(damaged());
        }
        let mut frame = vec![0; header.total() as usize];
        segment.file.read_exact_at(&mut frame, u64::from(offset))?;
        if FrameHeader::verify(&frame) { Ok(Some((header, frame))) } else { Err(damaged()) }
    }

    /// Reads header and prefix of a frame whose checksum was found good before. `None` when the segment is gone or there
    /// is no frame.
    pub(crate) fn read_prefix(&self, number: u32, offset: u32) -> io::Result<Option<(FrameHeader, Vec<u8>)>> {
        let Some(segment) = self.get(number) else { return Ok(None) };
        let mut head = [0; FRAME_HEADER];
        segment.file.read_exact_at(&mut head, u64::from(offset))?;
        let Some(header) = FrameHeader::read(&head) else { return Ok(None) };
        let start = u64::from(offset) + FRAME_HEADER as u64;
        if start + u64::from(header.prefix) > segment.bytes {
            return Ok(None);
        }
        let mut prefix = vec![0; header.prefix as usize];
        segment.file.read_exact_at(&mut prefix, start)?;
        Ok(Some((header, prefix)))
    }

    /// Deletes the oldest segment. It must not be the active one; readers that have it open can go on.
    pub(crate) fn delete_oldest(&self, number: u32) -> io::Result<()> {
        {
            let mut files = self.write();
            debug_assert!(files.len() > 1, "the active segment stays");
            debug_assert_eq!(files.first_key_value().map(|(&oldest, _)| oldest), Some(number), "oldest first");
            files.remove(&number);
        }
        std::fs::remove_file(segment_path(&self.dir, number))?;
        // Before anything that relies on it being gone can be deleted itself.
        sync_dir(&self.dir)
    }

    /// A new active segment.
    pub(super) fn begin(&self, file: Arc<File>, header: SegmentHeader) {
        self.write().insert(header.number, SegmentFile { file, header, bytes: SEGMENT_HEADER });
    }

    /// More of the active segment can be read.
    pub(super) fn extend(&self, number: u32, bytes: u64) {
        if let Some(segment) = self.write().get_mut(&number) {
            segment.bytes = bytes;
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<u32, SegmentFile>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<u32, SegmentFile>> {
        self.files.write().unwrap_or_else(PoisonError::into_inner)
    }
}
