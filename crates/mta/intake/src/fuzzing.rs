//! Doors to private readers and writers of outside bytes, for the fuzz targets alone: nothing of the product comes here.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use model::event::{Attempt, Event, EventKind};
use model::handoff::MessageHead;
use model::id::{MessageId, RecipientId};
use model::name::Name;
use model::reply::Reply;
use model::submission::{Envelope, NewMessage, NewRecipient, Origin, Protocol, Refusal, Routing, Submission};
use model::time::Timestamp;

use crate::config::Header;
use crate::injection::{Draft, Ways};
use crate::notices::{Action, Notice, Quoted, Told};
use crate::pickup::form::{Reading, read};
use crate::rewrite::{Added, prepare};

const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);

/// A mail as it goes into the spool.
#[derive(Debug)]
pub struct Rewritten {
    /// The whole mail.
    pub raw: Vec<u8>,
    /// Needs 8BITMIME.
    pub eight_bit: bool,
    /// Names that its fields gave.
    pub names: Vec<Name>,
}

/// What a mail that came by SMTP becomes. Lines of `data` end in CRLF.
///
/// # Errors
/// Why it is refused.
pub fn rewrite(data: Vec<u8>, hops_max: u32) -> Result<Rewritten, String> {
    let added =
        Added { received: "Received: by x; y\r\n", message_id: "<made@here>", date: "Thu, 1 Jan 2026 00:00:00 +0000" };
    let made = prepare(data, &added, hops_max, Header::ALL).map_err(|fault| fault.to_string())?;
    let hints = made.hints;
    let names = [hints.pool, hints.job, hints.stream, hints.tenant].into_iter().flatten().chain(hints.tags).collect();
    Ok(Rewritten { raw: made.raw, eight_bit: made.eight_bit, names })
}

/// What a complete mail of an injection becomes.
pub fn complete(message: &[u8]) -> Vec<u8> {
    crate::rewrite::complete(message, "<made@here>", "Thu, 1 Jan 2026 00:00:00 +0000")
}

/// Checks a submission and brings its addresses to their one form.
///
/// # Errors
/// As a submitter is told.
pub fn validate(submission: &mut Submission, message_bytes_max: u64) -> Result<(), Refusal> {
    let routing = match &submission.content {
        model::submission::ContentSource::New(message) => message.routing.clone(),
        model::submission::ContentSource::Existing(_) => Routing::default(),
    };
    let known = crate::Known { streams: vec![routing.stream], pools: routing.pool.into_iter().collect() };
    crate::validate::validate(submission, message_bytes_max, &known)
}

/// Mail of a program, read.
#[derive(Debug)]
pub struct PickedUp {
    /// The message.
    pub message: NewMessage,
    /// Its recipients, in their batches.
    pub batches: Vec<Vec<NewRecipient>>,
    /// How many were left out, at least.
    pub rejected: usize,
}

/// Reads a file of the pickup directory.
///
/// # Errors
/// What whoever wrote it is told.
pub fn pickup(name: &str, bytes: Vec<u8>) -> Result<PickedUp, String> {
    let reading = Reading {
        config: &crate::pickup::Config::default(),
        ways: &Ways { bounce_domains: vec!["bounce.example.com".to_owned()], ..Ways::default() },
        host_name: "mx.example.com",
        hops_max: 5,
        recipients_max: 1_000,
        id: "made".to_owned(),
        now: NOW,
        date: "Thu, 1 Jan 2026 00:00:00 +0000".to_owned(),
    };
    let letter = read(name, bytes, &reading)?;
    let mut batches = Vec::new();
    letter.rows.batches(0, &mut |batch| {
        batches.push(batch.rows);
        true
    });
    Ok(PickedUp { message: letter.message, batches, rejected: letter.rejected.len() })
}

/// Reads the body of an injection; at most `recipients_max` recipients.
///
/// # Errors
/// As its caller is told: the field, and the reason.
pub fn injection(body: Vec<u8>, recipients_max: u32) -> Result<PickedUp, String> {
    let ways = Ways { bounce_domains: vec!["bounce.example.com".to_owned()], ..Ways::default() };
    let origin = Origin { protocol: Protocol::Http, peer: None, user: None };
    let mut draft = Draft::read(body, recipients_max, &ways, origin, NOW).map_err(|error| error.to_string())?;
    let mut batches = Vec::new();
    draft.batches(0, &mut |batch| {
        batches.push(batch.rows);
        true
    });
    Ok(PickedUp { message: draft.take_message(), batches, rejected: draft.rejected().len() })
}

/// One recipient of a notice.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Who.
    pub address: String,
    /// ORCPT.
    pub original: Option<String>,
    /// What the host said.
    pub reply: Option<Reply>,
    /// What failed.
    pub error: Option<String>,
    /// Which host.
    pub host: Name,
}

/// The notice about a mail that could not be delivered; `smtputf8` is how the mail was submitted.
pub fn notice(failed: Vec<Failed>, envid: Option<String>, quoted: Vec<u8>, full: bool, smtputf8: bool) -> Vec<u8> {
    let head = MessageHead {
        id: MessageId(1 << 40),
        envelope: Envelope { envid, smtputf8, ..Envelope::default() },
        routing: Routing::default(),
        origin: Origin { protocol: Protocol::Smtp, peer: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), user: None },
        received_at: NOW,
        size_bytes: quoted.len() as u64,
    };
    let told = failed.into_iter().zip(1_u64..).map(|(failed, nth)| {
        let mut event = Event::of_recipient(EventKind::Bounced, RecipientId((1 << 40) + nth), 1, NOW);
        let Failed { address, original, reply, error, host } = failed;
        event.attempt = Some(Attempt { mx_host: Some(host), reply, error, ..Attempt::default() });
        Told { event, address, original }
    });
    let quoted = if full { Quoted::Full(quoted) } else { Quoted::Header(quoted) };
    let notice = Notice {
        action: Action::Failed,
        head: Arc::new(head),
        sender: "sender@example.com".to_owned(),
        quoted,
        recipients: told.collect(),
    };
    crate::notice_text::compose(&notice, "mx.example.com")
}
