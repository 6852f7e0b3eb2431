//! A message with bytes beyond ASCII made into one without, for hosts that do not offer 8BITMIME (RFC 6152 section 3).
//!
//! Each leaf that needs it is encoded anew, text in quoted-printable, the rest in base64; everything else stays as it
//! stands, byte for byte. What must not be changed is never touched: signed and encrypted parts (RFC 1847 2.1), mails
//! of another kind inside the mail, headers. Then the answer says so, and nothing is half done.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::decode::Encoding;
use super::header::{fields, line_end};
use super::part::{boundary_of, is_boundary, media_type_of};
use super::{DEPTH_MAX, PARTS_MAX};

/// Longest line of what is encoded, without its end (RFC 2045 6.7 and 6.8).
const LINE_MAX: usize = 76;

/// Why a message cannot be made into one without bytes beyond ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// A header holds them: that needs SMTPUTF8.
    #[error("a header holds bytes beyond ASCII")]
    Header,
    /// They are in a part that is signed or encrypted as it stands.
    #[error("a part that is signed or encrypted holds bytes beyond ASCII")]
    Sealed,
    /// They are where no encoding is allowed: between the parts, in a mail of another kind, in what claims to be encoded.
    #[error("bytes beyond ASCII stand where they cannot be encoded")]
    Misplaced,
    /// Too many parts, or too deep.
    #[error("the message has too many parts")]
    TooMany,
}

/// The message without bytes beyond ASCII. One that has none comes back as it is.
///
/// # Errors
/// [`Stuck`]: it cannot be done, or must not.
pub fn to_7bit(raw: &[u8]) -> Result<Vec<u8>, Stuck> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 4);
    Writer { out: &mut out, parts: 0 }.part(raw, 0)?;
    Ok(out)
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    parts: usize,
}

impl Writer<'_> {
    fn part(&mut self, raw: &[u8], depth: usize) -> Result<(), Stuck> {
        if raw.is_ascii() {
            self.out.extend_from_slice(raw);
            return Ok(());
        }
        self.parts += 1;
        if depth >= DEPTH_MAX || self.parts > PARTS_MAX {
            return Err(Stuck::TooMany);
        }
        let fields = fields(raw);
        let body = &raw[fields.body..];
        if !raw[..fields.body].is_ascii() {
            return Err(Stuck::Header);
        }
        let encoding =
            fields.get("Content-Transfer-Encoding").map_or(Encoding::None, |field| Encoding::of(&field.text()));
        if encoding != Encoding::None {
            return Err(Stuck::Misplaced);
        }
        let head = &raw[..fields.body];
        let kind = media_type_of(&fields);
        let boundary = boundary_of(&fields).filter(|_| kind.starts_with("multipart/"));
        match (kind.as_str(), boundary) {
            ("multipart/signed" | "multipart/encrypted", _) => Err(Stuck::Sealed),
            // Its parts are mails without saying so (RFC 2046 5.1.5).
            ("multipart/digest", _) => Err(Stuck::Misplaced),
            (_, Some(boundary)) => {
                self.head(head, "7bit", depth);
                self.multipart(body, boundary.as_bytes(), depth)
            }
            ("message/rfc822", None) => {
                self.head(head, "7bit", depth);
                self.part(body, depth + 1)
            }
            (other, None) if other.starts_with("message/") => Err(Stuck::Misplaced),
            (other, None) if other.starts_with("text/") => {
                self.head(head, "quoted-printable", depth);
                quoted_printable(body, self.out);
                Ok(())
            }
            _ => {
                self.head(head, "base64", depth);
                self.base64(body);
                Ok(())
            }
        }
    }

    /// The header with another transfer encoding. A mail that is no MIME becomes one (RFC 1428 section 3).
    fn head(&mut self, head: &[u8], encoding: &str, depth: usize) {
        let mut at = 0;
        let (mut kept, mut has_version, mut has_type) = (true, false, false);
        let mut end = head.len();
        while at < head.len() {
            let next = line_end(head, at);
            let line = &head[at..next];
            if line.trim_ascii().is_empty() {
                end = at;
                break;
            }
            if !matches!(line.first(), Some(b' ' | b'\t')) {
                let name = line.split(|&byte| byte == b':').next().unwrap_or_default().trim_ascii_end();
                has_version |= name.eq_ignore_ascii_case(b"MIME-Version");
                has_type |= name.eq_ignore_ascii_case(b"Content-Type");
                kept = !name.eq_ignore_ascii_case(b"Content-Transfer-Encoding");
            }
            if kept {
                self.out.extend_from_slice(line);
            }
            at = next;
        }
        if depth == 0 && !has_version {
            self.out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        if depth == 0 && !has_type {
            self.out.extend_from_slice(b"Content-Type: text/plain; charset=unknown-8bit\r\n");
        }
        self.out.extend_from_slice(b"Content-Transfer-Encoding: ");
        self.out.extend_from_slice(encoding.as_bytes());
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(&head[end..]);
    }

    /// Boundary lines and what stands outside of the parts are copied; the line end before a boundary belongs to it.
    fn multipart(&mut self, body: &[u8], boundary: &[u8], depth: usize) -> Result<(), Stuck> {
        let mut at = 0;
        let mut start = None;
        while at < body.len() {
            let end = line_end(body, at);
            let found = is_boundary(&body[at..end], boundary);
            match (found, start) {
                (Some(last), _) => {
                    if let Some(start) = start {
                        self.piece(&body[start..at], depth)?;
                    }
                    self.out.extend_from_slice(&body[at..end]);
                    start = (!last).then_some(end);
                    if last {
                        return self.outside(&body[end..]);
                    }
                }
                (None, None) => self.outside(&body[at..end])?,
                (None, Some(_)) => {}
            }
            at = end;
        }
        match start {
            Some(start) => self.piece(&body[start..], depth),
            None => Ok(()),
        }
    }

    fn piece(&mut self, piece: &[u8], depth: usize) -> Result<(), Stuck> {
        let bare = piece.strip_suffix(b"\r\n").unwrap_or(piece);
        self.part(bare, depth + 1)?;
        self.out.extend_from_slice(&piece[bare.len()..]);
        Ok(())
    }

    fn outside(&mut self, bytes: &[u8]) -> Result<(), Stuck> {
        if !bytes.is_ascii() {
            return Err(Stuck::Misplaced);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn base64(&mut self, body: &[u8]) {
        for (place, chunk) in body.chunks(LINE_MAX / 4 * 3).enumerate() {
            if place > 0 {
                self.out.extend_from_slice(b"\r\n");
            }
            self.out.extend_from_slice(STANDARD.encode(chunk).as_bytes());
        }
    }
}

/// Bytes of a text, its line ends as they are, white space at the end of a line encoded.
fn quoted_printable(body: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        let mut column = 0;
        for (place, &byte) in text.iter().enumerate() {
            let last = place + 1 == text.len();
            let plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !last);
            let width = if plain { 1 } else { 3 };
            if column + width > LINE_MAX - usize::from(!last) {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            match plain {
                true => out.push(byte),
                false => out.extend([b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
            }
            column += width;
        }
        out.extend_from_slice(&line[text.len()..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime;
    use proptest::prelude::*;

    fn check(raw: &str, expected: Result<&str, Stuck>) {
        let raw = raw.replace('\n', "\r\n");
        let expected = expected.map(|text| text.replace('\n', "\r\n"));
        let found = to_7bit(raw.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(found, expected, "{raw}");
    }

    #[test]
    fn leaves_are_encoded_anew() {
        check("Subject: x\n\nplain\n", Ok("Subject: x\n\nplain\n"));
        check(
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\ncontent-transfer-encoding:\n 8bit\nX: y\n\n\
             h\u{e9} = \n\ttab\n",
            Ok("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nX: y\n\
                Content-Transfer-Encoding: quoted-printable\n\nh=C3=A9 =3D=20\n\ttab\n"),
        );
        check(
            "Subject: no MIME\n\n\u{e9}",
            Ok("Subject: no MIME\nMIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\n\
                Content-Transfer-Encoding: quoted-printable\n\n=C3=A9"),
        );
        check(
            "MIME-Version: 1.0\nContent-Type: application/x\n\n\u{e9}\n",
            Ok("MIME-Version: 1.0\nContent-Type: application/x\nContent-Transfer-Encoding: base64\n\nw6kNCg=="),
        );
    }

    #[test]
    fn parts_keep_their_places() {
        check(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b c\"\nContent-Transfer-Encoding: 8bit\n\n\
             intro\n--b c\n\nascii\n--b c\nContent-Type: text/html\n\n\u{e9}\n--b c\n\
             Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: in\n\n\u{e9}\n--b c--\nend\n",
            Ok("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b c\"\n\
                Content-Transfer-Encoding: 7bit\n\n\
                intro\n--b c\n\nascii\n--b c\nContent-Type: text/html\n\
                Content-Transfer-Encoding: quoted-printable\n\n=C3=A9\n--b c\n\
                Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\n\
                Subject: in\nContent-Transfer-Encoding: quoted-printable\n\n=C3=A9\n--b c--\nend\n"),
        );
    }

    #[test]
    fn what_must_not_be_changed() {
        let multi = |kind: &str| {
            format!("MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary=b\n\n--b\n\n\u{e9}\n--b--\n")
        };
        check(&multi("signed"), Err(Stuck::Sealed));
        check(&multi("encrypted"), Err(Stuck::Sealed));
        let inner = multi("signed").replace("MIME-Version: 1.0\n", "").replace("=b", "=i").replace("--b", "--i");
        check(
            &format!("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n{inner}\n--b--\n"),
            Err(Stuck::Sealed),
        );
        check("Subject: \u{e9}\n\nbody\n", Err(Stuck::Header));
        check("Content-Type: message/global\n\nSubject: x\n\n\u{e9}\n", Err(Stuck::Misplaced));
        check("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n\u{e9}\n", Err(Stuck::Misplaced));
        check(&multi("mixed").replace("--b--\n", "--b--\n\u{e9}"), Err(Stuck::Misplaced));
        let deep: String = (0..200).map(|_| "Content-Type: message/rfc822\n\n").collect();
        check(&format!("{deep}\u{e9}"), Err(Stuck::TooMany));
    }

    proptest! {
        /// What is read of the message afterwards is what was read before.
        #[test]
        fn nothing_is_lost(lines in prop::collection::vec("[a-z =.\té€]{0,120}", 1..12)) {
            let body = lines.join("\r\n");
            let raw = format!("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}");
            let seven = to_7bit(raw.as_bytes()).unwrap();
            prop_assert!(seven.is_ascii());
            let too_long = seven.split(|&byte| byte == b'\n').map(<[u8]>::len).max().unwrap_or(0);
            prop_assert!(body.is_ascii() || too_long <= LINE_MAX + 1, "{}", too_long);
            let parts = (mime::parse(&seven), mime::parse(raw.as_bytes()));
            prop_assert_eq!(parts.0.text(), parts.1.text());
        }

        #[test]
        fn any_bytes(raw in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(seven) = to_7bit(&raw) {
                prop_assert!(seven.is_ascii());
            }
        }
    }
}
