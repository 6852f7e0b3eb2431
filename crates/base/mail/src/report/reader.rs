//! Takes an inbound mail apart and decides which kind of report it is.

use std::borrow::Cow;

use model::name::Name;

use super::fields::{self, Fields};
use super::limits::{DEPTH_MAX, MAIL_BYTES_MAX, PARTS_MAX, RECIPIENTS_MAX};
use super::{AutoReply, DeliveryReport, Feedback, Original, Report, auto, prose, rfc3464};
use crate::bounce::Dictionary;
use crate::mime::{self, Body, Part};
use crate::token::Mark;

/// The pieces of a mail that matter to reports.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) headers: Fields,
    pub(super) delivery_status: Vec<String>,
    pub(super) feedback: Option<String>,
    /// Text parts in order, HTML stripped of its marks.
    pub(super) texts: Vec<String>,
    /// Header blocks of quoted mails.
    pub(super) quoted: Vec<Fields>,
    /// Quoted mails, for reports inside reports.
    nested: Vec<Vec<u8>>,
    parts: usize,
}

pub(super) fn read(raw: &[u8], dictionary: &Dictionary) -> Report {
    read_at(raw, dictionary, 0)
}

fn read_at(raw: &[u8], dictionary: &Dictionary, depth: usize) -> Report {
    let raw = &raw[..raw.len().min(MAIL_BYTES_MAX)];
    let raw = line_feeds(without_mailbox_line(raw));
    let mail = mime::parse(&raw);
    let mut pieces = Pieces { headers: header_fields(&mail), ..Pieces::default() };
    gather(&mail, &mut pieces, depth);
    let found = conclude(&pieces, dictionary);
    if found != Report::None || depth + 1 >= DEPTH_MAX {
        return found;
    }
    pieces
        .nested
        .iter()
        .map(|nested| read_at(nested, dictionary, depth + 1))
        .find(|report| !matches!(report, Report::None | Report::AutoReply(_)))
        .unwrap_or(Report::None)
}

/// A mail cut out of an mbox file may still have that format's `From ` line in front.
fn without_mailbox_line(raw: &[u8]) -> &[u8] {
    match raw.strip_prefix(b"From ").and_then(|rest| rest.iter().position(|&byte| byte == b'\n')) {
        Some(end) => &raw[b"From ".len() + end + 1..],
        None => raw,
    }
}

/// Mails with bare carriage returns as line ends (old Macintosh) get line feeds.
fn line_feeds(raw: &[u8]) -> Cow<'_, [u8]> {
    if raw.contains(&b'\n') || !raw.contains(&b'\r') {
        return Cow::Borrowed(raw);
    }
    raw.iter().map(|&byte| if byte == b'\r' { b'\n' } else { byte }).collect::<Vec<u8>>().into()
}

fn conclude(pieces: &Pieces, dictionary: &Dictionary) -> Report {
    let quoted = pieces.quoted.first().cloned().unwrap_or_default();
    if let Some(feedback) = &pieces.feedback {
        let original = Original::from_headers(&quoted, &pieces.headers);
        return Report::Feedback(Box::new(Feedback::from_arf(&Fields::read(feedback), original)));
    }
    if is_jmrp(pieces, &quoted) {
        let original = Original::from_headers(&quoted, &pieces.headers);
        return Report::Feedback(Box::new(Feedback::from_jmrp(&pieces.headers, original)));
    }
    if is_unsubscription(&pieces.headers) {
        let original = answered(pieces, &quoted);
        return Report::Feedback(Box::new(Feedback::from_unsubscription(&pieces.headers, original)));
    }
    if let Some(report) = structured(pieces, &quoted, dictionary) {
        return Report::Delivery(Box::new(report));
    }
    let answer = auto::sign(&pieces.headers);
    if answer.is_none_or(|sign| sign == "Auto-Submitted")
        && let Some(report) = prose::read(pieces, dictionary)
    {
        return Report::Delivery(Box::new(report));
    }
    match answer {
        Some(sign) => Report::AutoReply(Box::new(AutoReply {
            from: pieces.headers.get("From").and_then(|value| fields::addresses(value).next()).map(str::to_owned),
            sign: Name::from(sign),
            subject: pieces.headers.get("Subject").map(str::to_owned),
            original: answered(pieces, &quoted),
        })),
        None => Report::None,
    }
}

/// The mail that was answered: quoted, or named by In-Reply-To and References.
fn answered(pieces: &Pieces, quoted: &Fields) -> Original {
    let mut original = Original::from_headers(quoted, &pieces.headers);
    if original.message_id.is_none() {
        let named = pieces.headers.get("In-Reply-To").or_else(|| pieces.headers.get("References"));
        original.message_id = named.map(|value| value.trim_matches(['<', '>', ' ']).to_owned());
    }
    original
}

fn structured(pieces: &Pieces, quoted: &Fields, dictionary: &Dictionary) -> Option<DeliveryReport> {
    let mut report = DeliveryReport {
        structured: true,
        reporting_mta: None,
        envelope_id: None,
        recipients: Vec::new(),
        original: Original::from_headers(quoted, &pieces.headers),
    };
    for part in &pieces.delivery_status {
        let (message, mut recipients) = rfc3464::read(part);
        // For each of them all words for people are searched: the limit counts before, and for all parts together.
        recipients.truncate(RECIPIENTS_MAX - report.recipients.len());
        report.reporting_mta = report.reporting_mta.or(message.reporting_mta);
        report.envelope_id = report.envelope_id.or(message.envelope_id);
        let spare = prose::spare_replies(pieces, &recipients);
        for (recipient, spare) in recipients.into_iter().zip(spare) {
            report.recipients.push(recipient.conclude(spare.as_deref(), dictionary));
        }
    }
    (!report.recipients.is_empty()).then_some(report)
}

fn is_jmrp(pieces: &Pieces, quoted: &Fields) -> bool {
    let marked = |fields: &Fields| fields.get("X-HmXmrOriginalRecipient").is_some();
    let from = pieces.headers.get("From").unwrap_or("").to_ascii_lowercase();
    let subject = pieces.headers.get("Subject").unwrap_or("").to_ascii_lowercase();
    (marked(&pieces.headers) || marked(quoted) || from.contains("staff@hotmail.com"))
        && (subject.starts_with("complaint about") || marked(&pieces.headers) || !quoted.is_empty())
}

/// A mail that asks to be taken off, as mail programs write it to the `mailto:` of List-Unsubscribe (RFC 2369).
fn is_unsubscription(headers: &Fields) -> bool {
    headers.get("X-Apple-Unsubscribe").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || headers.get("Subject").is_some_and(|subject| {
            let subject = subject.trim();
            let token = Mark::split(subject)
                .is_some_and(|(mark, rest)| mark == Mark::Unsubscribe && rest.len() > 20 && !rest.contains(' '));
            token || subject.eq_ignore_ascii_case("unsubscribe")
        })
}

/// Fields of a mail, unfolded and with encoded words decoded in the subject.
fn header_fields(mail: &Part<'_>) -> Fields {
    let mut text = String::new();
    for field in mail.fields.fields.iter().take(super::limits::FIELDS_MAX) {
        let name = String::from_utf8_lossy(field.name);
        let value = if name.eq_ignore_ascii_case("subject") { field.decoded().into() } else { field.text() };
        text.push_str(&name);
        text.push_str(": ");
        text.extend(value.split(['\r', '\n']));
        text.push('\n');
    }
    Fields::read(&text)
}

fn gather(part: &Part<'_>, pieces: &mut Pieces, depth: usize) {
    pieces.parts += 1;
    if pieces.parts > PARTS_MAX {
        return;
    }
    let plain = |body: &Cow<'_, [u8]>| String::from_utf8_lossy(body).into_owned();
    match (part.content_type.as_str(), &part.body) {
        (_, Body::Multipart(parts)) => parts.iter().for_each(|part| gather(part, pieces, depth)),
        (_, Body::Mail(mail, raw)) => {
            pieces.quoted.push(header_fields(mail));
            if depth + 1 < DEPTH_MAX {
                pieces.nested.push(raw.to_vec());
            }
        }
        ("message/delivery-status" | "message/global-delivery-status", Body::Leaf(body)) => {
            pieces.delivery_status.push(plain(body));
        }
        ("message/feedback-report", Body::Leaf(body)) => {
            pieces.feedback = pieces.feedback.take().or_else(|| Some(plain(body)))
        }
        (
            "text/rfc822-headers" | "text/rfc822-header" | "message/rfc822-headers" | "message/global-headers",
            Body::Leaf(body),
        ) => {
            pieces.quoted.push(Fields::read(&plain(body)));
        }
        ("text/html", Body::Leaf(_)) => pieces.texts.push(mail_parser::decoders::html::html_to_text(&part.text())),
        (kind, Body::Leaf(_)) if kind.starts_with("text/") => pieces.texts.push(part.text()),
        _ => {}
    }
}
