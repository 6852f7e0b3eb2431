//! Handing it over, exactly once.
//!
//! ```text
//!            send                    all handed over and done
//!   draft ─────────▶ sending ────────────────────────────────▶ sent
//!                    │  ▲ │ cancel
//!              pause ▼  │ └──────▶ cancelled
//!                   paused ────────────▲
//!                       resume    cancel
//! ```
//! The state changes first, in the database; then the feed is stopped or started, then the queue is told. What a crash
//! leaves between these steps is made up for by `Runner::activate` at the next start.

pub(crate) mod campaign;
pub(crate) mod completion;
mod feed;
mod launch;
pub mod ports;
mod runner;
mod test_mail;
pub(crate) mod types;

use std::sync::Arc;

use db::{Page, PageRequest, Value as Param, params};
use model::id::CampaignId;

pub use campaign::{CAMPAIGN_NAME_MAX, LINE_MAX};
pub use runner::{FEEDS_AT_ONCE, LOOK_AGAIN};
pub use test_mail::TEST_ADDRESSES_MAX;
pub use types::{Campaign, CampaignCounts, CampaignInput, CampaignProgress, CampaignState, TestReceipt, TestRequest};

use crate::Error;
use crate::audience::SuppressionSet;
use crate::base::Base;
use crate::content::CampaignCheck;
use crate::tracking::links::LinkTables;
use ports::Injector;
pub(crate) use runner::Runner;

/// Campaigns and their way out. Cheap to clone.
#[derive(Clone)]
pub struct Sending {
    base: Arc<Base>,
    injector: Arc<dyn Injector>,
    set: SuppressionSet,
    links: Arc<LinkTables>,
    pub(crate) runner: Arc<Runner>,
}

impl Sending {
    pub(crate) fn new(
        base: Arc<Base>,
        injector: Arc<dyn Injector>,
        set: SuppressionSet,
        links: Arc<LinkTables>,
        runner: Arc<Runner>,
    ) -> Self {
        Sending { base, injector, set, links, runner }
    }

    /// Campaigns, the newest first; `body` and `text` are left empty.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn campaigns(&self, page: &PageRequest) -> Result<Page<Campaign>, Error> {
        campaign::page(&self.base, page).await
    }

    /// One campaign.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn campaign(&self, id: CampaignId) -> Result<Campaign, Error> {
        campaign::get(&self.base, id).await
    }

    /// Makes a draft.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn create(&self, input: CampaignInput) -> Result<Campaign, Error> {
        campaign::create(&self.base, input).await
    }

    /// Changes a draft in the name of `by`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Stale`]; [`Error::Conflict`] when it is no draft.
    pub async fn change(&self, id: CampaignId, input: CampaignInput, by: &str) -> Result<Campaign, Error> {
        campaign::change(&self.base, id, input, by).await
    }

    /// Removes a draft.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is no draft.
    pub async fn delete(&self, id: CampaignId) -> Result<(), Error> {
        campaign::delete(&self.base, id).await
    }

    /// Whether it can be sent, to how many, and who would see a gap.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn check(&self, id: CampaignId) -> Result<CampaignCheck, Error> {
        let campaign = campaign::get(&self.base, id).await?;
        let head = campaign.letterhead(&self.base).await?;
        crate::content::check::check(&self.base, &campaign.draft(), &head).await
    }

    /// Sends it to a few addresses, without counting anything.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`]; [`Error::Unavailable`] when the engine takes nothing now.
    pub async fn test(&self, id: CampaignId, request: &TestRequest) -> Result<TestReceipt, Error> {
        test_mail::send(&self.base, &self.injector, id, request).await
    }

    /// Sends a draft off: content and audience are frozen, the feed begins.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with the part that is missing or wrong; [`Error::Conflict`] when it is
    /// no draft.
    pub async fn send(&self, id: CampaignId) -> Result<Campaign, Error> {
        let links = launch::launch(&self.base, &self.set, id).await?;
        self.links.add(id, links.into_iter().map(|link| link.url));
        self.runner.wake();
        campaign::get(&self.base, id).await
    }

    /// Holds it: nothing more is handed over, what is in the queue waits.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is not being sent; [`Error::Unavailable`] when the queue could
    /// not be told (the hand-over is stopped all the same; pausing again repeats it).
    pub async fn pause(&self, id: CampaignId) -> Result<Campaign, Error> {
        self.turn(id, &[CampaignState::Sending, CampaignState::Paused], CampaignState::Paused).await
    }

    /// Goes on with a paused campaign.
    ///
    /// # Errors
    /// As [`Sending::pause`].
    pub async fn resume(&self, id: CampaignId) -> Result<Campaign, Error> {
        let campaign = self.turn(id, &[CampaignState::Paused, CampaignState::Sending], CampaignState::Sending).await?;
        self.runner.wake();
        Ok(campaign)
    }

    /// Stops it for good: nothing more is handed over, what is in the queue is not attempted.
    ///
    /// # Errors
    /// As [`Sending::pause`].
    pub async fn cancel(&self, id: CampaignId) -> Result<Campaign, Error> {
        let from = &[CampaignState::Sending, CampaignState::Paused, CampaignState::Cancelled];
        self.turn(id, from, CampaignState::Cancelled).await
    }

    /// Campaigns in state sending or paused, for live displays.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn progress(&self) -> Result<Vec<CampaignProgress>, Error> {
        campaign::progress(&self.base).await
    }

    /// Changes the state, stops the feed where it has to, tells the queue.
    ///
    /// In a task of its own: a caller that goes away in between (a browser that is closed) leaves nothing half done.
    async fn turn(&self, id: CampaignId, from: &'static [CampaignState], to: CampaignState) -> Result<Campaign, Error> {
        let this = self.clone();
        let turned = tokio::spawn(async move {
            this.change_state(id, from, to).await?;
            this.runner.settle(id).await?;
            campaign::get(&this.base, id).await
        });
        turned.await.map_err(|error| Error::Unavailable { reason: error.to_string() })?
    }

    async fn change_state(&self, id: CampaignId, from: &[CampaignState], to: CampaignState) -> Result<(), Error> {
        let finished = (to == CampaignState::Cancelled).then(|| self.base.now());
        // A cancelled campaign is fed as soon as the queue knows.
        let sql = format!(
            "UPDATE campaign SET state = $2, trouble = NULL, finished_at = $3,
                 fed_at = CASE WHEN $2 = 'cancelled' THEN NULL ELSE fed_at END
             WHERE id = $1 AND state IN ({})",
            crate::base::numbered(4, from.len())
        );
        let mut values = params![id, to.as_str(), finished];
        values.extend(from.iter().map(|state| Param::from(state.as_str())));
        if self.base.db.execute(&sql, values).await? == 0 {
            let state = campaign::get(&self.base, id).await?.state.as_str();
            return Err(Error::conflict(format!("a campaign that is {state} cannot become {}", to.as_str())));
        }
        Ok(())
    }
}
