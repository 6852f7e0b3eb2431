//! The bytes that go over the wire for one transaction: rendered, signed, with its return path and its needs.

use std::sync::Arc;
use std::time::Duration;

use mail::bounce::Failure;
use mail::dkim::{BodyHash, Plan, SignError, Unsigned};
use mail::program::Personal;
use mail::token::Keys;
use model::handoff::MessageHead;
use model::id::MessageId;
use model::route::Source;
use model::submission::{Content, ReturnPath};
use model::time::Timestamp;

use crate::dialogue::Convert8bit;
use crate::keys::DkimKeys;
use crate::load::{Body, Loaded};

/// A message ready to be sent. It borrows nothing, so that the next one can be made while it is on its way.
#[derive(Debug)]
pub(crate) struct Letter {
    /// The return path; empty for `<>`.
    pub sender: String,
    /// DKIM-Signature headers.
    pub signature: Vec<u8>,
    message: Bytes,
    /// There are bytes beyond ASCII.
    pub eight_bit: bool,
    /// There are bytes beyond ASCII in the return path, or in the headers of a message submitted with SMTPUTF8.
    pub smtputf8: bool,
    /// Parts were encoded anew for a host without 8BITMIME.
    pub converted: bool,
}

/// Headers and body: as they stand in the spool, or made for this transaction.
#[derive(Debug)]
enum Bytes {
    Shared(Arc<Content>),
    Own(Vec<u8>),
}

impl Letter {
    /// Headers and body.
    pub fn message(&self) -> &[u8] {
        match &self.message {
            Bytes::Shared(content) => raw(content),
            Bytes::Own(bytes) => bytes,
        }
    }

    /// Bytes over the wire.
    pub fn size(&self) -> u64 {
        (self.signature.len() + self.message().len()) as u64
    }
}

/// What the host takes, as far as it changes the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered {
    /// 8BITMIME.
    pub eight_bit: bool,
    /// SMTPUTF8.
    pub smtputf8: bool,
    /// Parts may be encoded anew where 8BITMIME is missing.
    pub convert: Convert8bit,
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
    tokens: Arc<Keys>,
    /// Memory for the next message that is rendered.
    spare: Vec<u8>,
    signatures: Signatures,
}

/// A message and its signature.
type Converted = (Vec<u8>, Vec<u8>);

/// Makes signatures, and remembers the last one: all recipients of a raw message get the same.
#[derive(Debug)]
struct Signatures {
    keys: DkimKeys,
    /// Whose domain may sign, too.
    source: Arc<Source>,
    bodies: BodyHash,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    message: MessageId,
    /// Of the keys.
    version: u64,
    at: Timestamp,
    header: Vec<u8>,
}

/// A buffer that grew beyond this is not kept for the next message.
const SPARE_BYTES_MAX: usize = 1 << 20;

/// A signature that is older is made again: its time, and its end where it has one, are those of its first recipient.
const SIGNATURE_AGE_MAX: Duration = Duration::from_secs(600);

impl Composer {
    /// For messages that leave from this source.
    pub fn new(keys: DkimKeys, tokens: Arc<Keys>, source: Arc<Source>) -> Self {
        let signatures = Signatures { keys, source, bodies: BodyHash::default(), last: None };
        Composer { tokens, spare: Vec::new(), signatures }
    }

    /// The letter for this recipient, and for all who share its transaction.
    pub fn compose(&mut self, loaded: &Loaded, offered: Offered, now: Timestamp) -> Result<Letter, Unsendable> {
        let head = &*loaded.ticket.message;
        let sender = self.sender(loaded, offered);
        let mut converted = false;
        let (message, signature) = match &loaded.body {
            Body::Raw(content) => {
                let message = raw(content);
                match self.converted(head, message, offered, now)? {
                    Some((message, signature)) => {
                        converted = true;
                        (Bytes::Own(message), signature)
                    }
                    None => {
                        let signature = self.signatures.of_raw(head, message, now)?.to_vec();
                        (Bytes::Shared(Arc::clone(content)), signature)
                    }
                }
            }
            Body::Program(program) => {
                let mut rendered = std::mem::take(&mut self.spare);
                rendered.clear();
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
                let done = program.render(&personal, &mut rendered);
                done.map_err(|error| broken(format!("cannot be rendered: {error}")))?;
                let signature = self.signatures.make(head, &rendered, false, now)?;
                (Bytes::Own(rendered), signature)
            }
            Body::Unusable(unusable) => {
                let (permanent, reason) = (unusable.permanent, unusable.reason.clone());
                return Err(Unsendable { failure: Failure::Local, permanent, reason });
            }
        };
        let mut letter = Letter { sender, signature, message, eight_bit: false, smtputf8: false, converted };
        let message = letter.message();
        let is_ascii = message.is_ascii();
        let utf8_header = !is_ascii && head.envelope.smtputf8 && !headers(message).is_ascii();
        letter.smtputf8 = !letter.sender.is_ascii() || utf8_header;
        letter.eight_bit = !is_ascii;
        Ok(letter)
    }

    /// Takes back the memory of a letter that is not needed any more.
    pub fn recycle(&mut self, letter: Letter) {
        if let Bytes::Own(bytes) = letter.message
            && bytes.capacity() > self.spare.capacity()
            && bytes.capacity() <= SPARE_BYTES_MAX
        {
            self.spare = bytes;
        }
    }

    fn sender(&self, loaded: &Loaded, offered: Offered) -> String {
        let head = &*loaded.ticket.message;
        let sender = match &head.envelope.sender {
            ReturnPath::Null => return String::new(),
            ReturnPath::Fixed(address) => address.clone(),
            ReturnPath::PerRecipient(domain) => {
                self.tokens.return_path(loaded.ticket.recipient, head.routing.campaign, domain)
            }
        };
        match offered.smtputf8 {
            true => sender,
            false => ascii_form(&sender).unwrap_or(sender),
        }
    }

    /// The message with its 8-bit parts encoded anew, and its signature, when the host needs it and it may be done:
    /// not when it carries a signature of somebody else that nobody of ours would replace.
    fn converted(
        &mut self,
        head: &MessageHead,
        message: &[u8],
        offered: Offered,
        now: Timestamp,
    ) -> Result<Option<Converted>, Unsendable> {
        if offered.eight_bit || offered.convert == Convert8bit::Never || message.is_ascii() {
            return Ok(None);
        }
        let Ok(seven_bit) = mail::mime::to_7bit(message) else { return Ok(None) };
        let signature = self.signatures.make(head, &seven_bit, false, now)?;
        let signed_by_others = mail::mime::header(message, "DKIM-Signature").is_some();
        Ok((!signature.is_empty() || !signed_by_others).then_some((seven_bit, signature)))
    }
}

/// The address with its domain in A-labels, when nothing else of it is beyond ASCII (RFC 5891); `None` when that does
/// not help or is not needed.
pub(crate) fn ascii_form(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    if address.is_ascii() || !local.is_ascii() {
        return None;
    }
    let domain = mail::address::ascii_domain(domain)?;
    Some(format!("{local}@{domain}"))
}

fn raw(content: &Content) -> &[u8] {
    match content {
        Content::Raw(bytes) | Content::Merge(bytes) => bytes,
    }
}

fn broken(reason: String) -> Unsendable {
    Unsendable { failure: Failure::Local, permanent: true, reason }
}

impl Signatures {
    /// The signature of a message that is the same for all its recipients.
    fn of_raw(&mut self, head: &MessageHead, message: &[u8], now: Timestamp) -> Result<&[u8], Unsendable> {
        let version = self.keys.version();
        let is_good =
            |last: &Last| last.message == head.id && last.version == version && now <= last.at.plus(SIGNATURE_AGE_MAX);
        let last = match self.last.take().filter(is_good) {
            Some(last) => last,
            None => Last { message: head.id, version, at: now, header: self.make(head, message, true, now)? },
        };
        Ok(&self.last.insert(last).header)
    }

    /// None when there are no keys. `foreign`: the message may carry signatures already.
    fn make(
        &mut self,
        head: &MessageHead,
        message: &[u8],
        foreign: bool,
        now: Timestamp,
    ) -> Result<Vec<u8>, Unsendable> {
        let routing = &head.routing;
        let wanted = routing.signing_domain.as_deref();
        // As whoever let it in read it: in the name of a From that can be read in two ways nothing is signed.
        let authors = mail::mime::author_domains(message).unwrap_or_default();
        let plan = Plan {
            message,
            author: authors.first().map(String::as_str),
            wanted,
            source: self.source.signing_domain.as_deref(),
            source_selectors: &self.source.signing_selectors,
            tenant: &routing.tenant,
            stream: &routing.stream,
            foreign,
        };
        self.keys.sign(&plan, now, &mut self.bodies).map_err(|error| Unsendable {
            failure: Failure::Local,
            permanent: matches!(error, Unsigned::Sign(SignError::NoFrom)),
            reason: format!("DKIM: {error}"),
        })
    }
}

/// The header section, without the empty line behind it.
fn headers(message: &[u8]) -> &[u8] {
    match memchr::memmem::find(message, b"\r\n\r\n") {
        Some(end) => &message[..end + 2],
        None => message,
    }
}
