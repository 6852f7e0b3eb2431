//! Collects the bytes of one message: finds its end, removes stuffed dots, watches line ends and sizes.
//!
//! Bytes are copied once, in runs as long as possible, into one buffer. What is wrong is remembered and said at the end:
//! the client's bytes must be read to their end in any case. However the input is cut, the result is the same; only
//! [`Budget`] depends on other connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::server::fixed::{self, Fixed};

/// Memory for messages that are being received or wait for the handler's answer, shared by the connections of one or
/// more listeners.
#[derive(Debug)]
pub struct Budget {
    free: AtomicU64,
}

impl Budget {
    /// Taken from the budget at a time.
    const STEP: u64 = 64 * 1024;

    /// A budget of so many bytes.
    pub fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Budget { free: AtomicU64::new(bytes) })
    }

    fn take(&self, bytes: u64) -> bool {
        let took = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes));
        took.is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.free.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Where the last byte left us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    LineStart,
    /// Behind a dot at the start of a line; the dot is withheld.
    Dot,
    /// Behind such a dot and a CR; both are withheld.
    DotCr,
    Text,
    Cr,
}

/// How far a piece of input was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes that belong to the message; what follows is commands.
    pub consumed: usize,
    /// CRLF.CRLF was found.
    pub complete: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Collector {
    data: Vec<u8>,
    at: At,
    line_bytes: usize,
    line_bytes_max: usize,
    bytes_max: u64,
    budget: Option<Arc<Budget>>,
    taken: u64,
    bare_cr: bool,
    bare_lf: bool,
    nul: bool,
    long_line: bool,
    too_big: bool,
    no_room: bool,
}

impl Collector {
    /// Room made at once for a message that announces more.
    const CAPACITY_MAX: u64 = 256 * 1024;

    /// `size_hint`: what the client announced, if anything.
    pub fn new(line_bytes_max: usize, bytes_max: u64, size_hint: Option<u64>, budget: Option<Arc<Budget>>) -> Self {
        let capacity = size_hint.map_or(16 * 1024, |size| size.saturating_add(16)).min(Self::CAPACITY_MAX);
        Collector {
            data: Vec::with_capacity(capacity as usize),
            line_bytes_max,
            bytes_max,
            budget,
            ..Collector::default()
        }
    }

    /// Bytes of DATA: dots are unstuffed and CRLF.CRLF is looked for.
    pub fn push(&mut self, input: &[u8]) -> Progress {
        let mut run = 0;
        let mut i = 0;
        while let Some(&byte) = input.get(i) {
            match self.at {
                At::LineStart if byte == b'.' => {
                    self.take(&input[run..i]);
                    self.at = At::Dot;
                    i += 1;
                    run = i;
                }
                At::Dot if byte == b'\r' => {
                    self.at = At::DotCr;
                    i += 1;
                    run = i;
                }
                At::DotCr if byte == b'\n' => {
                    self.at = At::LineStart;
                    return Progress { consumed: i + 1, complete: true };
                }
                At::DotCr => {
                    self.bare_cr = true;
                    self.take(b"\r");
                    self.at = At::Text;
                }
                At::LineStart | At::Dot | At::Text | At::Cr => i = self.text(input, i),
            }
        }
        self.take(&input[run..]);
        Progress { consumed: input.len(), complete: false }
    }

    /// Bytes of a BDAT chunk: nothing is removed.
    pub fn push_chunk(&mut self, input: &[u8]) {
        let mut i = 0;
        while i < input.len() {
            i = self.text(input, i);
        }
        self.take(input);
    }

    /// The end of the last chunk: a last line without CRLF gets one.
    pub fn end_chunks(&mut self) {
        if self.at == At::Cr {
            self.bare_cr = true;
        } else if self.at != At::LineStart {
            self.take(b"\r\n");
            self.at = At::LineStart;
        }
    }

    /// Goes on to the next line end, or to the end of the input, and returns where that is.
    fn text(&mut self, input: &[u8], i: usize) -> usize {
        if self.at == At::Cr {
            if input[i] == b'\n' {
                self.at = At::LineStart;
                self.end_line(1);
                return i + 1;
            }
            self.bare_cr = true;
        }
        self.at = At::Text;
        let Some(found) = memchr::memchr2(b'\r', b'\n', &input[i..]) else {
            self.line_bytes += input.len() - i;
            return input.len();
        };
        self.line_bytes += found + 1;
        if input[i + found] == b'\r' {
            self.at = At::Cr;
        } else {
            self.bare_lf = true;
        }
        i + found + 1
    }

    fn end_line(&mut self, more: usize) {
        self.long_line |= self.line_bytes + more > self.line_bytes_max;
        self.line_bytes = 0;
    }

    fn take(&mut self, run: &[u8]) {
        if self.too_big || self.no_room || run.is_empty() {
            return;
        }
        self.nul |= memchr::memchr(0, run).is_some();
        let bytes = (self.data.len() + run.len()) as u64;
        self.too_big = bytes > self.bytes_max;
        self.no_room = !self.too_big && !self.reserve(bytes);
        if self.too_big || self.no_room {
            self.data = Vec::new();
            self.release();
        } else {
            self.data.extend_from_slice(run);
        }
    }

    fn reserve(&mut self, bytes: u64) -> bool {
        let Some(budget) = &self.budget else { return true };
        if bytes <= self.taken {
            return true;
        }
        // Doubling like the buffer itself, so that a large message does not come here often; near the end of the budget
        // only what is needed, so that it does not depend on the sizes of the pieces whether a message has room.
        let needed = bytes - self.taken;
        let took = [needed.max(Budget::STEP).max(self.taken), needed].into_iter().find(|&more| budget.take(more));
        self.taken += took.unwrap_or(0);
        took.is_some()
    }

    fn release(&mut self) {
        if let Some(budget) = &self.budget {
            budget.give_back(std::mem::take(&mut self.taken));
        }
    }

    /// What is wrong with the message so far; the gravest first.
    pub fn fault(&self) -> Option<Fixed> {
        let faults = [
            (self.too_big, fixed::TOO_BIG),
            (self.no_room, fixed::NO_ROOM),
            (self.bare_lf, fixed::BARE_LF_IN_DATA),
            (self.bare_cr, fixed::BARE_CR_IN_DATA),
            (self.nul, fixed::NUL_IN_DATA),
            (self.long_line || self.line_bytes > self.line_bytes_max, fixed::DATA_LINE_TOO_LONG),
        ];
        faults.into_iter().find_map(|(found, reply)| found.then_some(reply))
    }

    /// The message, and its part of the budget.
    pub fn finish(mut self) -> (Vec<u8>, Permit) {
        let permit = Permit { budget: self.budget.take(), bytes: std::mem::take(&mut self.taken) };
        (std::mem::take(&mut self.data), permit)
    }
}

/// The part of a budget that a complete message has taken; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Option<Arc<Budget>>,
    bytes: u64,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.give_back(self.bytes);
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The message or the reply code, and how many bytes belonged to it; `None` when the end was not found.
    fn collect(input: &[u8], chunk: usize) -> Option<(Result<Vec<u8>, u16>, usize)> {
        let mut collector = Collector::new(20, 60, None, None);
        let mut consumed = 0;
        for piece in input.chunks(chunk.max(1)) {
            let progress = collector.push(piece);
            consumed += progress.consumed;
            if progress.complete {
                let fault = collector.fault();
                return Some((fault.map_or_else(|| Ok(collector.finish().0), |reply| Err(reply.code)), consumed));
            }
        }
        None
    }

    fn check(input: &str, expected: Option<Result<&str, u16>>) {
        for chunk in 1..=input.len().max(1) {
            let found = collect(input.as_bytes(), chunk).map(|(result, _)| result);
            let expected = expected.map(|result| result.map(|text| text.as_bytes().to_vec()));
            assert_eq!(found, expected, "{input:?} in chunks of {chunk}");
        }
    }

    #[test]
    fn the_end_is_crlf_dot_crlf_only() {
        check(".\r\n", Some(Ok("")));
        check("a\r\n.\r\n", Some(Ok("a\r\n")));
        check("a\r\n.\r\nMAIL", Some(Ok("a\r\n")));
        check("..\r\n.a\r\n...\r\n.\r\n", Some(Ok(".\r\na\r\n..\r\n")));
        check("a.\r\n.\r\n", Some(Ok("a.\r\n")));
        for no_end in ["a\n.\n", "a\r.\r", "a\n.\r\n", "a\r\n.\n", "a\r\n.\r", "a\r.\r\n", "a\r\n\0.\r\n"] {
            check(no_end, None);
            let then_ended = format!("{no_end}x\r\n.\r\n");
            check(&then_ended, Some(Err(554)));
        }
    }

    #[test]
    fn lines_and_messages_have_limits() {
        check(&format!("{}\r\n.\r\n", "x".repeat(18)), Some(Ok(&format!("{}\r\n", "x".repeat(18)))));
        check(&format!("{}\r\n.\r\n", "x".repeat(19)), Some(Err(554)));
        check(&format!("{}.\r\n", "12345678\r\n".repeat(6)), Some(Ok(&"12345678\r\n".repeat(6))));
        check(&format!("{}.\r\n", "12345678\r\n".repeat(7)), Some(Err(552)));
    }

    #[test]
    fn a_budget_is_given_back() {
        let budget = Budget::new(Budget::STEP);
        let new = || Collector::new(1 << 20, 1 << 30, None, Some(Arc::clone(&budget)));
        let mut first = new();
        first.push(b"a\r\n");
        let mut second = new();
        second.push(b"a\r\n");
        assert_eq!((first.fault(), second.fault()), (None, Some(fixed::NO_ROOM)));
        let (message, permit) = first.finish();
        assert_eq!(message, b"a\r\n");
        let mut third = new();
        third.push(b"a\r\n");
        assert_eq!(third.fault(), Some(fixed::NO_ROOM), "somebody still works on the first");
        drop(permit);
        let mut fourth = new();
        fourth.push(b"a\r\n");
        assert_eq!(fourth.fault(), None);
    }

    #[test]
    fn room_does_not_depend_on_the_pieces() {
        for size in [1_000, 30_000, 65_000, 66_000] {
            let mut collector = Collector::new(1 << 20, 1 << 30, None, Some(Budget::new(Budget::STEP + 4_464)));
            let message = b"text\r\n".repeat(11_000);
            for piece in message.chunks(size) {
                collector.push(piece);
            }
            assert_eq!(collector.fault(), None, "pieces of {size}");
        }
    }

    proptest! {
        #[test]
        fn the_cut_does_not_matter(input in "[.a\r\n]{0,40}", chunk in 1_usize..40) {
            prop_assert_eq!(collect(input.as_bytes(), chunk), collect(input.as_bytes(), usize::MAX));
        }

        #[test]
        fn chunks_are_taken_as_they_are(lines in prop::collection::vec("[.a]{0,4}", 0..9), cut in 0_usize..40) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let (left, right) = text.as_bytes().split_at(cut.min(text.len()));
            let mut collector = Collector::new(20, 60, None, None);
            collector.push_chunk(left);
            collector.push_chunk(right);
            collector.end_chunks();
            prop_assert_eq!(collector.fault(), None);
            prop_assert_eq!(collector.finish().0, text.into_bytes());
        }
    }
}
