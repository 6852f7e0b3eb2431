//! Escaping for the place where a value stands.

use std::fmt::Write as _;

use super::Escape;

/// Gives the pieces of the escaped text to `put`, in order.
pub(super) fn escape(mode: Escape, text: &str, put: &mut dyn FnMut(&str)) {
    match mode {
        Escape::Text => put(text),
        Escape::Html => pieces(
            text,
            |byte| html_entity(byte).is_some(),
            put,
            |byte, put| {
                put(html_entity(byte).unwrap_or_default());
            },
        ),
        Escape::Header => pieces(text, |byte| byte < b' ' || byte == 0x7f, put, |_, put| put(" ")),
        Escape::Url => pieces(
            text,
            |byte| !stands_in_url(byte),
            put,
            |byte, put| {
                let mut encoded = String::with_capacity(3);
                write!(encoded, "%{byte:02X}").expect("invariant: writing to a String does not fail");
                put(&encoded);
            },
        ),
    }
}

/// Appends the text, escaped for HTML.
pub(crate) fn escape_html(text: &str, out: &mut String) {
    escape(Escape::Html, text, &mut |piece| out.push_str(piece));
}

/// The text, fit to stand as a whole URL.
pub(crate) fn escape_url(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(Escape::Url, text, &mut |piece| out.push_str(piece));
    out
}

/// Runs of bytes that are kept, and each of the others by itself. Bytes of a letter beyond ASCII are all of one kind.
fn pieces(
    text: &str,
    special: impl Fn(u8) -> bool,
    put: &mut dyn FnMut(&str),
    mut replace: impl FnMut(u8, &mut dyn FnMut(&str)),
) {
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if special(byte) {
            if start < at {
                put(&text[start..at]);
            }
            replace(byte, put);
            start = at + 1;
        }
    }
    if start < text.len() {
        put(&text[start..]);
    }
}

pub(super) const fn html_entity(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\'' => Some("&#39;"),
        _ => None,
    }
}

/// RFC 3986: unreserved, reserved, and `%` of what is encoded already.
fn stands_in_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}
