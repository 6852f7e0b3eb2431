//! A JSON request that was looked through: all of it is right, nothing of it is committed.
//!
//! It holds the body once; its recipients are read from there, first to check them all, then again to commit them a
//! batch at a time.

use std::ops::Range;

use mail::program::Program;
use model::submission::{NewMessage, NewRecipient, Origin, Routing, Submission};
use model::time::Timestamp;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::content::{Domains, Made, Ways, make};
use super::request::{Injection, RejectedRecipient};
use super::rows::{ROWS_BYTES_MAX, Rejects, RowMaker, bytes_of, walk};
use super::{InjectionError, Kind, unreadable, wrong};

/// A request to be committed.
pub struct Draft {
    body: Vec<u8>,
    lists: Vec<(&'static str, Range<usize>)>,
    message: Option<NewMessage>,
    routing: Routing,
    program: Option<Program>,
    maker: RowMaker,
    domains: Domains,
    pub(crate) accepted: u64,
    pub(crate) rejects: Rejects,
    pub(crate) print: u64,
}

impl Draft {
    /// Reads and checks a whole request. Takes a moment for every thousand recipients: not for an async thread.
    ///
    /// # Errors
    /// [`InjectionError`] names the first thing that is wrong.
    pub fn read(
        body: Vec<u8>,
        recipients_max: u32,
        ways: &Ways,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Draft, InjectionError> {
        let (made, lists) = {
            let request = parse(&body)?;
            let lists = [("recipients", request.recipients), ("to", request.to)];
            let lists = lists.into_iter().filter_map(|(field, list)| Some((field, place_in(&body, list?))));
            let lists: Vec<_> = lists.collect();
            (make(&request, ways, origin, now)?, lists)
        };
        let Made { message, program, dsn, domains } = made;
        let maker = RowMaker { dsn, ascii_only: false };
        let print = fingerprint(&Sha256::digest(&body));
        let (accepted, rejects) = (0, Rejects::default());
        let routing = message.routing.clone();
        let message = Some(message);
        let mut draft = Draft { body, lists, message, routing, program, maker, domains, accepted, rejects, print };
        draft.look_through(recipients_max)?;
        Ok(draft)
    }

    /// Checks every recipient, and learns what the envelope must say for them.
    fn look_through(&mut self, recipients_max: u32) -> Result<(), InjectionError> {
        let (mut asked, mut accepted, mut rejects) = (0_u64, 0_u64, Rejects::default());
        let (mut ascii, mut in_rows) = (true, false);
        for (field, list) in &self.lists {
            walk(&self.body[list.clone()], field, &mut |recipient| {
                let place = asked;
                asked += 1;
                match self.maker.row(None, recipient) {
                    Ok(row) => {
                        accepted += 1;
                        ascii &= row.address.is_ascii();
                        in_rows |= !row.metadata.is_empty();
                    }
                    Err((given, reason)) => rejects.add(place, &given, reason),
                }
                asked <= u64::from(recipients_max)
            })?;
        }
        if asked > u64::from(recipients_max) {
            let reason = format!(
                "at most {recipients_max} recipients in one request; POST /api/v1/messages/stream takes any number"
            );
            let field = self.lists.first().map_or("recipients", |(field, _)| *field).to_owned();
            return Err(InjectionError { field, reason, kind: Kind::TooMuch });
        }
        if asked == 0 {
            return Err(wrong("recipients", "give at least one recipient in \"recipients\" or \"to\""));
        }
        if accepted == 0 {
            let reason = rejects.named.first().map_or_else(String::new, |one| one.reason.clone());
            return Err(wrong("recipients", format!("not one of them can be written to: {reason}")));
        }
        (self.accepted, self.rejects) = (accepted, rejects);
        if let Some(message) = &mut self.message {
            message.envelope.smtputf8 |= !ascii;
            message.routing.labels.in_rows = in_rows;
        }
        Ok(())
    }

    /// Calls `each` with batches of rows, in order, each with the place behind its last recipient (rejected ones
    /// count), leaving out what lies before `from`; it says whether to go on.
    pub(crate) fn batches(&self, from: u64, each: &mut dyn FnMut(Batch) -> bool) {
        let mut batch = Batch::default();
        let mut going = true;
        for (field, list) in &self.lists {
            if !going {
                return;
            }
            // It was read before without fault.
            let _ = walk(&self.body[list.clone()], field, &mut |recipient| {
                let row = self.maker.row(self.program.as_ref(), recipient);
                batch.end += 1;
                if batch.end <= from {
                    batch.skipped += u64::from(row.is_ok());
                    return true;
                }
                if let Ok(row) = row {
                    batch.push(row);
                }
                if batch.is_full() {
                    let (end, skipped) = (batch.end, batch.skipped + batch.rows.len() as u64);
                    going = each(std::mem::take(&mut batch));
                    (batch.end, batch.skipped) = (end, skipped);
                }
                going
            });
        }
        if going {
            batch.is_last = true;
            each(batch);
        }
    }

    /// How many recipients that can be written to stand behind this place (rejected ones count in it).
    pub(crate) fn accepted_behind(&self, from: u64) -> u64 {
        let (mut place, mut count) = (0_u64, 0_u64);
        for (field, list) in &self.lists {
            // It was read before without fault.
            let _ = walk(&self.body[list.clone()], field, &mut |recipient| {
                place += 1;
                count += u64::from(place > from && self.maker.row(None, recipient).is_ok());
                true
            });
        }
        count
    }

    /// How it is to be treated.
    pub fn routing(&self) -> &Routing {
        &self.routing
    }

    /// The domains in whose name it is: of From, of the return path, of the signature.
    pub fn domains(&self) -> &Domains {
        &self.domains
    }

    /// Recipients that are left out, the first of them.
    pub fn rejected(&self) -> &[RejectedRecipient] {
        &self.rejects.named
    }

    /// The message, without its recipients.
    pub(crate) fn take_message(&mut self) -> NewMessage {
        self.message.take().expect("invariant: it is taken once")
    }
}

/// Rows to be committed together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<NewRecipient>,
    bytes: usize,
    /// Behind the last recipient that was looked at.
    pub(crate) end: u64,
    /// Rows of batches before this one.
    pub(crate) skipped: u64,
    pub(crate) is_last: bool,
}

impl Batch {
    /// A batch that is complete.
    pub(crate) fn of(rows: Vec<NewRecipient>, skipped: u64, end: u64, is_last: bool) -> Batch {
        let bytes = rows.iter().map(bytes_of).sum();
        Batch { rows, bytes, end, skipped, is_last }
    }

    pub(crate) fn push(&mut self, row: NewRecipient) {
        self.bytes += bytes_of(&row);
        self.rows.push(row);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= Submission::RECIPIENTS_MAX || self.bytes >= ROWS_BYTES_MAX
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Reads everything but the recipients.
pub(crate) fn parse(body: &[u8]) -> Result<Injection<'_>, InjectionError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let field = if matches!(path.as_str(), "." | "?") { String::new() } else { path };
        unreadable(field, error.inner())
    })?;
    json.end().map_err(|error| unreadable("", &error))?;
    Ok(read)
}

/// Where in the body a value stands that was borrowed from it.
fn place_in(body: &[u8], value: &RawValue) -> Range<usize> {
    let start = (value.get().as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    start..start + value.get().len()
}

/// The first bytes of a digest: two bodies under one key are told apart by them.
pub(crate) fn fingerprint(digest: &[u8]) -> u64 {
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_behind_a_place() {
        let body = br#"{"from": "a@acme.example", "text": "x", "sender": "",
            "recipients": [{"address": "no"}, {"address": "u@b.example"}, {"address": "none"}],
            "to": ["v@b.example", "nobody", "w@b.example"]}"#;
        let origin = Origin { protocol: model::submission::Protocol::Http, peer: None, user: None };
        let draft = Draft::read(body.to_vec(), 10, &Ways::default(), origin, Timestamp::default()).unwrap();
        assert_eq!(draft.accepted, 3);
        let found: Vec<u64> = (0..=7).map(|place| draft.accepted_behind(place)).collect();
        assert_eq!(found, [3, 3, 2, 2, 1, 1, 0, 0]);
    }
}
