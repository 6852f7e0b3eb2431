//! Opening a log: which segments are there, where does the acknowledged part end, what is in it.
//!
//! | crash point | what is found | what recovery makes of it |
//! |---|---|---|
//! | before a group reached the file | zeros behind the last group | nothing to do; nobody was told |
//! | while a group was written | header without all its frames, or the reverse | cut: overwritten with zeros, counted as torn |
//! | group complete, fdatasync not returned | an intact group | kept, and synced before anything is built on it |
//! | after fdatasync, before the answers | an intact group | kept |
//! | a write failed for want of room, and was taken back | a zeroed header in front of remains | cut like a torn group |
//! | while a spare was made | a file `spare`, perhaps too short | removed; made again when needed |
//! | after the header of a new segment, before its name | a file `spare` with a header | removed like any spare |
//! | after the name, before the first group | a segment without groups | becomes the active one |
//! | after a roll, before the old segment was shortened | zeros at the end of a segment that is not the last | ignored |
//! | while old segments were deleted | some of the deleted ones are still there | read again; their content is known to be done |
//!
//! A group in the middle that cannot be read (a bad disk) is damage: the bytes are copied to `quarantine/`, reported, and
//! the rest is read. A segment whose header is damaged cannot be read at all: it is renamed to `….damaged` and reported.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use super::group::align;
use super::segment::{
    HeaderFound, SEGMENT_HEADER, SPARE_NAME, SegmentHeader, list_segments, segment_path, sync_dir, write_all,
};
use super::walk::{FrameAt, Step, Walker, Window};
use super::{Damage, OpenError, Options};

/// Most places that are copied to `quarantine/`; beyond it they are only reported.
const QUARANTINE_FILES_MAX: usize = 1_000;

/// Gets every intact frame, in the order of commits.
pub(crate) trait Visitor {
    fn frame(&mut self, segment: u32, frame: FrameAt, prefix: &[u8], body: &[u8]);

    /// For [`Scan::Newest`], asked after the segments from some number on have been visited: must older ones be visited
    /// too? Then everything is told again from there.
    fn needs_older(&self) -> bool {
        false
    }
}

/// Which segments are shown to the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// All, oldest first.
    All,
    /// The newest, and older ones only while the visitor needs them.
    Newest,
}

/// One segment file.
#[derive(Clone)]
pub(crate) struct SegmentFile {
    pub(crate) file: Arc<File>,
    pub(crate) header: SegmentHeader,
    /// Bytes that can be read: the size of the file, or of its written part for the active one.
    pub(crate) bytes: u64,
}

/// What was found in a directory.
pub(crate) struct Recovered {
    pub(crate) segments: BTreeMap<u32, SegmentFile>,
    /// The number for the next new segment.
    pub(crate) next_number: u32,
    pub(crate) torn_bytes: u64,
    pub(crate) damage: Vec<Damage>,
}

/// Reads the directory, repairs the tail and shows the frames to `visitor`.
pub(crate) fn recover(
    dir: &Path,
    options: &Options,
    kind: [u8; 8],
    scan: Scan,
    visitor: &mut dyn Visitor,
) -> Result<Recovered, OpenError> {
    let io_error = |source| OpenError::Io { dir: dir.to_owned(), source };
    remove_spare(dir).map_err(io_error)?;
    let mut found = open_segments(dir, kind)?;
    if let Some(mut last) = found.segments.last_entry() {
        let tail = repair_tail(dir, last.get(), options).map_err(io_error)?;
        last.get_mut().bytes = tail.end;
        found.torn_bytes = tail.torn_bytes;
    }
    visit_all(dir, &mut found, scan, visitor).map_err(io_error)?;
    Ok(found)
}

fn remove_spare(dir: &Path) -> io::Result<()> {
    match std::fs::remove_file(dir.join(SPARE_NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn open_segments(dir: &Path, kind: [u8; 8]) -> Result<Recovered, OpenError> {
    let io_error = |source| OpenError::Io { dir: dir.to_owned(), source };
    let mut found = Recovered { segments: BTreeMap::new(), next_number: 1, torn_bytes: 0, damage: Vec::new() };
    for number in list_segments(dir).map_err(io_error)? {
        if found.segments.last_key_value().is_some_and(|(&last, _)| last + 1 != number) {
            found.damage.push(Damage {
                segment: number - 1,
                offset: 0,
                bytes: 0,
                reason: "a segment file is missing".into(),
            });
        }
        found.next_number = number + 1;
        let path = segment_path(dir, number);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io_error)?;
        let bytes = file.metadata().map_err(io_error)?.len();
        let file = Arc::new(file);
        let mut window = Window::new(file.clone(), bytes);
        let head = window.slice(0, SEGMENT_HEADER as usize).map_err(io_error)?.unwrap_or_default();
        match SegmentHeader::read(head, kind) {
            HeaderFound::Good(header) if header.number == number => {
                found.segments.insert(number, SegmentFile { file, header, bytes });
            }
            HeaderFound::Foreign(found) => return Err(OpenError::Foreign { dir: dir.to_owned(), found }),
            HeaderFound::Good(_) | HeaderFound::Damaged => {
                std::fs::rename(&path, path.with_extension("seg.damaged")).map_err(io_error)?;
                sync_dir(dir).map_err(io_error)?;
                let reason = "the header of the segment is damaged".into();
                found.damage.push(Damage { segment: number, offset: 0, bytes, reason });
            }
        }
    }
    Ok(found)
}

struct Tail {
    end: u64,
    torn_bytes: u64,
}

/// Finds the end of the last complete group of the last segment, and clears what lies behind it.
fn repair_tail(dir: &Path, last: &SegmentFile, options: &Options) -> io::Result<Tail> {
    let end = acknowledged_end(last)?;
    let torn_end = last_used_byte(last, end)?;
    let torn_bytes = torn_end.saturating_sub(end);
    if torn_bytes > 0 {
        let segment = last.header.number;
        tracing::warn!(dir = %dir.display(), segment, end, torn_bytes, "cutting a torn tail");
        clear(last, options, end, torn_end)?;
    }
    // What a killed process left in the page cache counts from now on, so it has to be on disk.
    options.disk.sync(&last.file)?;
    Ok(Tail { end, torn_bytes })
}

fn acknowledged_end(last: &SegmentFile) -> io::Result<u64> {
    let (number, salt) = (last.header.number, last.header.salt);
    let mut walker = Walker::new(last.file.clone(), number, salt, SEGMENT_HEADER, last.bytes);
    let mut position = SEGMENT_HEADER;
    let mut last_group = None;
    loop {
        if let Some(group) = walker.group_at(position)? {
            position = align(group.frames_end());
            last_group = Some(group);
            continue;
        }
        match walker.find_group(position)? {
            Some(next) => position = next,
            None => break,
        }
    }
    let Some(group) = last_group else { return Ok(SEGMENT_HEADER) };
    let mut walker = Walker::new(last.file.clone(), number, salt, u64::from(group.offset), group.frames_end());
    for _ in 0..group.frames {
        if !matches!(walker.next()?, Step::Frame(_)) {
            return Ok(u64::from(group.offset));
        }
    }
    let complete = walker.next()? == Step::End && walker.position() == group.frames_end();
    Ok(if complete { align(group.frames_end()) } else { u64::from(group.offset) })
}

/// Behind the last byte that is not zero, at or behind `from`.
fn last_used_byte(last: &SegmentFile, from: u64) -> io::Result<u64> {
    const BLOCK: usize = 64 << 10;
    let mut window = Window::new(last.file.clone(), last.bytes);
    let (mut offset, mut end) = (from, from);
    while offset < last.bytes {
        let len = usize::try_from(last.bytes - offset).unwrap_or(usize::MAX).min(BLOCK);
        let Some(block) = window.slice(offset, len)? else { break };
        if let Some(place) = block.iter().rposition(|&byte| byte != 0) {
            end = offset + place as u64 + 1;
        }
        offset += len as u64;
    }
    Ok(end)
}

fn clear(last: &SegmentFile, options: &Options, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; 64 << 10];
    let mut offset = from;
    while offset < to {
        let len = usize::try_from(to - offset).unwrap_or(usize::MAX).min(zeros.len());
        write_all(&*options.disk, &last.file, &mut [IoSlice::new(&zeros[..len])], offset)?;
        offset += len as u64;
    }
    Ok(())
}

fn visit_all(dir: &Path, found: &mut Recovered, scan: Scan, visitor: &mut dyn Visitor) -> io::Result<()> {
    let numbers: Vec<u32> = found.segments.keys().copied().collect();
    let newest = match scan {
        Scan::All => 0,
        Scan::Newest => numbers.len().saturating_sub(1),
    };
    for first in (0..=newest).rev() {
        let mut damage = Vec::new();
        for number in &numbers[first..] {
            visit(&found.segments[number], visitor, &mut damage)?;
        }
        if first == 0 || !visitor.needs_older() {
            quarantine(dir, found, &damage);
            found.damage.append(&mut damage);
            break;
        }
    }
    Ok(())
}

fn visit(segment: &SegmentFile, visitor: &mut dyn Visitor, damage: &mut Vec<Damage>) -> io::Result<()> {
    let SegmentHeader { number, salt, .. } = segment.header;
    let mut walker = Walker::new(segment.file.clone(), number, salt, SEGMENT_HEADER, segment.bytes);
    loop {
        match walker.next()? {
            Step::Frame(frame) => {
                let (prefix, body) = walker.payload(frame)?;
                visitor.frame(number, frame, prefix, body);
            }
            Step::Damage { offset, bytes, reason } => {
                damage.push(Damage { segment: number, offset, bytes, reason: reason.to_owned() });
            }
            Step::End => return Ok(()),
        }
    }
}

/// Copies damaged bytes aside, so that they outlive the segment. Best effort: the report is made in any case.
fn quarantine(dir: &Path, found: &Recovered, damage: &[Damage]) {
    for place in damage.iter().take(QUARANTINE_FILES_MAX) {
        tracing::error!(segment = place.segment, offset = place.offset, bytes = place.bytes, reason = place.reason);
        let Some(segment) = found.segments.get(&place.segment) else { continue };
        let mut window = Window::new(segment.file.clone(), segment.bytes);
        let bytes = window.slice(u64::from(place.offset), usize::try_from(place.bytes).unwrap_or(usize::MAX));
        if let Ok(Some(bytes)) = bytes {
            keep_aside(dir, place.segment, place.offset, bytes);
        }
    }
}

/// Writes bytes to `quarantine/<segment>-<offset>.bin`, unless the file is there.
pub(crate) fn keep_aside(dir: &Path, segment: u32, offset: u32, bytes: &[u8]) {
    let dir = dir.join("quarantine");
    let path = dir.join(format!("{segment:010}-{offset:010}.bin"));
    let full = || std::fs::read_dir(&dir).is_ok_and(|entries| entries.count() >= QUARANTINE_FILES_MAX);
    if path.exists() || full() {
        return;
    }
    let written = std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(&path, bytes));
    if let Err(error) = written {
        tracing::error!(%error, path = %path.display(), "cannot keep damaged bytes");
    }
}
