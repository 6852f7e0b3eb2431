//! Campaigns as the API shows them.

use model::id::{CampaignId, ListId, MessageId, RecipientId};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audience::types::RejectedAddress;
use crate::content::pieces::LinePiece;
use crate::content::types::Format;

/// A campaign: one mail to one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Campaign {
    /// The campaign.
    pub id: CampaignId,
    /// Its name, for colleagues.
    pub name: String,
    /// How far it is.
    pub state: CampaignState,
    /// Subject line, with Liquid.
    pub subject: String,
    /// The subject line as people read it: its words, and the names of the values in it.
    pub subject_pieces: Vec<LinePiece>,
    /// Text beside the subject in an inbox, with Liquid; may be empty.
    pub preheader: String,
    /// Display name of the author, with Liquid; may be empty.
    pub from_name: String,
    /// Address of the author.
    pub from_address: String,
    /// Where answers go; empty for the author's address.
    pub reply_to: String,
    /// Who gets it.
    pub list: Option<ListId>,
    /// Form of the body.
    pub format: Format,
    /// The body: MJML, HTML or text, with Liquid.
    pub body: String,
    /// An own plain text part; made from the HTML when empty.
    pub text: String,
    /// Kind of traffic.
    pub stream: String,
    /// Pool of sources; empty for the stream's own.
    pub pool: String,
    /// Whether opens are observed.
    pub track_opens: bool,
    /// Whether clicks are observed.
    pub track_clicks: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts the changes; to be given back with a change, see there.
    pub version: u64,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// Who changed it last: the address of the account or the name of the key; empty for nobody yet.
    pub changed_by: String,
    /// When it was sent off.
    pub started_at: Option<Timestamp>,
    /// When the last recipient was done, or it was cancelled.
    pub finished_at: Option<Timestamp>,
    /// Why the program itself paused it.
    pub trouble: Option<String>,
    /// Its numbers; absent for a draft.
    pub counts: Option<CampaignCounts>,
}

/// How far a campaign is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CampaignState {
    /// Being written.
    #[default]
    Draft,
    /// Recipients are being handed over or wait in the queue.
    Sending,
    /// Held: nothing is handed over, what is in the queue waits.
    Paused,
    /// Every recipient is done.
    Sent,
    /// Stopped for good; who was not mailed will not be.
    Cancelled,
}

crate::audience::types::stored_name!(CampaignState {
    Draft "draft", Sending "sending", Paused "paused", Sent "sent", Cancelled "cancelled"
});

/// Numbers of one campaign; `handed_over` is `delivered + bounced + expired + suppressed + queued`. `opens` and `clicks`
/// count recipients, not requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignCounts {
    /// Recipients when it was sent off.
    pub audience: u64,
    /// Recipients in the engine's hands so far.
    pub handed_over: u64,
    /// Of those: not done yet, still under way.
    pub queued: u64,
    /// Taken by the receiving host.
    pub delivered: u64,
    /// Of the delivered: came back later.
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
    /// Recipients who opened it themselves; what programs fetched does not count.
    pub opens: u64,
    /// Recipients who clicked themselves.
    pub clicks: u64,
}

/// A campaign to be made, or what changes of a draft. A new one needs a name at least.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CampaignInput {
    /// Its name.
    pub name: Option<String>,
    /// Subject line.
    pub subject: Option<String>,
    /// Text beside the subject.
    pub preheader: Option<String>,
    /// Display name of the author.
    pub from_name: Option<String>,
    /// Address of the author.
    pub from_address: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// Who gets it; `null` for nobody yet.
    #[serde(deserialize_with = "given")]
    pub list: Option<Option<ListId>>,
    /// Form of the body.
    pub format: Option<Format>,
    /// The body.
    pub body: Option<String>,
    /// An own plain text part.
    pub text: Option<String>,
    /// Kind of traffic.
    pub stream: Option<String>,
    /// Pool of sources.
    pub pool: Option<String>,
    /// Whether opens are observed.
    pub track_opens: Option<bool>,
    /// Whether clicks are observed.
    pub track_clicks: Option<bool>,
    /// The version that this change is based on: when it is not the present one any more, the change is refused with 409
    /// and the code `stale`. Absent: whatever was changed meanwhile, what is given here replaces it.
    pub version: Option<u64>,
}

/// Tells a `null` that was given from nothing given.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<ListId>>, D::Error> {
    Option::<ListId>::deserialize(deserializer).map(Some)
}

/// Addresses that a test mail goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRequest {
    /// At most 20.
    pub addresses: Vec<String>,
}

/// A test mail that is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestReceipt {
    /// The message.
    pub message: MessageId,
    /// The recipients' ids are this one and the following ones.
    pub first_recipient: RecipientId,
    /// How many.
    pub recipients: u32,
    /// Not addresses.
    pub rejected: Vec<RejectedAddress>,
}

/// How far one campaign in state sending or paused is, for live displays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignProgress {
    /// The campaign.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// How far it is.
    pub state: CampaignState,
    /// Its numbers.
    pub counts: CampaignCounts,
}
