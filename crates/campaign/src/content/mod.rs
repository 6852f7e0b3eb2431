//! What is written.

pub(crate) mod types;

pub use types::{
    AudienceFunnel, CampaignCheck, ContentIssue, Format, FunnelStep, RenderRequest, Rendered, UndefinedVariable,
};

use crate::Error;

/// Previews and checks.
#[derive(Clone)]
pub struct Content {}

#[expect(clippy::missing_errors_doc, unused_variables, clippy::unused_async, reason = "signatures first")]
impl Content {
    pub async fn render(&self, request: &RenderRequest) -> Result<Rendered, Error> {
        todo!()
    }
}
