//! The frame of a message: header lines and MIME parts, encoded at compiling as far as they are the same for all.
//!
//! `text` and `html` become multipart/alternative; embedded files wrap that in multipart/related, attached ones in
//! multipart/mixed. Boundaries begin with `=_`, which can occur neither in quoted-printable nor in base64, so they are
//! the same for every mail.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::source::Attachment;
use crate::merge::Code;

/// One header, or several that are the same for all recipients.
#[derive(Debug)]
pub(crate) enum HeadLine {
    Fixed(Vec<u8>),
    /// An unstructured header with Liquid in it.
    Text {
        name: String,
        value: Code,
    },
    /// A display name with Liquid in it, and an address.
    Mailbox {
        name: &'static str,
        display: Code,
        address: String,
    },
    /// To: the recipient.
    To {
        display: Code,
    },
    Date,
    MessageId,
    ListUnsubscribe,
}

/// A piece of the body, the headers of the outermost part included.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyPiece {
    Fixed(Vec<u8>),
    Text,
    Html,
}

/// A MIME part: its headers, and what follows them.
struct Node {
    head: String,
    body: Vec<BodyPiece>,
}

/// The MIME structure, from `MIME-Version` to the last boundary.
pub(crate) fn body(text: bool, html: bool, attachments: &[Attachment]) -> Vec<BodyPiece> {
    let leaf = |kind: &str, piece: BodyPiece| Node {
        head: format!("Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"),
        body: vec![piece],
    };
    let mut parts = Vec::new();
    if text || !html {
        parts.push(leaf("plain", BodyPiece::Text));
    }
    if html {
        parts.push(leaf("html", BodyPiece::Html));
    }
    let mut root = multipart("alternative", "=_alternative", parts);
    let (embedded, attached): (Vec<_>, Vec<_>) = attachments.iter().partition(|file| file.content_id.is_some());
    for (kind, boundary, files) in [("related", "=_related", embedded), ("mixed", "=_mixed", attached)] {
        let files = files.into_iter().map(file);
        root = multipart(kind, boundary, std::iter::once(root).chain(files).collect());
    }
    let mut pieces = vec![BodyPiece::Fixed(format!("MIME-Version: 1.0\r\n{}\r\n", root.head).into_bytes())];
    pieces.extend(root.body);
    join(pieces)
}

/// Several parts in one; one part stays as it is.
fn multipart(kind: &str, boundary: &str, mut parts: Vec<Node>) -> Node {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let mut body = Vec::new();
    for part in parts {
        body.push(BodyPiece::Fixed(format!("--{boundary}\r\n{}\r\n", part.head).into_bytes()));
        body.extend(part.body);
    }
    body.push(BodyPiece::Fixed(format!("--{boundary}--\r\n").into_bytes()));
    Node { head: format!("Content-Type: multipart/{kind};\r\n boundary=\"{boundary}\"\r\n"), body }
}

fn file(file: &Attachment) -> Node {
    let name = parameter("name", &file.filename);
    let filename = parameter("filename", &file.filename);
    let disposition = if file.content_id.is_some() { "inline" } else { "attachment" };
    let mut head = format!(
        "Content-Type: {};\r\n {name}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: {disposition};\r\n {filename}\r\n",
        file.content_type
    );
    if let Some(id) = &file.content_id {
        head.push_str(&format!("Content-ID: <{id}>\r\n"));
    }
    let encoded = STANDARD.encode(&file.bytes);
    let mut lines = Vec::with_capacity(encoded.len() + encoded.len() / 36 + 2);
    for line in encoded.as_bytes().chunks(76) {
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\r\n");
    }
    Node { head, body: vec![BodyPiece::Fixed(lines)] }
}

/// A parameter: quoted, or in the extended form of RFC 2231 when it is not ASCII.
fn parameter(name: &str, value: &str) -> String {
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    }
    let mut out = format!("{name}*=UTF-8''");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Headers that are written here, or that only a mail server may write.
const OWN_HEADERS: [&str; 26] = [
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-id",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "feedback-id",
    "return-path",
    "received",
    "dkim-signature",
    "arc-seal",
    "arc-message-signature",
    "arc-authentication-results",
    "authentication-results",
    "sender",
    "resent-from",
];

/// What is wrong with the name of an extra header, if anything.
pub(crate) fn check_header_name(name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if name.is_empty() || name.len() > 70 || !plain {
        return Err("a header's name must be 1 to 70 printable ASCII letters without colon".to_owned());
    }
    if OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(format!("`{name}` is written by the program itself"));
    }
    Ok(())
}

/// What is wrong with a file, if anything.
pub(crate) fn check_file(file: &Attachment) -> Result<(), String> {
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let name = file.filename.escape_debug();
    if file.filename.is_empty() || file.filename.len() > 200 || file.filename.contains(char::is_control) {
        return Err(format!("the file name `{name}` must have 1 to 200 bytes and no control characters"));
    }
    match file.content_type.split_once('/') {
        Some((kind, sub)) if token(kind) && token(sub) && kind != "multipart" && kind != "message" => {}
        _ => return Err(format!("the file `{name}` needs a media type such as application/pdf")),
    }
    let id_ok = |id: &str| token(&id.replace('@', "")) && id.len() <= 200;
    match &file.content_id {
        Some(id) if !id_ok(id) => Err(format!("the content id of `{name}` must be plain letters and digits")),
        _ => Ok(()),
    }
}

/// Fixed pieces beside each other become one.
fn join(pieces: Vec<BodyPiece>) -> Vec<BodyPiece> {
    let mut joined: Vec<BodyPiece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(BodyPiece::Fixed(last)), BodyPiece::Fixed(bytes)) => last.extend_from_slice(&bytes),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}
