//! Contacts out of a file.
//!
//! ```text
//! bytes ─ decode ▶ text ─ sheet ▶ rows ─ row ▶ contacts, refused rows ─ writer ▶ database
//!         encoding       delimiter       fields, address, duplicates     1,000 rows in one transaction
//!                        header ─ mapping
//! ```
//! Reading runs on a blocking thread, writing in a task; a bounded channel lies between. Nothing is lost silently: each
//! refused row is counted and kept with line, column, reason and its cells. Importing the same file again changes
//! nothing, so an import that was stopped is simply repeated.
//!
//! Must not: subscribe anyone again who unsubscribed or complained; guess at values that do not fit a field.
//! Limits: [`CHUNK_ROWS`], [`IMPORTS_AT_ONCE`], [`writer::ERRORS_MAX`], `Config::import_max`.
//! Known gaps: the file is held in memory while it is imported; no undo.

mod decode;
mod error_file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod mapping;
mod row;
mod sheet;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use db::{DbError, Row, Value as Param, params};
use model::id::{ImportId, ListId};
use tokio::sync::{Semaphore, mpsc};

pub(crate) use error_file::error_file;
pub use sheet::{COLUMNS_MAX, RECORD_BYTES_MAX};
pub use writer::ERRORS_MAX;

use super::field::{self, Registry};
use super::suppression::{SuppressionSet, named};
use super::types::{Import, ImportColumn, ImportPreview, ImportReason, ImportState};
use crate::Error;
use crate::base::Base;
use mapping::Mapping;
use row::RowReader;
use sheet::Sheet;
use writer::{Chunk, Writer};

/// Rows written in one transaction.
pub const CHUNK_ROWS: usize = 1_000;

/// Imports that are at work at the same time; further ones wait.
pub const IMPORTS_AT_ONCE: usize = 2;

/// Rows shown in a preview.
const PREVIEW_ROWS: usize = 10;

/// Different reasons shown of an import.
const REASONS_MAX: usize = 20;

/// How often a chunk is tried when someone else made one of its contacts at the same moment.
const CONFLICT_TRIES: u32 = 3;

/// What an import would see in a file.
pub(crate) async fn preview(base: &Base, file: Vec<u8>) -> Result<ImportPreview, Error> {
    let sheet = open(file).await?;
    let suggested = mapping::suggest(&sheet, &field::registry(base).await?);
    let month_first = row::month_first(&sheet, &vec![true; sheet.columns.len()]);
    let columns = sheet.columns.iter().zip(suggested).zip(month_first).map(|((name, target), month_first)| {
        let suggested = target.map(|target| target.as_str().to_owned());
        ImportColumn { name: name.clone(), suggested, month_first }
    });
    Ok(ImportPreview {
        columns: columns.collect(),
        rows: sheet.rows().filter_map(Result::ok).take(PREVIEW_ROWS).map(|row| row.cells).collect(),
        delimiter: char::from(sheet.delimiter).to_string(),
        encoding: sheet.encoding.to_owned(),
        header: sheet.has_header,
    })
}

/// Begins an import; the work goes on in the background.
pub(crate) async fn start(
    base: &Arc<Base>,
    set: &SuppressionSet,
    places: &Arc<Semaphore>,
    list: ListId,
    file: Vec<u8>,
    map: Option<&str>,
) -> Result<Import, Error> {
    super::list::get(base, list).await?;
    if file.len() as u64 > base.config.import_max.0 {
        return Err(Error::invalid("file", format!("larger than {}; import it in parts", base.config.import_max)));
    }
    let sheet = open(file).await?;
    let registry = field::registry(base).await?;
    let mapping = match map {
        Some(map) => mapping::parse(map, &sheet, &registry)?,
        None => mapping::complete(mapping::suggest(&sheet, &registry))?,
    };
    let id = ImportId(base.id());
    let sql = "INSERT INTO import (id, list, state, header, rows_read, accepted, updated, rejected, held_back,
                   bytes_done, bytes_total, error, reasons, created_at)
               VALUES ($1, $2, $3, $4, 0, 0, 0, 0, 0, 0, $5, NULL, '[]', $6)";
    let header = Param::json(&sheet.columns);
    let values = params![id, list, ImportState::Running.as_str(), header, sheet.text_bytes(), base.now()];
    base.db.execute(sql, values).await?;
    let job = Job { base: base.clone(), set: set.clone(), id, list };
    let places = places.clone();
    tokio::spawn(async move {
        let _place = places.acquire_owned().await;
        job.run(sheet, mapping, registry).await;
    });
    get(base, id).await
}

/// Decodes a file and looks at its first row, on a thread where that may take its time.
async fn open(file: Vec<u8>) -> Result<Sheet, Error> {
    let opened = tokio::task::spawn_blocking(move || Sheet::open(&file)).await;
    let opened = opened.unwrap_or_else(|_| Err("the file cannot be read".to_owned()));
    opened.map_err(|reason| Error::invalid("file", reason))
}

/// How far an import is.
pub(crate) async fn get(base: &Base, id: ImportId) -> Result<Import, Error> {
    let row = base.db.query_optional("SELECT * FROM import WHERE id = $1", params![id]).await?;
    Ok(import(&row.ok_or_else(|| Error::not_found("import", id))?)?)
}

/// Imports that were at work when the program ended: they are not taken up again.
pub(crate) async fn close_stopped(base: &Base) -> Result<(), DbError> {
    let error = "the program was stopped; import the file again, rows that are in already stay as they are";
    let sql = "UPDATE import SET state = $1, error = $2 WHERE state = $3";
    let values = params![ImportState::Failed.as_str(), error, ImportState::Running.as_str()];
    base.db.execute(sql, values).await.map(|_| ())
}

fn import(row: &Row) -> Result<Import, DbError> {
    let id: ImportId = row.get("id")?;
    let rejected: u64 = row.get("rejected")?;
    Ok(Import {
        id,
        list: row.get("list")?,
        state: named(row, "state", ImportState::from_name)?,
        rows: row.get("rows_read")?,
        accepted: row.get("accepted")?,
        updated: row.get("updated")?,
        rejected,
        held_back: row.get("held_back")?,
        errors_url: (rejected > 0).then(|| format!("/api/v1/imports/{id}/errors.csv")),
        bytes_done: row.get("bytes_done")?,
        bytes_total: row.get("bytes_total")?,
        error: row.get("error")?,
        reasons: row.json("reasons")?,
        created_at: row.get("created_at")?,
    })
}

/// One import at work.
struct Job {
    base: Arc<Base>,
    set: SuppressionSet,
    id: ImportId,
    list: ListId,
}

impl Job {
    async fn run(self, sheet: Sheet, mapping: Mapping, registry: Registry) {
        let (sender, mut chunks) = mpsc::channel(2);
        let reading = tokio::task::spawn_blocking(move || read(&sheet, &mapping, &registry, &sender));
        let mut total = Totals::default();
        let mut failure = None;
        while let Some(chunk) = chunks.recv().await {
            if let Err(error) = self.take(chunk, &mut total).await {
                tracing::error!(import = %self.id, error = error.chain(), "an import stopped");
                failure = Some("the database failed; import the file again".to_owned());
                break;
            }
        }
        drop(chunks);
        if reading.await.is_err() {
            failure = Some("the file could not be read to its end".to_owned());
        }
        let state = if failure.is_some() { ImportState::Failed } else { ImportState::Done };
        let sql = "UPDATE import SET state = $2, error = $3 WHERE id = $1";
        if let Err(error) = self.base.db.execute(sql, params![self.id, state.as_str(), failure]).await {
            tracing::error!(import = %self.id, error = error.chain(), "the end of an import could not be noted");
        }
    }

    /// Writes one chunk and how far the import is, in one transaction.
    async fn take(&self, mut chunk: Chunk, total: &mut Totals) -> Result<(), DbError> {
        let mut after = total.clone();
        after.count(&chunk);
        chunk.refused.truncate(usize::try_from(ERRORS_MAX.saturating_sub(total.rejected)).unwrap_or(usize::MAX));
        let mut tries = 0;
        loop {
            tries += 1;
            match self.write(&chunk, &after).await {
                Err(DbError::Conflict(_)) if tries < CONFLICT_TRIES => {}
                result => break result?,
            }
        }
        *total = after;
        Ok(())
    }

    async fn write(&self, chunk: &Chunk, total: &Totals) -> Result<(), DbError> {
        let mut tx = self.base.db.begin().await?;
        let writer = Writer { base: &self.base, set: &self.set, import: self.id, list: self.list };
        let written = writer.write(&mut tx, chunk).await?;
        let sql = "UPDATE import SET rows_read = $2, accepted = accepted + $3, updated = updated + $4, rejected = $5,
                       held_back = held_back + $6, bytes_done = $7, reasons = $8 WHERE id = $1";
        let values = params![
            self.id,
            total.rows,
            written.accepted,
            written.updated,
            total.rejected,
            written.held_back,
            chunk.bytes_done,
            Param::json(&total.reasons()),
        ];
        tx.execute(sql, values).await?;
        tx.commit().await
    }
}

/// Reads a whole file, chunk by chunk; stops when nobody takes them any more.
fn read(sheet: &Sheet, mapping: &Mapping, registry: &Registry, sender: &mpsc::Sender<Chunk>) {
    let mut reader = RowReader::new(mapping, &sheet.columns, registry);
    reader.look_at_dates(sheet);
    let mut rows = sheet.rows();
    loop {
        let mut chunk = Chunk::default();
        while chunk.good.len() + chunk.refused.len() < CHUNK_ROWS {
            match rows.next().map(|row| reader.read(row)) {
                None => break,
                Some(Ok(good)) => chunk.good.push(good),
                Some(Err(refused)) => chunk.refused.push(refused),
            }
        }
        let last = chunk.good.len() + chunk.refused.len() < CHUNK_ROWS;
        chunk.bytes_done = if last { sheet.text_bytes() } else { rows.place() } as u64;
        if sender.blocking_send(chunk).is_err() || last {
            return;
        }
    }
}

/// Sums over all chunks so far.
#[derive(Clone, Debug, Default)]
struct Totals {
    rows: u64,
    rejected: u64,
    /// By reason, with numbers taken out of it.
    reasons: BTreeMap<String, u64>,
}

impl Totals {
    fn count(&mut self, chunk: &Chunk) {
        self.rows += (chunk.good.len() + chunk.refused.len()) as u64;
        self.rejected += chunk.refused.len() as u64;
        for refused in &chunk.refused {
            let reason = general(&refused.reason);
            if self.reasons.len() < REASONS_MAX * 5 || self.reasons.contains_key(&reason) {
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    fn reasons(&self) -> Vec<ImportReason> {
        let reasons = self.reasons.iter().map(|(reason, rows)| ImportReason { reason: reason.clone(), rows: *rows });
        let mut reasons: Vec<ImportReason> = reasons.collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.rows));
        reasons.truncate(REASONS_MAX);
        reasons
    }
}

/// A reason without what differs from row to row, and still a whole sentence: the quoted cell in front is named instead
/// of shown, the number of the other line is left out.
fn general(reason: &str) -> String {
    if let Some((_, rest)) = reason.strip_prefix('"').and_then(|rest| rest.rsplit_once("\" ")) {
        return format!("the value {rest}");
    }
    match reason.rsplit_once(" in line ") {
        Some((what, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{what} in an earlier line")
        }
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rows_have_in_common_is_a_whole_sentence() {
        let check = |reason: &str, expected: &str| assert_eq!(general(reason), expected);
        check("the same address as in line 7", "the same address as in an earlier line");
        check("\"31.02.1980 or so\" is not a date", "the value is not a date");
        check("the row has 3 cells, the first row has 8", "the row has 3 cells, the first row has 8");
        check("the address has no @", "the address has no @");
        check("written in line of sight", "written in line of sight");
    }
}
