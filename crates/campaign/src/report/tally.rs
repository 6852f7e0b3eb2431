//! Sums of a batch of events, in memory before they are added to the tables. Pure.
//!
//! Two kinds of numbers. Sums over recipients (delivered, openers …) are the difference that a recipient's row makes
//! before and after the batch, so they always equal a count over the table. Sums over events (opens, deferrals, moments,
//! delays) are added as the events come.

use std::collections::HashMap;

use model::category::Category;
use model::event::{Event, EventKind};
use model::id::CampaignId;

use super::delay;
use super::standing::{Effect, Stage, Standing};
use super::types::RecipientState;

/// Where no provider is known.
pub(crate) const UNKNOWN: &str = "unknown";

/// Longest sample reply kept for a category, in bytes.
const SAMPLE_MAX: usize = 500;

/// Columns of `tally_provider` behind the key, in the order of [`ProviderSums`].
pub(crate) const PROVIDER_COLUMNS: [&str; 16] = [
    "handed_over",
    "deferred_now",
    "delivered",
    "bounced",
    "expired",
    "suppressed",
    "complaints",
    "unsubscribes",
    "openers",
    "clickers",
    "deferrals",
    "opens",
    "clicks",
    "auto_opens",
    "auto_clicks",
    "came_back",
];

const HANDED_OVER: usize = 0;
const DEFERRED_NOW: usize = 1;
const DELIVERED: usize = 2;
const BOUNCED: usize = 3;
const EXPIRED: usize = 4;
const SUPPRESSED: usize = 5;
const COMPLAINTS: usize = 6;
const UNSUBSCRIBES: usize = 7;
const OPENERS: usize = 8;
const CLICKERS: usize = 9;
const DEFERRALS: usize = 10;
const OPENS: usize = 11;
const CLICKS: usize = 12;
const AUTO_OPENS: usize = 13;
const AUTO_CLICKS: usize = 14;
const CAME_BACK: usize = 15;

/// Numbers of one provider, to be added.
pub(crate) type ProviderSums = [i64; PROVIDER_COLUMNS.len()];

/// Columns of `tally_time` behind the key. Opens and clicks are those of people, `automatic` both of programs.
pub(crate) const MOMENT_COLUMNS: [&str; 7] =
    ["delivered", "deferred", "bounced", "expired", "opens", "clicks", "automatic"];

/// What happened in a second, in the order of [`MOMENT_COLUMNS`].
pub(crate) type MomentSums = [i64; MOMENT_COLUMNS.len()];

/// What is added to a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkSums {
    /// Requests, those of programs included.
    pub(crate) clicks: i64,
    /// People who followed it for the first time.
    pub(crate) clickers: i64,
    /// Of the requests: by programs.
    pub(crate) automatic: i64,
}

/// What is added to a category. Each event counts in one place, so that the sums over all categories are those of the
/// report: put off, bounced, expired, came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CategorySums {
    /// Attempts that failed, and mails that came back; those put off are what the others leave.
    pub(crate) all: i64,
    pub(crate) bounced: i64,
    pub(crate) expired: i64,
    pub(crate) came_back: i64,
    /// A reply.
    pub(crate) sample: String,
}

/// Everything that a batch adds.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) providers: HashMap<(CampaignId, String), ProviderSums>,
    /// What went wrong, and a sample reply.
    pub(crate) categories: HashMap<(CampaignId, &'static str), CategorySums>,
    /// By the second since 1970.
    pub(crate) moments: HashMap<(CampaignId, i64), MomentSums>,
    pub(crate) delays: HashMap<(CampaignId, String, u16), i64>,
    pub(crate) links: HashMap<(CampaignId, u16), LinkSums>,
}

impl Tally {
    /// What a recipient's row makes of a difference.
    pub(crate) fn add_difference(&mut self, before: &Standing, after: &Standing) {
        self.add_standing(before, -1);
        self.add_standing(after, 1);
    }

    fn add_standing(&mut self, standing: &Standing, sign: i64) {
        let Stage::HandedOver(state) = standing.stage else { return };
        let sums = self.provider(standing);
        sums[HANDED_OVER] += sign;
        match state {
            RecipientState::Queued => {}
            RecipientState::Deferred => sums[DEFERRED_NOW] += sign,
            RecipientState::Delivered => sums[DELIVERED] += sign,
            RecipientState::Bounced => sums[BOUNCED] += sign,
            RecipientState::Expired => sums[EXPIRED] += sign,
            RecipientState::Suppressed => sums[SUPPRESSED] += sign,
        }
        let marks = [
            (COMPLAINTS, standing.complained_at),
            (UNSUBSCRIBES, standing.unsubscribed_at),
            (OPENERS, standing.opened_at),
            (CLICKERS, standing.clicked_at),
            (CAME_BACK, standing.came_back_at),
        ];
        for (place, mark) in marks {
            sums[place] += sign * i64::from(mark.is_some());
        }
    }

    /// What an event adds that counted; `standing` is the recipient behind it.
    pub(crate) fn add_event(&mut self, event: &Event, standing: &Standing, effect: &Effect) {
        if *effect == Effect::Nothing {
            return;
        }
        let automatic = matches!(effect, Effect::Automatic { .. });
        match event.kind {
            EventKind::Delivered => self.add_delivery(event, standing),
            EventKind::Deferred => self.provider(standing)[DEFERRALS] += 1,
            EventKind::Opened => {
                let sums = self.provider(standing);
                sums[OPENS] += 1;
                sums[AUTO_OPENS] += i64::from(automatic);
            }
            EventKind::Clicked => {
                let sums = self.provider(standing);
                sums[CLICKS] += 1;
                sums[AUTO_CLICKS] += i64::from(automatic);
            }
            _ => {}
        }
        self.add_click(standing.campaign, effect);
        self.add_category(event, standing.campaign);
        let place = match event.kind {
            EventKind::Delivered => 0,
            EventKind::Deferred => 1,
            EventKind::Bounced => 2,
            EventKind::Expired => 3,
            EventKind::Opened | EventKind::Clicked if automatic => 6,
            EventKind::Opened => 4,
            EventKind::Clicked => 5,
            _ => return,
        };
        self.moments.entry((standing.campaign, event.at.as_unix_s())).or_default()[place] += 1;
    }

    fn add_click(&mut self, campaign: CampaignId, effect: &Effect) {
        let (link, added) = match *effect {
            Effect::Clicked { link, first } => {
                (link, LinkSums { clicks: 1, clickers: i64::from(first), ..LinkSums::default() })
            }
            Effect::Automatic { link: Some(link) } => {
                (link, LinkSums { clicks: 1, automatic: 1, ..LinkSums::default() })
            }
            _ => return,
        };
        let sums = self.links.entry((campaign, link)).or_default();
        sums.clicks += added.clicks;
        sums.clickers += added.clickers;
        sums.automatic += added.automatic;
    }

    fn add_delivery(&mut self, event: &Event, standing: &Standing) {
        if let Some(milliseconds) = event.attempt.as_ref().and_then(|attempt| attempt.queued_ms) {
            let key = (standing.campaign, provider_of(standing).to_owned(), delay::bucket(milliseconds));
            *self.delays.entry(key).or_default() += 1;
        }
    }

    fn add_category(&mut self, event: &Event, campaign: CampaignId) {
        use EventKind::{Bounced, Deferred, Expired, RemoteBounce};
        if !matches!(event.kind, Deferred | Bounced | Expired | RemoteBounce) {
            return;
        }
        let (category, reply, error) = match (&event.attempt, &event.report) {
            (Some(attempt), _) => (attempt.category, attempt.reply.as_ref(), attempt.error.as_deref()),
            (None, Some(report)) => (report.category, report.reply.as_ref(), None),
            (None, None) => (None, None, None),
        };
        let unnamed = if event.kind == Expired { Category::MessageExpired } else { Category::Other };
        let sample = reply.map(ToString::to_string).or_else(|| error.map(str::to_owned)).unwrap_or_default();
        let sums = self.categories.entry((campaign, category.unwrap_or(unnamed).as_str())).or_default();
        sums.all += 1;
        sums.bounced += i64::from(event.kind == Bounced);
        sums.expired += i64::from(event.kind == Expired);
        sums.came_back += i64::from(event.kind == RemoteBounce);
        if sums.sample.is_empty() {
            sums.sample = sample[..sample.floor_char_boundary(SAMPLE_MAX)].to_owned();
        }
    }

    fn provider(&mut self, standing: &Standing) -> &mut ProviderSums {
        self.providers.entry((standing.campaign, provider_of(standing).to_owned())).or_default()
    }
}

fn provider_of(standing: &Standing) -> &str {
    standing.provider.as_deref().unwrap_or(UNKNOWN)
}
