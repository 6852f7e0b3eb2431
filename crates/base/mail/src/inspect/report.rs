//! `inspect bounce` and `inspect feedback`: what does this inbound mail tell.

use serde_json::{Map, Value, json};

use super::{InspectError, bounded, mail};
use crate::bounce::Dictionary;
use crate::report::{self, Action, AutoReply, DeliveryReport, Feedback, Original, Report};

/// Any inbound mail: delivery report, bounce in prose, automatic answer, feedback, or none of these.
///
/// # Errors
/// [`InspectError`] for an empty input, one beyond the limits, and with the code `not-a-mail` for one that says nothing
/// and has not even a header.
pub fn bounce(input: &[u8]) -> Result<Value, InspectError> {
    let dictionary = Dictionary::builtin();
    Ok(match report::read(bounded(input)?, &dictionary) {
        Report::Delivery(report) => delivery(&report),
        Report::Feedback(feedback) => {
            json!({ "kind": "feedback", "reports": [feedback_row(&feedback)], "feedback": fields_of(&feedback) })
        }
        Report::AutoReply(answer) => json!({ "kind": "auto-reply", "reports": [answer_row(&answer)] }),
        Report::None => {
            mail(input)?;
            json!({ "kind": "none", "reports": [] })
        }
    })
}

/// A complaint in ARF or JMRP form.
///
/// # Errors
/// [`InspectError`] with the code `not-feedback` for any other mail; for an empty input or one beyond the limits.
pub fn feedback(input: &[u8]) -> Result<Value, InspectError> {
    let dictionary = Dictionary::builtin();
    match report::read(bounded(input)?, &dictionary) {
        Report::Feedback(feedback) => Ok(fields_of(&feedback)),
        _ => Err(InspectError::new("not-feedback", "this mail is no feedback report")),
    }
}

fn delivery(report: &DeliveryReport) -> Value {
    let has = |action: Action| report.recipients.iter().any(|one| one.action == action);
    let kind = match (has(Action::Failed), has(Action::Delayed)) {
        (true, _) => "bounce",
        (false, true) => "delay",
        (false, false) => "delivered",
    };
    let rows: Vec<Value> = report
        .recipients
        .iter()
        .map(|one| {
            let reply = one.reply.as_ref().map(|reply| {
                json!({ "code": (reply.code != 0).then_some(reply.code), "enhanced": reply.enhanced, "text": reply.text })
            });
            let failed = matches!(one.action, Action::Failed | Action::Delayed);
            json!({
                "recipient": one.recipient,
                "original_recipient": one.original_recipient,
                "action": one.action.as_str(),
                "status": one.status,
                "reply": reply,
                "category": failed.then_some(one.class.category),
                "family": failed.then_some(one.class.family),
                "hard": one.class.hard,
                "suppress": one.class.suppress,
                "template": failed.then_some(&one.class.template),
                "remote_mta": one.remote_mta,
                "original_message_id": report.original.message_id,
                "verp": verp(&report.original),
            })
        })
        .collect();
    json!({
        "kind": kind,
        "structured": report.structured,
        "reporting_mta": report.reporting_mta,
        "envelope_id": report.envelope_id,
        "reports": rows,
    })
}

fn answer_row(answer: &AutoReply) -> Value {
    json!({
        "recipient": answer.from,
        "action": null,
        "status": null,
        "reply": null,
        "category": "auto-reply",
        "family": "auto",
        "hard": false,
        "suppress": false,
        "remote_mta": null,
        "original_message_id": answer.original.message_id,
        "verp": verp(&answer.original),
        "sign": answer.sign,
    })
}

fn feedback_row(feedback: &Feedback) -> Value {
    json!({
        "recipient": feedback.recipient,
        "action": null,
        "status": null,
        "reply": null,
        "category": null,
        "family": "feedback",
        "hard": false,
        "suppress": false,
        "remote_mta": feedback.reporting_mta,
        "original_message_id": feedback.original.message_id,
        "verp": verp(&feedback.original),
    })
}

fn fields_of(feedback: &Feedback) -> Value {
    let pairs = |pairs: &[(String, String)]| -> Map<String, Value> {
        let mut map = Map::new();
        for (name, value) in pairs {
            let values = map.entry(name.to_ascii_lowercase()).or_insert_with(|| json!([]));
            if let Value::Array(values) = values {
                values.push(json!(value));
            }
        }
        map
    };
    json!({
        "type": feedback.kind,
        "format": feedback.format.as_str(),
        "source": feedback.source_ip,
        "recipient": feedback.recipient,
        "mail_from": feedback.mail_from,
        "user_agent": feedback.user_agent,
        "reporting_mta": feedback.reporting_mta,
        "incidents": feedback.incidents,
        "complaint": feedback.is_complaint(),
        "original": {
            "message_id": feedback.original.message_id,
            "from": feedback.original.from,
            "headers": pairs(&feedback.original.headers),
        },
        "attributed": verp(&feedback.original),
        "fields": pairs(&feedback.fields),
    })
}

/// The return path taken apart, when it is one of the kind that names its recipient.
fn verp(original: &Original) -> Value {
    match original.verp() {
        Some(verp) => json!({ "local": verp.local, "domain": verp.domain, "recipient": verp.recipient }),
        None => Value::Null,
    }
}
