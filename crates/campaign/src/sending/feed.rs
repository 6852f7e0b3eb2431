//! The feed of one campaign: the frozen audience goes to the engine, batch by batch, each recipient exactly once.
//!
//! Position = `recipient.seq`. The engine commits each batch together with the position of its last row (checkpoint), so
//! the spool alone says how far a feed has come; this database may know less, never more. What is left after a crash:
//!
//! | crash | what is on disk | what the next start does |
//! |---|---|---|
//! | before the launch is committed | a draft | nothing |
//! | after it, before the first commit in the spool | state sending, no checkpoint | hands over from row 1 with the content |
//! | after the content went ahead without rows | the message and a checkpoint in front of the batch | goes on behind the checkpoint |
//! | inside a commit of the spool | the batch and its checkpoint, or neither | goes on behind the checkpoint |
//! | after it, before the message id is noted here | a checkpoint; the spool knows the feed's message | asks [`Injector::feed_message`] |
//! | after the last batch, before `finish` | a checkpoint at the last row | finds no row behind it, finishes |
//! | after `finish`, before `fed_at` is noted | the same, perhaps the message is gone | finishes again, which does nothing |
//! | after `fed_at`, before `finish` is durable | `fed_at` is set | `Runner` finishes every fed campaign under way once more |
//! | after `fed_at`, before the engine has forgotten the checkpoint | `fed_at` is set, a checkpoint | `Runner` lets it be forgotten; nobody asks for it any more |
//!
//! A batch refused for want of room is tried again, with growing delay, as long as the campaign is in state sending. One
//! refused for good (too large, an address that is none) is halved until the row at fault is alone: that one is skipped,
//! and the report says why. So that no fault of the message is laid upon rows, the content then goes ahead without them;
//! refused itself, it pauses the campaign, which says why. Rows whose contact was deleted since the launch are skipped as
//! well. A row is marked `skipped` before what is behind it is handed over, and never handed over from then on.
//!
//! Should the spool have lost the message of a feed that is not complete (a wiped spool), the content goes along once
//! more with the next batch: the rest is mailed under a second message.

use std::sync::Arc;
use std::time::Duration;

use db::{DbError, Row, params};
use mail::program::{Program, Source};
use model::id::{CampaignId, ContactId, MessageId};
use model::name::Name;
use model::submission::{
    Checkpoint, Content, ContentSource, Envelope, NewMessage, NewRecipient, Origin, Protocol, Refusal, ReturnPath,
    Routing, Submission,
};
use tokio_util::sync::CancellationToken;

use super::completion;
use super::ports::Injector;
use crate::base::Base;
use crate::content::values;
use crate::report::LAST_REPLY_MAX;

/// Why a feed stopped before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedError {
    /// Told to stop, or the campaign is not in state sending any more.
    #[error("stopped")]
    Stopped,
    /// The engine refuses for good: the campaign is to be paused with this reason.
    #[error("{0}")]
    Refused(String),
    /// The engine is about to end: to be tried again.
    #[error("{0}")]
    Unavailable(String),
    /// The database failed: to be tried again.
    #[error("the database failed")]
    Db(#[from] DbError),
}

/// Feeds campaigns.
pub(crate) struct Feeder {
    pub(crate) base: Arc<Base>,
    pub(crate) injector: Arc<dyn Injector>,
}

/// A campaign as its feed sees it.
struct Job {
    id: CampaignId,
    content: Vec<u8>,
    program: Arc<Program>,
    routing: Routing,
    /// In the spool already.
    message: Option<MessageId>,
}

/// A row of the audience: its number, and what is handed over. `None`: nothing, because the contact is gone or the row was
/// skipped before.
type AudienceRow = (u64, Option<NewRecipient>);

/// What became of a hand-over that need not be repeated.
enum Answer {
    Taken,
    /// The same again would be refused again.
    Refused(String),
}

impl Feeder {
    /// Hands over everything behind the checkpoint, then notes that the campaign is fed.
    pub(crate) async fn feed(&self, id: CampaignId, stop: &CancellationToken) -> Result<(), FeedError> {
        let mut job = self.job(id).await?;
        let checkpoint = self.injector.checkpoint(id.0);
        let mut position = checkpoint.unwrap_or(0);
        if checkpoint.is_some() {
            job.message = self.injector.feed_message(id.0).or(job.message);
            tracing::info!(campaign = %id, position, "a feed goes on");
        }
        let mut batch = self.read(&job, position).await?;
        while let Some((last, _)) = batch.last() {
            if stop.is_cancelled() {
                return Err(FeedError::Stopped);
            }
            position = *last;
            self.skip_gone(id, &batch).await?;
            // The rows behind are read while the spool syncs these.
            let (handed_over, following) = tokio::join!(self.hand_over(&job, batch, stop), self.read(&job, position));
            if let Some(message) = handed_over? {
                self.note_message(&mut job, message).await?;
            }
            batch = following?;
        }
        self.finish(&job).await
    }

    async fn job(&self, id: CampaignId) -> Result<Job, FeedError> {
        let sql = "SELECT state, source, message, stream, pool FROM campaign WHERE id = $1 AND fed_at IS NULL";
        let row = self.base.db.query_optional(sql, params![id]).await?.ok_or(FeedError::Stopped)?;
        if row.get::<String>("state")? != "sending" {
            return Err(FeedError::Stopped);
        }
        let content: Vec<u8> = row.get("source")?;
        let damaged = |error: String| FeedError::Refused(format!("the stored content cannot be used: {error}"));
        let source = Source::from_bytes(&content).map_err(|error| damaged(error.to_string()))?;
        let program = source.compile().map_err(|error| damaged(error.to_string()))?;
        let routing = Routing {
            stream: row.get("stream")?,
            campaign: Some(id),
            pool: Some(row.get::<Name>("pool")?).filter(|pool| !pool.is_empty()),
            ..Routing::default()
        };
        Ok(Job { id, content, program: Arc::new(program), routing, message: row.get("message")? })
    }

    /// The next rows of the audience with their values.
    async fn read(&self, job: &Job, after: u64) -> Result<Vec<AudienceRow>, FeedError> {
        let sql = "SELECT r.seq, r.contact, r.address, c.name, c.fields FROM recipient AS r
                   LEFT JOIN contact AS c ON c.id = r.contact AND r.state <> 'skipped'
                   WHERE r.campaign = $1 AND r.seq > $2 ORDER BY r.seq LIMIT $3";
        let rows = self.base.db.query(sql, params![job.id, after, self.base.config.feed_batch]).await?;
        let program = job.program.clone();
        // Thousands of small objects: not to be made between other tasks.
        let made = tokio::task::spawn_blocking(move || rows.iter().map(|row| recipient(row, &program)).collect());
        let made: Result<_, DbError> = made.await.map_err(|error| FeedError::Unavailable(error.to_string()))?;
        Ok(made?)
    }

    /// Hands over one batch, in parts where it is refused; the message that it went to, unless all its rows are skipped.
    async fn hand_over(
        &self,
        job: &Job,
        batch: Vec<AudienceRow>,
        stop: &CancellationToken,
    ) -> Result<Option<MessageId>, FeedError> {
        let mut message = job.message;
        // The last part is the next one.
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            if stop.is_cancelled() {
                return Err(FeedError::Stopped);
            }
            let (Some(first), Some(position)) = (part.first().map(|(seq, _)| *seq), part.last().map(|(seq, _)| *seq))
            else {
                continue;
            };
            let recipients: Vec<NewRecipient> = part.iter().filter_map(|(_, recipient)| recipient.clone()).collect();
            if recipients.is_empty() {
                continue;
            }
            let reason = match self.submit(job, &mut message, recipients, position, stop).await? {
                Answer::Taken => continue,
                Answer::Refused(reason) => reason,
            };
            if message.is_none() {
                // The content alone: it may be what was refused.
                let alone = self.submit(job, &mut message, Vec::new(), first - 1, stop).await?;
                if let Answer::Refused(reason) = alone {
                    return Err(FeedError::Refused(reason));
                }
                parts.push(part);
            } else if part.len() > 1 {
                let behind = part.split_off(part.len() / 2);
                parts.extend([behind, part]);
            } else {
                self.skip(job.id, position, Some(&reason)).await?;
            }
        }
        Ok(message)
    }

    /// Hands over these; waits and tries again while there is no room. `message` is the one that the spool has, before and
    /// after.
    async fn submit(
        &self,
        job: &Job,
        message: &mut Option<MessageId>,
        recipients: Vec<NewRecipient>,
        position: u64,
        stop: &CancellationToken,
    ) -> Result<Answer, FeedError> {
        let checkpoint = Some(Checkpoint { feed: job.id.0, position });
        let mut delay = self.base.config.retry_min.0;
        loop {
            let content = job.content_source(*message, &self.base.config.bounce_domain);
            let submission = Submission { content, recipients: recipients.clone(), checkpoint };
            match self.injector.submit(submission).await {
                Ok(receipt) => {
                    *message = Some(receipt.message);
                    return Ok(Answer::Taken);
                }
                Err(Refusal::UnknownMessage(lost)) if message.is_some() => {
                    tracing::warn!(campaign = %job.id, message = %lost, "the spool lost a message; its content goes along again");
                    *message = None;
                }
                Err(Refusal::UnknownMessage(_)) => {
                    return Err(FeedError::Refused(
                        "the engine knows no message that was never handed over".to_owned(),
                    ));
                }
                // Not one row is at fault: the campaign is, and a person has to mend it.
                Err(Refusal::Unknown { reason, .. }) => return Err(FeedError::Refused(reason)),
                Err(Refusal::Invalid { reason }) => return Ok(Answer::Refused(reason)),
                Err(Refusal::Unavailable { reason }) => {
                    tracing::warn!(campaign = %job.id, reason, delay_ms = delay.as_millis(), "a batch has to wait");
                    delay = self.wait(delay, stop).await?;
                }
            }
        }
    }

    /// Waits, and tells how long to wait the next time.
    async fn wait(&self, delay: Duration, stop: &CancellationToken) -> Result<Duration, FeedError> {
        tokio::select! {
            () = stop.cancelled() => Err(FeedError::Stopped),
            () = tokio::time::sleep(delay) => Ok((delay * 2).min(self.base.config.retry_max.0)),
        }
    }

    /// Rows that are not handed over because their contact is gone.
    async fn skip_gone(&self, id: CampaignId, batch: &[AudienceRow]) -> Result<(), DbError> {
        for (seq, recipient) in batch {
            if recipient.is_none() {
                self.skip(id, *seq, None).await?;
            }
        }
        Ok(())
    }

    /// A row will never be handed over: the engine refuses it for this reason, or its contact is gone. Counts once.
    async fn skip(&self, id: CampaignId, seq: u64, reason: Option<&str>) -> Result<(), DbError> {
        // The place in a submission of one says nothing.
        let reason = reason.map(|reason| reason.strip_prefix("recipient 1: ").unwrap_or(reason));
        let reason = reason.map(|reason| &reason[..reason.floor_char_boundary(LAST_REPLY_MAX)]);
        let mut tx = self.base.db.begin().await?;
        let sql = "UPDATE recipient SET state = 'skipped', last_reply = $3, changed_at = $4
                   WHERE campaign = $1 AND seq = $2 AND state = 'waiting'";
        if tx.execute(sql, params![id, seq, reason, self.base.now()]).await? > 0 {
            if let Some(reason) = reason {
                tracing::warn!(campaign = %id, row = seq, reason, "a recipient is skipped: the engine refuses it");
            }
            tx.execute("UPDATE campaign SET skipped = skipped + 1 WHERE id = $1", params![id]).await?;
        }
        tx.commit().await
    }

    async fn note_message(&self, job: &mut Job, message: MessageId) -> Result<(), DbError> {
        if job.message != Some(message) {
            job.message = Some(message);
            let sql = "UPDATE campaign SET message = $2 WHERE id = $1";
            self.base.db.execute(sql, params![job.id, message]).await?;
        }
        Ok(())
    }

    /// Everything is handed over.
    async fn finish(&self, job: &Job) -> Result<(), FeedError> {
        if let Some(message) = job.message {
            self.injector.finish(message).await.map_err(|refusal| FeedError::Unavailable(refusal.to_string()))?;
        }
        let (id, now) = (job.id, self.base.now());
        let mut tx = self.base.db.begin().await?;
        let sql = "UPDATE campaign SET fed_at = $2, skipped = (
                       SELECT COUNT(*) FROM recipient WHERE campaign = $1 AND state = 'skipped'
                   ) WHERE id = $1 AND fed_at IS NULL";
        tx.execute(sql, params![id, now]).await?;
        completion::close_if_done(&mut tx, &[id], now).await?;
        tx.commit().await?;
        tracing::info!(campaign = %id, "a campaign is handed over");
        Ok(())
    }
}

impl Job {
    fn content_source(&self, message: Option<MessageId>, bounce_domain: &str) -> ContentSource {
        match message {
            Some(message) => ContentSource::Existing(message),
            None => ContentSource::New(Box::new(NewMessage {
                content: Content::Merge(self.content.clone()),
                envelope: Envelope {
                    sender: ReturnPath::PerRecipient(bounce_domain.to_owned()),
                    ..Envelope::default()
                },
                routing: self.routing.clone(),
                origin: Origin { protocol: Protocol::Campaign, peer: None, user: None },
            })),
        }
    }
}

/// A row of the audience as it is handed over.
fn recipient(row: &Row, program: &Program) -> Result<AudienceRow, DbError> {
    let seq = row.get("seq")?;
    let Some(name) = row.get::<Option<String>>("name")? else { return Ok((seq, None)) };
    let address: String = row.get("address")?;
    let root = values::of_contact(&address, &name, row.json("fields")?);
    let contact = Some(row.get::<ContactId>("contact")?);
    Ok((seq, Some(NewRecipient { values: program.values(&root), contact, address, ..NewRecipient::default() })))
}
