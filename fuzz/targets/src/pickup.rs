//! A file of the pickup directory: a message with its envelope in header fields, or JSON.
//!
//! The first byte chooses the form. Holds: it is taken or refused with a sentence; what is taken has whole lines, a
//! header, addresses in their one form and no field of the envelope left; recipients are all there, once each in a batch.

use intake::fuzzing::pickup;
use mail::address::Address;
use model::submission::{Content, ReturnPath, Submission};

use crate::bytes::{assert_mail_lines, choice};

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let (options, rest) = choice(data);
    let json = options & 1 != 0;
    let found = match pickup(if json { "a.JSON" } else { "a.eml" }, rest.to_vec()) {
        Ok(found) => found,
        Err(reason) => return assert!(!reason.is_empty()),
    };
    let rows: usize = found.batches.iter().map(Vec::len).sum();
    assert!(rows > 0, "nobody is written to");
    assert!(found.batches.iter().all(|batch| batch.len() <= Submission::RECIPIENTS_MAX));
    for row in found.batches.iter().flatten() {
        assert_eq!(Address::parse(&row.address).map(|a| a.as_str().to_owned()).as_ref(), Ok(&row.address));
    }
    if let ReturnPath::Fixed(sender) = &found.message.envelope.sender {
        assert!(Address::parse(sender).is_ok(), "{sender:?}");
    }
    let Content::Raw(raw) = &found.message.content else { return assert!(json, "a mail is not a program") };
    let looked = mail::mime::check(raw);
    assert!(looked.well_formed_header);
    if json {
        return assert_mail_lines(raw, usize::MAX);
    }
    assert!(looked.has_date && looked.has_message_id && looked.received >= 1 && !looked.bare_line_end);
    let fields = mail::mime::fields(raw);
    for name in ["x-sender", "x-receiver", "bcc", "x-job", "x-virtual-mta"] {
        assert!(fields.get(name).is_none(), "{name} is still there");
    }
    assert!(!found.message.envelope.eight_bit || !raw.is_ascii());
}
