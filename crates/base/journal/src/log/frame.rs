//! Frames and units: the bytes of one record, and the records of one append.
//!
//! ```text
//! frame   0  crc     u32  CRC-32 of everything behind it: rest of the header, prefix, body
//!         4  len     u32  bytes of prefix and body together
//!         8  kind    u8   never 0; what it means is the business of spool and event log
//!         9  zero    3 bytes
//!        12  prefix  u32  how many of the bytes are the prefix
//!        16  prefix, then body
//! ```
//! Numbers are little-endian. Frames follow each other without gaps inside a group (see [`super::group`]). The body is
//! kept apart from the prefix so that large contents reach the file without being copied.
//!
//! A [`Unit`] is what one append consists of: one or more frames that stand in the same group, so all of them are
//! there after a crash or none is.

use std::io::IoSlice;

/// Bytes in front of a frame's prefix.
pub(crate) const FRAME_HEADER: usize = 16;

/// The frames of one append, ready to be written.
#[derive(Default)]
pub(crate) struct Unit {
    chunks: Vec<Vec<u8>>,
    /// The last chunk is a buffer of ours that can be extended.
    open: bool,
    bytes: usize,
    frames: u32,
}

impl Unit {
    /// Adds a frame and says at which offset in the unit it begins. `prefix` writes behind what is in the buffer.
    pub(crate) fn push(&mut self, kind: u8, prefix: impl FnOnce(&mut Vec<u8>), body: Vec<u8>) -> u32 {
        debug_assert_ne!(kind, 0, "kind 0 marks unused bytes");
        let offset = self.bytes;
        if !self.open {
            self.chunks.push(Vec::new());
            self.open = true;
        }
        let buffer = self.chunks.last_mut().expect("invariant: a chunk was pushed above");
        let start = buffer.len();
        buffer.extend_from_slice(&[0; FRAME_HEADER]);
        prefix(buffer);
        let prefix_len = buffer.len() - start - FRAME_HEADER;
        let len = prefix_len + body.len();
        // Lengths beyond 32 bits are refused by their size before they are written.
        buffer[start + 4..start + 8].copy_from_slice(&(len as u32).to_le_bytes());
        buffer[start + 8] = kind;
        buffer[start + 12..start + 16].copy_from_slice(&(prefix_len as u32).to_le_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&buffer[start + 4..]);
        crc.update(&body);
        buffer[start..start + 4].copy_from_slice(&crc.finalize().to_le_bytes());
        self.bytes += FRAME_HEADER + len;
        self.frames += 1;
        if !body.is_empty() {
            self.chunks.push(body);
            self.open = false;
        }
        u32::try_from(offset).unwrap_or(u32::MAX)
    }

    /// Size in the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// How many frames.
    pub(crate) fn frames(&self) -> u32 {
        self.frames
    }

    /// The bytes, for a gathering write.
    pub(crate) fn slices(&self) -> impl Iterator<Item = IoSlice<'_>> {
        self.chunks.iter().map(|chunk| IoSlice::new(chunk))
    }
}

/// The header of a frame that may or may not be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) len: u32,
    pub(crate) kind: u8,
    pub(crate) prefix: u32,
}

impl FrameHeader {
    /// Reads the first [`FRAME_HEADER`] bytes; `None` when they cannot be a header.
    pub(crate) fn read(bytes: &[u8]) -> Option<FrameHeader> {
        let header = FrameHeader { len: u32_at(bytes, 4)?, kind: *bytes.get(8)?, prefix: u32_at(bytes, 12)? };
        let plausible = header.kind != 0 && bytes[9..12] == [0; 3] && header.prefix <= header.len;
        plausible.then_some(header)
    }

    /// Size in the file.
    pub(crate) fn total(&self) -> u64 {
        FRAME_HEADER as u64 + u64::from(self.len)
    }

    /// True when these bytes (of [`FrameHeader::total`] length) are what was written.
    pub(crate) fn verify(frame: &[u8]) -> bool {
        u32_at(frame, 0) == Some(crc32fast::hash(&frame[4..]))
    }

    /// Prefix and body of a frame of [`FrameHeader::total`] length.
    pub(crate) fn split<'a>(&self, frame: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        frame[FRAME_HEADER..].split_at(self.prefix as usize)
    }
}

/// A little-endian number in a slice.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(offset..offset + 4)?.try_into().ok()?))
}

/// A little-endian number in a slice.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(offset..offset + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_back_and_any_flipped_bit_is_noticed() {
        let mut unit = Unit::default();
        assert_eq!(unit.push(7, |out| out.extend_from_slice(b"head"), b"body".to_vec()), 0);
        assert_eq!(unit.push(8, |out| out.extend_from_slice(b"x"), Vec::new()), 24);
        assert_eq!((unit.bytes(), unit.frames()), (24 + 17, 2));
        let bytes: Vec<u8> = unit.slices().flat_map(|slice| slice.to_vec()).collect();
        let header = FrameHeader::read(&bytes).unwrap();
        let frame = &bytes[..header.total() as usize];
        assert!(FrameHeader::verify(frame));
        assert_eq!(header.split(frame), (b"head".as_slice(), b"body".as_slice()));
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let same_len = FrameHeader::read(&damaged).is_some_and(|found| found.len == header.len);
            assert!(!same_len || !FrameHeader::verify(&damaged), "bit {bit}");
        }
    }

    #[test]
    fn zeros_are_not_a_frame() {
        assert_eq!(FrameHeader::read(&[0; FRAME_HEADER]), None);
    }
}
