//! Reports as the API shows them.

use model::id::{CampaignId, ContactId, RecipientId};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything that is counted of one campaign. Follows the event log by a second or so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CampaignReport {
    /// The campaign.
    pub campaign: CampaignId,
    /// When these numbers were read.
    pub at: Timestamp,
    /// Recipients when it was sent off.
    pub audience: u64,
    /// Recipients in the engine's hands so far.
    pub handed_over: u64,
    /// Recipients who will not be handed over; why stands in `skips`.
    pub skipped: u64,
    /// Of those handed over: not done yet.
    pub queued: u64,
    /// Attempted and done: delivered, bounced and expired together.
    pub sent: u64,
    /// Taken by the receiving host.
    pub delivered: u64,
    /// Of the queued: waiting after an attempt that failed for the moment.
    pub deferred_now: u64,
    /// Refused for good.
    pub bounced: u64,
    /// Queued for too long.
    pub expired: u64,
    /// Not attempted: on the suppression list, or cancelled.
    pub suppressed: u64,
    /// Recipients who complained.
    pub complaints: u64,
    /// Recipients who unsubscribed.
    pub unsubscribes: u64,
    /// Pixel requests.
    pub opens: TouchCount,
    /// Requests of links.
    pub clicks: TouchCount,
    /// The same by provider, the largest first.
    pub by_provider: Vec<ProviderReport>,
    /// What failed attempts were called, the most frequent first.
    pub by_category: Vec<CategoryReport>,
    /// Why recipients were skipped, the most frequent first.
    pub skips: Vec<SkipReport>,
    /// The links, in the order of the mail.
    pub links: Vec<LinkReport>,
    /// What happened in each minute in which something happened.
    pub timeline: Vec<MinuteReport>,
}

/// Requests, and recipients behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TouchCount {
    /// Requests.
    pub total: u64,
    /// Recipients.
    pub unique: u64,
}

/// Numbers of one provider. `opens` and `clicks` count recipients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderReport {
    /// The provider; `unknown` where no route was found.
    pub provider: String,
    /// Attempted and done.
    pub sent: u64,
    /// Taken by the receiving host.
    pub delivered: u64,
    /// Waiting after an attempt that failed for the moment.
    pub deferred: u64,
    /// Attempts that failed for the moment, all in all.
    pub deferrals: u64,
    /// Refused for good.
    pub bounced: u64,
    /// Queued for too long.
    pub expired: u64,
    /// Recipients who complained.
    pub complaints: u64,
    /// Recipients who opened.
    pub opens: u64,
    /// Recipients who clicked.
    pub clicks: u64,
    /// Half of the delivered were delivered within this time after their acceptance, in seconds; within 10 %.
    pub p50_s: Option<f64>,
    /// 95 % of the delivered were delivered within this time, in seconds; within 10 %.
    pub p95_s: Option<f64>,
}

/// How often attempts failed in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CategoryReport {
    /// The bounce category.
    pub category: String,
    /// Failed attempts, temporary and permanent ones.
    pub count: u64,
    /// The first such reply, as an example.
    pub sample: String,
}

/// How many recipients were skipped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkipReport {
    /// What the engine said of the recipient; empty when its contact was deleted after the campaign was sent off.
    pub reason: String,
    /// Recipients.
    pub count: u64,
    /// The address of one of them.
    pub sample: String,
}

/// How often a link was followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkReport {
    /// Its place in the mail, from 0.
    pub index: u16,
    /// Where it leads, as written.
    pub url: String,
    /// Requests.
    pub clicks: u64,
    /// Recipients.
    pub unique: u64,
}

/// What happened in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MinuteReport {
    /// When the minute began.
    pub minute: Timestamp,
    /// Deliveries.
    pub delivered: u64,
    /// Attempts that failed for the moment.
    pub deferred: u64,
    /// Refusals for good and expiries.
    pub bounced: u64,
    /// Pixel requests.
    pub opens: u64,
    /// Requests of links.
    pub clicks: u64,
}

/// How far one recipient is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientState {
    /// In the engine's hands, not attempted yet.
    #[default]
    Queued,
    /// Attempted, waiting for another attempt.
    Deferred,
    /// Taken by the receiving host.
    Delivered,
    /// Refused for good.
    Bounced,
    /// Queued for too long.
    Expired,
    /// Not attempted: on the suppression list, or cancelled.
    Suppressed,
}

crate::audience::types::stored_name!(RecipientState {
    Queued "queued", Deferred "deferred", Delivered "delivered", Bounced "bounced", Expired "expired",
    Suppressed "suppressed",
});

impl RecipientState {
    /// Nothing follows.
    pub(crate) const fn is_final(self) -> bool {
        !matches!(self, RecipientState::Queued | RecipientState::Deferred)
    }
}

/// Which recipients of a campaign are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientFilter {
    /// In this state.
    Queued,
    /// In this state.
    Deferred,
    /// In this state.
    Delivered,
    /// In this state.
    Bounced,
    /// In this state.
    Expired,
    /// In this state.
    Suppressed,
    /// Opened at least once.
    Opened,
    /// Followed a link at least once.
    Clicked,
    /// Complained.
    Complained,
    /// Unsubscribed.
    Unsubscribed,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignRecipient {
    /// The recipient; its events are found under this id.
    pub recipient: RecipientId,
    /// The contact, unless it was deleted.
    pub contact: Option<ContactId>,
    /// The address the mail went to.
    pub address: String,
    /// The provider, where it is known.
    pub provider: Option<String>,
    /// How far it is.
    pub state: RecipientState,
    /// Attempts so far.
    pub attempts: u16,
    /// The reply to the last attempt that did not succeed.
    pub last_reply: Option<String>,
    /// What that failure is called.
    pub category: Option<String>,
    /// Last change of state.
    pub at: Timestamp,
    /// The pixel was fetched.
    pub opened: bool,
    /// A link was followed.
    pub clicked: bool,
    /// A complaint came back.
    pub complained: bool,
    /// The recipient unsubscribed.
    pub unsubscribed: bool,
}

/// How far the fold of the event log is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoldStats {
    /// Place in the event log.
    pub cursor: String,
    /// Events read.
    pub events: u64,
    /// Of those: about a recipient that is not on record here.
    pub unmatched: u64,
    /// Records that could not be read; they stay in the log.
    pub unreadable: u64,
    /// How often events were deleted before they were read.
    pub gaps: u64,
}
