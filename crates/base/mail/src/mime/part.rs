//! The tree of parts (RFC 2045, 2046), made by lines: a boundary is a line, not a run of characters.

use std::borrow::Cow;

use mail_parser::ContentType;
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

use super::decode::{self, Encoding};
use super::header::{Fields, fields, line_end};
use super::{DEPTH_MAX, PARTS_MAX};

/// One part: a leaf, several parts, or a mail inside the mail.
#[derive(Clone, Debug)]
pub struct Part<'x> {
    /// Place in the tree: `1`, `1.2`, `1.2.1`.
    pub path: String,
    /// Media type in lower case, `text/plain` where none is given.
    pub content_type: String,
    /// `charset` as written, in lower case.
    pub charset: Option<String>,
    /// `filename` of the disposition or `name` of the type, decoded.
    pub filename: Option<String>,
    /// Its header fields.
    pub fields: Fields<'x>,
    /// What it holds.
    pub body: Body<'x>,
}

/// What a part holds.
#[derive(Clone, Debug)]
pub enum Body<'x> {
    /// Bytes, transfer encoding undone.
    Leaf(Cow<'x, [u8]>),
    /// Parts in order.
    Multipart(Vec<Part<'x>>),
    /// A mail (`message/rfc822`), with its bytes.
    Mail(Box<Part<'x>>, &'x [u8]),
}

/// Makes the tree of a mail. Never fails: what is no MIME is one text.
pub fn parse(raw: &[u8]) -> Part<'_> {
    Reader { parts: 0 }.part(raw, "1".to_owned(), 0, false)
}

impl<'x> Part<'x> {
    /// All leaves in order, those of inner mails included.
    pub fn leaves(&self) -> Vec<&Part<'x>> {
        match &self.body {
            Body::Leaf(_) => vec![self],
            Body::Multipart(parts) => parts.iter().flat_map(Part::leaves).collect(),
            Body::Mail(mail, _) => mail.leaves(),
        }
    }

    /// The text of a leaf, charset undone; of anything else the empty text.
    pub fn text(&self) -> String {
        match &self.body {
            Body::Leaf(bytes) => decode::to_text(bytes, self.charset.as_deref()),
            _ => String::new(),
        }
    }

    /// The first leaf of this media type, not looking into inner mails.
    pub fn find(&self, content_type: &str) -> Option<&Part<'x>> {
        match &self.body {
            Body::Leaf(_) => (self.content_type == content_type).then_some(self),
            Body::Multipart(parts) => parts.iter().find_map(|part| part.find(content_type)),
            Body::Mail(..) => None,
        }
    }
}

struct Reader {
    parts: usize,
}

impl Reader {
    /// `digest`: inside a multipart/digest parts are mails by default (RFC 2046 5.1.5).
    fn part<'x>(&mut self, raw: &'x [u8], path: String, depth: usize, digest: bool) -> Part<'x> {
        self.parts += 1;
        let fields = fields(raw);
        let body = &raw[fields.body..];
        let kind = structured(&fields, "Content-Type");
        let disposition = structured(&fields, "Content-Disposition");
        let content_type = media_type(kind.as_ref(), digest);
        let encoding =
            fields.get("Content-Transfer-Encoding").map_or(Encoding::None, |field| Encoding::of(&field.text()));
        let attribute = |from: &Option<ContentType<'_>>, name: &str| {
            from.as_ref().and_then(|f| f.attribute(name)).map(str::to_owned)
        };
        let filename = attribute(&disposition, "filename").or_else(|| attribute(&kind, "name"));
        let mut part = Part {
            // RFC 2045 5.2: without any Content-Type it is US-ASCII text.
            charset: match &kind {
                Some(_) => attribute(&kind, "charset").map(|charset| charset.to_ascii_lowercase()),
                None => (!digest).then(|| "us-ascii".to_owned()),
            },
            filename: filename.map(|name| encoded_words(&name)),
            fields,
            body: Body::Leaf(Cow::Borrowed(b"")),
            content_type,
            path,
        };
        let deeper = depth + 1 < DEPTH_MAX && self.parts < PARTS_MAX;
        let boundary = attribute(&kind, "boundary").filter(|boundary| !boundary.is_empty());
        part.body =
            if let (true, true, Some(boundary)) = (deeper, part.content_type.starts_with("multipart/"), boundary) {
                let digest = part.content_type == "multipart/digest";
                self.multipart(body, boundary.as_bytes(), &part.path, depth, digest)
            } else if deeper && is_mail(&part.content_type) && encoding == Encoding::None {
                Body::Mail(Box::new(self.part(body, format!("{}.1", part.path), depth + 1, false)), body)
            } else {
                Body::Leaf(encoding.decode(body))
            };
        if matches!(part.body, Body::Leaf(_)) && part.content_type.starts_with("multipart/") {
            part.content_type = "text/plain".to_owned();
        }
        part
    }

    fn multipart<'x>(&mut self, body: &'x [u8], boundary: &[u8], path: &str, depth: usize, digest: bool) -> Body<'x> {
        let mut parts = Vec::new();
        for piece in pieces(body, boundary) {
            if self.parts >= PARTS_MAX {
                break;
            }
            let path = format!("{path}.{}", parts.len() + 1);
            parts.push(self.part(piece, path, depth + 1, digest));
        }
        if parts.is_empty() { Body::Leaf(Cow::Borrowed(body)) } else { Body::Multipart(parts) }
    }
}

/// The bytes between boundary lines; the line end in front of a boundary belongs to it. A missing last one is forgiven.
fn pieces<'x>(body: &'x [u8], boundary: &[u8]) -> Vec<&'x [u8]> {
    let mut found = Vec::new();
    let mut start = None;
    let mut at = 0;
    while at < body.len() {
        let end = line_end(body, at);
        if let Some(last) = is_boundary(&body[at..end], boundary) {
            if let Some(start) = start {
                found.push(without_line_end(&body[start..at]));
            }
            start = (!last).then_some(end);
            if last {
                break;
            }
        }
        at = end;
    }
    if let Some(start) = start {
        found.push(&body[start.min(body.len())..]);
    }
    found
}

/// `--boundary` with nothing but blanks behind it: `Some(false)`; `--boundary--`: `Some(true)`.
pub(super) fn is_boundary(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match rest.strip_prefix(b"--") {
        Some(rest) if rest.trim_ascii().is_empty() => Some(true),
        _ => rest.trim_ascii().is_empty().then_some(false),
    }
}

fn without_line_end(piece: &[u8]) -> &[u8] {
    let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
    piece.strip_suffix(b"\r").unwrap_or(piece)
}

/// The media type of a part, in lower case.
pub(super) fn media_type_of(fields: &Fields<'_>) -> String {
    media_type(structured(fields, "Content-Type").as_ref(), false)
}

/// Where its parts begin, when it has some.
pub(super) fn boundary_of(fields: &Fields<'_>) -> Option<String> {
    let kind = structured(fields, "Content-Type")?;
    kind.attribute("boundary").filter(|boundary| !boundary.is_empty()).map(str::to_owned)
}

fn structured<'x>(fields: &Fields<'_>, name: &str) -> Option<ContentType<'x>> {
    let line = [fields.get(name)?.value, b"\r\n"].concat();
    match MessageStream::new(&line).parse_content_type().into_owned() {
        HeaderValue::ContentType(found) => Some(found),
        _ => None,
    }
}

fn media_type(kind: Option<&ContentType<'_>>, digest: bool) -> String {
    match kind.and_then(|kind| Some((kind.ctype(), kind.subtype()?))) {
        Some((main, sub)) => format!("{main}/{sub}").to_ascii_lowercase(),
        None if digest => "message/rfc822".to_owned(),
        None => "text/plain".to_owned(),
    }
}

fn is_mail(content_type: &str) -> bool {
    matches!(content_type, "message/rfc822" | "message/global")
}

/// Encoded words inside a parameter: against the rules, and common.
fn encoded_words(name: &str) -> String {
    if !name.contains("=?") {
        return name.to_owned();
    }
    super::header::Field { name: b"", value: name.as_bytes() }.decoded()
}
