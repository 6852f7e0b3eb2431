//! Replies on the wire (RFC 5321 4.2): writing them for the server, reading them for the client.
//!
//! Reading is lenient where it costs nothing (a missing space, LF alone, odd bytes) and strict where it protects:
//! lines, size and number of lines are limited, and what does not begin with three digits is an error.

use model::reply::{EnhancedStatus, Reply};

/// Longest line of a reply (RFC 5321 4.5.3.1.5 allows 512), in bytes.
pub const LINE_BYTES_MAX: usize = 4_096;

/// Largest reply over all its lines, in bytes.
pub const REPLY_BYTES_MAX: usize = 32_768;

/// Appends a reply as it goes over the wire. Each line of its text carries the codes; control characters become spaces.
pub fn write(reply: &Reply, out: &mut Vec<u8>) {
    write_parts(reply.code, reply.enhanced, &reply.text, out);
}

/// As [`write()`], from the parts of a reply.
pub(crate) fn write_parts(code: u16, enhanced: Option<EnhancedStatus>, text: &str, out: &mut Vec<u8>) {
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        write_number(code, out);
        out.push(if lines.peek().is_some() { b'-' } else { b' ' });
        if let Some(enhanced) = enhanced {
            write_number(u16::from(enhanced.class), out);
            out.push(b'.');
            write_number(enhanced.subject, out);
            out.push(b'.');
            write_number(enhanced.detail, out);
            out.push(b' ');
        }
        out.extend(line.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
        out.extend_from_slice(b"\r\n");
    }
}

fn write_number(number: u16, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 5];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// A reply as it was read: enhanced codes still stand in front of each line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireReply {
    /// 200 to 599.
    pub code: u16,
    /// The lines, separated by line feeds, without their codes.
    pub text: String,
}

impl WireReply {
    /// The reply in the suite's vocabulary: the enhanced code of the first line, taken off all lines that repeat it.
    pub fn to_reply(&self) -> Reply {
        if !self.text.contains('\n') {
            return Reply::new(self.code, &self.text);
        }
        let first = Reply::new(self.code, self.text.split('\n').next().unwrap_or_default());
        let Some(enhanced) = first.enhanced else { return Reply::new(self.code, &self.text) };
        let repeated = enhanced.to_string();
        let mut text = repeated.clone();
        for (number, line) in self.text.split('\n').enumerate() {
            text.push(if number == 0 { ' ' } else { '\n' });
            let behind = line.strip_prefix(repeated.as_str()).filter(|rest| rest.is_empty() || rest.starts_with(' '));
            text.push_str(behind.map_or(line, str::trim_start));
        }
        Reply::new(self.code, &text)
    }
}

/// What a server sent is not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReplyFault(pub &'static str);

/// Cuts the bytes from a server into replies.
#[derive(Debug, Default)]
pub struct ReplyReader {
    input: Vec<u8>,
    start: usize,
    text: String,
    lines: usize,
}

impl ReplyReader {
    /// Where new bytes from the server are appended.
    pub fn input(&mut self) -> &mut Vec<u8> {
        if self.start == self.input.len() {
            self.input.clear();
            self.start = 0;
        }
        &mut self.input
    }

    /// True when no byte is waiting to be read, not even a part of a reply.
    pub fn is_empty(&self) -> bool {
        self.start == self.input.len() && self.lines == 0
    }

    /// The next complete reply, or `None` when more bytes are needed. `line` is shown each line as it was sent.
    ///
    /// # Errors
    /// [`ReplyFault`]: this is not SMTP; nothing more can be read.
    pub fn next(&mut self, mut line: impl FnMut(&[u8])) -> Result<Option<WireReply>, ReplyFault> {
        loop {
            let rest = &self.input[self.start..];
            let Some(end) = memchr::memchr(b'\n', rest) else {
                return if rest.len() > LINE_BYTES_MAX { Err(ReplyFault("line too long")) } else { Ok(None) };
            };
            let raw = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            line(raw);
            let (code, more, text) = read_line(raw)?;
            if self.lines > 0 {
                self.text.push('\n');
            }
            push_text(text, &mut self.text);
            self.lines += 1;
            self.start += end + 1;
            if self.text.len() > REPLY_BYTES_MAX || self.lines > REPLY_BYTES_MAX / 8 {
                return Err(ReplyFault("reply too long"));
            }
            if !more {
                self.lines = 0;
                return Ok(Some(WireReply { code, text: std::mem::take(&mut self.text) }));
            }
        }
    }
}

/// Code, whether more lines follow, text.
fn read_line(line: &[u8]) -> Result<(u16, bool, &[u8]), ReplyFault> {
    if line.len() > LINE_BYTES_MAX {
        return Err(ReplyFault("line too long"));
    }
    let (digits, rest) = line.split_at_checked(3).ok_or(ReplyFault("no reply code"))?;
    if !matches!(digits[0], b'2'..=b'5') || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ReplyFault("no reply code"));
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Ok((code, false, rest)),
        Some((b'-', text)) => Ok((code, true, text)),
        Some((b' ' | b'\t', text)) => Ok((code, false, text)),
        Some(_) => Err(ReplyFault("no space behind the reply code")),
    }
}

fn push_text(line: &[u8], text: &mut String) {
    let readable = String::from_utf8_lossy(line);
    if readable.chars().any(char::is_control) {
        text.extend(readable.chars().map(|c| if c.is_control() { ' ' } else { c }));
    } else {
        text.push_str(&readable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Vec<Result<String, ReplyFault>> {
        let mut reader = ReplyReader::default();
        reader.input().extend_from_slice(bytes);
        let mut found = Vec::new();
        loop {
            match reader.next(|_| ()) {
                Ok(None) => return found,
                Ok(Some(reply)) => found.push(Ok(reply.to_reply().to_string())),
                Err(fault) => {
                    found.push(Err(fault));
                    return found;
                }
            }
        }
    }

    fn check(bytes: &str, expected: &[&str]) {
        let found = read(bytes.as_bytes());
        let found: Vec<_> = found.into_iter().map(|reply| reply.unwrap_or_else(|fault| fault.to_string())).collect();
        assert_eq!(found, expected, "{bytes:?}");
    }

    #[test]
    fn replies_are_read() {
        check("250 OK\r\n", &["250 OK"]);
        check("250\r\n354 \r\n", &["250", "354"]);
        check("450-4.2.2 one\r\n450 4.2.20 two\r\n", &["450 4.2.2 one 4.2.20 two"]);
        check("250 OK\n221 bye\n2", &["250 OK", "221 bye"]);
        check("550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1\r\n", &["550 5.7.1 one two"]);
        check("550-one\r\n550 5.7.1 two\r\n", &["550 one 5.7.1 two"]);
        check("451 a\tb\u{7}c\r\n", &["451 a b c"]);
        check("HTTP/1.1 400 Bad Request\r\n", &["no reply code"]);
        check("999 nine\r\n", &["no reply code"]);
        check("25\r\n", &["no reply code"]);
        check("250OK\r\n", &["no space behind the reply code"]);
    }

    #[test]
    fn endless_lines_and_replies_are_refused() {
        assert_eq!(read(&[b'2'; 10_000]), [Err(ReplyFault("line too long"))]);
        assert_eq!(read("250-x\r\n".repeat(10_000).as_bytes()), [Err(ReplyFault("reply too long"))]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for reply in [
            Reply::new(250, "2.0.0 OK"),
            Reply::new(550, "5.7.26 first line\nsecond line"),
            Reply::new(421, "no codes\nhere"),
            Reply::new(250, ""),
        ] {
            let mut bytes = Vec::new();
            write(&reply, &mut bytes);
            let mut reader = ReplyReader::default();
            reader.input().extend_from_slice(&bytes);
            assert_eq!(reader.next(|_| ()).unwrap().unwrap().to_reply(), reply);
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes);
        }
    }
}
