//! PostgreSQL: how a connection is set up, and the two verbs on it.
//!
//! A NULL goes out without a type, so that the server takes the type of the column it meets. All else is declared as
//! BIGINT, DOUBLE PRECISION, TEXT or BYTEA, whatever the column is; the server casts on assignment.

use std::str::FromStr as _;
use std::sync::Arc;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow, PgTypeInfo, Postgres,
};
use sqlx::{Arguments, AssertSqlSafe, Column as _, ConnectOptions as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::error::DbError;
use crate::handle::{ACQUIRE_TIMEOUT, SERVER_CONNECTIONS_MAX};
use crate::row::Row;
use crate::value::Value;

/// Connects to a server; the database must exist.
pub(crate) async fn open(url: &str) -> Result<PgPool, DbError> {
    let options = PgConnectOptions::from_str(url)?.application_name("ies").disable_statement_logging();
    let pool = PgPoolOptions::new().max_connections(SERVER_CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT);
    Ok(pool.connect_with(options).await?)
}

/// All rows of a statement.
pub(crate) async fn fetch(connection: &mut PgConnection, sql: String, params: Vec<Value>) -> Result<Vec<Row>, DbError> {
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).fetch_all(connection).await?;
    let columns: Arc<[String]> = match rows.first() {
        Some(row) => row.columns().iter().map(|column| column.name().to_owned()).collect(),
        None => return Ok(Vec::new()),
    };
    rows.iter().map(|row| Ok(Row::new(columns.clone(), values(row)?))).collect()
}

/// Runs a statement; the number of rows it changed.
pub(crate) async fn execute(connection: &mut PgConnection, sql: String, params: Vec<Value>) -> Result<u64, DbError> {
    Ok(sqlx::query_with(AssertSqlSafe(sql), arguments(params)?).execute(connection).await?.rows_affected())
}

/// A NULL of the type that the server finds fit: type number 0 means "not said".
struct Untyped;

impl sqlx::Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl sqlx::Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

fn arguments(params: Vec<Value>) -> Result<PgArguments, DbError> {
    let mut arguments = PgArguments::default();
    arguments.reserve(params.len(), params.len() * 8);
    for value in params {
        match value {
            Value::Null => Arguments::add(&mut arguments, Untyped),
            Value::Int(number) => Arguments::add(&mut arguments, number),
            Value::Real(number) => Arguments::add(&mut arguments, number),
            Value::Text(text) => Arguments::add(&mut arguments, text),
            Value::Blob(bytes) => Arguments::add(&mut arguments, bytes),
        }
        .map_err(|error| DbError::Statement(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

fn values(row: &PgRow) -> Result<Vec<Value>, DbError> {
    row.columns()
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let raw = row.try_get_raw(place)?;
            if raw.is_null() {
                return Ok(Value::Null);
            }
            let kind = raw.type_info();
            Ok(match kind.name() {
                "INT8" => Value::Int(row.try_get_unchecked(place)?),
                "INT4" => Value::Int(i64::from(row.try_get_unchecked::<i32, _>(place)?)),
                "INT2" => Value::Int(i64::from(row.try_get_unchecked::<i16, _>(place)?)),
                "BOOL" => Value::Int(i64::from(row.try_get_unchecked::<bool, _>(place)?)),
                "FLOAT8" => Value::Real(row.try_get_unchecked(place)?),
                "TEXT" | "VARCHAR" | "NAME" | "JSON" => Value::Text(row.try_get_unchecked(place)?),
                "BYTEA" => Value::Blob(row.try_get_unchecked(place)?),
                other => {
                    let reason = format!("has the type {other}; cast it to BIGINT, DOUBLE PRECISION or TEXT");
                    return Err(DbError::Column { column: column.name().to_owned(), reason });
                }
            })
        })
        .collect()
}
