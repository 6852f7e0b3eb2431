//! The body of an HTTP injection.
//!
//! Holds: it is taken, or the field at fault is named; what is taken and passes validation has whole lines, addresses in
//! their one form and names without control characters, and a program that is stored compiles again.

#![no_main]

use ies_fuzz::assert_mail_lines;
use intake::injection::{Injection, prepare};
use libfuzzer_sys::fuzz_target;
use mail::address::Address;
use mail::program::Source;
use model::submission::{Content, ContentSource, Origin, Protocol, ReturnPath, Submission};

#[allow(dead_code)]
#[path = "../../crates/mta/intake/src/validate.rs"]
mod validate;

fuzz_target!(|data: &[u8]| {
    let Ok(request) = serde_json::from_slice::<Injection>(data) else { return };
    let asked = request.to.len() + request.recipients.len();
    let origin = Origin { protocol: Protocol::Http, peer: None, user: None };
    let (mut submission, rejected) = match prepare(request, Some("bounce.example.com"), origin) {
        Ok(prepared) => prepared,
        Err(error) => {
            assert!(!error.field.is_empty() && !error.reason.is_empty());
            return;
        }
    };
    assert_eq!(submission.recipients.len() + rejected.len(), asked);
    if validate::validate(&mut submission, 1 << 20).is_ok() {
        check(&submission);
    }
});

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
