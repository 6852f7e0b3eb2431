//! What intake makes of a submitted header, and the signature over it.
//!
//! Holds: the body is copied byte for byte; private fields and hints are gone, every other field stands as it was; the
//! result has Date and Message-ID and a well-formed header; completing twice changes nothing; what is rewritten can be
//! signed or says why not.

use std::sync::LazyLock;

use intake::fuzzing::{complete, rewrite};
use mail::dkim::{DkimKey, KeyKind, SignError, sign};
use mail::mime;
use model::time::Timestamp;

const GONE: [&str; 8] =
    ["bcc", "resent-bcc", "return-path", "x-job", "x-virtual-mta", "x-ies-pool", "x-ies-stream", "x-ies-tenant"];

static KEY: LazyLock<DkimKey> = LazyLock::new(|| DkimKey::generate(KeyKind::Ed25519, "x.test", "s").expect("a key"));

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    // The listener hands over whole lines only.
    let mut mail: Vec<u8> = Vec::with_capacity(data.len() + 64);
    for line in data.split(|&byte| byte == b'\n') {
        mail.extend(line.iter().filter(|byte| !matches!(byte, b'\r' | 0)));
        mail.extend_from_slice(b"\r\n");
    }
    if let Ok(made) = rewrite(mail.clone(), 5) {
        check(&mail, &made.raw);
        assert_eq!(made.eight_bit, !made.raw.is_ascii());
        for name in &made.names {
            assert!(name.len() <= 255 && !name.chars().any(char::is_control));
        }
    }
    let found = mime::check(&mail);
    if found.well_formed_header {
        let once = complete(&mail);
        assert_eq!(complete(&once), once);
    }
}

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
            crate::bytes::assert_mail_lines(&header, 1_000);
            assert!(header.starts_with(b"DKIM-Signature:") && mime::fields(&header).fields.len() == 1);
        }
        Err(error) => assert_eq!(error, SignError::NoFrom),
    }
}
