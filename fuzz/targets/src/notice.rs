//! Notices of failure (RFC 3464): written by intake, read by the reader of reports.
//!
//! Pieces apart by NUL: the envelope id; for each recipient address, ORCPT, host, reply or error; at last the mail that is
//! quoted. Holds: whole lines of bounded length whatever a host said; exactly one group a recipient; it is read back as a
//! delivery report of our own with the same recipients, actions and codes.

use std::sync::LazyLock;

use intake::fuzzing::{Failed, complete, notice};
use mail::address::Address;
use mail::bounce::Dictionary;
use mail::mime;
use mail::report::{Action, Report, read};
use model::name::Name;
use model::reply::Reply;

use crate::bytes::{assert_mail_lines, choice, text};

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(Dictionary::builtin);

/// Longest line of a mail that is quoted, in bytes.
const LINE_MAX: usize = 900;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let (options, rest) = choice(data);
    let input = text(rest);
    let mut pieces: Vec<&str> = input.split('\0').collect();
    let quoted = mail_of(pieces.pop().unwrap_or_default());
    let envid = pieces.first().filter(|envid| !envid.is_empty()).map(|envid| (*envid).to_owned());
    let mut failed: Vec<Failed> = pieces.get(1..).unwrap_or_default().chunks(4).map(failed).collect();
    failed.truncate(20);
    if failed.is_empty() {
        failed.push(self::failed(&["a@example.org", "", "mx.example.org", "550 5.1.1 no such user"]));
    }
    let (full, smtputf8) = (options & 1 != 0, options & 2 != 0);
    let raw = complete(&notice(failed.clone(), envid, quoted, full, smtputf8));
    assert_mail_lines(&raw, 998);
    let found = mime::check(&raw);
    assert!(found.well_formed_header && found.has_from && found.has_date && found.has_message_id);
    let report = read(&raw, &DICTIONARY);
    let Report::Delivery(report) = &report else { panic!("{report:?}\n{}", String::from_utf8_lossy(&raw)) };
    assert!(report.structured);
    assert_eq!(report.reporting_mta.as_deref(), Some("mx.example.com"));
    assert_eq!(report.recipients.len(), failed.len(), "{}", String::from_utf8_lossy(&raw));
    for (told, failed) in report.recipients.iter().zip(&failed) {
        assert_eq!(told.action, Action::Failed);
        if failed.address.is_ascii() || smtputf8 {
            assert_eq!(told.recipient.as_deref(), Some(failed.address.as_str()), "{}", String::from_utf8_lossy(&raw));
        }
        assert!(told.status.is_some());
        if let (Some(told), Some(sent)) = (&told.reply, &failed.reply) {
            assert_eq!(told.code, sent.code, "{sent:?}");
        }
    }
}

fn failed(pieces: &[&str]) -> Failed {
    let at = |place: usize| pieces.get(place).copied().unwrap_or_default();
    let address = Address::parse(at(0)).map_or_else(|_| "a@example.org".to_owned(), |a| a.as_str().to_owned());
    let (code, words) = at(3).split_once(' ').unwrap_or((at(3), ""));
    let reply = code.parse().ok().filter(|code| (400..600).contains(code)).map(|code| Reply::new(code, words));
    let error = reply.is_none().then(|| at(3).to_owned());
    let original = Some(at(1)).filter(|original| !original.is_empty()).map(str::to_owned);
    Failed { address, original, reply, error, host: Name::from(at(2)) }
}

/// A mail as the spool has it: whole lines of bounded length.
fn mail_of(text: &str) -> Vec<u8> {
    let mut mail = Vec::new();
    for line in text.split('\n') {
        let line: Vec<u8> = line.bytes().filter(|byte| !matches!(byte, b'\r' | 0)).take(LINE_MAX).collect();
        mail.extend_from_slice(&line);
        mail.extend_from_slice(b"\r\n");
    }
    mail
}
