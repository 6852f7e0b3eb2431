//! The link tables of campaigns in memory: what the number in a click token means.
//!
//! The newest [`LINK_TABLES_MAX`] campaigns are loaded at start, each new one is added when it is sent. A click in a mail
//! of an older campaign reads its link from the database.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use db::{DbError, params};
use model::id::CampaignId;

use crate::base::Base;

/// Campaigns whose links are held in memory, a few kilobytes each.
pub const LINK_TABLES_MAX: u32 = 10_000;

/// Link tables by campaign.
pub(crate) struct LinkTables {
    base: Arc<Base>,
    tables: RwLock<HashMap<CampaignId, Arc<[String]>>>,
}

impl LinkTables {
    pub(crate) async fn load(base: &Arc<Base>) -> Result<Self, DbError> {
        let sql = "SELECT campaign, url FROM link
                   WHERE campaign IN (SELECT id FROM campaign WHERE started_at IS NOT NULL ORDER BY id DESC LIMIT $1)
                   ORDER BY campaign, place";
        let mut tables: HashMap<CampaignId, Vec<String>> = HashMap::new();
        for row in base.db.query(sql, params![LINK_TABLES_MAX]).await? {
            tables.entry(row.get("campaign")?).or_default().push(row.get("url")?);
        }
        let tables = tables.into_iter().map(|(id, urls)| (id, Arc::from(urls))).collect();
        Ok(LinkTables { base: base.clone(), tables: RwLock::new(tables) })
    }

    pub(crate) fn add(&self, id: CampaignId, urls: impl Iterator<Item = String>) {
        self.tables.write().unwrap_or_else(PoisonError::into_inner).insert(id, urls.collect());
    }

    /// Where a link leads.
    pub(crate) async fn find(&self, id: CampaignId, place: u16) -> Option<String> {
        let table = self.tables.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(table) = table {
            return table.get(usize::from(place)).cloned();
        }
        let sql = "SELECT url FROM link WHERE campaign = $1 AND place = $2";
        let row = self.base.db.query_optional(sql, params![id, place]).await;
        match row.and_then(|row| row.map(|row| row.get("url")).transpose()) {
            Ok(url) => url,
            Err(error) => {
                tracing::warn!(campaign = %id, error = error.chain(), "a link could not be read");
                None
            }
        }
    }
}
