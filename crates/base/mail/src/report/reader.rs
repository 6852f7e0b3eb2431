//! Takes an inbound mail apart and decides which kind of report it is.

use std::borrow::Cow;

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};
use model::name::Name;

use super::fields::{self, Fields};
use super::limits::{DEPTH_MAX, MAIL_BYTES_MAX, PARTS_MAX};
use super::{AutoReply, DeliveryReport, Feedback, Original, Report, auto, prose, rfc3464};
use crate::bounce::Dictionary;

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
    let raw = line_feeds(raw);
    let Some(message) = MessageParser::default().parse(raw.as_ref()) else { return Report::None };
    let mut pieces = Pieces { headers: header_fields(&message), ..Pieces::default() };
    gather(&message, &mut pieces, 0);
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
        let (message, recipients) = rfc3464::read(part);
        report.reporting_mta = report.reporting_mta.or(message.reporting_mta);
        report.envelope_id = report.envelope_id.or(message.envelope_id);
        let spare = prose::spare_replies(pieces, &recipients);
        for (recipient, spare) in recipients.into_iter().zip(spare) {
            report.recipients.push(recipient.conclude(spare.as_deref(), dictionary));
        }
    }
    report.recipients.truncate(super::limits::RECIPIENTS_MAX);
    (!report.recipients.is_empty()).then_some(report)
}

fn is_jmrp(pieces: &Pieces, quoted: &Fields) -> bool {
    let marked = |fields: &Fields| fields.get("X-HmXmrOriginalRecipient").is_some();
    let from = pieces.headers.get("From").unwrap_or("").to_ascii_lowercase();
    let subject = pieces.headers.get("Subject").unwrap_or("").to_ascii_lowercase();
    (marked(&pieces.headers) || marked(quoted) || from.contains("staff@hotmail.com"))
        && (subject.starts_with("complaint about") || marked(&pieces.headers) || !quoted.is_empty())
}

/// Fields of the mail itself, unfolded and with encoded words decoded in the subject.
fn header_fields(message: &Message<'_>) -> Fields {
    let mut text = String::new();
    for (name, value) in message.headers_raw().take(super::limits::FIELDS_MAX) {
        let decoded = (name.eq_ignore_ascii_case("subject")).then(|| message.subject()).flatten();
        let value = decoded.unwrap_or(value);
        text.push_str(name);
        text.push_str(": ");
        text.extend(value.trim().lines().flat_map(|line| [line.trim(), " "]));
        text.push('\n');
    }
    Fields::read(&text)
}

fn gather(message: &Message<'_>, pieces: &mut Pieces, depth: usize) {
    for part in &message.parts {
        pieces.parts += 1;
        if pieces.parts > PARTS_MAX {
            return;
        }
        gather_part(part, pieces, depth);
    }
}

fn gather_part(part: &MessagePart<'_>, pieces: &mut Pieces, depth: usize) {
    let kind = part
        .content_type()
        .map(|kind| (kind.ctype().to_ascii_lowercase(), kind.subtype().unwrap_or("").to_ascii_lowercase()));
    let kind = kind.as_ref().map(|(main, sub)| (main.as_str(), sub.as_str()));
    let text = || String::from_utf8_lossy(part.contents()).into_owned();
    match (kind, &part.body) {
        (Some(("message", "delivery-status" | "global-delivery-status")), _) => pieces.delivery_status.push(text()),
        (Some(("message", "feedback-report")), _) => pieces.feedback = pieces.feedback.take().or_else(|| Some(text())),
        (Some(("text", "rfc822-headers" | "rfc822-header") | ("message", "rfc822-headers" | "global-headers")), _) => {
            pieces.quoted.push(Fields::read(&text()));
        }
        (_, PartType::Message(nested)) => {
            pieces.quoted.push(header_fields(nested));
            if depth + 1 < DEPTH_MAX {
                let from = nested.parts.first().map_or(0, |root| root.offset_header as usize);
                let until = nested.parts.first().map_or(0, |root| root.offset_end as usize);
                let raw = nested.raw_message.get(from..until.max(from)).unwrap_or(&[]);
                pieces.nested.push(raw.to_vec());
            }
        }
        (_, PartType::Text(text)) => pieces.texts.push(text.clone().into_owned()),
        (_, PartType::Html(html)) => pieces.texts.push(mail_parser::decoders::html::html_to_text(html)),
        _ => {}
    }
}
