//! The relaxed canonical forms of RFC 6376 3.4.2 and 3.4.4, and the headers of a raw message.

use aws_lc_rs::digest::{Context, Digest, SHA256};

/// Bytes gathered before they go into the hash.
const CHUNK: usize = 8_192;

/// One header field as it stands in the message.
pub(crate) struct Field<'a> {
    /// Where it begins.
    pub(crate) at: usize,
    /// Its name, without the colon and white space in front of it.
    pub(crate) name: &'a [u8],
    /// The whole field, folded lines and the final CRLF included.
    pub(crate) whole: &'a [u8],
}

/// Cuts a message into its header fields and its body. Lines that are no header field are passed over.
pub(crate) fn split(raw: &[u8]) -> (Vec<Field<'_>>, &[u8]) {
    let mut fields = Vec::with_capacity(32);
    let mut at = 0;
    while at < raw.len() {
        if raw[at..].starts_with(b"\r\n") {
            return (fields, &raw[at + 2..]);
        }
        let start = at;
        loop {
            at = line_end(raw, at);
            if !matches!(raw.get(at), Some(b' ' | b'\t')) {
                break;
            }
        }
        let whole = &raw[start..at];
        if let Some(colon) = whole.iter().position(|&byte| byte == b':') {
            fields.push(Field { at: start, name: whole[..colon].trim_ascii_end(), whole });
        }
    }
    (fields, &[])
}

/// Where the line that starts at `at` ends: behind its CRLF, or at the end of the text.
fn line_end(text: &[u8], mut at: usize) -> usize {
    while let Some(line_feed) = text[at..].iter().position(|&byte| byte == b'\n') {
        at += line_feed + 1;
        if at >= 2 && text[at - 2] == b'\r' {
            return at;
        }
    }
    text.len()
}

/// Name in lower case, value on one line, runs of white space as one space, none at the ends; CRLF behind.
pub(super) fn relax_header(field: &[u8], out: &mut Vec<u8>) {
    let colon = field.iter().position(|&byte| byte == b':').unwrap_or(field.len());
    out.extend(field[..colon].trim_ascii_end().iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let value = field.get(colon + 1..).unwrap_or(&[]);
    let words = value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty());
    for (place, word) in words.enumerate() {
        if place > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
    out.extend_from_slice(b"\r\n");
}

/// SHA-256 of the relaxed body: white space at line ends gone, runs as one space, empty lines at the end gone.
///
/// A line of white space alone is an empty line. A body of nothing else hashes as nothing (RFC 6376 3.4.4).
pub(super) fn relaxed_body_hash(body: &[u8]) -> Digest {
    let mut context = Context::new(&SHA256);
    let mut buffer = Vec::with_capacity(CHUNK);
    let mut empty_lines = 0_usize;
    let mut at = 0;
    while at < body.len() {
        let end = line_end(body, at);
        let line = body[at..end].strip_suffix(b"\r\n").unwrap_or(&body[at..end]);
        at = end;
        let line = trim_blank_end(line);
        if line.is_empty() {
            empty_lines += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty_lines) {
            push(b"\r\n", &mut buffer, &mut context);
        }
        relax_line(line, &mut buffer, &mut context);
        push(b"\r\n", &mut buffer, &mut context);
    }
    context.update(&buffer);
    context.finish()
}

fn trim_blank_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
    &line[..end]
}

fn relax_line(line: &[u8], buffer: &mut Vec<u8>, context: &mut Context) {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut rest = line;
    while !rest.is_empty() {
        let word = rest.iter().position(blank).unwrap_or(rest.len());
        push(&rest[..word], buffer, context);
        rest = &rest[word..];
        let gap = rest.iter().position(|byte| !blank(byte)).unwrap_or(rest.len());
        if gap > 0 {
            push(b" ", buffer, context);
        }
        rest = &rest[gap..];
    }
}

fn push(bytes: &[u8], buffer: &mut Vec<u8>, context: &mut Context) {
    if buffer.len() + bytes.len() > CHUNK {
        context.update(buffer);
        buffer.clear();
    }
    if bytes.len() > CHUNK {
        context.update(bytes);
    } else {
        buffer.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        let mut context = Context::new(&SHA256);
        context.update(expected.as_bytes());
        assert_eq!(relaxed_body_hash(body.as_bytes()).as_ref(), context.finish().as_ref(), "{body:?}");
    }

    #[test]
    fn bodies() {
        check(" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
        check("hi\r\n \t\r\n", "hi\r\n");
        check("hi", "hi\r\n");
        check("a\r\n\r\n \r\nb", "a\r\n\r\n\r\nb\r\n");
        check("", "");
        check(" \r\n\r\n", "");
        check("bare\nfeed \r\n", "bare\nfeed\r\n");
        let long = "x y".repeat(9_000);
        check(&long, &format!("{long}\r\n"));
    }

    #[test]
    fn headers() {
        let (fields, body) = split(b"A: X \r\nB : Y\t\r\n\tZ  \r\nno field\r\n\r\nbody");
        let mut out = Vec::new();
        fields.iter().for_each(|field| relax_header(field.whole, &mut out));
        assert_eq!(String::from_utf8_lossy(&out), "a:X\r\nb:Y Z\r\n");
        assert_eq!((fields[1].name, body), (&b"B"[..], &b"body"[..]));
    }
}
