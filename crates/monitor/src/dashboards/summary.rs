//! All providers on one page.

use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{EventStore, QueryError};

use super::now::{ProviderRow, provider_rows};
use super::period::Period;
use super::replies::top_reply_by_provider;

/// All providers of a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProvidersSummary {
    /// When it was made.
    pub at: Timestamp,
    /// Begin of the period.
    pub from: Timestamp,
    /// End of the period.
    pub to: Timestamp,
    /// Each provider with its most frequent failing reply, the one with most attempts first.
    pub providers: Vec<ProviderRow>,
}

/// Makes the summary of the last `hours` hours.
pub(crate) async fn summary(store: &EventStore, at: Timestamp, hours: u32) -> Result<ProvidersSummary, QueryError> {
    let period = Period::last(at, super::provider::minutes_of(hours), 1);
    let (_, _, mut providers) = provider_rows(store, period).await?;
    let mut replies = top_reply_by_provider(store, period).await?;
    for row in &mut providers {
        row.top_reply = replies.remove(&row.provider);
    }
    Ok(ProvidersSummary { at, from: period.from, to: period.to, providers })
}
