//! Handing it over, exactly once.

pub mod ports;
pub(crate) mod types;

use db::{Page, PageRequest};
use model::id::CampaignId;

pub use types::{Campaign, CampaignCounts, CampaignInput, CampaignProgress, CampaignState, TestReceipt, TestRequest};

use crate::Error;
use crate::content::CampaignCheck;

/// Campaigns and their way out.
#[derive(Clone)]
pub struct Sending {}

#[expect(clippy::missing_errors_doc, unused_variables, clippy::unused_async, reason = "signatures first")]
impl Sending {
    pub async fn campaigns(&self, page: &PageRequest) -> Result<Page<Campaign>, Error> {
        todo!()
    }
    pub async fn campaign(&self, id: CampaignId) -> Result<Campaign, Error> {
        todo!()
    }
    pub async fn create(&self, input: CampaignInput) -> Result<Campaign, Error> {
        todo!()
    }
    pub async fn change(&self, id: CampaignId, input: CampaignInput) -> Result<Campaign, Error> {
        todo!()
    }
    pub async fn delete(&self, id: CampaignId) -> Result<(), Error> {
        todo!()
    }
    pub async fn check(&self, id: CampaignId) -> Result<CampaignCheck, Error> {
        todo!()
    }
    pub async fn test(&self, id: CampaignId, request: &TestRequest) -> Result<TestReceipt, Error> {
        todo!()
    }
    pub async fn send(&self, id: CampaignId) -> Result<Campaign, Error> {
        todo!()
    }
    pub async fn pause(&self, id: CampaignId) -> Result<Campaign, Error> {
        todo!()
    }
    pub async fn resume(&self, id: CampaignId) -> Result<Campaign, Error> {
        todo!()
    }
    pub async fn cancel(&self, id: CampaignId) -> Result<Campaign, Error> {
        todo!()
    }
    /// Campaigns in state sending or paused, for live displays.
    pub async fn progress(&self) -> Result<Vec<CampaignProgress>, Error> {
        todo!()
    }
}
