//! Mail that comes back, as a whole.
//!
//! Holds: the limits of what is kept; the same bytes say the same; the kind of line ends does not matter.

use std::sync::LazyLock;

use crate::bytes::Numbers;
use mail::bounce::Dictionary;
use mail::report::limits::{FIELD_BYTES_MAX, FIELDS_MAX, RECIPIENTS_MAX};
use mail::report::{Original, Report, read};

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(Dictionary::builtin);

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let report = read(data, &DICTIONARY);
    match &report {
        Report::Delivery(report) => {
            assert!((1..=RECIPIENTS_MAX).contains(&report.recipients.len()));
            check(&report.original);
        }
        Report::Feedback(feedback) => {
            assert!(feedback.fields.len() <= FIELDS_MAX && feedback.reported_domains.len() <= FIELDS_MAX);
            check(&feedback.original);
        }
        Report::AutoReply(answer) => check(&answer.original),
        Report::None => {}
    }
    if Numbers::of(data).next(8) == 0 {
        assert_eq!(read(data, &DICTIONARY), report);
    }
}

fn check(original: &Original) {
    assert!(original.headers.len() <= FIELDS_MAX);
    for (name, value) in &original.headers {
        // A space between two folded lines may come on top.
        assert!(name.len() <= 100 && value.len() <= FIELD_BYTES_MAX + FIELDS_MAX, "{} bytes", value.len());
    }
    let _ = (original.verp(), original.token_places().count());
}
