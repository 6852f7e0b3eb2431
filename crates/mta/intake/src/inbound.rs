//! Mail that comes back: read, attributed, and made into one event for each address it came to. Pure; what is done with
//! events and letters is decided in `arrivals`.
//!
//! | the mail | the event |
//! |---|---|
//! | delivery report, failed | `remote-bounce` with the reply and its category |
//! | complaint (ARF, JMRP) | `complaint` |
//! | opt-out report, or mail to an unsubscribe address | `unsubscribed`, method `mail` |
//! | aggregate report (DMARC, TLS) | `inbound` with its figures; of senders who do not authenticate with a note alone |
//! | delayed or delivered, `not-spam`, automatic answers | `inbound` with a note |
//! | a report that no token of ours attributes | `inbound` of an engine number, limited in rate |
//! | anything else: a letter, mail of people | `inbound` with a note, and somebody should read it |
//!
//! An attributed event has an id made of its recipient and kind, so a report that is sent twice is the same event.
//! Whoever gets mail of ours knows a token: it proves of which mail he speaks, but what he says of it may be a lie. So
//! the address of an event is never the report's word; it is sealed in a token, or looked up by the recipient's id. Without
//! a token an event of consequence is made only for those whom `belief` names: an operator of feedback loops who
//! authenticates may name an address, a person for whose address DMARC passes may leave. Its id is made of the address,
//! the kind and the day, so that it counts once however often it is sent.

use std::net::IpAddr;

use mail::address::Address;
use mail::auth::Checked;
use mail::bounce::Dictionary;
use mail::mime;
use mail::report::{
    Action, AggregateKind, AggregateReport, AutoReply, DeliveryReport, Feedback, FeedbackFormat, Original,
    RecipientReport, Report, announced, read_aggregate,
};
use mail::token::Keys;
use model::event::{Authentication, Event, EventKind, RemoteReport, Touch};
use model::hash::fnv1a;
use model::name::Name;
use model::submission::{Origin, Protocol};
use model::time::Timestamp;

use crate::attribution::{Attribution, attribute};
use crate::belief::{Claim, Operators, believed};
use crate::relay::Mailbox;
use crate::verification::Verdict;

/// Longest note, in bytes.
const NOTE_MAX: usize = 500;
/// Longest text taken from a report, in bytes.
const TEXT_MAX: usize = 255;

/// How an inbound mail came to one address of ours.
pub(crate) struct Arrival<'a> {
    /// The address it came to.
    pub(crate) recipient: &'a str,
    pub(crate) mailbox: Mailbox,
    /// Its return path; empty for `<>`.
    pub(crate) sender: &'a str,
    pub(crate) peer: IpAddr,
    pub(crate) at: Timestamp,
}

/// What an inbound mail leads to.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) event: Box<Event>,
    /// It has a meaning and its own id. Otherwise the id of the event is still to be set.
    pub(crate) known: bool,
    /// No program can make anything of it.
    pub(crate) letter: bool,
}

/// An inbound mail that was read.
pub(crate) struct Reading {
    report: Report,
    aggregate: Option<(AggregateKind, Option<AggregateReport>)>,
    subject: Option<String>,
    size_bytes: u64,
    verdict: Verdict,
}

impl Reading {
    /// Reads a mail, whatever the addresses it came to. Slow for large ones.
    pub(crate) fn of(raw: &[u8], dictionary: &Dictionary, verdict: Verdict) -> Self {
        let subject = mime::fields(raw).get("Subject").map(|field| field.decoded());
        // What is packed is unpacked only for somebody who is known.
        let is_known = verdict.checked().is_some_and(Checked::is_aligned);
        let aggregate = announced(raw).map(|kind| (kind, is_known.then(|| read_aggregate(raw, kind)).flatten()));
        let report = mail::report::read(raw, dictionary);
        Reading { report, aggregate, subject, size_bytes: raw.len() as u64, verdict }
    }

    /// What it means for one address that it came to.
    pub(crate) fn about(&self, arrival: &Arrival<'_>, keys: &Keys, operators: &Operators) -> Found {
        let attribution = attribute(keys, arrival.recipient, self.subject.as_deref(), original_of(&self.report));
        let meaning = self.meaning(arrival.mailbox);
        let claim = self.claim(meaning.kind);
        let by = believed(claim, attribution.is_some(), self.verdict.checked(), operators);
        let named = match by {
            Some("operator") => meaning.claimed.clone(),
            Some("dmarc") if claim == Claim::Leave => self.author(),
            _ => None,
        };
        let known = attribution.is_some() || named.is_some();
        let letter = self.report == Report::None && !(known && meaning.kind == EventKind::Unsubscribed);
        let kind = meaning.kind;
        let common = Event {
            report: meaning.report,
            touch: (kind == EventKind::Unsubscribed).then(by_mail),
            note: meaning.note,
            size_bytes: Some(self.size_bytes),
            origin: Some(Origin { protocol: Protocol::Smtp, peer: Some(arrival.peer.to_canonical()), user: None }),
            authentication: self.authentication(by),
            ..Event::default()
        };
        let event = match (attribution, named) {
            (Some(attribution), _) => ours(kind, meaning.claimed, attribution, arrival.at, common),
            (None, Some(address)) => of_address(kind, address, arrival.at, common),
            (None, None) => strange(kind, meaning.claimed, arrival, common),
        };
        Found { event: Box::new(event), known, letter }
    }

    /// It brings figures of a provider.
    pub(crate) fn is_aggregate(&self) -> bool {
        self.aggregate.is_some() && self.report == Report::None
    }

    fn meaning(&self, mailbox: Mailbox) -> Meaning {
        match &self.aggregate {
            Some((kind, report)) if self.is_aggregate() => Meaning::of_aggregate(*kind, report.as_ref()),
            _ => Meaning::of(&self.report, mailbox, self.subject.as_deref()),
        }
    }

    /// What the mail wants us to take for true.
    fn claim(&self, kind: EventKind) -> Claim<'_> {
        match (&self.aggregate, kind, &self.report) {
            (Some((_, report)), ..) if self.is_aggregate() => {
                Claim::Aggregate { contact: report.as_ref().and_then(|report| report.contact_domain.as_deref()) }
            }
            (_, EventKind::Complaint, _) => Claim::Complaint,
            (_, EventKind::Unsubscribed, _) => Claim::Leave,
            (_, _, Report::Delivery(_)) => Claim::Bounce,
            _ => Claim::Other,
        }
    }

    /// The address in From, as we would mail it.
    fn author(&self) -> Option<String> {
        let author = self.verdict.checked()?.author()?;
        Address::parse(author).ok().map(|address| address.as_str().to_owned())
    }

    /// What the event says of who sent the mail; nothing where nothing was checked and nobody is believed.
    fn authentication(&self, by: Option<&str>) -> Option<Authentication> {
        let found = self.verdict.to_event().or_else(|| by.map(|_| Authentication::default()))?;
        Some(Authentication { authentic: by.is_some(), by: by.map(str::to_owned), ..found })
    }
}

/// About an address that somebody may name who is believed without a token.
fn of_address(kind: EventKind, address: String, at: Timestamp, common: Event) -> Event {
    // The same address, kind and day is the same event.
    let day = at.as_unix_s().div_euclid(86_400);
    let hash = fnv1a(address.to_lowercase().bytes().chain(day.to_be_bytes()));
    let Event { v, id, at, kind, .. } = Event::of_engine(kind, hash, at);
    Event { v, id, at, kind, address: Some(address), ..common }
}

/// What was sealed stands in the event; what the report claims stands in a note.
fn ours(kind: EventKind, claimed: Option<String>, attribution: Attribution, at: Timestamp, common: Event) -> Event {
    let leaves = kind == EventKind::Unsubscribed;
    let list = attribution.list.filter(|_| leaves);
    let to = attribution.to.unwrap_or_default();
    let name = |name: Name| Some(name).filter(|name| leaves && !name.is_empty());
    let address = Some(to.address).filter(|address| !address.is_empty());
    let claim = claimed.filter(|claimed| address.as_ref().is_none_or(|sealed| !claimed.eq_ignore_ascii_case(sealed)));
    let claim = claim.map(|claimed| cut(&format!("the report names {claimed}"), NOTE_MAX));
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
        note: common.note.or(claim),
        ..common
    }
}

fn strange(kind: EventKind, claimed: Option<String>, arrival: &Arrival<'_>, common: Event) -> Event {
    let about = claimed.map(|address| format!(" about {address}")).unwrap_or_default();
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
    /// The recipient's address as the report names it.
    claimed: Option<String>,
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
                Meaning { kind, claimed: None, report: None, note }
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
            return Meaning { kind: EventKind::Inbound, claimed: None, report: None, note };
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
        let claimed = valid([&entry.original_recipient, &entry.recipient]);
        Meaning { kind, claimed, report: Some(remote), note: None }
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
        Meaning { kind, claimed: valid([&report.recipient, &None]), report: report_kept, note: None }
    }

    /// Figures of somebody unknown are not read, and never used.
    fn of_aggregate(kind: AggregateKind, report: Option<&AggregateReport>) -> Self {
        let note = match report {
            Some(report) => {
                let at = |time: Option<Timestamp>| time.map_or_else(|| "?".to_owned(), |time| time.to_string());
                let (from, to) = (at(report.begin), at(report.end));
                format!(
                    "report of {} about {}, {from} to {to}: {} counted, {} failed",
                    report.organisation, report.about, report.count, report.failed
                )
            }
            None => "unverified: its figures are not used".to_owned(),
        };
        let reporter = report.and_then(|report| report.contact_domain.clone());
        let remote = RemoteReport { what: kind.as_str().to_owned(), reporter, ..RemoteReport::default() };
        Meaning { kind: EventKind::Inbound, claimed: None, report: Some(remote), note: Some(cut(&note, NOTE_MAX)) }
    }

    fn of_auto_reply(reply: &AutoReply) -> Self {
        let subject = reply.subject.as_deref().unwrap_or("no subject");
        let note = Some(cut(&format!("automatic answer ({}): {subject}", reply.sign), NOTE_MAX));
        Meaning { kind: EventKind::Inbound, claimed: None, report: None, note }
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
