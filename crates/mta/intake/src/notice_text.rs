//! The text of a notice (RFC 3464, 6522, 6533): a sentence for people, fields for programs, the mail or its header. Pure.
//!
//! Every line of it is bounded, and nothing that a remote host said can begin a line of its own.

use std::fmt::Write as _;

use model::event::{Event, EventKind};
use model::reply::EnhancedStatus;

use crate::notices::{Action, Notice, Quoted, Told};
use crate::trace::date;

/// Longest diagnostic, in bytes: a line of a mail has at most 998 (RFC 5322 2.1.1).
const DIAGNOSTIC_MAX: usize = 800;

/// The whole notice but its Message-ID and date. `host_name` is ours.
///
/// RFC 6533: where the mail was submitted with SMTPUTF8, addresses stand as they are, in the `global` media types.
pub(crate) fn compose(notice: &Notice, host_name: &str) -> Vec<u8> {
    let (sender, boundary) = (&notice.sender, boundary(notice));
    let words = Words::of(notice.action);
    let global = notice.head.envelope.smtputf8 && notice.recipients.iter().any(|told| !told.address.is_ascii());
    let kind = if global { "message/global-delivery-status" } else { "message/delivery-status" };
    let mut text = String::with_capacity(4_096);
    let _ = write!(
        text,
        "From: Mail Delivery System <postmaster@{host_name}>\r\nTo: <{sender}>\r\n\
         Subject: {}\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
        words.subject
    );
    people(notice, &words, host_name, &mut text);
    let encoding = if global { "Content-Transfer-Encoding: 8bit\r\n" } else { "" };
    let head = format!("--{boundary}\r\nContent-Type: {kind}\r\n{encoding}\r\nReporting-MTA: dns; {host_name}\r\n");
    text.push_str(&head);
    if let Some(envid) = &notice.head.envelope.envid {
        let _ = write!(text, "Original-Envelope-Id: {}\r\n", ascii(envid));
    }
    let _ = write!(text, "Arrival-Date: {}\r\n", date(notice.head.received_at));
    notice.recipients.iter().for_each(|told| fields(notice, told, global, &mut text));
    let (quoted, kind) = match &notice.quoted {
        Quoted::Header(header) if header.is_ascii() => (header, "text/rfc822-headers"),
        Quoted::Header(header) => (header, "message/global-headers"),
        Quoted::Full(message) if header_of(message).is_ascii() => (message, "message/rfc822"),
        Quoted::Full(message) => (message, "message/global"),
    };
    let encoding = if quoted.is_ascii() { "" } else { "Content-Transfer-Encoding: 8bit\r\n" };
    let _ = write!(text, "\r\n--{boundary}\r\nContent-Type: {kind}\r\n{encoding}\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(quoted);
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    bytes
}

/// A line that does not stand in what is quoted.
fn boundary(notice: &Notice) -> String {
    let (Quoted::Header(quoted) | Quoted::Full(quoted)) = &notice.quoted;
    let mut boundary = format!("=_{}", notice.head.id);
    // Whoever wrote the mail may have guessed its number; each turn is one letter longer than what was found.
    while boundary.len() < 70 && quoted.windows(boundary.len()).any(|bytes| bytes == boundary.as_bytes()) {
        boundary.push('=');
    }
    boundary
}

fn header_of(message: &[u8]) -> &[u8] {
    message.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(message, |end| &message[..end])
}

/// What people are told, by what happened.
struct Words {
    subject: &'static str,
    english: &'static str,
    french: &'static str,
    action: &'static str,
}

impl Words {
    fn of(action: Action) -> Self {
        match action {
            Action::Failed => Words {
                subject: "Undelivered mail returned to sender",
                english: "could not be delivered to:",
                french: "n’a pas pu être remis à :",
                action: "failed",
            },
            Action::Delayed => Words {
                subject: "Delayed mail, still being tried",
                english: "could not be delivered yet. Nothing has to be done, further attempts follow:",
                french: "n’a pas encore pu être remis. Vous n’avez rien à faire, d’autres essais suivront :",
                action: "delayed",
            },
            Action::Relayed => Words {
                subject: "Mail handed over",
                english: "was handed to a host that sends no reports of delivery:",
                french: "a été transmis à un serveur qui n’envoie pas d’avis de remise :",
                action: "relayed",
            },
        }
    }
}

/// The part for people, in English and in French.
fn people(notice: &Notice, words: &Words, host_name: &str, text: &mut String) {
    let at = date(notice.head.received_at);
    let english = words.english;
    let _ = write!(text, "This is the mail system at {host_name}.\r\n\r\nYour mail of {at} {english}\r\n\r\n");
    for told in &notice.recipients {
        let _ = write!(text, "<{}>\r\n", one_line(&told.address));
        if notice.action != Action::Relayed {
            let _ = write!(text, "    {}\r\n", reason(&told.event));
        }
        text.push_str("\r\n");
    }
    let _ = write!(
        text,
        "------\r\n\r\nCeci est le système de messagerie de {host_name}.\r\n\r\nVotre message du {at} {}\r\n\r\n",
        words.french
    );
    for told in &notice.recipients {
        let _ = write!(text, "<{}>\r\n", one_line(&told.address));
    }
    text.push_str("\r\n");
}

/// The group of one recipient (RFC 3464 2.3).
fn fields(notice: &Notice, told: &Told, global: bool, text: &mut String) {
    let event = &told.event;
    let kind = if told.address.is_ascii() { "rfc822" } else { "utf-8" };
    text.push_str("\r\n");
    if let Some(original) = &told.original {
        let _ = write!(text, "Original-Recipient: {}\r\n", ascii(original));
    }
    let address = if global { one_line(&told.address) } else { ascii(&told.address) };
    let (action, status) = (Words::of(notice.action).action, status(notice.action, event));
    let _ = write!(text, "Final-Recipient: {kind}; {address}\r\nAction: {action}\r\nStatus: {status}\r\n");
    let attempt = event.attempt.as_ref();
    let reply = attempt.and_then(|attempt| attempt.reply.as_ref());
    if let (Some(host), true) = (attempt.and_then(|attempt| attempt.mx_host.as_ref()), reply.is_some()) {
        let _ = write!(text, "Remote-MTA: dns; {}\r\n", ascii(host));
    }
    match reply {
        Some(reply) => {
            let _ = write!(text, "Diagnostic-Code: smtp; {}\r\n", ascii(&reply.to_string()));
        }
        None if notice.action == Action::Relayed => {}
        None => {
            let _ = write!(text, "Diagnostic-Code: x-ies; {}\r\n", ascii(&reason(event)));
        }
    }
    let _ = write!(text, "Last-Attempt-Date: {}\r\n", date(event.at));
    if let (Action::Delayed, Some(until)) = (notice.action, notice.head.routing.expires) {
        let _ = write!(text, "Will-Retry-Until: {}\r\n", date(until));
    }
}

/// What was said or what failed, in one line.
fn reason(event: &Event) -> String {
    let attempt = event.attempt.as_ref();
    let reply = attempt.and_then(|attempt| attempt.reply.as_ref()).map(ToString::to_string);
    let error = attempt.and_then(|attempt| attempt.error.clone());
    let said = reply.or(error);
    let text = match (&event.note, said) {
        (Some(note), Some(said)) => format!("{note} The last answer: {said}"),
        (Some(note), None) => note.clone(),
        (None, Some(said)) => said,
        (None, None) => "It could not be delivered.".to_owned(),
    };
    one_line(&text)
}

/// RFC 3463.
fn status(action: Action, event: &Event) -> String {
    if event.kind == EventKind::Expired {
        return "4.4.7".to_owned();
    }
    let attempt = event.attempt.as_ref();
    let class = match action {
        Action::Failed => '5',
        Action::Delayed => '4',
        Action::Relayed => '2',
    };
    let enhanced = attempt.and_then(|attempt| attempt.reply.as_ref()?.enhanced).map(|enhanced| enhanced.to_string());
    // A class that contradicts the action is left out (RFC 3464 2.3.4); a failure may have begun as a passing one.
    let fits = |code: &String| action == Action::Failed || code.starts_with(class);
    if let Some(code) = enhanced.filter(fits) {
        return code;
    }
    if action != Action::Failed {
        return format!("{class}.0.0");
    }
    // Refusals of our own begin with their code; other words are none (RFC 3464 2.3.4).
    let code = attempt.and_then(|attempt| attempt.error.as_deref()?.split_once(':')?.0.parse::<EnhancedStatus>().ok());
    code.filter(|code| code.class == 5).map_or_else(|| "5.0.0".to_owned(), |code| code.to_string())
}

fn one_line(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(DIAGNOSTIC_MAX)];
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Letters beyond ASCII as `\x{…}` (RFC 6533 3), for fields that have none.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let _ = write!(out, "\\x{{{:X}}}", u32::from(c));
        }
    }
    out.truncate(DIAGNOSTIC_MAX);
    out
}
