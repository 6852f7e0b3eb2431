//! Reading and writing parts of an event that several columns share.

use model::category::{Category, Scope};
use model::event::{Attempt, ControlChange, Event, EventKind, RemoteReport, Touch};
use model::name::Name;
use model::reply::{EnhancedStatus, Phase, Reply};
use model::submission::{Origin, Protocol};

/// Bits of the column `parts`.
const ATTEMPT: u64 = 1;
const REPORT: u64 = 2;
const TOUCH: u64 = 4;
const CONTROL: u64 = 8;

pub(super) fn parts(event: &Event) -> u64 {
    let bit = |present: bool, bit: u64| if present { bit } else { 0 };
    bit(event.attempt.is_some(), ATTEMPT)
        | bit(event.report.is_some(), REPORT)
        | bit(event.touch.is_some(), TOUCH)
        | bit(event.control.is_some(), CONTROL)
}

pub(super) fn set_parts(event: &mut Event, bits: u64) {
    event.attempt = (bits & ATTEMPT != 0).then(Attempt::default);
    event.report = (bits & REPORT != 0).then(RemoteReport::default);
    event.touch = (bits & TOUCH != 0).then(Touch::default);
    event.control = (bits & CONTROL != 0).then(ControlChange::default);
}

/// True when columns cannot hold the event: it has more than one of the parts that share columns, a part that has no
/// columns, or labels with line feeds in them, which intake takes from nobody.
pub(super) fn needs_whole(event: &Event) -> bool {
    let is_torn = |text: &str| text.is_empty() || text.contains('\n');
    (parts(event) & (ATTEMPT | REPORT | CONTROL)).count_ones() > 1
        || event.authentication.is_some()
        || event.tags.iter().any(|tag| is_torn(tag))
        || event.metadata.iter().any(|(name, text)| is_torn(name) || name.contains('=') || text.contains('\n'))
}

/// The dialogue in numbers, as JSON: read with single events, never searched.
pub(super) fn wire(event: &Event) -> Option<String> {
    serde_json::to_string(event.attempt.as_ref()?.wire.as_ref()?).ok()
}

pub(super) fn set_wire(event: &mut Event, json: &str) {
    attempt(event).wire = serde_json::from_str(json).ok();
}

/// How the connection was encrypted, as JSON.
pub(super) fn tls_use(event: &Event) -> Option<String> {
    serde_json::to_string(event.attempt.as_ref()?.tls_use.as_ref()?).ok()
}

pub(super) fn set_tls_use(event: &mut Event, json: &str) {
    attempt(event).tls_use = serde_json::from_str(json).ok();
}

/// A line for each tag.
pub(super) fn tags(event: &Event) -> Option<String> {
    let tags: Vec<&str> = event.tags.iter().map(|tag| tag.as_str()).collect();
    (!tags.is_empty()).then(|| tags.join("\n"))
}

pub(super) fn set_tags(event: &mut Event, lines: &str) {
    event.tags = lines.split('\n').map(Name::from).collect();
}

/// A line `name=text` for each.
pub(super) fn metadata(event: &Event) -> Option<String> {
    let lines: Vec<String> = event.metadata.iter().map(|(name, text)| format!("{name}={text}")).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

pub(super) fn set_metadata(event: &mut Event, lines: &str) {
    let pairs = lines.split('\n').filter_map(|line| line.split_once('='));
    event.metadata = pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
}

pub(super) fn reply(event: &Event) -> Option<&Reply> {
    let of_attempt = event.attempt.as_ref().and_then(|attempt| attempt.reply.as_ref());
    let of_report = || event.report.as_ref().and_then(|report| report.reply.as_ref());
    let of_control = || event.control.as_ref().and_then(|control| control.reply.as_ref());
    of_attempt.or_else(of_report).or_else(of_control)
}

pub(super) fn reply_mut(event: &mut Event) -> &mut Reply {
    let slot = if let Some(report) = &mut event.report {
        &mut report.reply
    } else if let Some(control) = &mut event.control {
        &mut control.reply
    } else {
        &mut event.attempt.get_or_insert_default().reply
    };
    slot.get_or_insert_with(|| Reply { code: 0, enhanced: None, text: String::new() })
}

pub(super) fn category(event: &Event) -> Option<Category> {
    let of_attempt = event.attempt.as_ref().and_then(|attempt| attempt.category);
    of_attempt.or_else(|| event.report.as_ref().and_then(|report| report.category))
}

pub(super) fn set_category(event: &mut Event, name: &str) {
    let category = Category::from_name(name);
    match &mut event.report {
        Some(report) => report.category = category,
        None => attempt(event).category = category,
    }
}

pub(super) fn source_address(event: &Event) -> Option<&str> {
    let of_attempt = event.attempt.as_ref().and_then(|attempt| attempt.source_address.as_deref());
    of_attempt.or_else(|| event.report.as_ref().and_then(|report| report.source_address.as_deref()))
}

pub(super) fn set_source_address(event: &mut Event, address: &str) {
    match &mut event.report {
        Some(report) => report.source_address = Some(address.to_owned()),
        None => attempt(event).source_address = Some(address.to_owned()),
    }
}

pub(super) fn suppress(event: &Event) -> bool {
    event.attempt.as_ref().is_some_and(|attempt| attempt.suppress)
        || event.report.as_ref().is_some_and(|report| report.suppress)
}

pub(super) fn set_suppress(event: &mut Event) {
    match &mut event.report {
        Some(report) => report.suppress = true,
        None => attempt(event).suppress = true,
    }
}

pub(super) fn domain(event: &Event) -> Option<String> {
    let (_, domain) = event.address.as_deref()?.rsplit_once('@')?;
    Some(domain.to_lowercase())
}

pub(super) fn attempt(event: &mut Event) -> &mut Attempt {
    event.attempt.get_or_insert_default()
}

pub(super) fn report(event: &mut Event) -> &mut RemoteReport {
    event.report.get_or_insert_default()
}

pub(super) fn touch(event: &mut Event) -> &mut Touch {
    event.touch.get_or_insert_default()
}

pub(super) fn control(event: &mut Event) -> &mut ControlChange {
    event.control.get_or_insert_default()
}

pub(super) fn origin(event: &mut Event) -> &mut Origin {
    event.origin.get_or_insert(Origin { protocol: Protocol::Internal, peer: None, user: None })
}

pub(super) fn kind(name: &str) -> EventKind {
    EventKind::from_name(name).unwrap_or_default()
}

pub(super) fn scope(name: &str) -> Option<Scope> {
    Scope::from_name(name)
}

/// Reads `4.7.28`; unlike the parser of protocol text it takes any three numbers, so that nothing is lost.
pub(super) fn enhanced(text: &str) -> Option<EnhancedStatus> {
    let mut numbers = text.split('.');
    let class = numbers.next()?.parse().ok()?;
    let subject = numbers.next()?.parse().ok()?;
    let detail = numbers.next()?.parse().ok()?;
    Some(EnhancedStatus { class, subject, detail })
}

const PHASES: [(Phase, &str); 11] = [
    (Phase::Route, "route"),
    (Phase::Connect, "connect"),
    (Phase::Greeting, "greeting"),
    (Phase::Ehlo, "ehlo"),
    (Phase::Tls, "tls"),
    (Phase::Auth, "auth"),
    (Phase::MailFrom, "mail-from"),
    (Phase::RcptTo, "rcpt-to"),
    (Phase::Data, "data"),
    (Phase::Dot, "dot"),
    (Phase::Idle, "idle"),
];

pub(super) fn phase_name(phase: Phase) -> &'static str {
    PHASES.iter().find(|(known, _)| *known == phase).map_or("route", |(_, name)| name)
}

pub(super) fn phase(name: &str) -> Option<Phase> {
    PHASES.iter().find(|(_, known)| *known == name).map(|(phase, _)| *phase)
}

const PROTOCOLS: [(Protocol, &str); 5] = [
    (Protocol::Smtp, "smtp"),
    (Protocol::Http, "http"),
    (Protocol::Campaign, "campaign"),
    (Protocol::Internal, "internal"),
    (Protocol::Pickup, "pickup"),
];

pub(super) fn protocol_name(protocol: Protocol) -> &'static str {
    PROTOCOLS.iter().find(|(known, _)| *known == protocol).map_or("internal", |(_, name)| name)
}

pub(super) fn protocol(name: &str) -> Protocol {
    PROTOCOLS.iter().find(|(_, known)| *known == name).map_or(Protocol::Internal, |(protocol, _)| *protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for (phase, name) in PHASES {
            assert_eq!(serde_json::to_value(phase).unwrap(), name);
        }
        for (protocol, name) in PROTOCOLS {
            assert_eq!(serde_json::to_value(protocol).unwrap(), name);
        }
    }
}
