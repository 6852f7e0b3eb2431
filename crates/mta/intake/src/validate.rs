//! Validation: a submission as it came in becomes one that can be committed, or is refused with the reason.
//!
//! Addresses are brought to their one form (domain in lower-case A-labels). Nothing else is changed.

use std::time::Duration;

use mail::address::Address;
use mail::mime;
use model::name::Name;
use model::submission::{
    Content, ContentSource, Labels, NewMessage, NewRecipient, Protocol, Refusal, ReturnPath, Routing, Submission,
};
use model::time::Timestamp;
use model::units::Span;

/// Longest ENVID, in bytes (RFC 3461 4.4).
const ENVID_MAX: usize = 100;
/// Longest ORCPT, in bytes (RFC 3461 4.2 allows 500 characters in xtext).
const ORIGINAL_RECIPIENT_MAX: usize = 600;

fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal::Invalid { reason: reason.into() }
}

/// The names that mail may give of streams and pools. A name that is not among them is a slip of the submitter's, who
/// is told at once: in the queue the mail would wait for a pool that never comes, or leave as another kind of traffic.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Kinds of traffic.
    pub streams: Vec<Name>,
    /// Groups of sources.
    pub pools: Vec<Name>,
}

impl Known {
    pub(crate) fn check(&self, routing: &Routing) -> Result<(), Refusal> {
        let check = |field: &str, name: &Name, known: &[Name]| {
            if known.contains(name) {
                return Ok(());
            }
            let names: Vec<&str> = known.iter().take(NAMES_SHOWN).map(Name::as_str).collect();
            let reason = format!("there is no {field} {:?}; there are: {}", &**name, names.join(", "));
            Err(Refusal::Unknown { field: field.to_owned(), reason })
        };
        check("stream", &routing.stream, &self.streams)?;
        routing.pool.as_ref().map_or(Ok(()), |pool| check("pool", pool, &self.pools))
    }
}

/// Most names of streams or pools that a refusal lists.
const NAMES_SHOWN: usize = 20;

/// Checks a submission and normalises its addresses.
pub(crate) fn validate(submission: &mut Submission, message_bytes_max: u64, known: &Known) -> Result<(), Refusal> {
    let count = submission.recipients.len();
    let may_be_empty = matches!(submission.content, ContentSource::New(_)) && submission.checkpoint.is_some();
    if count == 0 && !may_be_empty {
        return Err(invalid("no recipients"));
    }
    if count > Submission::RECIPIENTS_MAX {
        return Err(invalid(format!("{count} recipients; at most {} at a time", Submission::RECIPIENTS_MAX)));
    }
    for (place, recipient) in submission.recipients.iter_mut().enumerate() {
        check_recipient(recipient).map_err(|reason| invalid(format!("recipient {}: {reason}", place + 1)))?;
    }
    match &mut submission.content {
        ContentSource::New(message) => {
            check_message(message, message_bytes_max)?;
            known.check(&message.routing)
        }
        ContentSource::Existing(_) => Ok(()),
    }
}

/// Refuses a message whose first attempt lies too far ahead.
pub(crate) fn check_beginning(submission: &Submission, now: Timestamp, ahead_max: Duration) -> Result<(), Refusal> {
    let ContentSource::New(message) = &submission.content else { return Ok(()) };
    match message.routing.not_before {
        Some(begins) if begins > now.plus(ahead_max) => {
            Err(invalid(format!("not_before: {begins} is more than {} ahead", Span(ahead_max))))
        }
        _ => Ok(()),
    }
}

fn check_recipient(recipient: &mut NewRecipient) -> Result<(), String> {
    normalise(&mut recipient.address)?;
    Labels::check_metadata(&recipient.metadata).map_err(|reason| format!("metadata: {reason}"))?;
    let original = recipient.dsn.as_ref().and_then(|dsn| dsn.original_recipient.as_deref());
    match original {
        Some(text) if text.len() > ORIGINAL_RECIPIENT_MAX || text.chars().any(char::is_control) => {
            Err("the original recipient is not valid".to_owned())
        }
        _ => Ok(()),
    }
}

fn normalise(address: &mut String) -> Result<(), String> {
    let parsed = Address::parse(address).map_err(|error| error.to_string())?;
    if parsed.as_str() != address {
        *address = parsed.as_str().to_owned();
    }
    Ok(())
}

fn check_message(message: &mut NewMessage, bytes_max: u64) -> Result<(), Refusal> {
    let bytes = message.content.len() as u64;
    if bytes > bytes_max {
        return Err(invalid(format!("the message has {bytes} bytes; at most {bytes_max}")));
    }
    match &message.content {
        // The listener has read and rewritten it: whole lines, a whole header.
        Content::Raw(_) if message.origin.protocol == Protocol::Smtp => {}
        Content::Raw(raw) => check_raw(raw)?,
        Content::Merge(program) if program.is_empty() => return Err(invalid("the content is empty")),
        Content::Merge(_) => {}
    }
    match &mut message.envelope.sender {
        ReturnPath::Null => {}
        ReturnPath::Fixed(address) => normalise(address).map_err(|reason| invalid(format!("sender: {reason}")))?,
        ReturnPath::PerRecipient(domain) => {
            let path = Address::parse(&format!("b@{domain}"));
            let path = path.map_err(|error| invalid(format!("domain of the return path: {error}")))?;
            *domain = path.domain().to_owned();
        }
    }
    let envid = message.envelope.envid.as_deref().unwrap_or("");
    if envid.len() > ENVID_MAX || envid.chars().any(char::is_control) {
        return Err(invalid("the envelope id is not valid"));
    }
    check_routing(&message.routing)
}

/// What is sent as it is must be what every host reads the same way.
fn check_raw(raw: &[u8]) -> Result<(), Refusal> {
    let found = mime::check(raw);
    if found.nul {
        return Err(invalid("a NUL byte in the message"));
    }
    if found.bare_line_end {
        return Err(invalid("a line end other than CRLF in the message"));
    }
    if !found.well_formed_header {
        return Err(invalid("the header of the message is not well-formed"));
    }
    Ok(())
}

fn check_routing(routing: &Routing) -> Result<(), Refusal> {
    Labels::check_tags(&routing.labels.tags).map_err(|reason| invalid(format!("tags: {reason}")))?;
    Labels::check_metadata(&routing.labels.metadata).map_err(|reason| invalid(format!("metadata: {reason}")))?;
    let named = [("tenant", &routing.tenant), ("stream", &routing.stream)];
    for (what, name) in named {
        if name.is_empty() {
            return Err(invalid(format!("{what}: no name")));
        }
    }
    let optional = [("pool", routing.pool.as_ref()), ("signing domain", routing.signing_domain.as_ref())];
    let optional = optional.into_iter().filter_map(|(what, name)| Some((what, name?)));
    for (what, name) in named.into_iter().chain([("job", &routing.job)]).chain(optional) {
        check_name(name).map_err(|reason| invalid(format!("{what}: {reason}")))?;
    }
    Ok(())
}

/// Names come from headers and requests and end in logs, pages and file names of exports.
pub(crate) fn check_name(name: &Name) -> Result<(), &'static str> {
    if name.len() > Name::LEN_MAX {
        return Err("longer than 255 bytes");
    }
    if name.chars().any(char::is_control) {
        return Err("a control character in it");
    }
    Ok(())
}
