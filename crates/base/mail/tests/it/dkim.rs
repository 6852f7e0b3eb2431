//! Our signatures under the eyes of another implementation: mail-auth's verifier, keys handed to it instead of DNS.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mail::dkim::{self, BodyHash, DkimKey, Form, KeyError, KeyKind, SignError, Signer};
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt};
use model::time::Timestamp;

/// TXT records by name, in place of a name server.
#[derive(Default)]
struct Records(Mutex<HashMap<Box<str>, Txt>>);

impl ResolverCache<Box<str>, Txt> for Records {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.lock().unwrap().get(name).cloned()
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, name: Box<str>, record: Txt, _: Instant) {
        self.0.lock().unwrap().insert(name, record);
    }
}

const AT: Timestamp = Timestamp::from_unix_s(1_790_000_000);

fn keys() -> [DkimKey; 2] {
    [
        DkimKey::generate(KeyKind::Rsa, "example.org", "s1").unwrap(),
        DkimKey::generate(KeyKind::Ed25519, "Example.ORG", "s2").unwrap(),
    ]
}

/// Verdict on each signature of a mail.
fn verify(signed: &[u8], keys: &[DkimKey]) -> Vec<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let records = Records::default();
    for key in keys {
        let record = DomainKey::parse(key.record_text().unwrap().as_bytes()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the verifier's interface wants a point in time for its cache")]
        let until = Instant::now() + Duration::from_secs(3_600);
        records.insert(format!("{}.", key.record_name()).into(), Txt::DomainKey(record.into()), until);
    }
    let message = AuthenticatedMessage::parse(signed).unwrap();
    let authenticator = MessageAuthenticator::new_system_conf().unwrap();
    let parameters = Parameters::new(&message).with_txt_cache(&records);
    let verdicts = runtime.block_on(authenticator.verify_dkim(parameters));
    verdicts.iter().map(|verdict| *verdict.result() == DkimResult::Pass).collect()
}

fn signed(raw: &str, keys: &[DkimKey]) -> Vec<u8> {
    [dkim::sign(raw.as_bytes(), keys, AT).unwrap(), raw.as_bytes().to_vec()].concat()
}

const MAIL: &str = concat!(
    "Received: from a by b;\r\n\tMon, 1 Jun 2026 10:00:00 +0000\r\n",
    "From: Ada  <ada@example.org>\r\n",
    "To: bob@example.net,\r\n   carol@example.net\r\n",
    "Subject: =?utf-8?Q?Pr=C3=AAt?=\r\n",
    "Date: Mon, 1 Jun 2026 10:00:00 +0000\r\n",
    "Message-ID: <1@example.org>\r\n",
    "MIME-Version: 1.0\r\n",
    "Content-Type: text/plain; charset=utf-8\r\n",
    "List-Unsubscribe: <https://example.org/u/x>\r\n",
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    "Feedback-ID: a:b:c:example\r\n",
    "X-Other: not signed\r\n",
    "\r\n",
    "Hello,  world \t\r\n",
    "\r\n",
    "second  paragraph\r\n",
);

#[test]
fn both_signatures_pass() {
    let keys = keys();
    assert_eq!(verify(&signed(MAIL, &keys), &keys), [true, true]);
    let bare = "From: a@example.org\r\n\r\n";
    assert_eq!(verify(&signed(bare, &keys), &keys), [true, true]);
    let no_last_line_end = format!("{MAIL}last line without an end");
    assert_eq!(verify(&signed(&no_last_line_end, &keys), &keys), [true, true]);
}

#[test]
fn changes_break_them_and_what_is_not_signed_does_not() {
    let keys = keys();
    let mail = String::from_utf8(signed(MAIL, &keys)).unwrap();
    let check = |from: &str, to: &str, passes: bool| {
        assert!(mail.contains(from), "{from}");
        assert_eq!(verify(mail.replacen(from, to, 1).as_bytes(), &keys), [passes, passes], "{from} -> {to}");
    };
    check("Hello", "Hallo", false);
    check("List-Unsubscribe: <https://example.org/u/x>", "List-Unsubscribe: <https://example.com/u/x>", false);
    check("One-Click", "Two-Click", false);
    check("a:b:c:example", "a:b:c:other", false);
    check("From: Ada", "From: Eve <eve@example.com>\r\nFrom: Ada", false);
    check("Subject: =", "Subject: Win\r\nSubject: =", false);
    check("From: Ada", "Reply-To: eve@example.com\r\nFrom: Ada", false);
    check("From: Ada", "Cc: eve@example.com\r\nFrom: Ada", false);
    check("Feedback-ID: a", "Feedback-ID: x:y:z:eve\r\nFeedback-ID: a", false);
    check("MIME-Version: 1.0", "MIME-Version: 1.0\r\nContent-Type: text/html", false);
    check("not signed", "changed", true);
    check("world \t\r\n", "world\r\n", true);
    check("Received: from a by b;\r\n", "Received: from c by b;\r\n", true);
}

/// The fault of mail-auth 0.13 (dependencies.md): lines of white space alone at the end of a body are empty lines.
#[test]
fn white_space_at_the_end_of_a_body_counts_as_nothing() {
    let keys = keys();
    let body_hash = |raw: &str| {
        let header = String::from_utf8(dkim::sign(raw.as_bytes(), &keys[..1], AT).unwrap()).unwrap();
        header.split("bh=").nth(1).unwrap().split(';').next().unwrap().to_owned()
    };
    let clean = body_hash(MAIL);
    assert_eq!(body_hash(&format!("{MAIL} \t\r\n")), clean);
    assert_eq!(body_hash(&format!("{MAIL}\r\n  \r\n\r\n")), clean);
    assert_ne!(body_hash(&format!("{MAIL}.\r\n")), clean);
}

#[test]
fn the_header_has_the_form_of_the_standard() {
    let keys = keys();
    let header = String::from_utf8(dkim::sign(MAIL.as_bytes(), &keys, AT).unwrap()).unwrap();
    assert!(header.starts_with(
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;\r\n\ts=s1; t=1790000000;\r\n"
    ));
    assert!(
        header.contains("a=ed25519-sha256")
            && header.contains("h=from:from:reply-to:to:to:cc:subject:subject:date:date:")
    );
    assert!(header.ends_with("\r\n") && !header.contains("\r\n\r\n"));
    assert!(header.split("\r\n").all(|line| line.len() <= 78 && line.trim_end() == line), "{header}");
    assert_eq!(dkim::sign(MAIL.as_bytes(), &[], AT), Ok(Vec::new()));
    assert_eq!(dkim::sign(b"To: a\r\n\r\n", &keys, AT), Err(SignError::NoFrom));
}

#[test]
fn time_end_and_identity_are_in_the_header() {
    let keys = keys();
    let check = |form: &Form, identity: Option<&str>, expected: &str| {
        let signers = [Signer { key: &keys[1], identity }];
        let header = dkim::sign_with(MAIL.as_bytes(), &signers, form, AT, &mut BodyHash::default()).unwrap();
        let text = String::from_utf8(header.clone()).unwrap();
        let tags = text.split("s=s2;").nth(1).unwrap().split("\r\n").next().unwrap();
        assert_eq!(tags, expected);
        // The verifier looks at the clock of the machine for `x=`, so it is asked about signatures without an end.
        if !expected.contains("x=") {
            assert_eq!(verify(&[&header, MAIL.as_bytes()].concat(), &keys), [true], "{text}");
        }
    };
    let plain = Form::default();
    check(&plain, None, " t=1790000000;");
    check(&plain.clone().with_timestamp(false), None, "");
    let a_day = plain.clone().with_end(Some(Duration::from_secs(86_400)));
    check(&a_day, None, " t=1790000000; x=1790086400;");
    check(&plain, Some("acme@example.org"), " i=acme@example.org; t=1790000000;");
    check(&plain, Some("@a.example.org"), " i=@a.example.org; t=1790000000;");
    for wrong in ["acme@example.com", "acme@anexample.org", "a b@example.org", "a;@example.org", "a\r\n@example.org"] {
        check(&plain, Some(wrong), " t=1790000000;");
    }
}

#[test]
fn a_body_that_is_the_same_is_hashed_once() {
    let keys = keys();
    let signers = [Signer { key: &keys[1], identity: None }];
    let mut bodies = BodyHash::default();
    for body in ["one\r\n", "one\r\n", "two\r\n", "two \r\n", "", "one\r\n"] {
        let mail = format!("From: a@example.org\r\n\r\n{body}");
        let header = dkim::sign_with(mail.as_bytes(), &signers, &Form::default(), AT, &mut bodies).unwrap();
        assert_eq!(verify(&[&header, mail.as_bytes()].concat(), &keys), [true], "{body:?}");
    }
}

#[test]
fn keys_survive_their_file() {
    for key in keys() {
        let again = DkimKey::from_pem(&key.to_pem().unwrap(), "example.org", key.selector()).unwrap();
        assert_eq!((again.kind(), again.record_text()), (key.kind(), key.record_text()));
        assert_eq!(verify(&signed(MAIL, &[again]), &[key]), [true]);
    }
    assert!(matches!(DkimKey::from_pem("nothing", "example.org", "s"), Err(KeyError::Unreadable(_))));
    for (domain, selector) in [("example.org", "a b"), ("exa mple.org", "s"), ("", "s"), ("example.org", "")] {
        assert!(
            matches!(DkimKey::generate(KeyKind::Ed25519, domain, selector), Err(KeyError::Name(_))),
            "{domain} {selector}"
        );
    }
    assert!(!format!("{:?}", keys()[0]).contains("PRIVATE"));
}

mod anything {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static KEYS: LazyLock<[DkimKey; 2]> = LazyLock::new(keys);

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn bodies_of_all_kinds_pass(lines in prop::collection::vec("[ \\ta-c]{0,12}", 0..12), last in "[ab]{0,3}") {
            // The verifier at hand takes lines of white space at the end for text, see above: end with a letter.
            let body: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let mail = format!("From: a@example.org\r\nSubject:  s \r\n\r\n{body}{last}x\r\n");
            prop_assert_eq!(verify(&signed(&mail, &*KEYS), &*KEYS), [true, true]);
        }

        #[test]
        fn noise_is_signed_or_refused(raw in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = dkim::sign(&raw, &*KEYS, AT);
        }
    }
}
