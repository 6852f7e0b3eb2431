//! The tables behind the reports: reading the rows a batch speaks of, writing what it changes.

use std::collections::HashMap;

use db::{DbError, Insert, Row, Tx, Value as Param, params};
use model::id::{CampaignId, RecipientId};
use model::time::Timestamp;

use super::fold::{Leaving, Wanted, Who};
use super::moment::slot;
use super::standing::{Stage, Standing};
use super::tally::{MOMENT_COLUMNS, MomentSums, PROVIDER_COLUMNS, Tally};
use crate::audience::suppression::{key_of, named};
use crate::base::numbered;

/// Keys in one `IN (…)`.
const KEYS_MAX: usize = 500;

const COLUMNS: &str = "campaign, seq, contact, address, recipient, state, provider, attempts, category, last_reply,
    changed_at, opened_at, clicked_at, complained_at, unsubscribed_at, automatic_at, came_back_at,
    links";

/// The rows of the recipients that a batch speaks of.
pub(crate) async fn read(tx: &mut Tx, wanted: &Wanted) -> Result<Vec<Standing>, DbError> {
    let mut found = Vec::new();
    for (campaign, contacts) in &wanted.contacts {
        let contacts: Vec<Param> = contacts.iter().map(|contact| Param::from(*contact)).collect();
        for keys in contacts.chunks(KEYS_MAX) {
            let numbers = numbered(2, keys.len());
            let sql = format!("SELECT {COLUMNS} FROM recipient WHERE campaign = $1 AND contact IN ({numbers})");
            let values = params![*campaign].into_iter().chain(keys.iter().cloned()).collect();
            found.extend(standings(&tx.query(&sql, values).await?)?);
        }
    }
    let known: std::collections::HashSet<RecipientId> = found.iter().filter_map(|row| row.recipient).collect();
    let recipients: Vec<Param> =
        wanted.recipients.iter().filter(|id| !known.contains(id)).map(|id| Param::from(*id)).collect();
    for keys in recipients.chunks(KEYS_MAX) {
        let sql = format!("SELECT {COLUMNS} FROM recipient WHERE recipient IN ({})", numbered(1, keys.len()));
        let more = standings(&tx.query(&sql, keys.to_vec()).await?)?;
        // Some of them may have been asked for by contact before they had an id here.
        found.extend(more);
    }
    found.sort_by_key(|row| (row.campaign, row.seq));
    found.dedup_by_key(|row| (row.campaign, row.seq));
    Ok(found)
}

fn standings(rows: &[Row]) -> Result<Vec<Standing>, DbError> {
    rows.iter().map(standing).collect()
}

fn standing(row: &Row) -> Result<Standing, DbError> {
    Ok(Standing {
        campaign: row.get("campaign")?,
        seq: row.get("seq")?,
        contact: row.get("contact")?,
        address: row.get("address")?,
        recipient: row.get("recipient")?,
        stage: named(row, "state", Stage::from_name)?,
        provider: row.get("provider")?,
        attempts: row.get("attempts")?,
        category: row.get("category")?,
        last_reply: row.get("last_reply")?,
        changed_at: row.get("changed_at")?,
        opened_at: row.get("opened_at")?,
        clicked_at: row.get("clicked_at")?,
        complained_at: row.get("complained_at")?,
        unsubscribed_at: row.get("unsubscribed_at")?,
        automatic_at: row.get("automatic_at")?,
        came_back_at: row.get("came_back_at")?,
        links: row.get::<Option<Vec<u8>>>("links")?.unwrap_or_default(),
    })
}

/// Writes changed rows over the old ones.
pub(crate) async fn write_standings(tx: &mut Tx, changed: Vec<Standing>) -> Result<(), DbError> {
    let insert = Insert {
        table: "recipient",
        columns: &[
            "campaign",
            "seq",
            "contact",
            "address",
            "recipient",
            "state",
            "provider",
            "attempts",
            "category",
            "last_reply",
            "changed_at",
            "opened_at",
            "clicked_at",
            "complained_at",
            "unsubscribed_at",
            "automatic_at",
            "came_back_at",
            "links",
        ],
        conflict: "ON CONFLICT (campaign, seq) DO UPDATE SET recipient = excluded.recipient, state = excluded.state,
                       provider = excluded.provider, attempts = excluded.attempts, category = excluded.category,
                       last_reply = excluded.last_reply, changed_at = excluded.changed_at,
                       opened_at = excluded.opened_at, clicked_at = excluded.clicked_at,
                       complained_at = excluded.complained_at, unsubscribed_at = excluded.unsubscribed_at,
                       automatic_at = excluded.automatic_at, came_back_at = excluded.came_back_at,
                       links = excluded.links",
    };
    let rows = changed.into_iter().map(|row| {
        params![
            row.campaign,
            row.seq,
            row.contact,
            row.address,
            row.recipient,
            row.stage.as_str(),
            row.provider,
            row.attempts,
            row.category,
            row.last_reply,
            row.changed_at,
            row.opened_at,
            row.clicked_at,
            row.complained_at,
            row.unsubscribed_at,
            row.automatic_at,
            row.came_back_at,
            Some(row.links).filter(|links| !links.is_empty()),
        ]
    });
    tx.insert(&insert, rows.collect()).await.map(|_| ())
}

/// Adds sums to the tables.
pub(crate) async fn write_tally(tx: &mut Tx, tally: &Tally) -> Result<(), DbError> {
    let mut columns = vec!["campaign", "provider"];
    columns.extend(PROVIDER_COLUMNS);
    let rows = tally.providers.iter().filter(|(_, sums)| sums.iter().any(|sum| *sum != 0)).map(|((id, name), sums)| {
        params![*id, name].into_iter().chain(sums.iter().map(|sum| Param::Int(*sum))).collect()
    });
    add(tx, "tally_provider", &columns, 2, rows.collect()).await?;

    let insert = Insert {
        table: "tally_category",
        columns: &["campaign", "category", "attempts", "bounced", "expired", "came_back", "sample"],
        conflict: "ON CONFLICT (campaign, category) DO UPDATE SET
                       attempts = tally_category.attempts + excluded.attempts,
                       bounced = tally_category.bounced + excluded.bounced,
                       expired = tally_category.expired + excluded.expired,
                       came_back = tally_category.came_back + excluded.came_back,
                       sample = CASE WHEN tally_category.sample = '' THEN excluded.sample ELSE tally_category.sample END",
    };
    let rows = tally.categories.iter().map(|((id, name), sums)| {
        params![*id, *name, sums.all, sums.bounced, sums.expired, sums.came_back, &sums.sample]
    });
    tx.insert(&insert, rows.collect()).await?;

    write_moments(tx, tally).await?;
    let rows = tally.delays.iter().map(|((id, provider, bucket), count)| params![*id, provider, *bucket, *count]);
    add(tx, "tally_delay", &["campaign", "provider", "bucket", "delivered"], 3, rows.collect()).await?;

    let sql = "UPDATE link SET clicks = clicks + $3, clickers = clickers + $4, auto_clicks = auto_clicks + $5
               WHERE campaign = $1 AND place = $2";
    for ((id, place), sums) in &tally.links {
        tx.execute(sql, params![*id, *place, sums.clicks, sums.clickers, sums.automatic]).await?;
    }
    Ok(())
}

/// Adds what happened to the steps of time, which are as fine as the campaign is young.
async fn write_moments(tx: &mut Tx, tally: &Tally) -> Result<(), DbError> {
    let mut campaigns: Vec<CampaignId> = tally.moments.keys().map(|(id, _)| *id).collect();
    campaigns.sort_unstable();
    campaigns.dedup();
    let mut started: HashMap<CampaignId, Option<Timestamp>> = HashMap::new();
    for keys in campaigns.chunks(KEYS_MAX) {
        let sql = format!("SELECT id, started_at FROM campaign WHERE id IN ({})", numbered(1, keys.len()));
        for row in tx.query(&sql, keys.iter().map(|id| Param::from(*id)).collect()).await? {
            started.insert(row.get("id")?, row.get("started_at")?);
        }
    }
    let mut slots: HashMap<(CampaignId, i64, i64), MomentSums> = HashMap::new();
    for ((id, second), sums) in &tally.moments {
        let begin = started.get(id).copied().flatten().map_or(*second, Timestamp::as_unix_s);
        let (begins, span) = slot(*second, begin);
        let kept = slots.entry((*id, begins, span)).or_default();
        kept.iter_mut().zip(sums).for_each(|(kept, sum)| *kept += sum);
    }
    let mut columns = vec!["campaign", "begins", "span"];
    columns.extend(MOMENT_COLUMNS);
    let rows = slots.iter().map(|((id, begins, span), sums)| {
        params![*id, *begins, *span].into_iter().chain(sums.iter().map(|sum| Param::Int(*sum))).collect()
    });
    add(tx, "tally_time", &columns, 3, rows.collect()).await
}

/// Adds numbers to rows of a table whose first `keys` columns are its key.
async fn add(tx: &mut Tx, table: &str, columns: &[&str], keys: usize, rows: Vec<Vec<Param>>) -> Result<(), DbError> {
    let sums: Vec<String> =
        columns[keys..].iter().map(|column| format!("{column} = {table}.{column} + excluded.{column}")).collect();
    let conflict = format!("ON CONFLICT ({}) DO UPDATE SET {}", columns[..keys].join(", "), sums.join(", "));
    tx.insert(&Insert { table, columns, conflict: &conflict }, rows).await.map(|_| ())
}

/// Takes contacts off lists; who came back later by a person's act stays.
pub(crate) async fn write_leaving(tx: &mut Tx, leaving: &[Leaving]) -> Result<(), DbError> {
    for one in leaving {
        let (contact, who) = match &one.who {
            Who::Contact(id) => ("$1", Param::from(*id)),
            Who::Address(address) => {
                ("(SELECT id FROM contact WHERE address_key = $1)", Param::from(&*key_of(address)))
            }
        };
        let mut sql = format!(
            "UPDATE membership SET state = 'unsubscribed', since = $2
             WHERE contact = {contact} AND state = 'subscribed' AND since <= $2"
        );
        let mut values = params![who, one.at];
        if let Some(list) = one.list {
            sql.push_str(" AND list = $3");
            values.push(list.into());
        }
        tx.execute(&sql, values).await?;
    }
    Ok(())
}

/// Sets everything back that is made of events, for a rebuild.
pub(crate) async fn clear(tx: &mut Tx) -> Result<(), DbError> {
    for table in ["tally_provider", "tally_category", "tally_time", "tally_delay", "log_cursor"] {
        tx.execute(&format!("DELETE FROM {table}"), params![]).await?;
    }
    tx.execute("UPDATE link SET clicks = 0, clickers = 0, auto_clicks = 0", params![]).await?;
    let sql = "UPDATE recipient SET state = CASE WHEN state = 'skipped' THEN 'skipped' ELSE 'waiting' END,
                   recipient = NULL, provider = NULL, attempts = 0, category = NULL, changed_at = 0,
                   last_reply = CASE WHEN state = 'skipped' THEN last_reply END,
                   opened_at = NULL, clicked_at = NULL, complained_at = NULL, unsubscribed_at = NULL,
                   automatic_at = NULL, came_back_at = NULL, links = NULL";
    tx.execute(sql, params![]).await?;
    let sql = "UPDATE campaign SET state = 'sending', finished_at = NULL WHERE state = 'sent'";
    tx.execute(sql, params![]).await.map(|_| ())
}

/// Campaigns whose rows changed.
pub(crate) fn campaigns(changed: &[Standing]) -> Vec<CampaignId> {
    let mut campaigns: Vec<CampaignId> = changed.iter().map(|row| row.campaign).collect();
    campaigns.sort_unstable();
    campaigns.dedup();
    campaigns
}
