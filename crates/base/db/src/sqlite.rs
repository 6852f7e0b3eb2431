//! SQLite: how a connection is set up, and the two verbs on it.
//!
//! WAL, so that readers never wait for the writer. `synchronous = FULL`, so that a commit is on disk when it returns:
//! with NORMAL a power failure may take back the last commits, and then this database would know less than the spool
//! and the event log, which are synced (a campaign would be a draft again whose recipients are already in the spool).
//! The price is one fdatasync for each commit; everything that writes much writes in batches.

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Arguments, AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _,
};

use crate::error::DbError;
use crate::handle::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, READERS};
use crate::row::Row;
use crate::value::Value;

/// Opens the file with one writer and several readers; makes it when it is not there.
pub(crate) async fn open(path: &Path) -> Result<(SqlitePool, SqlitePool), DbError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Full)
        .pragma("temp_store", "memory")
        .disable_statement_logging();
    let writer = pool(1)
        .after_release(|connection, _| Box::pin(is_at_rest(connection)))
        .connect_with(options.clone().journal_mode(SqliteJournalMode::Wal))
        .await?;
    let readers = pool(READERS).connect_with(options.pragma("query_only", "on")).await?;
    Ok((writer, readers))
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Whether the connection can be used again. SQLite ends a transaction by itself when the disk is full, so that the
/// ROLLBACK behind it fails; sqlx then takes the transaction for open, and would never begin another one.
async fn is_at_rest(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Behind it, a ROLLBACK that was asked for has been carried out.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// All rows of a statement.
pub(crate) async fn fetch(
    connection: &mut SqliteConnection,
    sql: String,
    params: Vec<Value>,
) -> Result<Vec<Row>, DbError> {
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).fetch_all(connection).await?;
    let columns: Arc<[String]> = match rows.first() {
        Some(row) => row.columns().iter().map(|column| column.name().to_owned()).collect(),
        None => return Ok(Vec::new()),
    };
    rows.iter().map(|row| Ok(Row::new(columns.clone(), values(row)?))).collect()
}

/// Runs a statement; the number of rows it changed.
pub(crate) async fn execute(
    connection: &mut SqliteConnection,
    sql: String,
    params: Vec<Value>,
) -> Result<u64, DbError> {
    Ok(sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).execute(connection).await?.rows_affected())
}

fn arguments(params: Vec<Value>) -> Result<SqliteArguments, DbError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(params.len(), 0);
    for value in params {
        match value {
            Value::Null => Arguments::add(&mut arguments, None::<i64>),
            Value::Int(number) => Arguments::add(&mut arguments, number),
            Value::Real(number) => Arguments::add(&mut arguments, number),
            Value::Text(text) => Arguments::add(&mut arguments, text),
            Value::Blob(bytes) => Arguments::add(&mut arguments, bytes),
        }
        .map_err(|error| DbError::Statement(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

fn values(row: &SqliteRow) -> Result<Vec<Value>, DbError> {
    (0..row.len())
        .map(|place| {
            let raw = row.try_get_raw(place)?;
            if raw.is_null() {
                return Ok(Value::Null);
            }
            let kind = raw.type_info();
            Ok(match kind.name() {
                "REAL" | "NUMERIC" => Value::Real(row.try_get_unchecked(place)?),
                "TEXT" => Value::Text(row.try_get_unchecked(place)?),
                "BLOB" => Value::Blob(row.try_get_unchecked(place)?),
                _ => Value::Int(row.try_get_unchecked(place)?),
            })
        })
        .collect()
}
