//! Groups: what one commit wrote, and how recovery tells a torn tail from damage.
//!
//! ```text
//! group   0  magic    u32  "iGRP"
//!         4  crc      u32  CRC-32 of the rest of the header, seeded with the salt of the segment
//!         8  segment  u32  number of the segment
//!        12  offset   u32  where this header lies in it
//!        16  len      u32  bytes of the frames behind the header
//!        20  frames   u32  how many frames
//!        24  frames; then zeros up to a multiple of 8
//! ```
//! A group is written only when the fdatasync of the group in front of it has returned. So a group with a successor was
//! on disk completely: if a frame of it cannot be read, that is damage (quarantined, the rest is kept). The last group
//! may be torn: if a frame of it cannot be read, nobody was told that it is there, and all of it is cut off.
//!
//! The salt is random, so that nobody who sends us mail can put a group into its body and have it read after a crash.

use super::frame::u32_at;

/// Bytes in front of the frames of a group.
pub(crate) const GROUP_HEADER: usize = 24;
/// Groups begin at multiples of this.
pub(crate) const GROUP_ALIGN: u64 = 8;

const MAGIC: u32 = u32::from_le_bytes(*b"iGRP");

/// The header of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) len: u32,
    pub(crate) frames: u32,
}

impl GroupHeader {
    pub(crate) fn write(&self, salt: u32) -> [u8; GROUP_HEADER] {
        let mut bytes = [0; GROUP_HEADER];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.segment.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.len.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.frames.to_le_bytes());
        let crc = checksum(&bytes, salt);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header; `None` when these bytes are not the header of a group at this place.
    pub(crate) fn read(bytes: &[u8], salt: u32, segment: u32, offset: u64) -> Option<GroupHeader> {
        if u32_at(bytes, 0)? != MAGIC || u32_at(bytes, 4)? != checksum(bytes.get(..GROUP_HEADER)?, salt) {
            return None;
        }
        let header = GroupHeader {
            segment: u32_at(bytes, 8)?,
            offset: u32_at(bytes, 12)?,
            len: u32_at(bytes, 16)?,
            frames: u32_at(bytes, 20)?,
        };
        (header.segment == segment && u64::from(header.offset) == offset).then_some(header)
    }

    /// Where the frames begin.
    pub(crate) fn frames_start(&self) -> u64 {
        u64::from(self.offset) + GROUP_HEADER as u64
    }

    /// Where the frames end.
    pub(crate) fn frames_end(&self) -> u64 {
        self.frames_start() + u64::from(self.len)
    }

    /// True when these bytes could begin a group: a cheap test for searching.
    pub(crate) fn may_begin(bytes: &[u8]) -> bool {
        u32_at(bytes, 0) == Some(MAGIC)
    }
}

/// The next place at which a group can begin.
pub(crate) fn align(offset: u64) -> u64 {
    offset.next_multiple_of(GROUP_ALIGN)
}

fn checksum(header: &[u8], salt: u32) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(salt);
    crc.update(&header[8..GROUP_HEADER]);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_counts_only_at_its_place_in_its_segment() {
        let header = GroupHeader { segment: 3, offset: 640, len: 100, frames: 2 };
        let bytes = header.write(77);
        assert_eq!(GroupHeader::read(&bytes, 77, 3, 640), Some(header));
        assert_eq!(GroupHeader::read(&bytes, 78, 3, 640), None, "another salt");
        assert_eq!(GroupHeader::read(&bytes, 77, 4, 640), None, "another segment");
        assert_eq!(GroupHeader::read(&bytes, 77, 3, 648), None, "another place");
        assert_eq!(GroupHeader::read(&bytes[..23], 77, 3, 640), None, "cut off");
    }
}
