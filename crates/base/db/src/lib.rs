//! The relational store: SQLite or PostgreSQL behind one handle.
//!
//! A crate that keeps relational state registers its [`Migration`]s under its own namespace and then speaks plain SQL
//! through [`Db`] and [`Tx`]. The SQL is written once, in the subset that both engines understand:
//!
//! - placeholders `$1`, `$2` …; values as [`Value`] through [`params!`];
//! - every whole number is `BIGINT` (ids as the bits of the `u64`, times in microseconds, booleans as 0 and 1);
//! - `INSERT … ON CONFLICT … DO UPDATE`, `RETURNING`, row values `(a, b) > ($1, $2)`, `->>` on JSON, window functions;
//! - not in the subset: `MAX(a, b)` of two values (use `CASE`), `SUM` of whole numbers without `CAST(… AS BIGINT)`
//!   (PostgreSQL makes a NUMERIC of it), case-blind `LIKE` (keep a lower-case column), `INSERT OR …`, engine dates;
//! - the few words that differ are markers, see [`dialect`].
//!
//! This crate knows no table but its own list of migrations, decides nothing about anyone's data, and lets no type of
//! sqlx out. Why there is no ORM: `docs/adr/0002-sqlx-without-an-orm.md`.
//!
//! Known gaps: no `LISTEN`/`NOTIFY`, no streaming of large results (page instead), no retry on serialisation failures
//! (PostgreSQL runs at READ COMMITTED: state conditions in the `WHERE` of the statement that relies on them).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod bulk;
pub mod dialect;
mod error;
mod handle;
mod migrate;
mod page;
mod postgres;
mod row;
mod sqlite;
#[cfg(feature = "test-util")]
pub mod testing;
mod value;

pub use bulk::{Insert, PARAMS_PER_STATEMENT_MAX};
pub use error::DbError;
pub use handle::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, Db, READERS, SERVER_CONNECTIONS_MAX, Tx};
pub use migrate::Migration;
pub use page::{CursorError, LIMIT_DEFAULT, LIMIT_MAX, Page, PageRequest};
pub use row::{FromValue, Row};
pub use value::Value;

/// The parameters of a statement, in order: `params![id, "text", None::<i64>]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}
