//! Lines of a message: are they fit for SMTP, and how are they dot-stuffed on the way out.
//!
//! A message inside the suite has CRLF line ends and neither a bare CR nor a bare LF. The server guarantees it for what
//! it hands over; other ways in have [`check`]. The client relies on it.

use std::io::IoSlice;

/// Why bytes cannot be sent as a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// A CR without LF behind it.
    #[error("bare CR at byte {0}")]
    BareCr(usize),
    /// An LF without CR before it.
    #[error("bare LF at byte {0}")]
    BareLf(usize),
    /// A NUL: some servers drop it, and then see other lines than we do.
    #[error("NUL at byte {0}")]
    Nul(usize),
    /// A line is longer than allowed.
    #[error("the line that begins at byte {0} is too long")]
    TooLong(usize),
}

/// Checks that every CR and LF belongs to a CRLF, that there is no NUL, and that no line is longer than `line_bytes_max`, CRLF included.
///
/// # Errors
/// The first [`LineFault`].
pub fn check(data: &[u8], line_bytes_max: usize) -> Result<(), LineFault> {
    let mut line_start = 0;
    let mut expected_lf = None;
    for at in memchr::memchr2_iter(b'\r', b'\n', data) {
        let is_lf = data[at] == b'\n';
        match (expected_lf, is_lf) {
            (Some(lf), true) if lf == at => {
                if at + 1 - line_start > line_bytes_max {
                    return Err(LineFault::TooLong(line_start));
                }
                line_start = at + 1;
                expected_lf = None;
            }
            (Some(lf), _) => return Err(LineFault::BareCr(lf - 1)),
            (None, true) => return Err(LineFault::BareLf(at)),
            (None, false) => expected_lf = Some(at + 1),
        }
    }
    if let Some(at) = memchr::memchr(0, data) {
        return Err(LineFault::Nul(at));
    }
    match expected_lf {
        Some(lf) => Err(LineFault::BareCr(lf - 1)),
        None if data.len() - line_start > line_bytes_max => Err(LineFault::TooLong(line_start)),
        None => Ok(()),
    }
}

/// The pieces of a message as they go over the wire behind 354: dots stuffed, the last line ended, the final dot.
///
/// The message is not copied. `parts` are its consecutive pieces (such as headers and body); a line may run over a
/// border between them.
pub fn stuffed<'a>(parts: &[&'a [u8]], out: &mut Vec<IoSlice<'a>>) {
    let mut line_start = true;
    let mut last_two = *b"\r\n";
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if line_start && part[0] == b'.' {
            out.push(IoSlice::new(b"."));
        }
        push_stuffed(part, out);
        if let [.., a, b] = **part {
            last_two = [a, b];
        } else {
            last_two = [last_two[1], part[0]];
        }
        line_start = last_two == *b"\r\n";
    }
    out.push(IoSlice::new(if line_start { b".\r\n" } else { b"\r\n.\r\n" }));
}

/// One piece; a dot at its very start is the caller's.
fn push_stuffed<'a>(part: &'a [u8], out: &mut Vec<IoSlice<'a>>) {
    let mut from = 0;
    for lf in memchr::memmem::find_iter(part, b"\n.") {
        out.push(IoSlice::new(&part[from..=lf]));
        out.push(IoSlice::new(b"."));
        from = lf + 1;
    }
    out.push(IoSlice::new(&part[from..]));
}

/// Size of a message over the wire (RFC 1870: without the dots that are stuffed and without the final one).
pub fn size(parts: &[&[u8]]) -> u64 {
    parts.iter().map(|part| part.len() as u64).sum()
}

/// The pieces of a message as they go over the wire behind BDAT (RFC 3030): as they are, the last line ended.
pub fn plain<'a>(parts: &[&'a [u8]], out: &mut Vec<IoSlice<'a>>) {
    out.extend(parts.iter().filter(|part| !part.is_empty()).map(|part| IoSlice::new(part)));
    if !is_ended(parts) {
        out.push(IoSlice::new(b"\r\n"));
    }
}

/// Bytes of a message behind BDAT: its size, and two more when its last line has no end.
pub fn chunk_size(parts: &[&[u8]]) -> u64 {
    size(parts) + if is_ended(parts) { 0 } else { 2 }
}

/// Whether the last line of a message has its end; an empty message has nothing to end.
fn is_ended(parts: &[&[u8]]) -> bool {
    let mut last = parts.iter().rev().flat_map(|part| part.iter().rev());
    match last.next() {
        None => true,
        Some(&byte) => byte == b'\n' && last.next() == Some(&b'\r'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bare_line_ends_are_found() {
        for (data, expected) in [
            ("", Ok(())),
            ("a\r\nb\r\n", Ok(())),
            ("no end", Ok(())),
            ("a\nb\r\n", Err(LineFault::BareLf(1))),
            ("a\rb\r\n", Err(LineFault::BareCr(1))),
            ("a\r\r\n", Err(LineFault::BareCr(1))),
            ("a\r\n\n", Err(LineFault::BareLf(3))),
            ("a\r", Err(LineFault::BareCr(1))),
            ("a\r\n\0.\r\n", Err(LineFault::Nul(3))),
            ("12345678\r\n", Ok(())),
            ("123456789\r\n", Err(LineFault::TooLong(0))),
            ("a\r\n12345678901", Err(LineFault::TooLong(3))),
        ] {
            assert_eq!(check(data.as_bytes(), 10), expected, "{data:?}");
        }
    }

    fn stuff(parts: &[&str]) -> String {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        let mut out = Vec::new();
        stuffed(&parts, &mut out);
        out.iter().map(|piece| std::str::from_utf8(piece).unwrap()).collect()
    }

    #[test]
    fn dots_are_stuffed() {
        for (parts, expected) in [
            (&[][..], ".\r\n"),
            (&["a\r\n"], "a\r\n.\r\n"),
            (&["a"], "a\r\n.\r\n"),
            (&[".a\r\n.\r\n..b\r\n"], "..a\r\n..\r\n...b\r\n.\r\n"),
            (&["a\r\n", ".b\r\n"], "a\r\n..b\r\n.\r\n"),
            (&["a\r", "\n", "", ".b"], "a\r\n..b\r\n.\r\n"),
            (&["a", ".b\r\n"], "a.b\r\n.\r\n"),
        ] {
            assert_eq!(stuff(parts), expected, "{parts:?}");
        }
    }

    #[test]
    fn chunks_are_not_stuffed() {
        for (parts, expected) in [
            (&[][..], ""),
            (&["a\r\n"], "a\r\n"),
            (&["a"], "a\r\n"),
            (&[".a\r", "", "\n"], ".a\r\n"),
            (&["a\r\n", ".b"], "a\r\n.b\r\n"),
        ] {
            let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
            let mut out = Vec::new();
            plain(&parts, &mut out);
            let text: String = out.iter().map(|piece| std::str::from_utf8(piece).unwrap()).collect();
            assert_eq!((text.as_str(), chunk_size(&parts)), (expected, expected.len() as u64), "{parts:?}");
        }
    }

    proptest! {
        #[test]
        fn borders_between_parts_do_not_matter(lines in prop::collection::vec("[.a]{0,4}", 0..8), cut in 0_usize..40) {
            let whole: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let (left, right) = whole.split_at(cut.min(whole.len()));
            prop_assert_eq!(stuff(&[left, right]), stuff(&[&whole]));
        }
    }
}
