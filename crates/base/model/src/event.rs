//! What is remembered: one [`Event`] for everything that happens to a mail, a contact or the engine itself.
//!
//! Two forms of the same struct. JSON, for people, exports and the API: flat names, absent values left out, `"v"` tells
//! the version. Binary (CBOR with small integers as keys), for the event log: unknown keys are skipped, so an older
//! program can read a newer log. A golden file for each version stands in `testdata/`; `docs/generated/events.md` is
//! made of the comments here.
//!
//! Fields may be added, never renamed or reused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::category::{Category, Disposition, Scope};
use crate::dialogue::{TlsUse, Wire};
use crate::id::{CampaignId, ContactId, EventId, ListId, MessageId, RecipientId};
use crate::name::Name;
use crate::reply::{Phase, Reply};
use crate::submission::{Metadata, Origin};
use crate::time::Timestamp;

/// Version written into new events.
pub const EVENT_VERSION: u8 = 1;

/// Longest transcript kept with an event, in bytes; the middle of a longer one is left out.
pub const TRANSCRIPT_MAX: usize = 16 * 1024;

/// Something that happened.
#[derive(
    Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode, utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(default)]
pub struct Event {
    /// Version of this form.
    #[n(0)]
    pub v: u8,
    /// Stable identity: the same event told twice has the same id.
    #[n(1)]
    pub id: EventId,
    /// When it happened: an attempt at its end, a report when it came in.
    #[n(2)]
    pub at: Timestamp,
    /// What kind of thing happened.
    #[n(3)]
    pub kind: EventKind,
    /// The message.
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// The recipient.
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<RecipientId>,
    /// The recipient's address.
    #[n(6)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The return path: an address, `<>`, or `@domain` when each recipient has one of its own at this domain.
    #[n(7)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Whose mail it is.
    #[n(8)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Kind of traffic.
    #[n(9)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<Name>,
    /// The unit of work, where the submitter named one.
    #[n(10)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Name>,
    /// The campaign, where it is mail of one.
    #[n(11)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
    /// The contact, where it is mail of a campaign.
    #[n(12)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// The mailbox provider, as soon as the domain's MX hosts are known; the registrable domain of the hosts when it
    /// is none of those in the rules.
    #[n(13)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Name>,
    /// The source (virtual MTA), when one had been chosen.
    #[n(14)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Name>,
    /// How it came in: mail to be sent, or the mail that brought a report.
    #[n(15)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// One attempt at delivery, or the attempt to open a connection.
    #[n(16)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// A report from outside.
    #[n(17)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<RemoteReport>,
    /// A request by a person's software.
    #[n(18)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touch: Option<Touch>,
    /// A change of what the engine may do.
    #[n(19)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlChange>,
    /// Size of the message in bytes, as it came in; for a campaign that of its template.
    #[n(20)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The list that is left.
    #[n(21)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<ListId>,
    /// A sentence for people, in English.
    #[n(22)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who stands behind an inbound mail, as far as SPF, DKIM, DMARC and ARC tell.
    #[n(23)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// Words of the submitter's for sorting.
    #[n(24)]
    #[cbor(default)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Name>,
    /// Named texts of the submitter's: of the message, and over them those of the recipient.
    #[n(25)]
    #[cbor(default)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub metadata: Metadata,
}

numbered_names! {
    /// What kind of thing happened.
    #[derive(Default)]
    EventKind {
        /// A recipient was accepted and is on disk.
        #[default]
        0 Received "received",
        /// A submission was refused.
        1 Rejected "rejected",
        /// The receiving host took the mail.
        2 Delivered "delivered",
        /// An attempt failed; another follows.
        3 Deferred "deferred",
        /// An attempt failed for good.
        4 Bounced "bounced",
        /// Queued for too long.
        5 Expired "expired",
        /// Not attempted: the address is suppressed, or a person cancelled it.
        6 Suppressed "suppressed",
        /// A delivery report came back after acceptance (out-of-band bounce).
        7 RemoteBounce "remote-bounce",
        /// The recipient complained (feedback loop).
        8 Complaint "complaint",
        /// The pixel was fetched.
        9 Opened "opened",
        /// A link was followed.
        10 Clicked "clicked",
        /// The recipient unsubscribed.
        11 Unsubscribed "unsubscribed",
        /// A path was slowed or suspended, with the reply that caused it.
        12 Throttled "throttled",
        /// A path is back to its configured limits.
        13 Restored "restored",
        /// A person or a rule held, released, paused or changed something.
        14 Control "control",
        /// A connection could not be made or broke outside of a transaction.
        15 ConnectionFailed "connection-failed",
        /// Inbound mail that was taken and led to nothing (unknown report, reply of a person).
        16 Inbound "inbound",
    }
}

impl EventKind {
    /// The disposition this kind speaks of, for the five kinds that end an attempt.
    pub const fn disposition(self) -> Option<Disposition> {
        Some(match self {
            EventKind::Delivered => Disposition::Delivered,
            EventKind::Deferred => Disposition::Deferred,
            EventKind::Bounced => Disposition::Bounced,
            EventKind::Expired => Disposition::Expired,
            EventKind::Suppressed => Disposition::Suppressed,
            _ => return None,
        })
    }

    /// The kind that tells of this disposition.
    pub const fn of_disposition(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Delivered => EventKind::Delivered,
            Disposition::Deferred => EventKind::Deferred,
            Disposition::Bounced => EventKind::Bounced,
            Disposition::Expired => EventKind::Expired,
            Disposition::Suppressed => EventKind::Suppressed,
        }
    }
}

/// One attempt at delivery: route, dialogue, meaning, times.
#[derive(
    Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode, utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(default)]
pub struct Attempt {
    /// Number of the attempt, from 1; 0 when there was none.
    #[n(0)]
    pub number: u16,
    /// Site (rolled-up MX set).
    #[n(1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// MX host that was talked to; absent when none was.
    #[n(2)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mx_host: Option<Name>,
    /// Its address.
    #[n(3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mx_address: Option<String>,
    /// Own address of the connection.
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// Where in the dialogue it ended; absent when the queue itself ended it.
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The reply that decided; absent when there was none.
    #[n(6)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// What failed when there was no reply: an IO, DNS or TLS error in words.
    #[n(7)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Bounce category; absent when delivered.
    #[n(8)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Whom the failure concerns; absent when delivered.
    #[n(9)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The address itself is bad and is suppressed from now on; left out when false.
    #[n(10)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suppress: bool,
    /// TLS version and cipher, when TLS was used.
    #[n(11)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// When the next attempt is due (`deferred`; absent when none fits before the mail expires).
    #[n(12)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Timestamp>,
    /// From acceptance to the end of this attempt, in milliseconds; absent for a connection.
    #[n(13)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_ms: Option<u64>,
    /// TCP connect, in milliseconds (first message of a connection only).
    #[n(14)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<u32>,
    /// TLS handshake, in milliseconds (first message of a connection only).
    #[n(15)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<u32>,
    /// From MAIL FROM to the last reply, in milliseconds.
    #[n(16)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_ms: Option<u32>,
    /// The dialogue: lines of `S: …` (server) and `C: …` (client), message bytes left out. Kept of every failure and of
    /// a sample of deliveries (`delivery.transcript_sample`), at most 16 KiB.
    #[n(17)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// How the connection was encrypted, when it was.
    #[n(18)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_use: Option<TlsUse>,
    /// The connection and the dialogue in numbers; absent when no connection was made.
    #[n(19)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire: Option<Wire>,
}

/// What a delivery report or a feedback report said.
#[derive(
    Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode, utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(default)]
pub struct RemoteReport {
    /// `failed`, `delayed`, `delivered`, `relayed`, `expanded` (DSN action) or the feedback type (`abuse`, `fraud` …).
    #[n(0)]
    pub what: String,
    /// Who reported: reporting MTA or user agent.
    #[n(1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reporter: Option<String>,
    /// The reply quoted in a DSN.
    #[n(2)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// Bounce category of that reply.
    #[n(3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// The address itself is bad and is suppressed from now on; left out when false.
    #[n(4)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suppress: bool,
    /// Our source address as the report names it.
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
}

/// Who stands behind an inbound mail: the results of RFC 8601 2.7, in its words (`pass`, `fail`, `temperror` …).
///
/// Text that strangers chose (domains) is cut to 255 bytes each.
#[derive(
    Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode, utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(default)]
pub struct Authentication {
    /// Whether the report was believed: a token of ours proves it, or its sender authenticates as one who may report.
    #[n(0)]
    pub authentic: bool,
    /// What it was believed for: `token`, `dmarc`, `operator`; absent when it was not.
    #[n(1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// SPF of the return path.
    #[n(2)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spf: Option<String>,
    /// The domain that SPF was asked of.
    #[n(3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spf_domain: Option<String>,
    /// The best result of its DKIM signatures; `none` without one.
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dkim: Option<String>,
    /// Domains of the signatures that passed, at most 4.
    #[n(5)]
    #[cbor(default)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dkim_domains: Vec<String>,
    /// DMARC of the domain in From.
    #[n(6)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dmarc: Option<String>,
    /// The domain in From.
    #[n(7)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_domain: Option<String>,
    /// The ARC chain; absent without one.
    #[n(8)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arc: Option<String>,
}

/// A request by a mail program, a proxy or a person.
#[derive(
    Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode, utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(default)]
pub struct Touch {
    /// Number of the link in the message, from 0 (`clicked`).
    #[n(0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<u16>,
    /// Where the link leads (`clicked`).
    #[n(1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// IP address of the client; often a proxy of the mailbox provider.
    #[n(2)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// User-Agent header, at most 512 bytes.
    #[n(3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// How the recipient unsubscribed: `one-click`, `page` or `mail` (`unsubscribed`).
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

/// A change of what the engine may do.
#[derive(
    Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode, utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(default)]
pub struct ControlChange {
    /// What it concerns: `path`, `provider`, `source`, `site`, `domain`, `campaign`, `job`, `message`, `recipient`,
    /// `dkim-key`, `intake`, `transcripts` (dialogues that are recorded).
    #[n(0)]
    pub target: String,
    /// Its name; of a path `source/site`, of a provider seen from one source `source/provider`, of intake the floor that
    /// was reached: `disk`, `inodes`, `memory`, `queue`, of transcripts whose dialogues (`domain:example.org`).
    #[n(1)]
    pub name: String,
    /// What was done: `limit`, `suspend`, `raise`, `restore` (rules and controller); `hold`, `release`, `cancel`,
    /// `suspend`, `resume`, `record`, `end` (persons).
    #[n(2)]
    pub action: String,
    /// The new value in words, or how many recipients an order concerned.
    #[n(3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Until when.
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who or what did it: a rule with its line, the adaptive controller, a person.
    #[n(5)]
    pub by: String,
    /// The reply that caused it.
    #[n(6)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
}

impl Event {
    /// An event about one recipient. `ordinal` tells events of the same kind apart: the attempt, or a count from 0.
    pub fn of_recipient(kind: EventKind, recipient: RecipientId, ordinal: u16, at: Timestamp) -> Self {
        let leaf = u32::from(kind.number()) << 16 | u32::from(ordinal);
        Event {
            v: EVENT_VERSION,
            id: EventId { root: recipient.0, leaf },
            at,
            kind,
            recipient: Some(recipient),
            ..Event::default()
        }
    }

    /// An event about anything else; `root` is a generated number.
    pub fn of_engine(kind: EventKind, root: u64, at: Timestamp) -> Self {
        let leaf = u32::from(kind.number()) << 16;
        Event { v: EVENT_VERSION, id: EventId { root, leaf }, at, kind, ..Event::default() }
    }

    /// The binary form.
    pub fn to_binary(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("invariant: writing to memory cannot fail")
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`EventError`] when the bytes are not an event: the caller counts and keeps them.
    pub fn from_binary(bytes: &[u8]) -> Result<Self, EventError> {
        minicbor::decode(bytes).map_err(|error| EventError(error.to_string()))
    }
}

/// Bytes that are not an event in binary form.
#[derive(Debug, thiserror::Error)]
#[error("not an event: {0}")]
pub struct EventError(String);
