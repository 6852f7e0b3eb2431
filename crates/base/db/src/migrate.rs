//! Migrations: each crate's tables, brought up to date in order, each change applied once.
//!
//! What was applied stands in the table `schema_migration` with a checksum of its SQL. A migration that is in the
//! program is never edited; a change is a new one behind it. All outstanding migrations of a namespace are applied in
//! one transaction (both engines can take back DDL). Two programs at the same time wait for each other.

use model::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::dialect::Dialect;
use crate::error::DbError;
use crate::handle::{Db, Tx};
use crate::params;

/// One change of a crate's tables.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its name, unique in the namespace: `0001_contacts`.
    pub name: &'static str,
    /// One or more statements, with the markers of [`crate::dialect`], without parameters.
    pub sql: &'static str,
}

/// Any number; all programs that migrate lock the same.
const LOCK: i64 = 0x0069_6573_5f6d_6967;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    namespace TEXT NOT NULL,
    place BIGINT NOT NULL,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    PRIMARY KEY (namespace, place)
)";

pub(crate) async fn run(db: &Db, namespace: &str, migrations: &[Migration], now: Timestamp) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    if tx.dialect() == Dialect::Postgres {
        tx.execute("SELECT pg_advisory_xact_lock($1)", params![LOCK]).await?;
    }
    tx.script(TABLE).await?;
    let applied = applied(&mut tx, namespace).await?;
    if applied.len() > migrations.len() {
        let name = applied[migrations.len()].0.clone();
        return Err(refusal(namespace, &name, "is applied, but this program does not know it; use the newer program"));
    }
    for (place, migration) in migrations.iter().enumerate() {
        let checksum = hex::encode(Sha256::digest(migration.sql));
        match applied.get(place) {
            Some((name, sum)) if name == migration.name && *sum == checksum => {}
            Some((name, _)) => {
                let reason = "is applied in another form; this database belongs to another program";
                return Err(refusal(namespace, name, reason));
            }
            None => {
                tx.script(migration.sql).await?;
                let sql = "INSERT INTO schema_migration (namespace, place, name, checksum, applied_at)
                           VALUES ($1, $2, $3, $4, $5)";
                tx.execute(sql, params![namespace, place, migration.name, checksum, now]).await?;
                tracing::info!(namespace, name = migration.name, "migration applied");
            }
        }
    }
    tx.commit().await
}

async fn applied(tx: &mut Tx, namespace: &str) -> Result<Vec<(String, String)>, DbError> {
    let sql = "SELECT name, checksum FROM schema_migration WHERE namespace = $1 ORDER BY place";
    let rows = tx.query(sql, params![namespace]).await?;
    rows.iter().map(|row| Ok((row.get("name")?, row.get("checksum")?))).collect()
}

fn refusal(namespace: &str, name: &str, reason: &str) -> DbError {
    DbError::Migration { namespace: namespace.to_owned(), name: name.to_owned(), reason: reason.to_owned() }
}
