//! The structured delivery report: `message/delivery-status` (RFC 3464), field by field.

use model::reply::{EnhancedStatus, Reply};

use super::fields::{self, Fields};
use super::limits::RECIPIENTS_MAX;
use super::{Action, RecipientReport};
use crate::address::Address;
use crate::bounce::Dictionary;

/// What the part says about the message as a whole.
#[derive(Debug, Default)]
pub(super) struct PerMessage {
    pub(super) reporting_mta: Option<String>,
    pub(super) envelope_id: Option<String>,
}

/// One recipient group, before it is given its meaning.
#[derive(Debug)]
pub(super) struct PerRecipient {
    pub(super) recipient: Option<String>,
    pub(super) original_recipient: Option<String>,
    pub(super) action: Option<Action>,
    pub(super) status: Option<EnhancedStatus>,
    pub(super) diagnostic: Option<String>,
    pub(super) remote_mta: Option<String>,
}

/// Reads the part. Groups without any known field of a recipient are passed over.
pub(super) fn read(text: &str) -> (PerMessage, Vec<PerRecipient>) {
    let mut message = PerMessage::default();
    let mut recipients = Vec::new();
    for group in fields::groups(text, RECIPIENTS_MAX + 1) {
        let host =
            |name: &str| group.get(name).map(|value| fields::behind_type(value).to_owned()).filter(|v| !v.is_empty());
        message.reporting_mta = message.reporting_mta.take().or_else(|| host("Reporting-MTA"));
        message.envelope_id =
            message.envelope_id.take().or_else(|| group.get("Original-Envelope-Id").map(str::to_owned));
        recipients.extend(read_recipient(&group));
    }
    recipients.truncate(RECIPIENTS_MAX);
    (message, recipients)
}

fn read_recipient(group: &Fields) -> Option<PerRecipient> {
    let address = |name: &str| {
        let written = group.get(name)?;
        // A local part between quotation marks may hold whatever stands around addresses elsewhere (RFC 5321 4.1.2).
        let whole = written.split_once(';').map_or(written, |(_, behind)| behind).trim();
        let whole = whole.strip_prefix('<').and_then(|whole| whole.strip_suffix('>')).unwrap_or(whole);
        if Address::parse(whole).is_ok() {
            return Some(whole.to_owned());
        }
        let value = fields::behind_type(written);
        Some(fields::addresses(value).next().unwrap_or(value).to_owned()).filter(|value| !value.is_empty())
    };
    let known = ["Final-Recipient", "Original-Recipient", "Action", "Status", "Diagnostic-Code"];
    if !known.iter().any(|name| group.get(name).is_some()) {
        return None;
    }
    let diagnostics: Vec<&str> =
        group.all("Diagnostic-Code").map(diagnostic_text).filter(|text| !text.is_empty()).collect();
    Some(PerRecipient {
        recipient: address("Final-Recipient").or_else(|| address("X-Actual-Recipient")),
        original_recipient: address("Original-Recipient"),
        action: group.get("Action").and_then(read_action),
        status: group.get("Status").and_then(read_status),
        diagnostic: diagnostics.first().map(|text| (*text).to_owned()),
        remote_mta: group.get("Remote-MTA").map(|value| fields::behind_type(value).to_owned()),
    })
}

/// The text behind `smtp;`. Some write the type and nothing else, some no type at all.
fn diagnostic_text(value: &str) -> &str {
    match value.split_once(';') {
        Some((kind, text)) if !kind.trim().contains(char::is_whitespace) => text.trim(),
        _ => value.trim(),
    }
}

fn read_action(value: &str) -> Option<Action> {
    let word = value.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty())?.to_ascii_lowercase();
    Some(match word.as_str() {
        "failed" | "failure" | "fail" => Action::Failed,
        "delayed" | "deferred" => Action::Delayed,
        "delivered" | "deliverable" => Action::Delivered,
        "relayed" => Action::Relayed,
        "expanded" => Action::Expanded,
        _ => return None,
    })
}

fn read_status(value: &str) -> Option<EnhancedStatus> {
    value.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|word| word.parse().ok())
}

impl PerRecipient {
    /// Gives it its meaning: a success needs no reply, a failure gets its category from reply or status.
    pub(super) fn conclude(self, spare_reply: Option<&str>, dictionary: &Dictionary) -> RecipientReport {
        let line = spare_reply.or(self.diagnostic.as_deref()).map(str::to_owned);
        let mut reply = line.as_deref().map(super::prose::reply_in);
        let action = self.action.unwrap_or_else(|| default_action(self.status, reply.as_ref()));
        if let Some(reply) = &mut reply
            && reply.enhanced.is_none()
            && action == Action::Failed
        {
            // A status of x.0.0 says nothing that the text would not say better.
            reply.enhanced =
                self.status.filter(|status| status.class != 2 && (status.subject, status.detail) != (0, 0));
        }
        let known = reply.clone().or_else(|| self.status.map(bare));
        let mut class = match &known {
            Some(reply) => dictionary.classify(reply, None),
            None => dictionary.classify_line("", None),
        };
        if action != Action::Failed {
            (class.hard, class.suppress) = (false, false);
        }
        RecipientReport {
            recipient: self.recipient,
            original_recipient: self.original_recipient,
            action,
            status: self.status,
            reply,
            remote_mta: self.remote_mta,
            class,
        }
    }
}

/// A reply that is nothing but its status.
fn bare(status: EnhancedStatus) -> Reply {
    Reply { code: u16::from(status.class) * 100 + 50, enhanced: Some(status), text: String::new() }
}

fn default_action(status: Option<EnhancedStatus>, reply: Option<&Reply>) -> Action {
    match (status.map(|status| status.class), reply.map(|reply| reply.code / 100)) {
        (Some(2), _) | (None, Some(2)) => Action::Delivered,
        (Some(4), _) | (None, Some(4)) => Action::Delayed,
        _ => Action::Failed,
    }
}
