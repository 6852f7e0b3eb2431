//! What intake makes of a submitted header, and the signature over it.
//!
//! Holds: the body is copied byte for byte; private fields and hints are gone, every other field stands as it was; the
//! result has Date and Message-ID and a well-formed header; completing twice changes nothing; what is rewritten can be
//! signed or says why not.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mail::dkim::{DkimKey, KeyKind, SignError, sign};
use mail::mime;
use model::time::Timestamp;

// The parts of intake that read bytes are private to it; here they stand by themselves.
#[allow(dead_code)]
#[path = "../../crates/mta/intake/src/rewrite.rs"]
mod rewrite;
#[allow(dead_code)]
#[path = "../../crates/mta/intake/src/validate.rs"]
mod validate;

const GONE: [&str; 8] =
    ["bcc", "resent-bcc", "return-path", "x-job", "x-virtual-mta", "x-ies-pool", "x-ies-stream", "x-ies-tenant"];

static KEY: LazyLock<DkimKey> = LazyLock::new(|| DkimKey::generate(KeyKind::Ed25519, "x.test", "s").expect("a key"));

fuzz_target!(|data: &[u8]| {
    // The listener hands over whole lines only.
    let mut mail: Vec<u8> = Vec::with_capacity(data.len() + 64);
    for line in data.split(|&byte| byte == b'\n') {
        mail.extend(line.iter().filter(|byte| !matches!(byte, b'\r' | 0)));
        mail.extend_from_slice(b"\r\n");
    }
    let added = rewrite::Added {
        received: "Received: by x; y\r\n",
        message_id: "<made@here>",
        date: "Thu, 1 Jan 2026 00:00:00 +0000",
    };
    if let Ok(made) = rewrite::prepare(mail.clone(), &added, 5) {
        check(&mail, &made.raw);
        assert_eq!(made.eight_bit, !made.raw.is_ascii());
        for name in [&made.routing.tenant, &made.routing.stream, &made.routing.job] {
            assert!(name.len() <= 255 && !name.chars().any(char::is_control));
        }
    }
    let found = mime::check(&mail);
    if found.well_formed_header {
        let once = rewrite::complete(&mail, added.message_id, added.date);
        assert_eq!(rewrite::complete(&once, "<other@here>", "never"), once);
    }
});

fn check(mail: &[u8], made: &[u8]) {
    let looked = mime::check(made);
    assert!(looked.well_formed_header && looked.has_date && looked.has_message_id && !looked.bare_line_end);
    assert!((1..=5).contains(&looked.received));
    let (before, after) = (mime::fields(mail), mime::fields(made));
    for name in GONE {
        assert!(after.get(name).is_none(), "{name} is still there");
    }
    if mime::check(mail).fields > mime::FIELDS_MAX - 10 {
        return;
    }
    let kept =
        before.fields.iter().filter(|field| !GONE.iter().any(|gone| field.name.eq_ignore_ascii_case(gone.as_bytes())));
    let kept: Vec<_> = kept.collect();
    assert!(after.fields.len() >= kept.len());
    let tail = &after.fields[after.fields.len() - kept.len()..];
    assert!(tail.iter().zip(kept).all(|(after, before)| after == before), "a field was changed");
    if mime::check(mail).well_formed_header {
        assert_eq!(mail[before.body..], made[after.body..], "the body was changed");
    }
    match sign(made, std::slice::from_ref(&*KEY), Timestamp::from_unix_s(1_790_000_000)) {
        Ok(header) => {
            ies_fuzz::assert_mail_lines(&header, 1_000);
            assert!(header.starts_with(b"DKIM-Signature:") && mime::fields(&header).fields.len() == 1);
        }
        Err(error) => assert_eq!(error, SignError::NoFrom),
    }
}
