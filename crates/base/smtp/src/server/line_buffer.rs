//! Bytes from the client that were not looked at yet, cut into command lines.
//!
//! Only CRLF ends a line. A bare CR or LF is reported where it stands; what follows is not read as commands. Holds at
//! most a line of the allowed length and what one read brought.

use std::ops::Range;

/// What was found at the front of the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its CRLF, as a range of [`LineBuffer::bytes`].
    Complete(Range<usize>),
    /// A line that was longer than allowed; it is gone.
    TooLong,
    /// CR without LF.
    BareCr,
    /// LF without CR.
    BareLf,
}

#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    input: Vec<u8>,
    start: usize,
    scanned: usize,
    skipping: bool,
}

impl LineBuffer {
    /// Where new bytes are appended.
    pub fn input(&mut self) -> &mut Vec<u8> {
        if self.start == self.input.len() {
            self.input.clear();
        } else {
            self.input.drain(..self.start);
        }
        self.scanned = self.scanned.saturating_sub(self.start);
        self.start = 0;
        &mut self.input
    }

    /// The whole buffer, for the ranges of [`Line::Complete`].
    pub fn bytes(&self) -> &[u8] {
        &self.input
    }

    /// What was not consumed yet.
    pub fn rest(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Takes bytes off the front.
    pub fn consume(&mut self, count: usize) {
        self.start += count;
        self.scanned = self.start;
        debug_assert!(self.start <= self.input.len(), "no more is consumed than there is");
    }

    /// Forgets everything: what stood before a TLS handshake must not be read after it.
    pub fn clear(&mut self) {
        *self = LineBuffer { input: std::mem::take(&mut self.input), ..LineBuffer::default() };
        self.input.clear();
    }

    /// The next line of at most `bytes_max` bytes, CRLF included; `None` when more bytes are needed.
    pub fn next(&mut self, bytes_max: usize) -> Option<Line> {
        let Some(found) = memchr::memchr2(b'\r', b'\n', &self.input[self.scanned..]) else {
            self.scanned = self.input.len();
            if self.input.len() - self.start > bytes_max {
                self.start = self.input.len();
                self.skipping = true;
            }
            return None;
        };
        let end = self.scanned + found;
        if self.input[end] == b'\n' {
            return Some(Line::BareLf);
        }
        match self.input.get(end + 1) {
            None => {
                self.scanned = end;
                return None;
            }
            Some(b'\n') => {}
            Some(_) => return Some(Line::BareCr),
        }
        let line = self.start..end;
        let too_long = self.skipping || end + 2 - self.start > bytes_max;
        self.skipping = false;
        self.consume(end + 2 - self.start);
        Some(if too_long { Line::TooLong } else { Line::Complete(line) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chunks: &[&str], expected: &[&str]) {
        let mut buffer = LineBuffer::default();
        let mut found = Vec::new();
        for chunk in chunks {
            buffer.input().extend_from_slice(chunk.as_bytes());
            while let Some(line) = buffer.next(12) {
                let bare = matches!(line, Line::BareCr | Line::BareLf);
                found.push(match line {
                    Line::Complete(range) => String::from_utf8(buffer.bytes()[range].to_vec()).unwrap(),
                    other => format!("{other:?}"),
                });
                if bare {
                    break;
                }
            }
        }
        assert_eq!(found, expected, "{chunks:?}");
    }

    #[test]
    fn only_crlf_ends_a_line() {
        check(&["a\r\nb\r", "\nc"], &["a", "b"]);
        check(&["", "\r\n"], &[""]);
        check(&["a\nb"], &["BareLf"]);
        check(&["a\r", "b"], &["BareCr"]);
        check(&["a\r\r\n"], &["BareCr"]);
    }

    #[test]
    fn long_lines_are_dropped() {
        check(&["1234567890\r\n", "12345678901\r\nx\r\n"], &["1234567890", "TooLong", "x"]);
        check(&["1234567", "890123", "456\r", "\nx\r\n"], &["TooLong", "x"]);
        check(&["123456789012", "\r\n"], &["TooLong"]);
    }
}
