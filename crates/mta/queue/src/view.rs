//! What the queue shows to people and programs: the JSON of the API's Delivery wing.
//!
//! Values only; made by `core::snapshot` and `core::explain`. Lists are cut at the limits asked for and say how many
//! there are in all.

use model::category::Category;
use model::id::{CampaignId, MessageId, RecipientId};
use model::name::Name;
use model::reply::{Phase, Reply};
use model::route::TlsPolicy;
use model::time::Timestamp;
use model::units::Rate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a recipient is: exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Waiting for its time, for a route, for room on a path, or held by a person.
    Scheduled,
    /// Bound to a path, next in turn there.
    Ready,
    /// Given to a session.
    InFlight,
}

/// How many recipients are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Waiting for their time, a route, room, or a person; held ones included.
    pub scheduled: u64,
    /// Of the scheduled ones, those held by a person.
    pub held: u64,
    /// Bound to a path.
    pub ready: u64,
    /// Given to a session.
    pub in_flight: u64,
    /// Finished since the program started.
    pub done: u64,
}

/// The whole queue at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// When.
    pub at: Timestamp,
    /// Recipients by state.
    pub totals: Totals,
    /// Connections open or being opened.
    pub connections: u32,
    /// Domains whose MX hosts are being looked up.
    pub lookups: u32,
    /// The busiest paths.
    pub paths: Vec<PathView>,
    /// How many paths there are in all.
    pub paths_total: u64,
    /// The domains with most recipients.
    pub domains: Vec<DomainView>,
    /// How many domains there are in all.
    pub domains_total: u64,
    /// Campaigns with mail in the queue, and those that ended lately.
    pub campaigns: Vec<Progress>,
    /// What persons have held or suspended.
    pub controls: Vec<ControlView>,
    /// What came in and was delivered since the start.
    pub traffic: TrafficView,
}

/// What came in and was delivered since the program started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrafficView {
    /// When the program started.
    pub started_at: Timestamp,
    /// Accepted mail.
    pub inbound: FlowView,
    /// Delivered mail.
    pub outbound: FlowView,
    /// Most connections open at one time.
    pub connections_top: u32,
    /// Most connections that may be open.
    pub connections_max: u32,
}

/// Mail in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowView {
    /// Since the start.
    pub total: Amount,
    /// Within the last 60 minutes, the present one included.
    pub last_hour: Amount,
    /// The most in 60 minutes.
    pub top_hour: Amount,
    /// Within the last full minute.
    pub last_minute: Amount,
    /// The most in one minute.
    pub top_minute: Amount,
}

/// So much mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Amount {
    /// Recipients.
    pub recipients: u64,
    /// Messages; of delivered mail one for each recipient.
    pub messages: u64,
    /// Bytes of messages as they were accepted.
    pub bytes: u64,
}

impl Amount {
    pub(crate) fn plus(self, other: Amount) -> Amount {
        Amount {
            recipients: self.recipients.saturating_add(other.recipients),
            messages: self.messages.saturating_add(other.messages),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    pub(crate) fn less(self, other: Amount) -> Amount {
        Amount {
            recipients: self.recipients.saturating_sub(other.recipients),
            messages: self.messages.saturating_sub(other.messages),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    /// The larger of each.
    pub(crate) fn max(self, other: Amount) -> Amount {
        Amount {
            recipients: self.recipients.max(other.recipients),
            messages: self.messages.max(other.messages),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

/// One path: a source towards a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PathView {
    /// The source.
    pub source: Name,
    /// The site.
    pub site: Name,
    /// The provider.
    pub provider: Name,
    /// Recipients bound to this path.
    pub ready: u64,
    /// Recipients due for the site and not bound to a source yet.
    pub backlog: u64,
    /// Recipients given to sessions of this path.
    pub in_flight: u64,
    /// Connections open or being opened.
    pub connections: u32,
    /// The limits, as configured and as they are now.
    pub limits: LimitsView,
    /// What slows or stops the path now, beyond its configured limits.
    pub throttle: Option<ThrottleView>,
    /// The last reply that was not a success, or the last failure to connect.
    pub last_reply: Option<LastReply>,
    /// Attempts since the program started, or since the path was made.
    pub counts: AttemptCounts,
    /// Deliveries per second over the last half minute.
    pub delivered_per_s: f64,
}

/// Ended attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptCounts {
    /// Taken by the receiving host.
    pub delivered: u64,
    /// Deferred, each attempt counted.
    pub deferred: u64,
    /// Refused for good.
    pub bounced: u64,
}

/// The limits of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LimitsView {
    /// Connections, as configured.
    pub connections: u32,
    /// Connections allowed now.
    pub connections_now: u32,
    /// Message rate, as configured.
    pub rate: Option<Rate>,
    /// Message rate now.
    pub rate_now: Option<Rate>,
    /// Connections of this source to all sites of the provider.
    pub provider_connections: Option<u32>,
    /// Message rate of this source to all sites of the provider.
    pub provider_rate: Option<Rate>,
    /// New connections.
    pub connection_rate: Option<Rate>,
    /// Messages on one connection.
    pub messages_per_connection: u32,
    /// Recipients in one transaction.
    pub recipients_per_transaction: u32,
    /// How TLS is used.
    pub tls: TlsPolicy,
    /// Where these values stand.
    pub set_by: String,
}

/// Something that slows or stops a path for a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ThrottleView {
    /// Nothing is sent on the path; otherwise it is only slower.
    pub stopped: bool,
    /// What, in words.
    pub reason: String,
    /// Until when; open when a person has to end it.
    pub until: Option<Timestamp>,
    /// Who or what: a rule with its line, the adaptive controller, a person.
    pub by: String,
    /// The reply that caused it.
    pub reply: Option<Reply>,
}

/// A reply or a failure, and when it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LastReply {
    /// When.
    pub at: Timestamp,
    /// Where in the dialogue.
    pub phase: Option<Phase>,
    /// The reply.
    pub reply: Option<Reply>,
    /// What failed where there was no reply.
    pub error: Option<String>,
    /// What it is called.
    pub category: Option<Category>,
}

/// One recipient domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DomainView {
    /// The domain.
    pub domain: Name,
    /// Its recipients in the queue.
    pub recipients: u64,
    /// The site that serves it, once known.
    pub site: Option<Name>,
    /// The provider, once known.
    pub provider: Option<Name>,
}

/// How far a campaign has come, as the queue knows it. Finished recipients are counted since the program started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// The campaign.
    pub campaign: CampaignId,
    /// Held by a person.
    pub held: bool,
    /// Waiting.
    pub scheduled: u64,
    /// Bound to a path.
    pub ready: u64,
    /// Given to a session.
    pub in_flight: u64,
    /// Delivered.
    pub delivered: u64,
    /// Deferred attempts.
    pub deferred: u64,
    /// Bounced.
    pub bounced: u64,
    /// Expired.
    pub expired: u64,
    /// Suppressed or cancelled.
    pub suppressed: u64,
}

/// Something a person has held or suspended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControlView {
    /// What.
    pub target: crate::control::Target,
    /// `hold` or `suspend`.
    pub action: crate::control::Action,
    /// By whom.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; open when a person has to end it.
    pub until: Option<Timestamp>,
    /// Why, as that person said; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// One recipient in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecipientView {
    /// Who.
    pub recipient: RecipientId,
    /// Its message.
    pub message: MessageId,
    /// Its campaign.
    pub campaign: Option<CampaignId>,
    /// Whose mail it is.
    pub tenant: Name,
    /// Kind of traffic.
    pub stream: Name,
    /// The unit of work.
    pub job: Name,
    /// Domain of its address.
    pub domain: Name,
    /// Where it is.
    pub state: State,
    /// Held by a person.
    pub held: bool,
    /// Attempts made.
    pub attempts: u16,
    /// When the next attempt was or is due.
    pub due: Timestamp,
    /// The source, when bound to a path.
    pub source: Option<Name>,
    /// The site, when known.
    pub site: Option<Name>,
    /// What the last reply was called; not known of replies before a restart.
    pub category: Option<Category>,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
}

/// The answer to a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// How many match in all.
    pub total: u64,
    /// The first ones.
    pub items: Vec<RecipientView>,
}

/// How often a rule has matched and fired since the program started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleCounts {
    /// Replies that it took.
    pub hits: u64,
    /// How often there were as many as its threshold says, and it acted.
    pub fired: u64,
    /// How often it would have acted, were it not in shadow.
    pub would_have_fired: u64,
    /// When it took the last reply.
    pub last_at: Option<Timestamp>,
    /// That reply.
    pub last_reply: Option<Reply>,
}

/// Why a recipient is where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The recipient.
    #[serde(flatten)]
    pub recipient: RecipientView,
    /// The provider, when the site is known.
    pub provider: Option<Name>,
    /// How many leave before it on its path, at least.
    pub ahead: Option<u64>,
    /// What it waits for; absent while it is being delivered.
    pub limiter: Option<Limiter>,
    /// Everything else that would make it wait after that.
    pub also: Vec<Limiter>,
    /// When the next attempt can be, as far as is known.
    pub next_at: Option<Timestamp>,
    /// The last reply on its path that was not a success.
    pub last_reply: Option<LastReply>,
}

/// One thing that makes a recipient wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limiter {
    /// What kind of thing.
    pub kind: LimiterKind,
    /// A sentence for people.
    pub text: String,
    /// Its present value, such as `5 connections` or `100/s`.
    pub value: Option<String>,
    /// Who or what set it: file and line, rule, controller, person.
    pub set_by: String,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// Kinds of things that make a recipient wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LimiterKind {
    /// Its next attempt is not due yet: so the schedule says.
    RetrySchedule,
    /// Its next attempt is not due yet: so the last reply asks.
    ReplyWait,
    /// Not to be attempted before a time given by the submitter.
    NotBefore,
    /// Its sending window is closed.
    Window,
    /// Held by a person.
    Hold,
    /// The MX hosts of its domain are being looked up.
    Route,
    /// The path, source, site or provider is suspended.
    Suspended,
    /// The site could not be reached; the path rests.
    Unreachable,
    /// Message rate of the path.
    PathRate,
    /// Message rate of the source at the provider.
    ProviderRate,
    /// A rate of messages or bytes that others share: all sources at a provider, a domain, a tenant, a stream, a group.
    SharedRate,
    /// Connections that others share.
    SharedConnections,
    /// What the adaptive controller has learned for the stream at the provider.
    LearnedRate,
    /// Connections of the path.
    PathConnections,
    /// Connections of the source at the provider.
    ProviderConnections,
    /// New connections of the path.
    ConnectionRate,
    /// Connections of the whole program.
    TotalConnections,
    /// The volume of the day of a source that warms up, or its pace.
    WarmUp,
    /// A connection is being made.
    Connecting,
    /// Others are before it.
    Turn,
}
