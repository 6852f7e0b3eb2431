//! When is a campaign done? When everyone who was handed over has a final outcome and nobody is left to hand over.

use db::{DbError, Tx, params};
use model::id::CampaignId;
use model::time::Timestamp;

/// Puts those of the campaigns that are done into state sent. To be called whenever outcomes or `fed_at` changed, in the
/// same transaction.
pub(crate) async fn close_if_done(tx: &mut Tx, campaigns: &[CampaignId], now: Timestamp) -> Result<(), DbError> {
    let sql = "UPDATE campaign SET state = 'sent', finished_at = $2
               WHERE id = $1 AND state IN ('sending', 'paused') AND fed_at IS NOT NULL AND audience - skipped <= (
                   SELECT CAST(COALESCE(SUM(delivered + bounced + expired + suppressed), 0) AS BIGINT)
                   FROM tally_provider WHERE campaign = $1)";
    for campaign in campaigns {
        if tx.execute(sql, params![*campaign, now]).await? > 0 {
            tracing::info!(campaign = %campaign, "a campaign is done");
        }
    }
    Ok(())
}
