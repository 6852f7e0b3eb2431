//! Many rows in few statements.

use std::fmt::Write as _;

use crate::dialect::Dialect;
use crate::error::DbError;
use crate::handle::Tx;
use crate::row::Row;
use crate::value::Value;

/// Most parameters in one statement. Both engines take ten times as many; beyond this a statement gets no faster, and
/// binding gets slower.
pub const PARAMS_PER_STATEMENT_MAX: usize = 4_000;

/// An `INSERT` of many rows.
///
/// ```text
/// tx.insert(&Insert { table: "contact", columns: &["id", "fields {json}"], conflict: "ON CONFLICT (id) DO NOTHING" }, rows)
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Insert<'a> {
    /// The table; may carry an alias (`contact AS old`) for use in `conflict`.
    pub table: &'a str,
    /// The columns; a type behind a name (`fields {json}`) casts the values to it.
    pub columns: &'a [&'a str],
    /// What follows the rows: empty, or `ON CONFLICT …`. With `DO UPDATE`, two of the given rows must not meet in
    /// the same key.
    pub conflict: &'a str,
}

impl Tx {
    /// Inserts rows of one value for each column, in the order of the columns; the number of rows changed.
    ///
    /// # Errors
    /// [`DbError`], as for any statement.
    pub async fn insert(&mut self, insert: &Insert<'_>, rows: Vec<Vec<Value>>) -> Result<u64, DbError> {
        let mut changed = 0;
        for (sql, params) in insert.statements(self.dialect(), rows) {
            changed += self.execute(&sql, params).await?;
        }
        Ok(changed)
    }

    /// As [`Tx::insert`]; the rows that were inserted or changed, `returning` these columns.
    ///
    /// # Errors
    /// [`DbError`], as for any statement.
    pub async fn insert_returning(
        &mut self,
        insert: &Insert<'_>,
        rows: Vec<Vec<Value>>,
        returning: &str,
    ) -> Result<Vec<Row>, DbError> {
        let mut changed = Vec::new();
        for (sql, params) in insert.statements(self.dialect(), rows) {
            changed.extend(self.query(&format!("{sql} RETURNING {returning}"), params).await?);
        }
        Ok(changed)
    }
}

impl Insert<'_> {
    /// Statements of at most [`PARAMS_PER_STATEMENT_MAX`] parameters.
    fn statements(&self, dialect: Dialect, rows: Vec<Vec<Value>>) -> Vec<(String, Vec<Value>)> {
        let width = self.columns.len();
        debug_assert!(rows.iter().all(|row| row.len() == width), "one value for each column of {}", self.table);
        let rows_max = (PARAMS_PER_STATEMENT_MAX / width).max(1);
        let mut rows = rows.into_iter();
        let mut statements = Vec::with_capacity(rows.len() / rows_max + 1);
        while rows.len() > 0 {
            let sql = self.statement(dialect, rows.len().min(rows_max));
            statements.push((sql, rows.by_ref().take(rows_max).flatten().collect()));
        }
        statements
    }

    fn statement(&self, dialect: Dialect, rows: usize) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| split(column).0).collect();
        let mut sql = format!("INSERT INTO {} ({}) VALUES ", self.table, names.join(", "));
        let mut number = 0;
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            for (place, column) in self.columns.iter().enumerate() {
                number += 1;
                sql.push_str(if place == 0 { "" } else { ", " });
                let cast = split(column).1;
                let (open, close) = if cast.is_empty() { ("", "") } else { ("CAST(", ")") };
                sql.push_str(open);
                // Unnumbered in SQLite: it looks numbers up one by one, which makes long statements quadratic.
                match dialect {
                    Dialect::Sqlite => sql.push('?'),
                    Dialect::Postgres => write!(sql, "${number}").expect("invariant: writing to memory cannot fail"),
                }
                if !cast.is_empty() {
                    sql.push_str(" AS ");
                    sql.push_str(cast);
                }
                sql.push_str(close);
            }
            sql.push(')');
        }
        sql.push(' ');
        sql.push_str(self.conflict);
        sql
    }
}

/// Name and type of a column as [`Insert::columns`] states it.
fn split(column: &str) -> (&str, &str) {
    column.split_once(' ').unwrap_or((column, ""))
}
