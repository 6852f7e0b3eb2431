//! Reads the event log and keeps the tables behind reports, suppressions and memberships.
//!
//! Each batch is one transaction that also moves the cursor, so an event has its effect exactly once whatever crashes.
//! An event that was told twice under one id is known by the state of its recipient (`standing`). The whole can be built
//! again from the log ([`Consumer::rebuild`]) as long as the log still has everything.
//!
//! The log waits for this consumer, within bounds ([`EventLog::keep_from`]): complaints and unsubscribes are nowhere else.
//! One that falls behind all the same goes on at the oldest event, and the gap is counted (`log_cursor.gaps`) and logged:
//! reports of that time are then too low, and suppressions of that time may be missing.

use std::sync::Arc;
use std::time::Duration;

use db::{DbError, params};
use journal::events::{Batch, Cursor, EventLog, EventReader, ReadError};
use model::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::fold::{Fold, Wanted};
use super::write;
use crate::Error;
use crate::audience::suppression::{self, SuppressionSet};
use crate::base::Base;
use crate::sending::completion;

/// Pause between batches that are not full: many small transactions would only wear out the disk.
pub const FOLD_PAUSE: Duration = Duration::from_millis(200);

/// Delay before a batch that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

const NAME: &str = "campaign";

/// Number of the segment with which a log begins; a higher one stands first when retention has deleted some.
const FIRST_SEGMENT: u32 = 1;

/// Folds the event log.
pub(crate) struct Consumer {
    pub(crate) base: Arc<Base>,
    pub(crate) events: EventLog,
    pub(crate) set: SuppressionSet,
}

impl Consumer {
    /// Folds everything that is in the log now.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        let mut reader = self.reader(self.cursor().await?);
        loop {
            match reader.poll_batch(self.batch_max()) {
                Ok(None) | Err(ReadError::Closed) => return Ok(()),
                Ok(Some(batch)) => self.fold(batch).await?,
                Err(ReadError::Behind { oldest }) => {
                    self.note_gap(oldest).await?;
                    reader = self.reader(oldest);
                }
                Err(ReadError::Io(error)) => {
                    return Err(Error::Unavailable { reason: format!("the event log cannot be read: {error}") });
                }
            }
        }
    }

    /// Folds until `shutdown`; what fails is tried again.
    pub(crate) async fn run(&self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            let result = tokio::select! {
                () = shutdown.cancelled() => return,
                result = self.follow() => result,
            };
            match result {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "the event log could not be folded; trying again"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    /// Folds until the log is closed. May be dropped at any point: a batch is written whole or not at all.
    async fn follow(&self) -> Result<(), Error> {
        let mut reader = self.reader(self.cursor().await?);
        loop {
            match reader.next_batch(self.batch_max()).await {
                Ok(batch) => {
                    self.fold(batch).await?;
                    if reader.cursor() >= self.events.end() {
                        tokio::time::sleep(FOLD_PAUSE).await;
                    }
                }
                Err(ReadError::Closed) => return Ok(()),
                Err(ReadError::Behind { oldest }) => {
                    self.note_gap(oldest).await?;
                    reader = self.reader(oldest);
                }
                Err(ReadError::Io(error)) => {
                    return Err(Error::Unavailable { reason: format!("the event log cannot be read: {error}") });
                }
            }
        }
    }

    /// One batch, one transaction.
    async fn fold(&self, batch: Batch) -> Result<(), Error> {
        let wanted = Wanted::of(&batch.events);
        let now = self.base.now();
        let mut tx = self.base.db.begin().await?;
        let mut fold = Fold::new(write::read(&mut tx, &wanted).await?);
        for event in &batch.events {
            fold.take(event);
        }
        let changed = fold.finish();
        let campaigns = write::campaigns(&changed);
        write::write_standings(&mut tx, changed).await?;
        write::write_tally(&mut tx, &fold.tally).await?;
        write::write_leaving(&mut tx, &fold.leaving).await?;
        let suppressed = suppression::write(&mut tx, &fold.suppressions).await?;
        completion::close_if_done(&mut tx, &campaigns, now).await?;
        let sql = "INSERT INTO log_cursor (name, place, events, unmatched, unreadable, gaps)
                   VALUES ($1, $2, $3, $4, $5, 0)
                   ON CONFLICT (name) DO UPDATE SET place = excluded.place,
                       events = log_cursor.events + excluded.events,
                       unmatched = log_cursor.unmatched + excluded.unmatched,
                       unreadable = log_cursor.unreadable + excluded.unreadable";
        let (count, unmatched) = (batch.events.len(), fold.unmatched);
        tx.execute(sql, params![NAME, batch.next.to_string(), count, unmatched, batch.unreadable]).await?;
        tx.commit().await?;
        self.events.keep_from(batch.next);
        self.set.add_all(&suppressed);
        Ok(())
    }

    /// A reader from this place on; the log keeps what it has not read.
    fn reader(&self, from: Cursor) -> EventReader {
        self.events.keep_from(from);
        self.events.reader(from)
    }

    async fn cursor(&self) -> Result<Cursor, Error> {
        let sql = "SELECT place FROM log_cursor WHERE name = $1";
        let Some(row) = self.base.db.query_optional(sql, params![NAME]).await? else { return Ok(Cursor::default()) };
        let place: String = row.get("place")?;
        place.parse().map_err(|error: journal::events::CursorError| {
            Error::Db(DbError::Column { column: "place".to_owned(), reason: error.to_string() })
        })
    }

    async fn note_gap(&self, oldest: Cursor) -> Result<(), DbError> {
        tracing::error!(%oldest, "events were deleted before they were folded: reports of that time are too low, suppressions may be missing");
        let sql =
            "INSERT INTO log_cursor (name, place, events, unmatched, unreadable, gaps) VALUES ($1, $2, 0, 0, 0, 1)
                   ON CONFLICT (name) DO UPDATE SET place = excluded.place, gaps = log_cursor.gaps + 1";
        self.base.db.execute(sql, params![NAME, oldest.to_string()]).await.map(|_| ())
    }

    /// Builds everything again that is made of events. Campaigns under way go on; suppressions and memberships are kept
    /// and completed.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the log does not reach back to the first campaign on record.
    pub(crate) async fn rebuild(&self) -> Result<(), Error> {
        if self.events.start().segment > FIRST_SEGMENT {
            let row = self.base.db.query_one("SELECT MIN(started_at) AS first FROM campaign", params![]).await?;
            let first: Option<Timestamp> = row.get("first")?;
            let oldest = match self.events.reader(Cursor::default()).poll_batch(1) {
                Ok(batch) => batch.and_then(|batch| Some(batch.events.first()?.at)),
                Err(error) => return Err(Error::Unavailable { reason: error.to_string() }),
            };
            if first.is_some_and(|first| oldest.is_none_or(|oldest| oldest > first)) {
                return Err(Error::conflict("the event log does not reach back to the first campaign"));
            }
        }
        let mut tx = self.base.db.begin().await?;
        write::clear(&mut tx).await?;
        tx.commit().await?;
        self.catch_up().await
    }

    fn batch_max(&self) -> usize {
        self.base.config.fold_batch as usize
    }
}
