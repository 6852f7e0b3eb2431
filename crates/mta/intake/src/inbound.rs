//! Mail that comes back: read, attributed, and made into one event. Nothing else ever comes of it.
//!
//! | the mail | the event |
//! |---|---|
//! | delivery report, failed | `remote-bounce` with the reply and its category |
//! | complaint (ARF, JMRP) | `complaint` |
//! | opt-out report, or mail to an unsubscribe address | `unsubscribed`, method `mail` |
//! | delayed or delivered, `not-spam`, automatic answers, mail of people | `inbound` with a note |
//! | anything that no token of ours attributes | `inbound` of an engine number, limited in rate |
//!
//! An attributed event has an id made of its recipient and kind, so a report that is sent twice is the same event.

use std::net::IpAddr;

use mail::address::Address;
use mail::bounce::Dictionary;
use mail::mime;
use mail::report::{Action, AutoReply, DeliveryReport, Feedback, FeedbackFormat, Original, RecipientReport, Report};
use mail::token::Keys;
use model::event::{Event, EventKind, RemoteReport, Touch};
use model::name::Name;
use model::submission::{Origin, Protocol};
use model::time::Timestamp;

use crate::attribution::{Attribution, attribute};
use crate::relay::Mailbox;

/// Longest note, in bytes.
const NOTE_MAX: usize = 500;
/// Longest text taken from a report, in bytes.
const TEXT_MAX: usize = 255;

/// An inbound mail for one address of ours.
pub(crate) struct Arrival<'a> {
    /// The address it came to.
    pub(crate) recipient: &'a str,
    pub(crate) mailbox: Mailbox,
    /// Its return path; empty for `<>`.
    pub(crate) sender: &'a str,
    pub(crate) peer: IpAddr,
    pub(crate) raw: &'a [u8],
    pub(crate) at: Timestamp,
}

/// What an inbound mail leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// It speaks of a mail of ours.
    Ours(Box<Event>),
    /// It speaks of nothing that we know. The id of the event is still to be set.
    Strange(Box<Event>),
}

/// Reads an inbound mail.
pub(crate) fn read(arrival: &Arrival<'_>, keys: &Keys, dictionary: &Dictionary) -> Found {
    let report = mail::report::read(arrival.raw, dictionary);
    let subject = mime::fields(arrival.raw).get("Subject").map(|field| field.decoded());
    let original = original_of(&report);
    let attribution = attribute(keys, arrival.recipient, subject.as_deref(), original);
    let meaning = Meaning::of(&report, arrival.mailbox, subject.as_deref());
    let common = Event {
        address: meaning.address,
        report: meaning.report,
        touch: (meaning.kind == EventKind::Unsubscribed).then(by_mail),
        note: meaning.note,
        size_bytes: Some(arrival.raw.len() as u64),
        origin: Some(Origin { protocol: Protocol::Smtp, peer: Some(arrival.peer.to_canonical()), user: None }),
        ..Event::default()
    };
    match attribution {
        Some(attribution) => Found::Ours(Box::new(ours(meaning.kind, attribution, arrival.at, common))),
        None => Found::Strange(Box::new(strange(meaning.kind, arrival, common))),
    }
}

fn ours(kind: EventKind, attribution: Attribution, at: Timestamp, common: Event) -> Event {
    let leaves = kind == EventKind::Unsubscribed;
    let list = attribution.list.filter(|_| leaves);
    let to = attribution.to.unwrap_or_default();
    let name = |name: Name| Some(name).filter(|name| leaves && !name.is_empty());
    // What we sealed, before what the report claims.
    let address = Some(to.address).filter(|address| !address.is_empty()).or(common.address);
    let Event { v, id, at, kind, recipient, .. } = Event::of_recipient(kind, attribution.recipient, 0, at);
    Event {
        v,
        id,
        at,
        kind,
        recipient,
        message: attribution.message,
        contact: attribution.contact,
        campaign: attribution.campaign,
        list,
        address,
        tenant: name(to.tenant),
        stream: name(to.stream),
        ..common
    }
}

fn strange(kind: EventKind, arrival: &Arrival<'_>, common: Event) -> Event {
    let about = common.address.as_deref().map(|address| format!(" about {address}")).unwrap_or_default();
    let note = common.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    let what = match kind {
        EventKind::Inbound => "mail".to_owned(),
        kind => format!("{} report", kind.as_str()),
    };
    let note = cut(&format!("{what}{about} without a token of ours{note}"), NOTE_MAX);
    let Event { v, at, kind, .. } = Event::of_engine(EventKind::Inbound, 0, arrival.at);
    Event {
        v,
        at,
        kind,
        address: Some(arrival.recipient.to_owned()),
        sender: Some(arrival.sender.to_owned()),
        note: Some(note),
        touch: None,
        ..common
    }
}

fn by_mail() -> Touch {
    Touch { method: Some("mail".to_owned()), ..Touch::default() }
}

fn original_of(report: &Report) -> Option<&Original> {
    match report {
        Report::Delivery(report) => Some(&report.original),
        Report::Feedback(report) => Some(&report.original),
        Report::AutoReply(report) => Some(&report.original),
        Report::None => None,
    }
}

/// What a report says, before it is known about whom.
struct Meaning {
    kind: EventKind,
    /// The recipient's address, as far as the report names it.
    address: Option<String>,
    report: Option<RemoteReport>,
    note: Option<String>,
}

impl Meaning {
    fn of(report: &Report, mailbox: Mailbox, subject: Option<&str>) -> Self {
        match report {
            Report::Delivery(report) => Self::of_delivery(report),
            Report::Feedback(report) => Self::of_feedback(report),
            Report::AutoReply(report) => Self::of_auto_reply(report),
            Report::None => {
                let unsubscribes = mailbox == Mailbox::Unsubscribe;
                let kind = if unsubscribes { EventKind::Unsubscribed } else { EventKind::Inbound };
                let note = subject.map(|subject| cut(&format!("subject: {subject}"), NOTE_MAX));
                Meaning { kind, address: None, report: None, note }
            }
        }
    }

    /// A return path of ours stands for one recipient; of several entries the gravest is told.
    fn of_delivery(report: &DeliveryReport) -> Self {
        let gravity = |entry: &&RecipientReport| match entry.action {
            Action::Failed => 2,
            Action::Delayed => 1,
            Action::Delivered | Action::Relayed | Action::Expanded => 0,
        };
        // The first of the gravest: `max_by_key` would give the last.
        let Some(entry) = report.recipients.iter().rev().max_by_key(gravity) else {
            let note = Some("a delivery report without recipients".to_owned());
            return Meaning { kind: EventKind::Inbound, address: None, report: None, note };
        };
        let failed = entry.action == Action::Failed;
        let class = failed.then_some(&entry.class);
        let remote = RemoteReport {
            what: entry.action.as_str().to_owned(),
            reporter: short(entry.remote_mta.as_ref().or(report.reporting_mta.as_ref())),
            reply: entry.reply.clone(),
            category: class.map(|class| class.category),
            suppress: class.is_some_and(|class| class.suppress),
            source_address: None,
        };
        let kind = if failed { EventKind::RemoteBounce } else { EventKind::Inbound };
        let address = valid([&entry.original_recipient, &entry.recipient]);
        Meaning { kind, address, report: Some(remote), note: None }
    }

    fn of_feedback(report: &Feedback) -> Self {
        let kind = if report.format == FeedbackFormat::Unsubscription || report.is_opt_out() {
            EventKind::Unsubscribed
        } else if report.is_complaint() {
            EventKind::Complaint
        } else {
            EventKind::Inbound
        };
        let remote = RemoteReport {
            what: cut(&report.kind, TEXT_MAX),
            reporter: short(report.user_agent.as_ref().or(report.reporting_mta.as_ref())),
            source_address: short(report.source_ip.as_ref()),
            ..RemoteReport::default()
        };
        let report_kept = (kind != EventKind::Unsubscribed).then_some(remote);
        Meaning { kind, address: valid([&report.recipient, &None]), report: report_kept, note: None }
    }

    fn of_auto_reply(reply: &AutoReply) -> Self {
        let subject = reply.subject.as_deref().unwrap_or("no subject");
        let note = Some(cut(&format!("automatic answer ({}): {subject}", reply.sign), NOTE_MAX));
        Meaning { kind: EventKind::Inbound, address: None, report: None, note }
    }
}

/// The first of these that is an address; reports often give redacted ones.
fn valid(candidates: [&Option<String>; 2]) -> Option<String> {
    let mut parsed = candidates.into_iter().flatten().filter_map(|text| Address::parse(text).ok());
    parsed.next().map(|address| address.as_str().to_owned())
}

fn short(text: Option<&String>) -> Option<String> {
    text.map(|text| cut(text, TEXT_MAX))
}

/// At most so many bytes, without control characters.
fn cut(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
