//! The inside of a feedback report (RFC 5965).
//!
//! Holds: it is a feedback report whatever stands in it; fields are bounded; line ends do not matter; the quoted mail is
//! found behind it.

use std::sync::LazyLock;

use crate::bytes::text;
use mail::bounce::Dictionary;
use mail::report::{FeedbackFormat, Report, limits, read};

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(Dictionary::builtin);

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let input = text(data);
    if input.contains("--frame") || input.contains('\r') {
        return;
    }
    let mail = format!(
        "From: fbl@provider.test\nTo: fbl@bounce.test\nSubject: x\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=frame\n\n\
         --frame\nContent-Type: text/plain\n\nA complaint.\n\
         --frame\nContent-Type: message/feedback-report\n\n{input}\n\
         --frame\nContent-Type: message/rfc822\n\nMessage-ID: <r.abc@x.test>\nReturn-Path: <b.abc@bounce.test>\n\nbody\n--frame--\n"
    );
    let report = read(mail.as_bytes(), &DICTIONARY);
    let Report::Feedback(feedback) = &report else { panic!("{report:?}") };
    assert_eq!(feedback.format, FeedbackFormat::Arf);
    assert!(feedback.fields.len() <= limits::FIELDS_MAX);
    assert!(!(feedback.is_complaint() && feedback.is_opt_out()));
    assert_eq!(feedback.original.message_id.as_deref(), Some("r.abc@x.test"));
    assert_eq!(feedback.original.return_path.as_deref(), Some("b.abc@bounce.test"));
    assert_eq!(read(mail.replace('\n', "\r\n").as_bytes(), &DICTIONARY), report, "line ends matter");
}
