//! HTTP injection: a JSON body becomes a [`Submission`]. Pure: the committing is [`crate::Intake`]'s.
//!
//! Two forms of content. `raw`: a complete message, sent as it is. Otherwise parts (`from`, `subject`, `html`, `text`,
//! attachments) with Liquid inside and variables for each recipient: stored once as a merge program, rendered at
//! delivery. Recipients whose address cannot be used are left out and named; the others go.
//!
//! Limits: [`Submission::RECIPIENTS_MAX`] recipients, [`HEADERS_MAX`] extra headers, [`ATTACHMENTS_MAX`] attachments;
//! the size of the body is limited by whoever reads it from the network.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::address::Address;
use mail::mime;
use mail::program::{Attachment, Author, ExtraHeader, Source};
use model::name::Name;
use model::submission::{
    Content, ContentSource, Envelope, NewMessage, NewRecipient, Origin, ReturnPath, Routing, Submission,
};
use model::time::Timestamp;
use model::value::{Fields, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most extra headers of one message.
pub const HEADERS_MAX: usize = 50;

/// Most attachments of one message.
pub const ATTACHMENTS_MAX: usize = 50;

/// A message to be sent, with its recipients.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Injection {
    /// A complete message (RFC 5322). Excludes `from`, `subject`, `html`, `text`, `headers`, `attachments`.
    pub raw: Option<String>,
    /// Who writes.
    pub from: Option<InjectionAuthor>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The subject line; Liquid may stand in it.
    pub subject: Option<String>,
    /// The HTML part, with Liquid.
    pub html: Option<String>,
    /// The text part, with Liquid; made from the HTML when absent.
    pub text: Option<String>,
    /// More headers by name.
    pub headers: BTreeMap<String, String>,
    /// Files that travel with the mail.
    pub attachments: Vec<InjectionAttachment>,
    /// Addresses without variables; an alternative to `recipients`.
    pub to: Vec<String>,
    /// Recipients with their variables.
    pub recipients: Vec<InjectionRecipient>,
    /// The return path; one for each recipient at our bounce domain when absent.
    pub sender: Option<String>,
    /// Kind of traffic; `transactional` when absent.
    pub stream: Option<String>,
    /// Whose mail it is; `default` when absent.
    pub tenant: Option<String>,
    /// The unit of work, for finding and cancelling.
    pub job: Option<String>,
    /// The pool of sources; that of the stream when absent.
    pub pool: Option<String>,
    /// Not to be attempted before.
    pub not_before: Option<Timestamp>,
}

/// Who writes: an address, or name and address.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum InjectionAuthor {
    /// `anna@example.org`.
    Address(String),
    /// Name and address.
    Named {
        /// Display name.
        #[serde(default)]
        name: String,
        /// Address.
        address: String,
    },
}

/// One recipient.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InjectionRecipient {
    /// The address.
    pub address: String,
    /// Values for the variables of the content.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub variables: Fields,
}

/// A file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InjectionAttachment {
    /// Its name.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// Its name for `cid:` references; shown inside the mail when present.
    #[serde(default)]
    pub content_id: Option<String>,
    /// Its bytes in base64.
    pub content: String,
}

/// A recipient that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RejectedRecipient {
    /// The address as given.
    pub address: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A request that cannot be taken: nothing of it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InjectionError {
    /// Path of the field concerned.
    pub field: String,
    /// A sentence that says how to mend it.
    pub reason: String,
}

fn wrong(field: impl Into<String>, reason: impl Into<String>) -> InjectionError {
    InjectionError { field: field.into(), reason: reason.into() }
}

/// Makes a submission of a request.
///
/// `bounce_domain` is where return paths of their own are made; without one the author's address is the return path.
///
/// # Errors
/// [`InjectionError`] names the first field that is wrong.
pub fn prepare(
    request: Injection,
    bounce_domain: Option<&str>,
    origin: Origin,
) -> Result<(Submission, Vec<RejectedRecipient>), InjectionError> {
    let asked = recipients_asked(&request)?;
    let (content, author, values) = match &request.raw {
        Some(raw) => (raw_content(&request, raw)?, None, None),
        None => {
            let (source, author) = merge_source(&request)?;
            let (content, program) = compile(source)?;
            (content, Some(author), Some(program))
        }
    };
    let mut recipients = Vec::with_capacity(asked.len());
    let mut rejected = Vec::new();
    for recipient in asked {
        match Address::parse(&recipient.address) {
            Ok(address) => {
                let root = Value::Map(recipient.variables);
                let values = values.as_ref().map(|program| program.values(&root)).unwrap_or_default();
                recipients.push(NewRecipient {
                    address: address.as_str().to_owned(),
                    values,
                    ..NewRecipient::default()
                });
            }
            Err(error) => rejected.push(RejectedRecipient { address: recipient.address, reason: error.to_string() }),
        }
    }
    if recipients.is_empty() {
        let reason = rejected.first().map_or_else(|| "no recipient".to_owned(), |one| one.reason.clone());
        return Err(wrong("recipients", format!("not one of them can be written to: {reason}")));
    }
    let sender = return_path(&request, author.as_deref(), bounce_domain)?;
    let smtputf8 = recipients.iter().any(|recipient| !recipient.address.is_ascii());
    let envelope = Envelope { sender, eight_bit: true, smtputf8, ..Envelope::default() };
    let message = NewMessage { content, envelope, routing: routing(&request)?, origin };
    Ok((Submission { content: ContentSource::New(Box::new(message)), recipients, checkpoint: None }, rejected))
}

fn recipients_asked(request: &Injection) -> Result<Vec<InjectionRecipient>, InjectionError> {
    let plain =
        request.to.iter().map(|address| InjectionRecipient { address: address.clone(), variables: Fields::default() });
    let asked: Vec<InjectionRecipient> = request.recipients.iter().cloned().chain(plain).collect();
    if asked.is_empty() {
        return Err(wrong("recipients", "give at least one recipient in \"recipients\" or \"to\""));
    }
    if asked.len() > Submission::RECIPIENTS_MAX {
        let reason = format!("{} are too many for one request: at most {}", asked.len(), Submission::RECIPIENTS_MAX);
        return Err(wrong("recipients", reason));
    }
    Ok(asked)
}

fn raw_content(request: &Injection, raw: &str) -> Result<Content, InjectionError> {
    let parts =
        [("from", request.from.is_some()), ("subject", request.subject.is_some()), ("html", request.html.is_some())];
    let more = [
        ("text", request.text.is_some()),
        ("headers", !request.headers.is_empty()),
        ("attachments", !request.attachments.is_empty()),
    ];
    if let Some((field, _)) = parts.iter().chain(&more).find(|(_, given)| *given) {
        return Err(wrong(*field, "\"raw\" is a complete message: give either it or the parts"));
    }
    let bytes = with_crlf(raw);
    // Where the header ends is seen in what will be sent: line ends of several kinds may stand in `raw`.
    if !mime::check(&bytes).has_from {
        return Err(wrong("raw", "the message has no From header"));
    }
    Ok(Content::Raw(bytes))
}

/// Every line end as CRLF: a bare CR or LF must not leave this machine.
fn with_crlf(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in unified.split_inclusive('\n') {
        out.extend_from_slice(line.trim_end_matches('\n').as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn merge_source(request: &Injection) -> Result<(Source, String), InjectionError> {
    let (name, address) = match &request.from {
        Some(InjectionAuthor::Address(address)) => (String::new(), address.clone()),
        Some(InjectionAuthor::Named { name, address }) => (name.clone(), address.clone()),
        None => return Err(wrong("from", "say who writes, or give a complete message in \"raw\"")),
    };
    let address = Address::parse(&address).map_err(|error| wrong("from", error.to_string()))?.as_str().to_owned();
    if request.html.is_none() && request.text.is_none() {
        return Err(wrong("html", "give \"html\", \"text\" or both"));
    }
    if request.headers.len() > HEADERS_MAX {
        return Err(wrong("headers", format!("at most {HEADERS_MAX} headers")));
    }
    let headers = request.headers.iter();
    let headers = headers.map(|(name, value)| ExtraHeader { name: name.clone(), value: value.clone() }).collect();
    let source = Source {
        subject: request.subject.clone().unwrap_or_default(),
        from: Author { name, address: address.clone() },
        reply_to: request.reply_to.clone(),
        html: request.html.clone(),
        text: request.text.clone(),
        headers,
        attachments: attachments(&request.attachments)?,
        ..Source::default()
    };
    Ok((source, address))
}

fn attachments(given: &[InjectionAttachment]) -> Result<Vec<Attachment>, InjectionError> {
    if given.len() > ATTACHMENTS_MAX {
        return Err(wrong("attachments", format!("at most {ATTACHMENTS_MAX} attachments")));
    }
    let read = |(idx, file): (usize, &InjectionAttachment)| {
        let bytes = STANDARD.decode(file.content.trim());
        let bytes =
            bytes.map_err(|error| wrong(format!("attachments.{idx}.content"), format!("not base64: {error}")))?;
        Ok(Attachment {
            filename: file.filename.clone(),
            content_type: file.content_type.clone(),
            content_id: file.content_id.clone(),
            bytes,
        })
    };
    given.iter().enumerate().map(read).collect()
}

fn compile(mut source: Source) -> Result<(Content, mail::program::Program), InjectionError> {
    let program = source.freeze().map_err(|error| match error.faults.first() {
        Some(fault) => {
            wrong(fault.part.as_str(), format!("{} (line {}, column {})", fault.message, fault.line, fault.column))
        }
        None => wrong("html", error.to_string()),
    })?;
    Ok((Content::Merge(source.to_bytes()), program))
}

fn return_path(
    request: &Injection,
    author: Option<&str>,
    bounce_domain: Option<&str>,
) -> Result<ReturnPath, InjectionError> {
    match (&request.sender, bounce_domain, author) {
        (Some(sender), _, _) if sender.is_empty() => Ok(ReturnPath::Null),
        (Some(sender), _, _) => {
            let address = Address::parse(sender).map_err(|error| wrong("sender", error.to_string()))?;
            Ok(ReturnPath::Fixed(address.as_str().to_owned()))
        }
        (None, Some(domain), _) => Ok(ReturnPath::PerRecipient(domain.to_owned())),
        (None, None, Some(author)) => Ok(ReturnPath::Fixed(author.to_owned())),
        (None, None, None) => Err(wrong("sender", "say where bounces go: this suite has no bounce domain")),
    }
}

fn routing(request: &Injection) -> Result<Routing, InjectionError> {
    let named = |field: &str, text: &Option<String>, default: Name| match text {
        None => Ok(default),
        Some(text) if text.is_empty() || text.len() > Name::LEN_MAX => {
            Err(wrong(field, format!("1 to {} bytes", Name::LEN_MAX)))
        }
        Some(text) => Ok(Name::from(text.as_str())),
    };
    let plain = Routing::default();
    Ok(Routing {
        tenant: named("tenant", &request.tenant, plain.tenant)?,
        stream: named("stream", &request.stream, plain.stream)?,
        job: named("job", &request.job, plain.job)?,
        pool: request.pool.as_ref().map(|_| named("pool", &request.pool, Name::default())).transpose()?,
        not_before: request.not_before,
        ..Routing::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::submission::Protocol;

    fn origin() -> Origin {
        Origin { protocol: Protocol::Http, peer: None, user: Some(Name::from("shop")) }
    }

    fn prepared(json: &str) -> Result<(Submission, Vec<RejectedRecipient>), InjectionError> {
        let request: Injection = serde_json::from_str(json).map_err(|error| wrong("json", error.to_string()))?;
        prepare(request, Some("bounce.example.com"), origin())
    }

    fn check_refused(json: &str, expected: &str) {
        let error = prepared(json).expect_err(json).to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn names_what_is_wrong() {
        check_refused(r#"{}"#, "recipients: give at least one");
        check_refused(r#"{"to": ["a@example.org"]}"#, "from: say who writes");
        check_refused(r#"{"to": ["nobody"], "from": "a@example.com", "text": "x"}"#, "recipients: not one of them");
        check_refused(r#"{"to": ["a@example.org"], "from": "a@example.com"}"#, "html: give");
        check_refused(r#"{"to": ["a@example.org"], "raw": "Subject: x\n\nx"}"#, "raw: the message has no From");
        let later = r#"{"to": ["a@example.org"], "raw": "Subject: x\r\n\r\nFrom: x@y.example\n\nx"}"#;
        check_refused(later, "raw: the message has no From");
        check_refused(r#"{"to": ["a@example.org"], "raw": "From: x@y.example\n\nx", "text": "x"}"#, "text: \"raw\" is");
        check_refused(r#"{"to": ["a@example.org"], "colour": "red"}"#, "unknown field `colour`");
        let json = r#"{"to": ["a@example.org"], "from": "a@example.com", "html": "{% if %}"}"#;
        check_refused(json, "html: ");
    }

    #[test]
    fn line_ends_of_raw_messages_are_made_whole() {
        let (submission, rejected) =
            prepared(r#"{"to": ["a@example.org", "b"], "raw": "From: x@y.example\nSubject: t\n\nline\rline\n"}"#)
                .unwrap();
        assert_eq!((submission.recipients.len(), rejected.len()), (1, 1));
        let ContentSource::New(message) = submission.content else { panic!("new content") };
        let Content::Raw(bytes) = &message.content else { panic!("raw content") };
        assert_eq!(bytes, b"From: x@y.example\r\nSubject: t\r\n\r\nline\r\nline\r\n");
        assert_eq!(message.envelope.sender, ReturnPath::PerRecipient("bounce.example.com".to_owned()));
    }

    #[test]
    fn variables_become_the_values_of_slots() {
        let json = r#"{"from": {"name": "Shop", "address": "shop@example.com"}, "subject": "Hello {{ name }}",
            "text": "{{ order.number }}",
            "recipients": [{"address": "a@Example.org", "variables": {"name": "Zoë", "order": {"number": 7}}}]}"#;
        let (submission, _) = prepared(json).unwrap();
        assert_eq!(submission.recipients[0].address, "a@example.org");
        let mut values = submission.recipients[0].values.clone();
        values.sort_by_key(|value| format!("{value:?}"));
        assert_eq!(values, [Value::Int(7), Value::from("Zoë")]);
    }
}
