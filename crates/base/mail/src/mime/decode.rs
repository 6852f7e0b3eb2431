//! Transfer encodings and charsets, leniently: what cannot be decoded stays as it is.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mail_parser::decoders::charsets::map::charset_decoder;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How the body of a part is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 7bit, 8bit, binary or unknown: as it stands.
    #[default]
    None,
    Base64,
    QuotedPrintable,
}

impl Encoding {
    pub(super) fn of(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "base64" => Encoding::Base64,
            "quoted-printable" => Encoding::QuotedPrintable,
            _ => Encoding::None,
        }
    }

    pub(super) fn decode(self, body: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Encoding::None => Cow::Borrowed(body),
            Encoding::Base64 => Cow::Owned(base64(body)),
            Encoding::QuotedPrintable => Cow::Owned(quoted_printable(body)),
        }
    }
}

/// Letters of the alphabet up to the padding; all others are passed over. A lone last letter is dropped.
fn base64(body: &[u8]) -> Vec<u8> {
    let mut letters: Vec<u8> = body
        .iter()
        .copied()
        .take_while(|&b| b != b'=')
        .filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        .collect();
    if letters.len() % 4 == 1 {
        letters.pop();
    }
    BASE64.decode(&letters).unwrap_or_default()
}

/// RFC 2045 6.7: soft breaks go, blanks at line ends go, escapes that are none stay.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |feed| feed + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let line_break = &line[text.len()..];
        let text = text.trim_ascii_end();
        match text.strip_suffix(b"=") {
            Some(soft) => unescape(soft, &mut out),
            None => {
                unescape(text, &mut out);
                out.extend_from_slice(line_break);
            }
        }
    }
    out
}

fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| (byte as char).to_digit(16));
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'=', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

/// Bytes of a charset as text; unknown charsets are read as UTF-8 with replacements.
pub(super) fn to_text(bytes: &[u8], charset: Option<&str>) -> String {
    match charset.and_then(|charset| charset_decoder(charset.as_bytes())) {
        Some(decode) => decode(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenient_decoding() {
        assert_eq!(quoted_printable(b"a=20b=\r\nc \t\r\n=zz=4"), b"a bc\r\n=zz=4");
        assert_eq!(base64(b"aGVs\r\nbG8"), b"hello");
        assert_eq!(base64(b"aGVsbG8=garbage"), b"hello");
        assert_eq!(base64(b"!"), b"");
        assert_eq!(to_text(b"Gr\xfc\xdfe", Some("iso-8859-1")), "Grüße");
        assert_eq!(to_text(b"\xff", Some("x-unknown")), "\u{fffd}");
    }
}
