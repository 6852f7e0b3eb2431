//! The inside of a delivery report (RFC 3464), and the words for people beside it.
//!
//! The input is `message/delivery-status`, and behind a NUL the text part. Holds: at most so many recipients; an action and a
//! class for each; nothing but a delivery report comes out of one; line ends do not matter.

use std::sync::LazyLock;

use crate::bytes::text;
use mail::bounce::Dictionary;
use mail::report::{Report, limits, read};

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(Dictionary::builtin);

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let input = text(data);
    let (status, words) = input.split_once('\0').unwrap_or((&input, "Undelivered."));
    if status.contains("--frame") || words.contains("--frame") || input.contains('\r') {
        return;
    }
    let mail = format!(
        "From: MAILER-DAEMON@mx.test\nTo: b.abc@bounce.test\nSubject: Undelivered Mail Returned to Sender\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=frame\n\n\
         --frame\nContent-Type: text/plain; charset=utf-8\n\n{words}\n\
         --frame\nContent-Type: message/delivery-status\n\n{status}\n\
         --frame\nContent-Type: text/rfc822-headers\n\nMessage-ID: <1@x.test>\nFrom: a@x.test\n--frame--\n"
    );
    let report = read(mail.as_bytes(), &DICTIONARY);
    assert!(!matches!(report, Report::Feedback(_)), "{report:?}");
    if let Report::Delivery(report) = &report {
        assert!((1..=limits::RECIPIENTS_MAX).contains(&report.recipients.len()));
        for recipient in &report.recipients {
            assert!(!recipient.class.suppress || recipient.class.hard);
            for address in [&recipient.recipient, &recipient.original_recipient].into_iter().flatten() {
                assert!(!address.is_empty() && address.len() <= limits::FIELD_BYTES_MAX);
            }
        }
        assert_eq!(report.original.message_id.as_deref(), Some("1@x.test"));
    }
    assert_eq!(read(mail.replace('\n', "\r\n").as_bytes(), &DICTIONARY), report, "line ends matter");
}
