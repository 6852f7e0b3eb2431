//! The body of an HTTP injection.
//!
//! Holds: it is taken, or the field at fault is named; what is taken and passes validation has whole lines, addresses in
//! their one form and names without control characters, and a program that is stored compiles again.

use crate::bytes::assert_mail_lines;
use intake::fuzzing::{injection, validate};
use mail::address::Address;
use mail::program::Source;
use model::submission::{Content, ContentSource, NewRecipient, ReturnPath, Submission};

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let found = match injection(data.to_vec(), 100) {
        Ok(found) => found,
        Err(reason) => return assert!(!reason.is_empty()),
    };
    let recipients: Vec<NewRecipient> = found.batches.into_iter().flatten().collect();
    assert!(!recipients.is_empty() && recipients.len() + found.rejected <= 100);
    let content = ContentSource::New(Box::new(found.message));
    let mut submission = Submission { content, recipients, checkpoint: None };
    if validate(&mut submission, 1 << 20).is_ok() {
        check(&submission);
    }
}

fn check(submission: &Submission) {
    for recipient in &submission.recipients {
        assert_eq!(Address::parse(&recipient.address).map(|a| a.as_str().to_owned()).as_ref(), Ok(&recipient.address));
    }
    let ContentSource::New(message) = &submission.content else { panic!("an injection is new") };
    match &message.content {
        Content::Raw(raw) => {
            assert_mail_lines(raw, usize::MAX);
            let looked = mail::mime::check(raw);
            assert!(looked.well_formed_header && looked.has_from);
        }
        Content::Merge(bytes) => {
            let program = Source::from_bytes(bytes).expect("what was stored is read").compile().expect("it compiled");
            assert!(submission.recipients.iter().all(|recipient| recipient.values.len() == program.slots().len()));
        }
    }
    if let ReturnPath::Fixed(address) = &message.envelope.sender {
        assert!(Address::parse(address).is_ok());
    }
    let routing = &message.routing;
    for name in [&routing.tenant, &routing.stream, &routing.job].into_iter().chain(&routing.pool) {
        assert!(name.len() <= 255 && !name.chars().any(char::is_control));
    }
}
