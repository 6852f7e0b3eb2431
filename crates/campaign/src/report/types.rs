//! Reports as the API shows them.

use model::id::{CampaignId, ContactId, RecipientId};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::content::LinePiece;

/// Everything that is counted of one campaign. Follows the event log by a second or so.
///
/// `sent` is `delivered + bounced + expired + suppressed + queued`, here and for each provider. Shares of those are shares
/// of `sent`; shares of opens, clicks, complaints and unsubscribes are shares of `delivered`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CampaignReport {
    /// The campaign.
    pub campaign: CampaignId,
    /// When these numbers were read.
    pub at: Timestamp,
    /// Recipients when it was sent off.
    pub audience: u64,
    /// Recipients in the engine's hands so far: the same number as `sent`.
    pub handed_over: u64,
    /// Recipients who will not be handed over; why stands in `skips`.
    pub skipped: u64,
    /// Of those sent: not done yet, still under way.
    pub queued: u64,
    /// Given to the engine, whatever became of it.
    pub sent: u64,
    /// Taken by the receiving host.
    pub delivered: u64,
    /// Of the delivered: came back later, with a report that they could not be delivered after all.
    #[serde(default)]
    #[schema(required = true)]
    pub came_back: u64,
    /// Of the queued: waiting after an attempt that failed for the moment.
    pub deferred_now: u64,
    /// Refused for good by the receiver.
    pub bounced: u64,
    /// Given up after the time allowed.
    pub expired: u64,
    /// Cancelled, or on the suppression list at the attempt.
    pub suppressed: u64,
    /// Recipients who complained.
    pub complaints: u64,
    /// Recipients who unsubscribed.
    pub unsubscribes: u64,
    /// Who opened it, as far as the pixel tells.
    pub opens: TouchCount,
    /// Who followed links.
    pub clicks: TouchCount,
    /// The same by provider, the largest first.
    pub by_provider: Vec<ProviderReport>,
    /// Why attempts failed and mail came back, the most frequent first. The sum of `deferred` is that of `deferrals` over
    /// the providers; those of `bounced`, `expired` and `came_back` are those above.
    pub by_category: Vec<CategoryReport>,
    /// Why recipients were skipped, the most frequent first.
    pub skips: Vec<SkipReport>,
    /// The links, in the order of the mail.
    pub links: Vec<LinkReport>,
    /// What happened in each step of time in which something happened, from the first on.
    pub timeline: Vec<MomentReport>,
}

/// Requests, and the people behind them. Automatic is what programs do that nobody asked to: link checkers of mail
/// gateways, mail programs that fetch every picture. They are known by what they call themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TouchCount {
    /// Requests, automatic ones included.
    pub total: u64,
    /// Of the requests: automatic.
    pub automatic: u64,
    /// Recipients who did it themselves at least once.
    pub unique: u64,
}

/// Numbers of one provider. `opens` and `clicks` count recipients who did it themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderReport {
    /// The provider; `unknown` where no route was found.
    pub provider: String,
    /// Given to the engine, whatever became of it. Who was not attempted yet stands under `unknown`.
    pub sent: u64,
    /// Of those sent: not done yet, still under way.
    pub queued: u64,
    /// Taken by the receiving host.
    pub delivered: u64,
    /// Of the delivered: came back later, with a report that they could not be delivered after all.
    pub came_back: u64,
    /// Of the queued: waiting after an attempt that failed for the moment.
    pub deferred: u64,
    /// Attempts that failed for the moment, all in all.
    pub deferrals: u64,
    /// Refused for good by the receiver.
    pub bounced: u64,
    /// Given up after the time allowed.
    pub expired: u64,
    /// Cancelled, or on the suppression list at the attempt.
    pub suppressed: u64,
    /// Recipients who complained.
    pub complaints: u64,
    /// Recipients who opened it themselves.
    pub opens: u64,
    /// Recipients who clicked themselves.
    pub clicks: u64,
    /// Pixel requests of programs.
    pub opens_automatic: u64,
    /// Requests of links by programs.
    pub clicks_automatic: u64,
    /// Half of the delivered were delivered within this time after their acceptance, in seconds; within 10 %.
    pub p50_s: Option<f64>,
    /// 95 % of the delivered were delivered within this time, in seconds; within 10 %.
    pub p95_s: Option<f64>,
}

/// What went wrong in one way; `count` is `deferred + bounced + expired + came_back`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CategoryReport {
    /// The bounce category.
    pub category: String,
    /// Failed attempts and mails that came back, all together.
    pub count: u64,
    /// Attempts that failed for the moment; one recipient may have several.
    pub deferred: u64,
    /// Recipients refused for good.
    pub bounced: u64,
    /// Recipients given up.
    pub expired: u64,
    /// Recipients whose mail was taken and came back later.
    pub came_back: u64,
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
    /// Where it leads, as written: with Liquid where it differs from recipient to recipient.
    pub url: String,
    /// The same as people read it.
    pub pieces: Vec<LinePiece>,
    /// Requests, automatic ones included.
    pub clicks: u64,
    /// Of the requests: automatic.
    pub automatic: u64,
    /// Recipients who followed it themselves.
    pub unique: u64,
}

/// What happened in one step of time. Steps are a second long while the campaign is young and longer later on: 10 s from
/// 10 minutes on, a minute from 2 h on, then 10 minutes, an hour, a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MomentReport {
    /// When it began.
    pub at: Timestamp,
    /// How long it is, in seconds.
    pub span_s: u64,
    /// Deliveries.
    pub delivered: u64,
    /// Attempts that failed for the moment.
    pub deferred: u64,
    /// Refusals for good.
    pub bounced: u64,
    /// Mails that were given up.
    pub expired: u64,
    /// Pixel requests of people.
    pub opens: u64,
    /// Requests of links by people.
    pub clicks: u64,
    /// Requests of programs, pixel and links.
    pub automatic: u64,
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
    /// Refused for good by the receiver.
    Bounced,
    /// Given up after the time allowed.
    Expired,
    /// Cancelled, or on the suppression list at the attempt.
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
    /// Delivered, and came back later.
    CameBack,
    /// In this state.
    Bounced,
    /// In this state.
    Expired,
    /// In this state.
    Suppressed,
    /// Opened at least once, the person.
    Opened,
    /// Followed a link at least once, the person.
    Clicked,
    /// A program opened it or followed a link.
    Automatic,
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
    /// The reply to the last attempt that did not succeed, or the one that the report quotes with which it came back.
    pub last_reply: Option<String>,
    /// What that failure is called.
    pub category: Option<String>,
    /// Last change of state.
    pub at: Timestamp,
    /// It was delivered and came back later.
    pub came_back: bool,
    /// The person opened it.
    pub opened: bool,
    /// The person followed a link.
    pub clicked: bool,
    /// A program opened it or followed a link, whatever the person did.
    pub automatic: bool,
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
