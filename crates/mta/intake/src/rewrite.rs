//! What a submission's header is made to be: trace added, missing fields added, private fields taken out.
//!
//! Works on the header alone; the body is copied as it is, once. Signing happens at delivery, over what stands here.

use mail::mime;

use crate::config::Header;
use crate::hints::{HintFault, Hints, is_private};

/// Fields that never leave the house (RFC 5322 3.6.3, RFC 5321 4.4).
const REMOVED: [&str; 3] = ["bcc", "resent-bcc", "return-path"];

/// A message ready for the spool.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) raw: Vec<u8>,
    /// What it says of its own treatment.
    pub(crate) hints: Hints,
    /// Needs 8BITMIME.
    pub(crate) eight_bit: bool,
    /// Needs SMTPUTF8.
    pub(crate) eight_bit_header: bool,
}

/// Why a message is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Not a header, or not ended by an empty line.
    #[error("5.6.0 The header of the message is not well-formed")]
    Malformed,
    /// Too many `Received` fields.
    #[error("5.4.6 Too many hops: the message is in a loop")]
    Loop,
    /// A field that says how to treat the message has no usable value.
    #[error("5.6.0 {0}")]
    Field(#[from] HintFault),
}

/// What is put in front of the header.
pub(crate) struct Added<'a> {
    /// The whole `Received` field.
    pub(crate) received: &'a str,
    /// Message-ID with its brackets, for a message that has none.
    pub(crate) message_id: &'a str,
    /// Date, for a message that has none.
    pub(crate) date: &'a str,
}

/// Makes a submitted message ready for the spool. Lines of `data` end in CRLF. Of the fields that tell how to treat it
/// only the `honoured` ones have an effect; all of them are taken out.
pub(crate) fn prepare(
    mut data: Vec<u8>,
    added: &Added<'_>,
    hops_max: u32,
    honoured: &[Header],
) -> Result<Prepared, Fault> {
    let header_len = header_len(&data).unwrap_or_else(|| {
        // Nothing but a header, or nothing at all: the empty line was left out.
        data.extend_from_slice(b"\r\n");
        data.len()
    });
    let found = mime::check(&data[..header_len]);
    let is_bare_body = found.fields == 0 && data.starts_with(b"\r\n");
    if !found.well_formed_header && !is_bare_body {
        return Err(Fault::Malformed);
    }
    if found.received >= hops_max as usize {
        return Err(Fault::Loop);
    }
    let mut raw = Vec::with_capacity(data.len() + added.received.len() + 256);
    raw.extend_from_slice(added.received.as_bytes());
    if !found.has_message_id {
        push_field(&mut raw, "Message-ID", added.message_id);
    }
    if !found.has_date {
        push_field(&mut raw, "Date", added.date);
    }
    let (header, body) = data.split_at(header_len);
    let mut hints = Hints::default();
    for field in header_fields(header) {
        let (name, value) = split_field(field).unwrap_or_default();
        if !hints.take(name, value, honoured)? && !is_removed(name) {
            raw.extend_from_slice(field);
        }
    }
    raw.extend_from_slice(body);
    let eight_bit = !raw.is_ascii();
    Ok(Prepared { raw, hints, eight_bit, eight_bit_header: found.eight_bit_header })
}

/// Bytes up to and with the empty line that ends the header.
fn header_len(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < data.len() {
        let end = line_end(data, at);
        if &data[at..end] == b"\r\n" {
            return Some(end);
        }
        at = end;
    }
    None
}

/// Adds what a message that came by another way than SMTP has left out, and takes blind copies out.
pub(crate) fn complete(message: &[u8], message_id: &str, date: &str) -> Vec<u8> {
    let found = mime::check(message);
    let mut raw = Vec::with_capacity(message.len() + 128);
    if !found.has_message_id {
        push_field(&mut raw, "Message-ID", message_id);
    }
    if !found.has_date {
        push_field(&mut raw, "Date", date);
    }
    let (header, body) = message.split_at(found.header_bytes);
    for field in header_fields(header) {
        let (name, _) = split_field(field).unwrap_or_default();
        if !is_private(name) && !is_removed(name) {
            raw.extend_from_slice(field);
        }
    }
    raw.extend_from_slice(body);
    raw
}

fn push_field(raw: &mut Vec<u8>, name: &str, value: &str) {
    raw.extend_from_slice(name.as_bytes());
    raw.extend_from_slice(b": ");
    raw.extend_from_slice(value.as_bytes());
    raw.extend_from_slice(b"\r\n");
}

/// The fields of a well-formed header with their line ends; the empty line is the last one.
fn header_fields(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = line_end(rest, 0);
        while matches!(rest.get(end), Some(b' ' | b'\t')) {
            end = line_end(rest, end);
        }
        let (field, behind) = rest.split_at(end);
        rest = behind;
        Some(field)
    })
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |feed| from + feed + 1)
}

fn split_field(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = field.iter().position(|&byte| byte == b':')?;
    Some((field[..colon].trim_ascii_end(), &field[colon + 1..]))
}

fn is_removed(name: &[u8]) -> bool {
    REMOVED.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn prepared(message: &str) -> Result<Prepared, Fault> {
        let added = Added { received: "Received: here\r\n", message_id: "<id@here>", date: "today" };
        prepare(message.replace('\n', "\r\n").into_bytes(), &added, 3, Header::ALL)
    }

    fn check(message: &str, expected: &Expect) {
        let found = prepared(message).map(|found| String::from_utf8(found.raw).unwrap().replace("\r\n", "\n"));
        expected.assert_eq(&found.unwrap_or_else(|fault| format!("{fault}\n")));
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_private_goes() {
        check(
            "From: a@example.org\nBCC: secret@example.org,\n other@example.org\nSubject: x\n y\n\nBcc: body\n",
            &expect![[r#"
            Received: here
            Message-ID: <id@here>
            Date: today
            From: a@example.org
            Subject: x
             y

            Bcc: body
        "#]],
        );
        check(
            "Return-Path: <x@y.z>\nmessage-id: <own>\nDATE: then\nResent-Bcc: a@b.c\n\n",
            &expect![[r#"
            Received: here
            message-id: <own>
            DATE: then

        "#]],
        );
    }

    #[test]
    fn odd_headers() {
        let bare = expect![[r#"
            Received: here
            Message-ID: <id@here>
            Date: today

            text
        "#]];
        check("\ntext\n", &bare);
        check(
            "",
            &expect![[r#"
            Received: here
            Message-ID: <id@here>
            Date: today

        "#]],
        );
        check(
            "Subject: no body\n",
            &expect![[r#"
            Received: here
            Message-ID: <id@here>
            Date: today
            Subject: no body

        "#]],
        );
        let malformed = expect![[r#"
            5.6.0 The header of the message is not well-formed
        "#]];
        check("text without header\n", &malformed);
        check("Subject: x\nbroken line\n\nbody\n", &malformed);
        check(" continued\nSubject: x\n\nbody\n", &malformed);
        check(
            "Received: a\nReceived: b\nReceived: c\n\n",
            &expect![[r#"
            5.4.6 Too many hops: the message is in a loop
        "#]],
        );
    }

    #[test]
    fn other_ways_than_smtp() {
        let complete = |message: &str| String::from_utf8(complete(message.as_bytes(), "<id@here>", "today")).unwrap();
        assert_eq!(
            complete("From: a\r\nBcc: b\r\nX-Job: j\r\nX-iES-Any: x\r\n\r\nX-Job: in the body\r\n"),
            "Message-ID: <id@here>\r\nDate: today\r\nFrom: a\r\n\r\nX-Job: in the body\r\n"
        );
        let whole = "From: a\r\nDate: d\r\nMessage-ID: m\r\n\r\n";
        assert_eq!(complete(whole), whole);
    }

    #[test]
    fn hints_are_honoured_and_taken_out() {
        let message = "X-Job: spring 26\nx-virtual-mta: pool-a\nX-iES-Pool: pool-b\nX-iES-Stream:\n bulk\nX-iES-Tenant: \nDate: d\nMessage-ID: m\n\n";
        let found = prepared(message).unwrap();
        assert_eq!(found.raw, b"Received: here\r\nDate: d\r\nMessage-ID: m\r\n\r\n");
        let expected = Hints {
            job: Some("spring 26".into()),
            pool: Some("pool-a".into()),
            stream: Some("bulk".into()),
            ..Hints::default()
        };
        assert_eq!(found.hints, expected);
        check(
            &format!("X-Job: {}\n\n", "x".repeat(256)),
            &expect![[r#"
            5.6.0 x-job: longer than 255 bytes
        "#]],
        );
        assert!(!found.eight_bit && !found.eight_bit_header);
        let eight = prepared("From: a\n\nö\n").unwrap();
        assert!(eight.eight_bit && !eight.eight_bit_header);
    }
}
