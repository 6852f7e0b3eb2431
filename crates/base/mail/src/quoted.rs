//! Quoted-printable (RFC 2045 6.7) for the hot path: fixed texts are encoded once, and joined with what is encoded at
//! rendering.
//!
//! How they join: a fixed text is encoded as if it began at the start of a line, so its first line is at most 75 bytes
//! long. Where it is put behind other text it is copied as it is when that first line fits, and behind a soft line
//! break otherwise. So a rendering copies fixed text and encodes only the values between.
//!
//! Lines are at most 76 bytes with their soft break; line ends are CRLF; white space at the end of a line or of a piece
//! is encoded, so that nothing on the way can strip it.

use crate::merge::{Fixed, Sink};

/// Longest line, soft line break included (RFC 2045 6.7).
const LINE_MAX: usize = 76;

/// Room for text in a line that ends with a soft break.
const ROOM: usize = LINE_MAX - 1;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends a text, ended so that a boundary can follow.
pub(crate) fn encode_into(text: &str, out: &mut Vec<u8>) {
    let mut encoder = Encoder::new(out);
    encoder.text(text);
    encoder.finish();
}

/// A fixed text in quoted-printable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quoted {
    bytes: Vec<u8>,
    /// Length of the first line, without its end.
    first_line: usize,
    /// Where the last line stands when the text began at the start of a line.
    column: usize,
    /// There is a line end inside, soft or hard: where the text begins does not matter to its last line.
    broken: bool,
}

impl Quoted {
    /// Encodes.
    pub(crate) fn new(text: &str) -> Self {
        let mut bytes = Vec::with_capacity(text.len() + text.len() / 16);
        let mut encoder = Encoder::new(&mut bytes);
        encoder.text(text);
        let column = encoder.column;
        let first = bytes.windows(2).position(|pair| pair == b"\r\n");
        // The `=` of a soft break counts as the line end: it is always within the room of the line.
        let first_line = match first {
            Some(end) if end > 0 && bytes[end - 1] == b'=' => end - 1,
            Some(end) => end,
            None => bytes.len(),
        };
        Quoted { bytes, first_line, column, broken: first.is_some() }
    }

    /// Bytes of the encoded form.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Encodes pieces of text one behind the other.
pub(crate) struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    column: usize,
}

impl<'o> Encoder<'o> {
    /// Begins at the start of a line.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Encoder { out, column: 0 }
    }

    /// Ends the last line, so that a boundary can follow.
    pub(crate) fn finish(self) {
        if self.column > 0 {
            self.out.extend_from_slice(b"\r\n");
        }
    }

    fn soft_break(&mut self) {
        self.out.extend_from_slice(b"=\r\n");
        self.column = 0;
    }

    fn literal(&mut self, byte: u8) {
        if self.column == ROOM {
            self.soft_break();
        }
        self.out.push(byte);
        self.column += 1;
    }

    fn encoded(&mut self, byte: u8) {
        if self.column + 3 > ROOM {
            self.soft_break();
        }
        self.out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        self.column += 3;
    }

    /// A run of letters that stand for themselves.
    fn run(&mut self, mut run: &[u8]) {
        while self.column + run.len() > ROOM {
            let (now, later) = run.split_at(ROOM - self.column);
            self.out.extend_from_slice(now);
            self.soft_break();
            run = later;
        }
        self.out.extend_from_slice(run);
        self.column += run.len();
    }
}

/// Printable ASCII but `=`; space and tab are looked at by themselves.
const fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'<' | b'>'..=b'~')
}

impl Sink for Encoder<'_> {
    fn fixed(&mut self, fixed: &Fixed) {
        let quoted = &fixed.quoted;
        if quoted.bytes.is_empty() {
            // Not encoded beforehand, or nothing to encode.
            return self.text(&fixed.text);
        }
        if self.column + quoted.first_line > ROOM {
            self.soft_break();
        }
        self.out.extend_from_slice(&quoted.bytes);
        self.column = if quoted.broken { quoted.column } else { self.column + quoted.column };
    }

    fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let plain = bytes[at..].iter().position(|&byte| !stands_for_itself(byte)).unwrap_or(bytes.len() - at);
            self.run(&bytes[at..at + plain]);
            at += plain;
            let Some(&byte) = bytes.get(at) else { break };
            at += 1;
            let next = bytes.get(at);
            match byte {
                b'\r' if next == Some(&b'\n') => {}
                b'\n' => {
                    self.out.extend_from_slice(b"\r\n");
                    self.column = 0;
                }
                b' ' | b'\t' if next.is_some_and(|&next| !matches!(next, b'\r' | b'\n')) => self.literal(byte),
                _ => self.encoded(byte),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            match &bytes[at..] {
                [b'=', b'\r', b'\n', ..] => at += 3,
                [b'=', high, low, ..] => {
                    let hex = std::str::from_utf8(&[*high, *low]).unwrap().to_owned();
                    out.push(u8::from_str_radix(&hex, 16).unwrap());
                    at += 3;
                }
                [byte, ..] => {
                    out.push(*byte);
                    at += 1;
                }
                [] => {}
            }
        }
        String::from_utf8(out).unwrap()
    }

    fn fixed(text: &str) -> Fixed {
        Fixed { text: text.to_owned(), quoted: Quoted::new(text) }
    }

    #[test]
    fn lines_are_broken_and_ends_kept() {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out);
        encoder.text("a = b \n\ttabs\t\r\nZoë ");
        encoder.text(&"x".repeat(80));
        encoder.finish();
        let expected = format!("a =3D b=20\r\n\ttabs=09\r\nZo=C3=AB=20{}=\r\n{}\r\n", "x".repeat(64), "x".repeat(16));
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn pieces_come_out_as_they_went_in(pieces in prop::collection::vec((any::<bool>(), "([ -~]|\\PC|[ \t\n=.]){0,120}"), 0..12)) {
            let mut out = Vec::new();
            let mut encoder = Encoder::new(&mut out);
            for (beforehand, text) in &pieces {
                if *beforehand { encoder.fixed(&fixed(text)) } else { encoder.text(text) }
            }
            let whole: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
            prop_assert_eq!(decode(&out), whole.replace('\n', "\r\n"));
            let text = String::from_utf8(out).unwrap();
            for line in text.split("\r\n") {
                prop_assert!(line.len() <= LINE_MAX, "{} bytes", line.len());
                prop_assert!(!line.ends_with([' ', '\t']));
                prop_assert!(line.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')));
            }
        }
    }
}
