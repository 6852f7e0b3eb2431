//! The handle: open a database, ask it, change it.
//!
//! SQLite has one writer connection, given out in the order of asking, and [`READERS`] connections that cannot write.
//! A statement of [`Db::query`] never waits for a transaction; one of [`Db::execute`] or of a [`Tx`] waits for the
//! writer. PostgreSQL has one pool for both.

use std::path::Path;
use std::time::Duration;

use sqlx::postgres::{PgPool, Postgres};
use sqlx::sqlite::{Sqlite, SqlitePool};

use crate::dialect::Dialect;
use crate::error::DbError;
use crate::migrate::{self, Migration};
use crate::row::Row;
use crate::value::Value;
use crate::{postgres, sqlite};

/// Connections that only read, for SQLite.
pub const READERS: u32 = 4;

/// Connections to a PostgreSQL server.
pub const SERVER_CONNECTIONS_MAX: u32 = 16;

/// How long a statement waits for a connection before [`DbError::Unavailable`].
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long SQLite waits for another process that writes (a subcommand beside a running suite).
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A database. Cheap to clone; the last clone gone closes it.
#[derive(Clone, Debug)]
pub struct Db {
    engine: Engine,
}

#[derive(Clone, Debug)]
enum Engine {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

impl Db {
    /// Opens `sqlite://path/to/file` (made when missing; the directory must exist) or `postgres://user@host/name`.
    ///
    /// # Errors
    /// [`DbError::Url`] for anything else; [`DbError::Unavailable`] or [`DbError::Statement`] when it cannot be opened.
    pub async fn open(url: &str) -> Result<Self, DbError> {
        let engine = if let Some(path) = url.strip_prefix("sqlite://") {
            let (writer, readers) = sqlite::open(Path::new(path)).await?;
            Engine::Sqlite { writer, readers }
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Engine::Postgres(postgres::open(url).await?)
        } else {
            return Err(DbError::Url { url: without_password(url) });
        };
        Ok(Db { engine })
    }

    /// Which engine it is.
    pub fn dialect(&self) -> Dialect {
        match self.engine {
            Engine::Sqlite { .. } => Dialect::Sqlite,
            Engine::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Brings the tables of one crate up to date, see [`Migration`].
    ///
    /// # Errors
    /// [`DbError::Migration`] when the database was made by another or a newer program; nothing is changed then.
    pub async fn migrate(
        &self,
        namespace: &str,
        migrations: &[Migration],
        now: model::time::Timestamp,
    ) -> Result<(), DbError> {
        migrate::run(self, namespace, migrations, now).await
    }

    /// All rows of a statement that only reads.
    ///
    /// # Errors
    /// [`DbError`]; on SQLite a statement that writes is refused as [`DbError::Statement`].
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>, DbError> {
        let sql = checked(self.dialect(), sql, &params);
        match &self.engine {
            Engine::Sqlite { readers, .. } => sqlite::fetch(&mut *readers.acquire().await?, sql, params).await,
            Engine::Postgres(pool) => postgres::fetch(&mut *pool.acquire().await?, sql, params).await,
        }
    }

    /// The one row of a statement that only reads.
    ///
    /// # Errors
    /// [`DbError::NotFound`] when there is none; further rows are ignored.
    pub async fn query_one(&self, sql: &str, params: Vec<Value>) -> Result<Row, DbError> {
        self.query_optional(sql, params).await?.ok_or(DbError::NotFound)
    }

    /// The first row of a statement that only reads, if there is one.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn query_optional(&self, sql: &str, params: Vec<Value>) -> Result<Option<Row>, DbError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs one statement in a transaction of its own; the number of rows it changed.
    ///
    /// # Errors
    /// [`DbError`]; nothing is changed then.
    pub async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64, DbError> {
        let sql = checked(self.dialect(), sql, &params);
        match &self.engine {
            Engine::Sqlite { writer, .. } => sqlite::execute(&mut *writer.acquire().await?, sql, params).await,
            Engine::Postgres(pool) => postgres::execute(&mut *pool.acquire().await?, sql, params).await,
        }
    }

    /// Begins a transaction that the caller ends with [`Tx::commit`]; dropped without it, nothing is changed.
    ///
    /// On SQLite it holds the only writer: do nothing slow before the commit, and never call [`Db::execute`] or
    /// [`Db::begin`] of the same database meanwhile (it would wait for itself until [`ACQUIRE_TIMEOUT`]). There is no
    /// form with a closure: a future that holds an async closure with borrows is not `Send` for the compiler of today.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the writer was not free in time.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        Ok(Tx {
            engine: match &self.engine {
                Engine::Sqlite { writer, .. } => TxEngine::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
                Engine::Postgres(pool) => TxEngine::Postgres(pool.begin().await?),
            },
        })
    }

    /// Waits for what is running and closes all connections; statements after it fail as unavailable.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }
}

/// A transaction: sees its own changes, and shows them to others only once committed.
#[derive(Debug)]
pub struct Tx {
    engine: TxEngine,
}

#[derive(Debug)]
enum TxEngine {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Tx {
    /// All rows of a statement, `RETURNING` included.
    ///
    /// # Errors
    /// [`DbError`]; on PostgreSQL the transaction is lost with the first error.
    pub async fn query(&mut self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>, DbError> {
        let sql = checked(self.dialect(), sql, &params);
        match &mut self.engine {
            TxEngine::Sqlite(tx) => sqlite::fetch(tx, sql, params).await,
            TxEngine::Postgres(tx) => postgres::fetch(tx, sql, params).await,
        }
    }

    /// The one row of a statement.
    ///
    /// # Errors
    /// [`DbError::NotFound`] when there is none; further rows are ignored.
    pub async fn query_one(&mut self, sql: &str, params: Vec<Value>) -> Result<Row, DbError> {
        self.query_optional(sql, params).await?.ok_or(DbError::NotFound)
    }

    /// The first row of a statement, if there is one.
    ///
    /// # Errors
    /// As [`Tx::query`].
    pub async fn query_optional(&mut self, sql: &str, params: Vec<Value>) -> Result<Option<Row>, DbError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs one statement; the number of rows it changed.
    ///
    /// # Errors
    /// As [`Tx::query`].
    pub async fn execute(&mut self, sql: &str, params: Vec<Value>) -> Result<u64, DbError> {
        let sql = checked(self.dialect(), sql, &params);
        match &mut self.engine {
            TxEngine::Sqlite(tx) => sqlite::execute(tx, sql, params).await,
            TxEngine::Postgres(tx) => postgres::execute(tx, sql, params).await,
        }
    }

    /// Makes the changes last and seen.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the disk is full or the server gone; nothing is changed then.
    pub async fn commit(self) -> Result<(), DbError> {
        match self.engine {
            TxEngine::Sqlite(tx) => Ok(tx.commit().await?),
            TxEngine::Postgres(tx) => Ok(tx.commit().await?),
        }
    }

    /// Which engine it is.
    pub fn dialect(&self) -> Dialect {
        match self.engine {
            TxEngine::Sqlite(_) => Dialect::Sqlite,
            TxEngine::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a script of several statements without parameters.
    pub(crate) async fn script(&mut self, sql: &str) -> Result<(), DbError> {
        let sql = self.dialect().translate(sql).into_owned();
        let script = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        match &mut self.engine {
            TxEngine::Sqlite(tx) => script.execute(&mut **tx).await.map(|_| ())?,
            TxEngine::Postgres(tx) => script.execute(&mut **tx).await.map(|_| ())?,
        }
        Ok(())
    }
}

/// The statement in the engine's words. A parameter too few would be NULL in SQLite without a word: refused in debug.
fn checked(dialect: Dialect, sql: &str, params: &[Value]) -> String {
    debug_assert!(placeholders(sql) <= params.len(), "{} parameters are too few for {sql}", params.len());
    dialect.translate(sql).into_owned()
}

/// The highest `$n` in the text.
fn placeholders(sql: &str) -> usize {
    let numbers = sql.split('$').skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    });
    numbers.max().unwrap_or(0)
}

fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(start), Some(end)) if start + 3 < end => format!("{}…{}", &url[..start + 3], &url[end..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_counted() {
        assert_eq!(placeholders("SELECT $1, $12, a || '$' FROM t WHERE x = $3"), 12);
        assert_eq!(placeholders("SELECT 1"), 0);
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("mysql://me:secret@host/name"), "mysql://…@host/name");
    }
}
