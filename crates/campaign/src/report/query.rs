//! Reports out of the tables.

use std::collections::HashMap;

use db::{DbError, Page, PageRequest, Row, Value as Param, params};
use model::id::CampaignId;
use model::time::Timestamp;

use super::delay::percentile_s;
use super::types::{
    CampaignRecipient, CampaignReport, CategoryReport, FoldStats, LinkReport, MinuteReport, ProviderReport,
    RecipientFilter, RecipientState, SkipReport, TouchCount,
};
use crate::Error;
use crate::audience::suppression::named;
use crate::base::Base;
use crate::sending::campaign;

/// Minutes shown of a campaign: the first ones in which something happened.
pub const TIMELINE_MAX: u32 = 2_880;

/// Providers and categories shown of a campaign.
const GROUPS_MAX: u32 = 500;

/// Everything that is counted of one campaign.
pub(crate) async fn report(base: &Base, id: CampaignId) -> Result<CampaignReport, Error> {
    let row = base.db.query_optional("SELECT audience, skipped FROM campaign WHERE id = $1", params![id]).await?;
    let row = row.ok_or_else(|| Error::not_found("campaign", id))?;
    let skipped: u64 = row.get("skipped")?;
    let counts = campaign::counts(base, vec![id]).await?.remove(&id).unwrap_or_default();
    let requests = "SELECT CAST(COALESCE(SUM(opens), 0) AS BIGINT) AS opens, CAST(COALESCE(SUM(clicks), 0) AS BIGINT)
                        AS clicks FROM tally_provider WHERE campaign = $1";
    let requests = base.db.query_one(requests, params![id]).await?;
    Ok(CampaignReport {
        campaign: id,
        at: base.now(),
        audience: row.get("audience")?,
        handed_over: counts.handed_over,
        skipped,
        queued: counts.queued,
        sent: counts.delivered + counts.bounced + counts.expired,
        delivered: counts.delivered,
        deferred_now: counts.deferred_now,
        bounced: counts.bounced,
        expired: counts.expired,
        suppressed: counts.suppressed,
        complaints: counts.complaints,
        unsubscribes: counts.unsubscribes,
        opens: TouchCount { total: requests.get("opens")?, unique: counts.opens },
        clicks: TouchCount { total: requests.get("clicks")?, unique: counts.clicks },
        by_provider: by_provider(base, id).await?,
        by_category: by_category(base, id).await?,
        // A campaign without any need not be looked through.
        skips: if skipped > 0 { skips(base, id).await? } else { Vec::new() },
        links: links(base, id).await?,
        timeline: timeline(base, id).await?,
    })
}

async fn by_provider(base: &Base, id: CampaignId) -> Result<Vec<ProviderReport>, DbError> {
    let mut delays = delays(base, id).await?;
    // Who was not attempted yet stands under `unknown` and would only be in the way.
    let sql = "SELECT * FROM tally_provider
               WHERE campaign = $1 AND delivered + bounced + expired + deferrals + complaints + openers + clickers > 0
               ORDER BY handed_over DESC, provider LIMIT $2";
    let rows = base.db.query(sql, params![id, GROUPS_MAX]).await?;
    rows.iter()
        .map(|row| {
            let provider: String = row.get("provider")?;
            let delays = delays.remove(&provider).unwrap_or_default();
            let (delivered, bounced, expired): (u64, u64, u64) =
                (row.get("delivered")?, row.get("bounced")?, row.get("expired")?);
            Ok(ProviderReport {
                provider,
                sent: delivered + bounced + expired,
                delivered,
                deferred: row.get("deferred_now")?,
                deferrals: row.get("deferrals")?,
                bounced,
                expired,
                complaints: row.get("complaints")?,
                opens: row.get("openers")?,
                clicks: row.get("clickers")?,
                p50_s: percentile_s(&delays, 0.5),
                p95_s: percentile_s(&delays, 0.95),
            })
        })
        .collect()
}

async fn delays(base: &Base, id: CampaignId) -> Result<HashMap<String, Vec<(u16, u64)>>, DbError> {
    let sql = "SELECT provider, bucket, delivered FROM tally_delay WHERE campaign = $1 ORDER BY provider, bucket";
    let mut delays: HashMap<String, Vec<(u16, u64)>> = HashMap::new();
    for row in base.db.query(sql, params![id]).await? {
        delays.entry(row.get("provider")?).or_default().push((row.get("bucket")?, row.get("delivered")?));
    }
    Ok(delays)
}

async fn by_category(base: &Base, id: CampaignId) -> Result<Vec<CategoryReport>, DbError> {
    let sql = "SELECT category, attempts, sample FROM tally_category WHERE campaign = $1
               ORDER BY attempts DESC, category LIMIT $2";
    let rows = base.db.query(sql, params![id, GROUPS_MAX]).await?;
    let category = |row: &Row| {
        Ok(CategoryReport { category: row.get("category")?, count: row.get("attempts")?, sample: row.get("sample")? })
    };
    rows.iter().map(category).collect()
}

async fn skips(base: &Base, id: CampaignId) -> Result<Vec<SkipReport>, DbError> {
    let sql = "SELECT COALESCE(last_reply, '') AS reason, COUNT(*) AS recipients, MIN(address) AS sample FROM recipient
               WHERE campaign = $1 AND state = 'skipped' GROUP BY COALESCE(last_reply, '')
               ORDER BY COUNT(*) DESC, COALESCE(last_reply, '') LIMIT $2";
    let rows = base.db.query(sql, params![id, GROUPS_MAX]).await?;
    let skip = |row: &Row| {
        Ok(SkipReport { reason: row.get("reason")?, count: row.get("recipients")?, sample: row.get("sample")? })
    };
    rows.iter().map(skip).collect()
}

async fn links(base: &Base, id: CampaignId) -> Result<Vec<LinkReport>, DbError> {
    let sql = "SELECT place, url, clicks, clickers FROM link WHERE campaign = $1 ORDER BY place";
    let rows = base.db.query(sql, params![id]).await?;
    let link = |row: &Row| {
        Ok(LinkReport {
            index: row.get("place")?,
            url: row.get("url")?,
            clicks: row.get("clicks")?,
            unique: row.get("clickers")?,
        })
    };
    rows.iter().map(link).collect()
}

async fn timeline(base: &Base, id: CampaignId) -> Result<Vec<MinuteReport>, DbError> {
    let sql = "SELECT minute, delivered, deferred, bounced, opens, clicks FROM tally_minute WHERE campaign = $1
               ORDER BY minute LIMIT $2";
    let rows = base.db.query(sql, params![id, TIMELINE_MAX]).await?;
    let minute = |row: &Row| {
        Ok(MinuteReport {
            minute: Timestamp::from_unix_s(row.get::<i64>("minute")? * 60),
            delivered: row.get("delivered")?,
            deferred: row.get("deferred")?,
            bounced: row.get("bounced")?,
            opens: row.get("opens")?,
            clicks: row.get("clicks")?,
        })
    };
    rows.iter().map(minute).collect()
}

/// What became of each recipient that was handed over.
pub(crate) async fn recipients(
    base: &Base,
    id: CampaignId,
    filter: Option<RecipientFilter>,
    page: &PageRequest,
) -> Result<Page<CampaignRecipient>, Error> {
    if base.db.query_optional("SELECT id FROM campaign WHERE id = $1", params![id]).await?.is_none() {
        return Err(Error::not_found("campaign", id));
    }
    let mut values = params![id];
    values.extend(page.start(1)?.unwrap_or_else(|| params![0_i64]));
    values.push(page.fetch());
    let condition = match filter {
        None => String::new(),
        Some(RecipientFilter::Opened) => " AND r.opened_at IS NOT NULL".to_owned(),
        Some(RecipientFilter::Clicked) => " AND r.clicked_at IS NOT NULL".to_owned(),
        Some(RecipientFilter::Complained) => " AND r.complained_at IS NOT NULL".to_owned(),
        Some(RecipientFilter::Unsubscribed) => " AND r.unsubscribed_at IS NOT NULL".to_owned(),
        Some(state) => {
            values.push(Param::from(state_of(state).as_str()));
            " AND r.state = $4".to_owned()
        }
    };
    let sql = format!(
        "SELECT r.seq, r.recipient, c.id AS contact, r.address, r.provider, r.state, r.attempts, r.last_reply, r.category,
             r.changed_at, r.opened_at, r.clicked_at, r.complained_at, r.unsubscribed_at
         FROM recipient AS r LEFT JOIN contact AS c ON c.id = r.contact
         WHERE r.campaign = $1 AND r.seq > $2 AND r.recipient IS NOT NULL{condition} ORDER BY r.seq LIMIT $3"
    );
    let rows = base.db.query(&sql, values).await?;
    let items: Vec<(i64, CampaignRecipient)> = rows.iter().map(recipient).collect::<Result<_, _>>()?;
    let page = Page::new(items, page, |(seq, _)| params![*seq]);
    Ok(Page { items: page.items.into_iter().map(|(_, item)| item).collect(), next: page.next })
}

fn state_of(filter: RecipientFilter) -> RecipientState {
    match filter {
        RecipientFilter::Deferred => RecipientState::Deferred,
        RecipientFilter::Delivered => RecipientState::Delivered,
        RecipientFilter::Bounced => RecipientState::Bounced,
        RecipientFilter::Expired => RecipientState::Expired,
        RecipientFilter::Suppressed => RecipientState::Suppressed,
        _ => RecipientState::Queued,
    }
}

fn recipient(row: &Row) -> Result<(i64, CampaignRecipient), DbError> {
    let mark = |column: &str| Ok::<_, DbError>(row.get::<Option<Timestamp>>(column)?.is_some());
    let recipient = CampaignRecipient {
        recipient: row.get("recipient")?,
        contact: row.get("contact")?,
        address: row.get("address")?,
        provider: row.get("provider")?,
        state: named(row, "state", RecipientState::from_name)?,
        attempts: row.get("attempts")?,
        last_reply: row.get("last_reply")?,
        category: row.get("category")?,
        at: row.get("changed_at")?,
        opened: mark("opened_at")?,
        clicked: mark("clicked_at")?,
        complained: mark("complained_at")?,
        unsubscribed: mark("unsubscribed_at")?,
    };
    Ok((row.get("seq")?, recipient))
}

/// How far the fold of the event log is.
pub(crate) async fn stats(base: &Base) -> Result<FoldStats, Error> {
    let sql = "SELECT place, events, unmatched, unreadable, gaps FROM log_cursor";
    let Some(row) = base.db.query_optional(sql, params![]).await? else { return Ok(FoldStats::default()) };
    Ok(FoldStats {
        cursor: row.get("place")?,
        events: row.get("events")?,
        unmatched: row.get("unmatched")?,
        unreadable: row.get("unreadable")?,
        gaps: row.get("gaps")?,
    })
}
