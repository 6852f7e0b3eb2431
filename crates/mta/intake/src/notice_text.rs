//! The text of a failure notice (RFC 3464): a sentence for people, fields for programs, the header of the mail. Pure.
//!
//! Every line of it is bounded, and nothing that a remote host said can begin a line of its own.

use std::fmt::Write as _;

use model::event::{Event, EventKind};

use crate::notices::{Failure, Notice};
use crate::trace::date;

/// Longest diagnostic, in bytes: a line of a mail has at most 998 (RFC 5322 2.1.1).
const DIAGNOSTIC_MAX: usize = 800;

/// The whole report but its Message-ID and date. `host_name` is ours.
pub(crate) fn compose(notice: &Notice, host_name: &str) -> Vec<u8> {
    let (sender, boundary) = (&notice.sender, format!("=_{}", notice.head.id));
    let mut text = String::with_capacity(2_048 + notice.header.len());
    let _ = write!(
        text,
        "From: Mail Delivery System <postmaster@{host_name}>\r\nTo: <{sender}>\r\n\
         Subject: Undelivered mail returned to sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         This is the mail system at {host_name}.\r\n\r\nYour mail of {} could not be delivered to:\r\n\r\n",
        date(notice.head.received_at)
    );
    for failure in &notice.failures {
        let _ = write!(text, "<{}>\r\n    {}\r\n\r\n", failure.address, reason(&failure.event));
    }
    let _ = write!(
        text,
        "--{boundary}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {host_name}\r\n"
    );
    if let Some(envid) = &notice.head.envelope.envid {
        let _ = write!(text, "Original-Envelope-Id: {}\r\n", ascii(envid));
    }
    let _ = write!(text, "Arrival-Date: {}\r\n", date(notice.head.received_at));
    notice.failures.iter().for_each(|failure| fields(failure, &mut text));
    let _ = write!(text, "\r\n--{boundary}\r\nContent-Type: text/rfc822-headers\r\n\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&notice.header);
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    bytes
}

/// The group of one recipient (RFC 3464 2.3).
fn fields(failure: &Failure, text: &mut String) {
    let event = &failure.event;
    let kind = if failure.address.is_ascii() { "rfc822" } else { "utf-8" };
    text.push_str("\r\n");
    if let Some(original) = &failure.original {
        let _ = write!(text, "Original-Recipient: {}\r\n", ascii(original));
    }
    let (address, status) = (ascii(&failure.address), status(event));
    let _ = write!(text, "Final-Recipient: {kind}; {address}\r\nAction: failed\r\nStatus: {status}\r\n");
    let attempt = event.attempt.as_ref();
    let reply = attempt.and_then(|attempt| attempt.reply.as_ref());
    if let (Some(host), true) = (attempt.and_then(|attempt| attempt.mx_host.as_ref()), reply.is_some()) {
        let _ = write!(text, "Remote-MTA: dns; {}\r\n", ascii(host));
    }
    match reply {
        Some(reply) => {
            let _ = write!(text, "Diagnostic-Code: smtp; {}\r\n", ascii(&reply.to_string()));
        }
        None => {
            let _ = write!(text, "Diagnostic-Code: x-ies; {}\r\n", ascii(&reason(event)));
        }
    }
    let _ = write!(text, "Last-Attempt-Date: {}\r\n", date(event.at));
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
fn status(event: &Event) -> String {
    if event.kind == EventKind::Expired {
        return "4.4.7".to_owned();
    }
    let attempt = event.attempt.as_ref();
    if let Some(enhanced) = attempt.and_then(|attempt| attempt.reply.as_ref()?.enhanced) {
        return enhanced.to_string();
    }
    // Refusals of our own begin with their code.
    let code = attempt.and_then(|attempt| Some(attempt.error.as_deref()?.split_once(':')?.0));
    code.filter(|code| code.starts_with("5.")).unwrap_or("5.0.0").to_owned()
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
