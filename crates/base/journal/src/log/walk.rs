//! Reading a segment from a place on: frame after frame, stepping over damage.
//!
//! Used by recovery, by reclaim and by the readers of the event log. Never trusts a length before it is checked against
//! the limit of what may be read; memory is bounded by the largest frame.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::frame::{FRAME_HEADER, FrameHeader};
use super::group::{GROUP_ALIGN, GROUP_HEADER, GroupHeader, align};
use super::segment::SEGMENT_HEADER;

/// Read at once when going through a file.
const READ_AHEAD: usize = 256 << 10;
/// Searched at once for the beginning of a group; a multiple of [`GROUP_ALIGN`].
const SEARCH_BLOCK: usize = 64 << 10;
/// A buffer that a large frame has blown up is given back when it is larger than this.
const BUFFER_KEPT: usize = 2 << 20;

/// A part of a file in memory, moved along as it is asked for.
pub(crate) struct Window {
    file: Arc<File>,
    limit: u64,
    at: u64,
    buffer: Vec<u8>,
}

impl Window {
    pub(crate) fn new(file: Arc<File>, limit: u64) -> Self {
        Window { file, limit, at: 0, buffer: Vec::new() }
    }

    /// These bytes; `None` when they reach beyond the limit or the end of the file.
    pub(crate) fn slice(&mut self, offset: u64, len: usize) -> io::Result<Option<&[u8]>> {
        let inside = |at: u64, have: usize| offset >= at && offset + len as u64 <= at + have as u64;
        if offset.checked_add(len as u64).is_none_or(|end| end > self.limit) {
            return Ok(None);
        }
        if !inside(self.at, self.buffer.len()) {
            self.fill(offset, len)?;
        }
        if !inside(self.at, self.buffer.len()) {
            return Ok(None);
        }
        let start = (offset - self.at) as usize;
        Ok(Some(&self.buffer[start..start + len]))
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let want = len.max(READ_AHEAD).min(usize::try_from(self.limit - offset).unwrap_or(usize::MAX));
        if self.buffer.capacity() > BUFFER_KEPT && want <= BUFFER_KEPT {
            self.buffer = Vec::new();
        }
        self.at = offset;
        self.buffer.resize(want, 0);
        let mut filled = 0;
        while filled < want {
            match self.file.read_at(&mut self.buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.clear();
                    return Err(error);
                }
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}

/// A frame that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameAt {
    pub(crate) offset: u32,
    pub(crate) header: FrameHeader,
}

/// What comes next in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A frame that is as it was written; its bytes through [`Walker::payload`].
    Frame(FrameAt),
    /// Bytes that are not what was written.
    Damage { offset: u32, bytes: u64, reason: &'static str },
    /// Nothing more up to the limit.
    End,
}

/// Goes through one segment.
pub(crate) struct Walker {
    window: Window,
    segment: u32,
    salt: u32,
    position: u64,
    limit: u64,
    /// End of the frames of the group in which the position lies, where its header has been seen.
    group_end: Option<u64>,
}

impl Walker {
    /// Begins at `position`: the start of a group or of a frame. `limit` is where written bytes end.
    pub(crate) fn new(file: Arc<File>, segment: u32, salt: u32, position: u64, limit: u64) -> Self {
        let position = position.max(SEGMENT_HEADER);
        Walker { window: Window::new(file, limit), segment, salt, position, limit, group_end: None }
    }

    /// Where the next step begins.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// More has been written: go on up to here.
    pub(crate) fn extend(&mut self, limit: u64) {
        debug_assert!(limit >= self.limit);
        self.limit = limit;
        self.window.limit = limit;
    }

    pub(crate) fn next(&mut self) -> io::Result<Step> {
        loop {
            let aligned = align(self.position);
            if let Some(group) = self.group_at(aligned)? {
                self.position = group.frames_start();
                self.group_end = Some(group.frames_end());
                continue;
            }
            if let Some(header) = self.frame_at(self.position)? {
                let offset = self.position as u32;
                self.position += header.total();
                return Ok(Step::Frame(FrameAt { offset, header }));
            }
            return self.step_over(aligned);
        }
    }

    /// Prefix and body of a frame.
    pub(crate) fn payload(&mut self, frame: FrameAt) -> io::Result<(&[u8], &[u8])> {
        let bytes = self.window.slice(u64::from(frame.offset), frame.header.total() as usize)?;
        let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        Ok(frame.header.split(bytes))
    }

    /// Group header at this place, if there is one.
    pub(crate) fn group_at(&mut self, offset: u64) -> io::Result<Option<GroupHeader>> {
        let (salt, segment) = (self.salt, self.segment);
        let bytes = self.window.slice(offset, GROUP_HEADER)?;
        let header = bytes.and_then(|bytes| GroupHeader::read(bytes, salt, segment, offset));
        Ok(header.filter(|header| header.frames_end() <= self.limit))
    }

    /// The first group at or behind `from`.
    pub(crate) fn find_group(&mut self, from: u64) -> io::Result<Option<u64>> {
        let mut block_start = align(from);
        while block_start < self.limit {
            let len = usize::try_from(self.limit - block_start).unwrap_or(usize::MAX).min(SEARCH_BLOCK);
            let Some(block) = self.window.slice(block_start, len)? else { break };
            let place = block.chunks(GROUP_ALIGN as usize).position(GroupHeader::may_begin);
            let Some(place) = place.map(|place| block_start + place as u64 * GROUP_ALIGN) else {
                block_start += SEARCH_BLOCK as u64;
                continue;
            };
            if self.group_at(place)?.is_some() {
                return Ok(Some(place));
            }
            block_start = place + GROUP_ALIGN;
        }
        Ok(None)
    }

    /// Frame at this place, if there is one and it is intact.
    fn frame_at(&mut self, offset: u64) -> io::Result<Option<FrameHeader>> {
        let Some(header) = self.header_at(offset)? else { return Ok(None) };
        let intact = self.window.slice(offset, header.total() as usize)?.is_some_and(FrameHeader::verify);
        Ok(intact.then_some(header))
    }

    /// Something that looks like the header of a frame and stays inside its group.
    fn header_at(&mut self, offset: u64) -> io::Result<Option<FrameHeader>> {
        let end = self.group_end.unwrap_or(self.limit);
        let header = self.window.slice(offset, FRAME_HEADER)?.and_then(FrameHeader::read);
        Ok(header.filter(|header| offset + header.total() <= end))
    }

    /// Neither group nor frame: the end, one bad frame, or bad bytes up to the next group.
    fn step_over(&mut self, aligned: u64) -> io::Result<Step> {
        let start = self.position;
        if let Some(next) = self.behind_bad_frame(start)? {
            self.position = next;
            return Ok(damage(start, next, "a record does not match its checksum"));
        }
        let next = self.find_group(aligned)?;
        if next.is_none() && self.group_end.is_none_or(|end| start >= end) && self.is_unused(aligned)? {
            return Ok(Step::End);
        }
        self.group_end = None;
        self.position = next.unwrap_or(self.limit);
        Ok(damage(start, self.position, "records cannot be told apart"))
    }

    /// Zeros, or nothing: no group was ever written here (or it was taken back, see `committer`).
    fn is_unused(&mut self, offset: u64) -> io::Result<bool> {
        let left = usize::try_from(self.limit.saturating_sub(offset)).unwrap_or(usize::MAX).min(GROUP_HEADER);
        let bytes = self.window.slice(offset, left)?;
        Ok(bytes.is_none_or(|bytes| bytes.iter().all(|&byte| byte == 0)))
    }

    /// Where the next frame begins when only this one is bad and its length is not.
    fn behind_bad_frame(&mut self, offset: u64) -> io::Result<Option<u64>> {
        let Some(end) = self.group_end else { return Ok(None) };
        let Some(header) = self.header_at(offset)? else { return Ok(None) };
        let next = offset + header.total();
        let fits = next == end || self.frame_at(next)?.is_some();
        Ok(fits.then_some(next))
    }
}

fn damage(start: u64, end: u64, reason: &'static str) -> Step {
    Step::Damage { offset: start as u32, bytes: end - start, reason }
}
