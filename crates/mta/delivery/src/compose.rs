//! The bytes that go over the wire for one transaction: rendered, signed, with its return path and its needs.

use std::borrow::Cow;
use std::sync::Arc;

use mail::bounce::Failure;
use mail::dkim;
use mail::program::Personal;
use mail::token::Keys;
use model::id::MessageId;
use model::submission::{Content, ReturnPath};
use model::time::Timestamp;

use crate::keys::DkimKeys;
use crate::load::{Body, Loaded};

/// A message ready to be sent.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    /// The return path; empty for `<>`.
    pub sender: Cow<'a, str>,
    /// DKIM-Signature headers.
    pub signature: Cow<'a, [u8]>,
    /// Headers and body.
    pub message: &'a [u8],
    /// There are bytes beyond ASCII.
    pub eight_bit: bool,
    /// There are bytes beyond ASCII in the return path, or in the headers of a message submitted with SMTPUTF8.
    pub smtputf8: bool,
}

impl Letter<'_> {
    /// Bytes over the wire.
    pub fn size(&self) -> u64 {
        (self.signature.len() + self.message.len()) as u64
    }
}

/// A message that must not be sent, or not now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unsendable {
    pub failure: Failure,
    /// Whatever the dictionary says: it will not be better at the next attempt.
    pub permanent: bool,
    pub reason: String,
}

/// Makes letters; one for each session, because it remembers the signature it made last.
#[derive(Debug)]
pub(crate) struct Composer {
    dkim: DkimKeys,
    tokens: Arc<Keys>,
    rendered: Vec<u8>,
    last_signature: Option<(MessageId, Vec<u8>)>,
}

impl Composer {
    pub fn new(dkim: DkimKeys, tokens: Arc<Keys>) -> Self {
        Composer { dkim, tokens, rendered: Vec::new(), last_signature: None }
    }

    /// The letter for this recipient, and for all who share its transaction.
    pub fn compose<'a>(&'a mut self, loaded: &'a Loaded, now: Timestamp) -> Result<Letter<'a>, Unsendable> {
        let head = &*loaded.ticket.message;
        let sender: Cow<'a, str> = match &head.envelope.sender {
            ReturnPath::Null => Cow::Borrowed(""),
            ReturnPath::Fixed(address) => Cow::Borrowed(address),
            ReturnPath::PerRecipient(domain) => {
                Cow::Owned(self.tokens.return_path(loaded.ticket.recipient, head.routing.campaign, domain))
            }
        };
        let signing_domain = head.routing.signing_domain.as_deref();
        let (message, signature): (&'a [u8], Cow<'a, [u8]>) = match &loaded.body {
            Body::Raw(content) => {
                let message = raw(content);
                if self.last_signature.as_ref().is_none_or(|(id, _)| *id != head.id) {
                    self.last_signature = Some((head.id, sign(&self.dkim, message, signing_domain, now)?));
                }
                let signature = self.last_signature.as_ref().map(|(_, signature)| signature.as_slice());
                (message, Cow::Borrowed(signature.unwrap_or_default()))
            }
            Body::Program(program) => {
                self.rendered.clear();
                let personal = Personal {
                    message: head.id,
                    recipient: loaded.ticket.recipient,
                    contact: loaded.ticket.contact,
                    address: &loaded.recipient.address,
                    tenant: &head.routing.tenant,
                    stream: &head.routing.stream,
                    values: &loaded.recipient.values,
                    at: now,
                    keys: Some(&self.tokens),
                };
                let rendered = program.render(&personal, &mut self.rendered);
                rendered.map_err(|error| broken(format!("cannot be rendered: {error}")))?;
                let signature = sign(&self.dkim, &self.rendered, signing_domain, now)?;
                (&self.rendered, Cow::Owned(signature))
            }
            Body::Unusable(unusable) => {
                let (permanent, reason) = (unusable.permanent, unusable.reason.clone());
                return Err(Unsendable { failure: Failure::Local, permanent, reason });
            }
        };
        let smtputf8 = !sender.is_ascii() || (head.envelope.smtputf8 && !headers(message).is_ascii());
        let eight_bit = !message.is_ascii();
        Ok(Letter { sender, signature, message, eight_bit, smtputf8 })
    }
}

fn raw(content: &Content) -> &[u8] {
    match content {
        Content::Raw(bytes) | Content::Merge(bytes) => bytes,
    }
}

fn broken(reason: String) -> Unsendable {
    Unsendable { failure: Failure::Local, permanent: true, reason }
}

/// Signatures by the keys of the signing domain, or of the domain in From. None when there are no keys.
fn sign(keys: &DkimKeys, message: &[u8], domain: Option<&str>, now: Timestamp) -> Result<Vec<u8>, Unsendable> {
    let keys = match domain {
        Some(domain) => keys.of(domain),
        None => from_domain(message).and_then(|domain| keys.of(&domain)),
    };
    let Some(keys) = keys else { return Ok(Vec::new()) };
    dkim::sign(message, &keys, now).map_err(|error| Unsendable {
        failure: Failure::Local,
        permanent: matches!(error, dkim::SignError::NoFrom),
        reason: format!("DKIM: {error}"),
    })
}

/// The header section, without the empty line behind it.
fn headers(message: &[u8]) -> &[u8] {
    match memchr::memmem::find(message, b"\r\n\r\n") {
        Some(end) => &message[..end + 2],
        None => message,
    }
}

/// The domain of the first address in the first From header, as it stands there.
fn from_domain(message: &[u8]) -> Option<String> {
    let headers = headers(message);
    let starts = std::iter::once(0).chain(memchr::memmem::find_iter(headers, b"\r\n").map(|end| end + 2));
    let start = starts
        .into_iter()
        .find(|&start| headers.get(start..start + 5).is_some_and(|name| name.eq_ignore_ascii_case(b"From:")))?;
    let mut value = Vec::new();
    for line in headers[start + 5..].split_inclusive(|&byte| byte == b'\n') {
        if !value.is_empty() && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            break;
        }
        value.extend_from_slice(line);
    }
    domain_in(&String::from_utf8_lossy(&value))
}

/// The domain behind the first `@` that stands neither in quotes nor in a comment.
fn domain_in(value: &str) -> Option<String> {
    let (mut quoted, mut comments, mut escaped) = (false, 0_u32, false);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' if comments == 0 => quoted = !quoted,
            b'(' if !quoted => comments += 1,
            b')' if !quoted => comments = comments.saturating_sub(1),
            b'@' if !quoted && comments == 0 => {
                let rest = value[at + 1..].trim_start();
                let end =
                    rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))).unwrap_or(rest.len());
                return Some(rest[..end].trim_end_matches('.').to_ascii_lowercase())
                    .filter(|domain| !domain.is_empty());
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_of_from() {
        for (headers, expected) in [
            ("From: a@Example.org\r\n\r\nbody", Some("example.org")),
            (
                "Subject: x\r\nfrom:\r\n \"x @ y.test\" (c@d.test)\r\n <a@news.example.org>\r\nTo: b@other.test\r\n",
                Some("news.example.org"),
            ),
            ("From: a@one.test, b@two.test\r\n", Some("one.test")),
            ("From: \"a\\\"@q.test\" <a@one.test>\r\n", Some("one.test")),
            ("X-From: a@one.test\r\n\r\nFrom: b@two.test\r\n", None),
            ("From: nobody\r\n", None),
            ("From: a@\r\n", None),
            ("From:", None),
            ("", None),
        ] {
            assert_eq!(from_domain(headers.as_bytes()).as_deref(), expected, "{headers:?}");
        }
    }
}
