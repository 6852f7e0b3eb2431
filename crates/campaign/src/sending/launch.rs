//! The moment of sending: content and audience are frozen, in one transaction with the state.
//!
//! Before the commit the campaign is a draft and nothing happened; behind it everything a feed needs is on disk: the
//! source, the link table, one row for each recipient. Two people who press "Send" at once: one wins, the other is told.

use db::{Insert, Tx, params};
use mail::program::Link;
use model::id::CampaignId;

use super::campaign;
use super::types::{Campaign, CampaignState};
use crate::Error;
use crate::audience::SuppressionSet;
use crate::base::Base;
use crate::content::check::{AUDIENCE, audience_params};
use crate::content::draft::{self, Compiled};

/// Freezes a draft and puts it into state sending; returns its link table.
pub(crate) async fn launch(base: &Base, set: &SuppressionSet, id: CampaignId) -> Result<Vec<Link>, Error> {
    let campaign = campaign::get(base, id).await?;
    if campaign.state != CampaignState::Draft {
        return Err(Error::conflict(format!("this campaign is {}; only a draft can be sent", campaign.state.as_str())));
    }
    let compiled = compile(base, &campaign).await?;
    let links = compiled.program.links().to_vec();
    let bytes = compiled.source.to_bytes();
    let mut tx = base.db.begin().await?;
    let sql = "UPDATE campaign SET state = 'sending', started_at = $2, source = $3
               WHERE id = $1 AND state = 'draft' AND version = $4";
    if tx.execute(sql, params![id, base.now(), bytes, campaign.version]).await? == 0 {
        return Err(Error::conflict("the campaign was changed at this moment; look at it again, then send"));
    }
    freeze_links(&mut tx, id, &links).await?;
    // Before the commit: behind it a feed may begin, and who leaves the list must not be written to.
    if let Some(list) = compiled.source.list {
        set.note_list(id, list);
    }
    let audience = freeze_audience(&mut tx, &campaign).await?;
    tx.commit().await?;
    tracing::info!(campaign = %id, audience, links = links.len(), "a campaign is sent off");
    Ok(links)
}

/// Compiles what is to be sent; the first fault is the answer.
async fn compile(base: &Base, campaign: &Campaign) -> Result<Compiled, Error> {
    if campaign.list.is_none() {
        return Err(Error::invalid("list", "choose a list first"));
    }
    if campaign.subject.trim().is_empty() {
        return Err(Error::invalid("subject", "the subject is empty"));
    }
    let head = campaign.letterhead(base).await?;
    campaign.draft().compile_aside(head, base.config.clone()).await.map_err(draft::refusal)
}

async fn freeze_links(tx: &mut Tx, id: CampaignId, links: &[Link]) -> Result<(), Error> {
    let insert = Insert { table: "link", columns: &["campaign", "place", "url"], conflict: "" };
    let rows = links.iter().enumerate().map(|(place, link)| params![id, place, &link.url]);
    tx.insert(&insert, rows.collect()).await?;
    Ok(())
}

/// One row for each recipient, numbered from 1 without gaps.
async fn freeze_audience(tx: &mut Tx, campaign: &Campaign) -> Result<u64, Error> {
    let list = campaign.list.ok_or_else(|| Error::invalid("list", "choose a list first"))?;
    let mut params = audience_params(list, &campaign.stream);
    params.push(campaign.id.into());
    let sql = format!(
        "INSERT INTO recipient (campaign, seq, contact, address, state)
         SELECT $4, ROW_NUMBER() OVER (ORDER BY c.id), c.id, c.address, 'waiting' {AUDIENCE}"
    );
    let audience = tx.execute(&sql, params).await?;
    if audience == 0 {
        return Err(Error::invalid("list", "nobody on this list may be written to"));
    }
    tx.execute("UPDATE campaign SET audience = $2 WHERE id = $1", params![campaign.id, audience]).await?;
    Ok(audience)
}
