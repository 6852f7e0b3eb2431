//! What came of it: the event log, folded into numbers.
//!
//! ```text
//! event log ─ consumer ▶ batch ─ fold (standing, tally) ▶ write ▶ tables ─ query ▶ report
//! ```
//! [`Reports`] only reads the tables; `consumer` is the only one that writes them.

pub(crate) mod consumer;
mod course;
mod delay;
mod fold;
mod machine;
mod moment;
mod print;
mod query;
mod standing;
mod tally;
pub(crate) mod types;
mod words;
mod write;

use std::sync::Arc;

use db::{Db, Page, PageRequest};
use journal::events::EventLog;
use model::id::CampaignId;
use model::time::Clock;

pub use consumer::FOLD_PAUSE;
pub use query::TIMELINE_MAX;
pub use standing::LAST_REPLY_MAX;
pub use types::{
    CampaignRecipient, CampaignReport, CategoryReport, FoldStats, LinkReport, MomentReport, ProviderReport,
    RecipientFilter, RecipientState, SkipReport, TouchCount,
};

use crate::Error;
use crate::audience::SuppressionSet;
use crate::base::Base;
use crate::config::Config;
use crate::language::Language;
use consumer::Consumer;

/// What came of campaigns. Cheap to clone.
#[derive(Clone)]
pub struct Reports {
    base: Arc<Base>,
    consumer: Arc<Consumer>,
}

impl Reports {
    pub(crate) fn new(base: Arc<Base>, consumer: Arc<Consumer>) -> Self {
        Reports { base, consumer }
    }

    /// Everything that is counted of one campaign.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn report(&self, id: CampaignId) -> Result<CampaignReport, Error> {
        query::report(&self.base, id).await
    }

    /// The report as PDF, in the better liked of our languages in `languages` (an Accept-Language header).
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`] when the typesetter fails.
    pub async fn pdf(&self, id: CampaignId, languages: Option<&str>) -> Result<Vec<u8>, Error> {
        let campaign = crate::sending::campaign::get(&self.base, id).await?;
        let report = query::report(&self.base, id).await?;
        let paper = print::paper(&campaign, &report, Language::preferred(languages.unwrap_or_default()));
        let set = tokio::task::spawn_blocking(move || paper::report_pdf(&paper)).await;
        let failed =
            |reason: String| Error::Unavailable { reason: format!("the report could not be printed: {reason}") };
        set.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }

    /// What became of each recipient that was handed over, in the order of handing over.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn recipients(
        &self,
        id: CampaignId,
        filter: Option<RecipientFilter>,
        page: &PageRequest,
    ) -> Result<Page<CampaignRecipient>, Error> {
        query::recipients(&self.base, id, filter, page).await
    }

    /// How far the fold of the event log is.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn stats(&self) -> Result<FoldStats, Error> {
        query::stats(&self.base).await
    }

    /// Folds everything that is in the event log now, without waiting for more. Not to be called while
    /// [`crate::Campaigns::run`] is at work.
    ///
    /// # Errors
    /// [`Error::Db`]; [`Error::Unavailable`] when the log cannot be read.
    pub async fn catch_up(&self) -> Result<(), Error> {
        self.consumer.catch_up().await
    }
}

/// Builds all numbers again from the event log, for a suite that is stopped: whoever has opened the log may.
///
/// # Errors
/// [`Error::Conflict`] when the log does not reach back to the first campaign on record: nothing was changed.
/// [`Error::Db`]; [`Error::Unavailable`] when the log cannot be read. Broken off in between, it is to be called again.
pub async fn rebuild(config: Config, db: Db, clock: Arc<dyn Clock>, events: EventLog) -> Result<FoldStats, Error> {
    db.migrate(crate::schema::NAMESPACE, crate::schema::MIGRATIONS, clock.now()).await?;
    // It makes no ids, so the number of the node does not matter.
    let base = Arc::new(Base::new(config, db, clock, 0).await?);
    let set = SuppressionSet::load(&base.db).await?;
    Consumer { base: base.clone(), events, set }.rebuild().await?;
    query::stats(&base).await
}
