//! What a file of the pickup directory says: a message with its envelope in header fields, or JSON.
//!
//! The first form is that of PowerMTA's and IIS's pickup directories: `x-sender` (once; `<>` is the null return path) and
//! `x-receiver` (for each recipient) stand among the fields of the header and never leave the house. The fields that tell
//! how a message is treated (`X-Job` and the others) are honoured.

use mail::address::Address;
use mail::mime;
use model::name::Name;
use model::submission::{
    Content, Envelope, Labels, NewMessage, NewRecipient, Origin, Protocol, ReturnPath, Routing, Submission,
};
use model::time::Timestamp;

use super::Config;
use crate::config::Header;
use crate::hints::Hints;
use crate::injection::content::with_crlf;
use crate::injection::draft::{Batch, Draft};
use crate::injection::{RejectedRecipient, Ways};
use crate::rewrite::{Added, prepare};

/// Most recipients of one file in the first form.
pub const RECEIVERS_MAX: usize = 10_000;

/// Mail that was read.
pub(crate) struct Letter {
    pub(crate) message: NewMessage,
    pub(crate) rows: Rows,
    /// Recipients that are left out: the mail goes to the others.
    pub(crate) rejected: Vec<RejectedRecipient>,
}

/// Its recipients.
pub(crate) enum Rows {
    Few(Vec<NewRecipient>),
    Draft(Box<Draft>),
}

/// What a file is read with.
pub(crate) struct Reading<'a> {
    pub(crate) config: &'a Config,
    pub(crate) ways: &'a Ways,
    pub(crate) host_name: &'a str,
    pub(crate) hops_max: u32,
    pub(crate) recipients_max: u32,
    pub(crate) id: String,
    pub(crate) now: Timestamp,
    pub(crate) date: String,
}

impl Rows {
    /// Calls `each` with batches from a place on; it says whether to go on.
    pub(crate) fn batches(self, from: u64, each: &mut dyn FnMut(Batch) -> bool) {
        match self {
            Rows::Draft(draft) => draft.batches(from, each),
            Rows::Few(rows) => {
                let count = rows.len() as u64;
                let mut rows = rows.into_iter().skip(usize::try_from(from).unwrap_or(usize::MAX));
                let mut end = from.min(count);
                loop {
                    let part: Vec<NewRecipient> = rows.by_ref().take(Submission::RECIPIENTS_MAX).collect();
                    let skipped = end;
                    end += part.len() as u64;
                    let is_last = end == count;
                    let batch = Batch::of(part, skipped, end, is_last);
                    if !each(batch) || is_last {
                        return;
                    }
                }
            }
        }
    }
}

/// Reads a file.
///
/// # Errors
/// What is wrong with it, in words for whoever wrote it.
pub(crate) fn read(name: &str, bytes: Vec<u8>, reading: &Reading<'_>) -> Result<Letter, String> {
    let origin = Origin { protocol: Protocol::Pickup, peer: None, user: None };
    if name.to_ascii_lowercase().ends_with(".json") {
        let ways = Ways {
            tenant: reading.config.tenant.clone(),
            stream: reading.config.stream.clone(),
            ..reading.ways.clone()
        };
        let draft = Draft::read(bytes, reading.recipients_max, &ways, origin, reading.now);
        let mut draft = draft.map_err(|error| if error.field.is_empty() { error.reason } else { error.to_string() })?;
        let rejected = draft.rejected().to_vec();
        return Ok(Letter { message: draft.take_message(), rows: Rows::Draft(Box::new(draft)), rejected });
    }
    read_message(&bytes, reading, origin)
}

fn read_message(bytes: &[u8], reading: &Reading<'_>, origin: Origin) -> Result<Letter, String> {
    let data = with_crlf(bytes);
    let header_bytes = mime::check(&data).header_bytes;
    let fields = mime::fields(&data[..header_bytes]);
    let senders: Vec<String> = fields.all("x-sender").map(|field| bare(&field.text())).collect();
    let receivers: Vec<String> = fields.all("x-receiver").map(|field| bare(&field.text())).collect();
    let sender = match senders.as_slice() {
        [] => return Err("no x-sender field: it is the return path, <> for none".to_owned()),
        [sender] if sender.is_empty() => ReturnPath::Null,
        [sender] => {
            let address = Address::parse(sender).map_err(|error| format!("x-sender: {error}"))?;
            ReturnPath::Fixed(address.as_str().to_owned())
        }
        _ => return Err("more than one x-sender field".to_owned()),
    };
    let (rows, rejected) = receivers_of(&receivers)?;
    let received = format!("Received: by {} (pickup) id {};\r\n\t{}\r\n", reading.host_name, reading.id, reading.date);
    let message_id = format!("<{}@{}>", reading.id, reading.host_name);
    let added = Added { received: &received, message_id: &message_id, date: &reading.date };
    let prepared = prepare(without_envelope(&data, header_bytes), &added, reading.hops_max, Header::ALL);
    let prepared = prepared.map_err(|fault| fault.to_string())?;
    let smtputf8 = prepared.eight_bit_header || rows.iter().any(|row| !row.address.is_ascii());
    let envid = prepared.hints.envid.clone();
    let envelope = Envelope { sender, eight_bit: prepared.eight_bit, smtputf8, envid, ..Envelope::default() };
    let routing = routing(prepared.hints, reading.config);
    let message = NewMessage { content: Content::Raw(prepared.raw), envelope, routing, origin };
    Ok(Letter { message, rows: Rows::Few(rows), rejected })
}

/// `<a@b>` or `a@b`, with nothing around it.
fn bare(text: &str) -> String {
    let text = text.trim();
    text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text).trim().to_owned()
}

fn receivers_of(receivers: &[String]) -> Result<(Vec<NewRecipient>, Vec<RejectedRecipient>), String> {
    if receivers.is_empty() {
        return Err("no x-receiver field: there is one for each recipient".to_owned());
    }
    if receivers.len() > RECEIVERS_MAX {
        return Err(format!("{} x-receiver fields; at most {RECEIVERS_MAX}", receivers.len()));
    }
    let (mut rows, mut rejected) = (Vec::new(), Vec::new());
    for (place, receiver) in receivers.iter().enumerate() {
        match Address::parse(receiver) {
            Ok(address) => {
                rows.push(NewRecipient { address: address.as_str().to_owned(), ..NewRecipient::default() });
            }
            Err(error) => rejected.push(RejectedRecipient {
                place: place as u64,
                address: receiver.clone(),
                reason: error.to_string(),
            }),
        }
    }
    if rows.is_empty() {
        let reason = rejected.first().map_or_else(String::new, |one| one.reason.clone());
        return Err(format!("not one x-receiver can be written to: {reason}"));
    }
    Ok((rows, rejected))
}

/// Without the fields that are the envelope.
fn without_envelope(data: &[u8], header_bytes: usize) -> Vec<u8> {
    let is_envelope = |field: &[u8]| {
        let name = field.split(|&byte| byte == b':').next().unwrap_or_default().trim_ascii_end();
        name.eq_ignore_ascii_case(b"x-sender") || name.eq_ignore_ascii_case(b"x-receiver")
    };
    let (header, body) = data.split_at(header_bytes);
    let mut kept = Vec::with_capacity(data.len());
    let mut skips = false;
    for line in header.split_inclusive(|&byte| byte == b'\n') {
        let goes_on = matches!(line.first(), Some(b' ' | b'\t'));
        skips = if goes_on { skips } else { is_envelope(line) };
        if !skips {
            kept.extend_from_slice(line);
        }
    }
    kept.extend_from_slice(body);
    kept
}

fn routing(hints: Hints, config: &Config) -> Routing {
    let plain = Routing::default();
    let pick = |named: Option<Name>, own: &Option<Name>, plain: Name| named.or_else(|| own.clone()).unwrap_or(plain);
    Routing {
        tenant: pick(hints.tenant, &config.tenant, plain.tenant),
        stream: pick(hints.stream, &config.stream, plain.stream),
        job: hints.job.unwrap_or_default(),
        pool: hints.pool,
        not_before: hints.not_before,
        expires: hints.expires,
        labels: Labels { tags: hints.tags, metadata: hints.metadata, in_rows: false },
        ..Routing::default()
    }
}
