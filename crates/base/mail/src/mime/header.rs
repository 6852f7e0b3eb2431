//! Header fields of raw bytes, found without reading the body.

use std::borrow::Cow;

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

use super::FIELDS_MAX;

/// One field as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'x> {
    /// Its name as written.
    pub name: &'x [u8],
    /// What stands behind the colon, folded, without the final line end.
    pub value: &'x [u8],
}

/// The fields of a mail or part, in order, and where its body begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields<'x> {
    /// The fields in order.
    pub fields: Vec<Field<'x>>,
    /// Offset of the first byte of the body; the length of the input when there is none.
    pub body: usize,
}

impl<'x> Fields<'x> {
    /// The first field of this name, in any case of letters.
    pub fn get(&self, name: &str) -> Option<Field<'x>> {
        self.all(name).next()
    }

    /// All fields of this name in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = Field<'x>> {
        self.fields.iter().copied().filter(move |field| field.name.eq_ignore_ascii_case(name.as_bytes()))
    }
}

impl<'x> Field<'x> {
    /// The value on one line, as text; broken UTF-8 is replaced.
    pub fn text(&self) -> Cow<'x, str> {
        unfold(self.value)
    }

    /// The addresses in a list of mailboxes and groups (RFC 5322 3.4), without their names; what is none is left out.
    pub fn addresses(&self) -> Vec<String> {
        let line = [self.value, b"\r\n"].concat();
        let HeaderValue::Address(list) = MessageStream::new(&line).parse_address() else { return Vec::new() };
        list.iter().filter_map(|mailbox| mailbox.address.as_deref().map(str::to_owned)).collect()
    }

    /// The value with encoded words (RFC 2047) decoded.
    pub fn decoded(&self) -> String {
        let line = [self.value, b"\r\n"].concat();
        match MessageStream::new(&line).parse_unstructured() {
            HeaderValue::Text(text) => text.into_owned(),
            _ => String::new(),
        }
    }
}

/// Reads the header fields of a mail. Lines end with LF or CRLF; lines that are no field are passed over.
pub fn fields(raw: &[u8]) -> Fields<'_> {
    let mut fields = Vec::new();
    let body = each_field(raw, |field| {
        if fields.len() < FIELDS_MAX {
            fields.push(field);
        }
    });
    Fields { fields, body }
}

/// Hands over every field in order, however many there are; gives the offset of the body.
pub(super) fn each_field<'x>(raw: &'x [u8], mut take: impl FnMut(Field<'x>)) -> usize {
    let mut at = 0;
    while at < raw.len() {
        let line = line_end(raw, at);
        if is_blank(&raw[at..line]) {
            return line;
        }
        let start = at;
        at = line;
        while matches!(raw.get(at), Some(b' ' | b'\t')) && !is_blank(&raw[at..line_end(raw, at)]) {
            at = line_end(raw, at);
        }
        read_field(&raw[start..at]).into_iter().for_each(&mut take);
    }
    raw.len()
}

/// The first value of a field, unfolded; looks no further than the header.
pub fn header<'x>(raw: &'x [u8], name: &str) -> Option<Cow<'x, str>> {
    fields(raw).get(name).map(|field| field.text())
}

/// A folded value on one line: line ends go, white space around them becomes one space.
pub fn unfold(value: &[u8]) -> Cow<'_, str> {
    let text = match String::from_utf8_lossy(value) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    if !text.contains(['\r', '\n']) {
        return text;
    }
    let lines: Vec<&str> = text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect();
    Cow::Owned(lines.join(" "))
}

/// Behind the line feed of the line that starts at `at`, or the end.
pub(super) fn line_end(raw: &[u8], at: usize) -> usize {
    raw[at..].iter().position(|&byte| byte == b'\n').map_or(raw.len(), |feed| at + feed + 1)
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

fn read_field(field: &[u8]) -> Option<Field<'_>> {
    let colon = field.iter().position(|&byte| byte == b':')?;
    let name = field[..colon].trim_ascii_end();
    let value = field[colon + 1..].strip_suffix(b"\n").unwrap_or(&field[colon + 1..]);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    let fits = !name.is_empty() && name.iter().all(|&byte| byte.is_ascii_graphic());
    fits.then_some(Field { name, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_the_line_ends() {
        let raw = b"A: 1\r\n 2\nno field\nB : x\r\n: none\r\nA:3\r\n\r\nC: body";
        let found = fields(raw);
        let pairs: Vec<_> = found.fields.iter().map(|f| (String::from_utf8_lossy(f.name), f.text())).collect();
        assert_eq!(pairs, [("A".into(), "1 2".into()), ("B".into(), "x".into()), ("A".into(), "3".into())]);
        assert_eq!(&raw[found.body..], b"C: body");
        assert_eq!(header(raw, "a").as_deref(), Some("1 2"));
        assert_eq!(header(b"A: 1", "A").as_deref(), Some("1"));
        assert_eq!(header(b"", "A"), None);
    }

    #[test]
    fn encoded_words() {
        let raw = "Subject: =?utf-8?Q?Pr=C3=AAt?=\r\n =?utf-8?Q?_=C3=A0?=\r\n\r\n".as_bytes();
        assert_eq!(fields(raw).get("subject").unwrap().decoded(), "Prêt à");
    }
}
