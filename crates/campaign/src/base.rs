//! What all parts of this wing stand on: settings, database, clock, ids.

use std::sync::{Arc, Mutex, PoisonError};

use db::{Db, DbError, params};
use model::id::IdGenerator;
use model::time::{Clock, Timestamp};

use crate::config::Config;

/// Shared by all nouns of the wing; made once by `Campaigns::open`.
pub(crate) struct Base {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    ids: Mutex<IdGenerator>,
}

impl Base {
    /// Continues behind the highest id in the database.
    pub(crate) async fn new(config: Config, db: Db, clock: Arc<dyn Clock>, node: u16) -> Result<Self, DbError> {
        let mut ids = IdGenerator::new(node);
        let sql = "SELECT MAX(id) AS newest FROM (
                       SELECT MAX(id) AS id FROM list UNION ALL SELECT MAX(id) FROM contact
                       UNION ALL SELECT MAX(id) FROM import UNION ALL SELECT MAX(id) FROM campaign
                   ) AS newest_ids";
        let newest: Option<u64> = db.query_one(sql, params![]).await?.get("newest")?;
        ids.resume_after(newest.unwrap_or(0));
        Ok(Base { config, db, clock, ids: Mutex::new(ids) })
    }

    /// A new id.
    pub(crate) fn id(&self) -> u64 {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).next(self.now())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// `$3, $4, $5` for `numbered(3, 3)`.
pub(crate) fn numbered(first: usize, count: usize) -> String {
    let numbers: Vec<String> = (first..first + count).map(|number| format!("${number}")).collect();
    numbers.join(", ")
}
