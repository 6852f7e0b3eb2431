//! Reports out of the tables.

use std::collections::HashMap;

use db::{DbError, Page, PageRequest, Row, Value as Param, params};
use model::id::CampaignId;
use model::time::Timestamp;

use super::delay::percentile_s;
use super::types::{
    CampaignRecipient, CampaignReport, CategoryReport, FoldStats, LinkReport, MomentReport, ProviderReport,
    RecipientFilter, RecipientState, SkipReport, TouchCount,
};
use crate::Error;
use crate::audience::field;
use crate::audience::suppression::named;
use crate::base::Base;
use crate::content::pieces::pieces;
use crate::sending::{CampaignCounts, campaign};

/// Steps of time shown of a campaign, from the first on: enough for two years, see `report/moment.rs`.
pub const TIMELINE_MAX: u32 = 5_000;

/// Providers and categories shown of a campaign.
const GROUPS_MAX: u32 = 500;

/// Everything that is counted of one campaign.
pub(crate) async fn report(base: &Base, id: CampaignId) -> Result<CampaignReport, Error> {
    let row = base.db.query_optional("SELECT audience, skipped FROM campaign WHERE id = $1", params![id]).await?;
    let row = row.ok_or_else(|| Error::not_found("campaign", id))?;
    let skipped: u64 = row.get("skipped")?;
    let counts = campaign::counts(base, vec![id]).await?.remove(&id).unwrap_or_default();
    let (opens, clicks) = touches(base, id, &counts).await?;
    Ok(CampaignReport {
        campaign: id,
        at: base.now(),
        audience: row.get("audience")?,
        handed_over: counts.handed_over,
        skipped,
        queued: counts.queued,
        sent: counts.handed_over,
        delivered: counts.delivered,
        came_back: counts.came_back,
        deferred_now: counts.deferred_now,
        bounced: counts.bounced,
        expired: counts.expired,
        suppressed: counts.suppressed,
        complaints: counts.complaints,
        unsubscribes: counts.unsubscribes,
        opens,
        clicks,
        by_provider: by_provider(base, id).await?,
        by_category: by_category(base, id).await?,
        // A campaign without any need not be looked through.
        skips: if skipped > 0 { skips(base, id).await? } else { Vec::new() },
        links: links(base, id).await?,
        timeline: timeline(base, id).await?,
    })
}

/// Opens and clicks.
async fn touches(base: &Base, id: CampaignId, counts: &CampaignCounts) -> Result<(TouchCount, TouchCount), DbError> {
    let sums = ["opens", "auto_opens", "clicks", "auto_clicks"]
        .map(|column| format!("CAST(COALESCE(SUM({column}), 0) AS BIGINT) AS {column}"));
    let sql = format!("SELECT {} FROM tally_provider WHERE campaign = $1", sums.join(", "));
    let row = base.db.query_one(&sql, params![id]).await?;
    let count = |total: &str, automatic: &str, unique: u64| {
        Ok::<_, DbError>(TouchCount { total: row.get(total)?, automatic: row.get(automatic)?, unique })
    };
    Ok((count("opens", "auto_opens", counts.opens)?, count("clicks", "auto_clicks", counts.clicks)?))
}

async fn by_provider(base: &Base, id: CampaignId) -> Result<Vec<ProviderReport>, DbError> {
    let mut delays = delays(base, id).await?;
    // Who was not attempted yet stands under `unknown`: without them the rows would not add up to the whole.
    let sql = "SELECT * FROM tally_provider WHERE campaign = $1 AND handed_over + deferrals > 0
               ORDER BY handed_over DESC, provider LIMIT $2";
    let rows = base.db.query(sql, params![id, GROUPS_MAX]).await?;
    rows.iter()
        .map(|row| {
            let provider: String = row.get("provider")?;
            let delays = delays.remove(&provider).unwrap_or_default();
            let (delivered, bounced, expired, suppressed): (u64, u64, u64, u64) =
                (row.get("delivered")?, row.get("bounced")?, row.get("expired")?, row.get("suppressed")?);
            let sent: u64 = row.get("handed_over")?;
            Ok(ProviderReport {
                provider,
                sent,
                queued: sent.saturating_sub(delivered + bounced + expired + suppressed),
                delivered,
                came_back: row.get("came_back")?,
                deferred: row.get("deferred_now")?,
                deferrals: row.get("deferrals")?,
                bounced,
                expired,
                suppressed,
                complaints: row.get("complaints")?,
                opens: row.get("openers")?,
                clicks: row.get("clickers")?,
                opens_automatic: row.get("auto_opens")?,
                clicks_automatic: row.get("auto_clicks")?,
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
    let sql = "SELECT category, attempts, bounced, expired, came_back, sample FROM tally_category WHERE campaign = $1
               ORDER BY attempts DESC, category LIMIT $2";
    let rows = base.db.query(sql, params![id, GROUPS_MAX]).await?;
    let category = |row: &Row| {
        let [count, bounced, expired, came_back]: [u64; 4] =
            [row.get("attempts")?, row.get("bounced")?, row.get("expired")?, row.get("came_back")?];
        Ok(CategoryReport {
            category: row.get("category")?,
            count,
            deferred: count.saturating_sub(bounced + expired + came_back),
            bounced,
            expired,
            came_back,
            sample: row.get("sample")?,
        })
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

async fn links(base: &Base, id: CampaignId) -> Result<Vec<LinkReport>, Error> {
    let sql = "SELECT place, url, clicks, clickers, auto_clicks FROM link WHERE campaign = $1 ORDER BY place";
    let rows = base.db.query(sql, params![id]).await?;
    let registry = field::registry(base).await?;
    let link = |row: &Row| {
        let url: String = row.get("url")?;
        Ok(LinkReport {
            index: row.get("place")?,
            pieces: pieces(&url, &registry),
            url,
            clicks: row.get("clicks")?,
            automatic: row.get("auto_clicks")?,
            unique: row.get("clickers")?,
        })
    };
    rows.iter().map(link).collect()
}

async fn timeline(base: &Base, id: CampaignId) -> Result<Vec<MomentReport>, DbError> {
    let sql = "SELECT begins, span, delivered, deferred, bounced, expired, opens, clicks, automatic FROM tally_time
               WHERE campaign = $1 ORDER BY begins, span LIMIT $2";
    let rows = base.db.query(sql, params![id, TIMELINE_MAX]).await?;
    let moment = |row: &Row| {
        Ok(MomentReport {
            at: Timestamp::from_unix_s(row.get::<i64>("begins")?),
            span_s: row.get("span")?,
            delivered: row.get("delivered")?,
            deferred: row.get("deferred")?,
            bounced: row.get("bounced")?,
            expired: row.get("expired")?,
            opens: row.get("opens")?,
            clicks: row.get("clicks")?,
            automatic: row.get("automatic")?,
        })
    };
    rows.iter().map(moment).collect()
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
        Some(RecipientFilter::CameBack) => " AND r.came_back_at IS NOT NULL".to_owned(),
        Some(RecipientFilter::Opened) => " AND r.opened_at IS NOT NULL".to_owned(),
        Some(RecipientFilter::Clicked) => " AND r.clicked_at IS NOT NULL".to_owned(),
        Some(RecipientFilter::Automatic) => " AND r.automatic_at IS NOT NULL".to_owned(),
        Some(RecipientFilter::Complained) => " AND r.complained_at IS NOT NULL".to_owned(),
        Some(RecipientFilter::Unsubscribed) => " AND r.unsubscribed_at IS NOT NULL".to_owned(),
        Some(state) => {
            values.push(Param::from(state_of(state).as_str()));
            " AND r.state = $4".to_owned()
        }
    };
    let sql = format!(
        "SELECT r.seq, r.recipient, c.id AS contact, r.address, r.provider, r.state, r.attempts, r.last_reply, r.category,
             r.changed_at, r.opened_at, r.clicked_at, r.complained_at, r.unsubscribed_at, r.automatic_at, r.came_back_at
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
        came_back: mark("came_back_at")?,
        opened: mark("opened_at")?,
        clicked: mark("clicked_at")?,
        automatic: mark("automatic_at")?,
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
