//! What came of it.

pub(crate) mod types;

use db::{Page, PageRequest};
use model::id::CampaignId;

pub use types::{
    CampaignRecipient, CampaignReport, CategoryReport, LinkReport, MinuteReport, ProviderReport, RecipientFilter,
    RecipientState, TouchCount,
};

use crate::Error;

/// What came of it.
#[derive(Clone)]
pub struct Reports {}

#[expect(clippy::missing_errors_doc, unused_variables, clippy::unused_async, reason = "signatures first")]
impl Reports {
    pub async fn report(&self, id: CampaignId) -> Result<CampaignReport, Error> {
        todo!()
    }
    pub async fn recipients(
        &self,
        id: CampaignId,
        filter: Option<RecipientFilter>,
        page: &PageRequest,
    ) -> Result<Page<CampaignRecipient>, Error> {
        todo!()
    }
}
