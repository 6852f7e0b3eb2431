//! Campaigns in the database: written, read, changed while they are drafts.

use std::collections::HashMap;

use db::{DbError, Page, PageRequest, Row, Value as Param, params};
use mail::address::Address;
use model::id::{CampaignId, ListId};
use model::name::Name;

use super::types::{Campaign, CampaignCounts, CampaignInput, CampaignProgress, CampaignState};
use crate::Error;
use crate::audience::field;
use crate::audience::suppression::named;
use crate::base::{Base, numbered};
use crate::content::BODY_MAX;
use crate::content::draft::{Draft, Letterhead};
use crate::content::pieces::pieces;
use crate::content::types::Format;

/// Longest name of a campaign, in bytes.
pub const CAMPAIGN_NAME_MAX: usize = 200;

/// Longest subject, preheader or display name, in bytes, before merging.
pub const LINE_MAX: usize = 2_000;

/// A page of campaigns, the newest first. `body` and `text` are left empty: a list is not where they are read.
pub(crate) async fn page(base: &Base, page: &PageRequest) -> Result<Page<Campaign>, Error> {
    let mut params = page.start(1)?.unwrap_or_else(|| params![i64::MAX]);
    params.push(page.fetch());
    let columns = COLUMNS.replace("body, text_body", "'' AS body, '' AS text_body");
    let sql = format!("SELECT {columns} FROM campaign WHERE id < $1 ORDER BY id DESC LIMIT $2");
    let rows = base.db.query(&sql, params).await?;
    Ok(Page::new(complete(base, &rows).await?, page, |campaign| params![campaign.id]))
}

const COLUMNS: &str =
    "id, name, state, subject, preheader, from_name, from_address, reply_to, list, format, body, text_body,
    stream, pool, track_opens, track_clicks, created_at, version, changed_at, changed_by, started_at, finished_at, audience, trouble";

/// One campaign.
pub(crate) async fn get(base: &Base, id: CampaignId) -> Result<Campaign, Error> {
    let rows = base.db.query(&format!("SELECT {COLUMNS} FROM campaign WHERE id = $1"), params![id]).await?;
    complete(base, &rows).await?.pop().ok_or_else(|| Error::not_found("campaign", id))
}

/// Campaigns that are under way.
pub(crate) async fn progress(base: &Base) -> Result<Vec<CampaignProgress>, Error> {
    let columns = COLUMNS.replace("body, text_body", "'' AS body, '' AS text_body");
    let sql = format!("SELECT {columns} FROM campaign WHERE state IN ('sending', 'paused') ORDER BY id DESC LIMIT 200");
    let campaigns = complete(base, &base.db.query(&sql, params![]).await?).await?;
    let progress = |campaign: Campaign| CampaignProgress {
        id: campaign.id,
        name: campaign.name,
        state: campaign.state,
        counts: campaign.counts.unwrap_or_default(),
    };
    Ok(campaigns.into_iter().map(progress).collect())
}

/// Makes a draft.
pub(crate) async fn create(base: &Base, input: CampaignInput) -> Result<Campaign, Error> {
    if input.name.is_none() {
        return Err(Error::invalid("name", "a campaign needs a name"));
    }
    let campaign = apply(blank(base), input)?;
    let sql =
        "INSERT INTO campaign (id, name, subject, preheader, from_name, from_address, reply_to, list, format, body,
                   text_body, stream, pool, track_opens, track_clicks, changed_at, created_at, state)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    let mut values = written(&campaign, base);
    values.extend(params![campaign.created_at, CampaignState::Draft.as_str()]);
    base.db.execute(sql, values).await.map_err(no_such_list)?;
    get(base, campaign.id).await
}

/// Changes a draft.
pub(crate) async fn change(base: &Base, id: CampaignId, input: CampaignInput, by: &str) -> Result<Campaign, Error> {
    let old = get(base, id).await?;
    let (version, state) = (old.version, old.state);
    let stale =
        |campaign: Campaign| Error::Stale { what: "campaign", at: campaign.changed_at, by: campaign.changed_by };
    if state == CampaignState::Draft && input.version.is_some_and(|given| given != version) {
        return Err(stale(old));
    }
    let campaign = apply(old, input)?;
    let sql = "UPDATE campaign SET name = $2, subject = $3, preheader = $4, from_name = $5, from_address = $6,
                   reply_to = $7, list = $8, format = $9, body = $10, text_body = $11, stream = $12, pool = $13,
                   track_opens = $14, track_clicks = $15, changed_at = $16, changed_by = $17,
                   version = version + 1
               WHERE id = $1 AND state = 'draft' AND version = $18";
    let mut values = written(&campaign, base);
    values.extend(params![by, version]);
    let written = base.db.execute(sql, values).await.map_err(no_such_list)?;
    let campaign = get(base, id).await?;
    match campaign.state {
        CampaignState::Draft if written > 0 => Ok(campaign),
        // Somebody was faster, between the reading and the writing.
        CampaignState::Draft => Err(stale(campaign)),
        _ => Err(Error::conflict("only a draft can be changed")),
    }
}

/// Removes a draft.
pub(crate) async fn delete(base: &Base, id: CampaignId) -> Result<(), Error> {
    get(base, id).await?;
    match base.db.execute("DELETE FROM campaign WHERE id = $1 AND state = 'draft'", params![id]).await? {
        0 => Err(Error::conflict("only a draft can be deleted; what was sent stays on record")),
        _ => Ok(()),
    }
}

impl Campaign {
    /// What is written, for the compiler.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            format: self.format,
            body: self.body.clone(),
            text: self.text.clone(),
            subject: self.subject.clone(),
            preheader: self.preheader.clone(),
        }
    }

    /// Who writes to whom; reads the name of the list.
    pub(crate) async fn letterhead(&self, base: &Base) -> Result<Letterhead, Error> {
        let list = match self.list {
            Some(id) => Some((id, crate::audience::list::get(base, id).await?.name)),
            None => None,
        };
        Ok(Letterhead {
            from_name: self.from_name.clone(),
            from_address: self.from_address.clone(),
            reply_to: self.reply_to.clone(),
            stream: self.stream.clone(),
            track_opens: self.track_opens,
            track_clicks: self.track_clicks,
            campaign: Some(self.id),
            list,
        })
    }
}

fn blank(base: &Base) -> Campaign {
    Campaign {
        id: CampaignId(base.id()),
        name: String::new(),
        state: CampaignState::Draft,
        subject: String::new(),
        subject_pieces: Vec::new(),
        preheader: String::new(),
        from_name: String::new(),
        from_address: String::new(),
        reply_to: String::new(),
        list: None,
        format: Format::Mjml,
        body: String::new(),
        text: String::new(),
        stream: base.config.stream.to_string(),
        pool: String::new(),
        track_opens: true,
        track_clicks: true,
        created_at: base.now(),
        version: 1,
        changed_at: base.now(),
        changed_by: String::new(),
        started_at: None,
        finished_at: None,
        trouble: None,
        counts: None,
    }
}

fn apply(mut campaign: Campaign, input: CampaignInput) -> Result<Campaign, Error> {
    let texts = [
        ("name", input.name, &mut campaign.name, CAMPAIGN_NAME_MAX),
        ("subject", input.subject, &mut campaign.subject, LINE_MAX),
        ("preheader", input.preheader, &mut campaign.preheader, LINE_MAX),
        ("from_name", input.from_name, &mut campaign.from_name, LINE_MAX),
        ("from_address", input.from_address, &mut campaign.from_address, LINE_MAX),
        ("reply_to", input.reply_to, &mut campaign.reply_to, LINE_MAX),
        ("body", input.body, &mut campaign.body, BODY_MAX),
        ("text", input.text, &mut campaign.text, BODY_MAX),
        ("stream", input.stream, &mut campaign.stream, Name::LEN_MAX),
        ("pool", input.pool, &mut campaign.pool, Name::LEN_MAX),
    ];
    for (field, given, place, len_max) in texts {
        let Some(text) = given else { continue };
        if text.len() > len_max || text.contains('\0') {
            return Err(Error::invalid(field, format!("at most {len_max} bytes of text")));
        }
        *place = text;
    }
    for (field, empty) in [("name", campaign.name.trim().is_empty()), ("stream", campaign.stream.trim().is_empty())] {
        if empty {
            return Err(Error::invalid(field, format!("the {field} must not be empty")));
        }
    }
    for (field, address) in [("from_address", &mut campaign.from_address), ("reply_to", &mut campaign.reply_to)] {
        if !address.is_empty() {
            let parsed = Address::parse(address).map_err(|error| Error::invalid(field, error.to_string()))?;
            *address = parsed.to_string();
        }
    }
    campaign.list = input.list.unwrap_or(campaign.list);
    campaign.format = input.format.unwrap_or(campaign.format);
    campaign.track_opens = input.track_opens.unwrap_or(campaign.track_opens);
    campaign.track_clicks = input.track_clicks.unwrap_or(campaign.track_clicks);
    Ok(campaign)
}

/// `$1` to `$16` of insert and update.
fn written(campaign: &Campaign, base: &Base) -> Vec<Param> {
    params![
        campaign.id,
        &campaign.name,
        &campaign.subject,
        &campaign.preheader,
        &campaign.from_name,
        &campaign.from_address,
        &campaign.reply_to,
        campaign.list,
        campaign.format.as_str(),
        &campaign.body,
        &campaign.text,
        &campaign.stream,
        &campaign.pool,
        campaign.track_opens,
        campaign.track_clicks,
        base.now(),
    ]
}

fn no_such_list(error: DbError) -> Error {
    match error {
        DbError::Reference(_) => Error::invalid("list", "there is no such list"),
        other => other.into(),
    }
}

/// Campaigns out of rows of [`COLUMNS`], with their numbers.
async fn complete(base: &Base, rows: &[Row]) -> Result<Vec<Campaign>, Error> {
    let campaigns: Vec<Campaign> = rows.iter().map(campaign).collect::<Result<_, DbError>>()?;
    let mut counts = counts(base, campaigns.iter().map(|campaign| campaign.id).collect()).await?;
    let registry = field::registry(base).await?;
    let with_counts = |(mut campaign, row): (Campaign, &Row)| {
        campaign.subject_pieces = pieces(&campaign.subject, &registry);
        if campaign.state != CampaignState::Draft {
            let mut counts = counts.remove(&campaign.id).unwrap_or_default();
            counts.audience = row.get("audience")?;
            campaign.counts = Some(counts);
        }
        Ok(campaign)
    };
    campaigns.into_iter().zip(rows).map(with_counts).collect()
}

/// The numbers of campaigns, without the audience.
pub(crate) async fn counts(base: &Base, ids: Vec<CampaignId>) -> Result<HashMap<CampaignId, CampaignCounts>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sums = [
        "handed_over",
        "deferred_now",
        "delivered",
        "came_back",
        "bounced",
        "expired",
        "suppressed",
        "complaints",
        "unsubscribes",
        "openers",
        "clickers",
    ]
    .map(|column| format!("CAST(SUM({column}) AS BIGINT) AS {column}"));
    let sql = format!(
        "SELECT campaign, {} FROM tally_provider WHERE campaign IN ({}) GROUP BY campaign",
        sums.join(", "),
        numbered(1, ids.len())
    );
    let rows = base.db.query(&sql, ids.into_iter().map(Param::from).collect()).await?;
    rows.iter()
        .map(|row| {
            let mut counts = CampaignCounts {
                audience: 0,
                handed_over: row.get("handed_over")?,
                queued: 0,
                delivered: row.get("delivered")?,
                came_back: row.get("came_back")?,
                deferred_now: row.get("deferred_now")?,
                bounced: row.get("bounced")?,
                expired: row.get("expired")?,
                suppressed: row.get("suppressed")?,
                complaints: row.get("complaints")?,
                unsubscribes: row.get("unsubscribes")?,
                opens: row.get("openers")?,
                clicks: row.get("clickers")?,
            };
            let done = counts.delivered + counts.bounced + counts.expired + counts.suppressed;
            counts.queued = counts.handed_over.saturating_sub(done);
            Ok((row.get("campaign")?, counts))
        })
        .collect()
}

fn campaign(row: &Row) -> Result<Campaign, DbError> {
    Ok(Campaign {
        id: row.get("id")?,
        name: row.get("name")?,
        state: named(row, "state", CampaignState::from_name)?,
        subject: row.get("subject")?,
        subject_pieces: Vec::new(),
        preheader: row.get("preheader")?,
        from_name: row.get("from_name")?,
        from_address: row.get("from_address")?,
        reply_to: row.get("reply_to")?,
        list: row.get::<Option<ListId>>("list")?,
        format: named(row, "format", Format::from_name)?,
        body: row.get("body")?,
        text: row.get("text_body")?,
        stream: row.get("stream")?,
        pool: row.get("pool")?,
        track_opens: row.get("track_opens")?,
        track_clicks: row.get("track_clicks")?,
        created_at: row.get("created_at")?,
        version: row.get("version")?,
        changed_at: row.get("changed_at")?,
        changed_by: row.get("changed_by")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
        trouble: row.get("trouble")?,
        counts: None,
    })
}
