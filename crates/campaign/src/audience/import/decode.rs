//! From the bytes of a file to its text: which encoding is it?
//!
//! In this order: a byte order mark; UTF-16 told by its zero bytes; valid UTF-8; a guess by chardetng (Windows code
//! pages, Shift-JIS, GB18030 …). Never fails: what cannot be decoded becomes U+FFFD and is seen in the preview.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How much of a file is looked at for a guess, in bytes.
const SAMPLE_BYTES: usize = 64 * 1024;

/// A file as text, without byte order mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    /// WHATWG name of the encoding.
    pub(super) encoding: &'static str,
}

pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let encoding = detect(bytes);
    let (text, _) = encoding.decode_with_bom_removal(bytes);
    // Neither database nor mail can carry U+0000.
    let text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.into_owned() };
    Decoded { text, encoding: encoding.name() }
}

fn detect(bytes: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    if let Some(encoding) = detect_utf_16(sample) {
        return encoding;
    }
    if is_utf_8(bytes) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, sample.len() == bytes.len());
    detector.guess(None, Utf8Detection::Deny)
}

/// A file cut in the middle of a character (a preview) still counts.
fn is_utf_8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// Western text in UTF-16 has a zero in nearly every second place.
fn detect_utf_16(sample: &[u8]) -> Option<&'static Encoding> {
    let zeros = |from: usize| sample.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (high_first, low_first) = (zeros(0), zeros(1));
    let many = sample.len() / 4;
    match sample.len() {
        0..=3 => None,
        _ if low_first > many && high_first == 0 => Some(UTF_16LE),
        _ if high_first > many && low_first == 0 => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], encoding: &str, text: &str) {
        let decoded = decode(bytes);
        assert_eq!((decoded.encoding, decoded.text.as_str()), (encoding, text));
    }

    fn utf_16(text: &str, order: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn encodings_are_told_apart() {
        check(b"", "UTF-8", "");
        check(b"email\nada@example.org", "UTF-8", "email\nada@example.org");
        check("\u{feff}prénom".as_bytes(), "UTF-8", "prénom");
        check("Zoë Müller".as_bytes(), "UTF-8", "Zoë Müller");
        check(&"prénom".as_bytes()[..3], "UTF-8", "pr\u{fffd}");
        check(&utf_16("\u{feff}nom;prénom", u16::to_le_bytes), "UTF-16LE", "nom;prénom");
        check(&utf_16("\u{feff}nom;prénom", u16::to_be_bytes), "UTF-16BE", "nom;prénom");
        check(&utf_16("nom;prénom\r\n", u16::to_le_bytes), "UTF-16LE", "nom;prénom\r\n");
        check(b"email;pr\xe9nom\na@example.org;Ren\xe9e\n", "windows-1252", "email;prénom\na@example.org;Renée\n");
        check(b"a\0b", "UTF-8", "a\u{fffd}b");
        let japanese = encoding_rs::SHIFT_JIS.encode("メール,名前\n山田太郎さんこんにちは").0.into_owned();
        check(&japanese, "Shift_JIS", "メール,名前\n山田太郎さんこんにちは");
    }
}
