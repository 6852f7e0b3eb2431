//! Commits a message with any number of recipients, a part at a time, so that after a crash it is known how far it came.
//!
//! | crash | what the next start finds |
//! |---|---|
//! | before the first part | nothing; under a key the ids that were taken for it |
//! | after a part | content, rows, and the checkpoint behind them; the message is held open |
//! | after the last part | the message goes with its last recipient; the checkpoint says that all was committed |
//! | after the checkpoint was forgotten | nothing: whoever could ask again has been told |
//!
//! What nobody can come back for (no key, no file) is let go when the suite starts: what was committed is delivered.

use journal::spool::Hold;
use model::id::{MessageId, RecipientId};
use model::submission::{Checkpoint, ContentSource, NewMessage, NewRecipient, Refusal, Submission};
use tokio::sync::mpsc;

use super::draft::Batch;
use crate::submit::{Intake, Part};

/// A message on its way into the spool.
pub struct Feed {
    intake: Intake,
    message: MessageId,
    /// Not committed yet.
    content: Option<Box<NewMessage>>,
    /// Ids for the recipients were taken beforehand, from here on.
    ids: Option<RecipientId>,
    position: u64,
    count: u64,
    /// Somebody may come back for the rest.
    is_kept: bool,
    /// The first part of several has been committed and the last has not.
    is_open: bool,
}

/// The feed of an injected message.
pub(crate) fn feed_of(message: MessageId) -> u64 {
    message.0 | Checkpoint::INJECTED
}

/// The message of a feed; `None` for a campaign's.
pub(crate) fn message_of(feed: u64) -> Option<MessageId> {
    (feed & Checkpoint::INJECTED != 0).then_some(MessageId(feed & !Checkpoint::INJECTED))
}

impl Feed {
    /// A message of which nothing is committed. `ids`: those of its recipients; each part takes its own without them.
    /// `is_kept`: whoever hands it in may come back for the rest.
    pub(crate) fn new(
        intake: Intake,
        message: MessageId,
        content: Box<NewMessage>,
        ids: Option<RecipientId>,
        is_kept: bool,
    ) -> Feed {
        let (position, count, is_open) = (0, 0, false);
        Feed { intake, message, content: Some(content), ids, position, count, is_kept, is_open }
    }

    /// The same message after a crash or a broken connection: what was committed of it is known.
    pub(crate) fn resume(mut self) -> Feed {
        if let Some(position) = self.intake.checkpoint(feed_of(self.message)) {
            (self.position, self.content, self.is_open) = (position, None, self.intake.spool().is_held(self.message));
        }
        self
    }

    /// What was committed reaches up to here.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// True when everything was committed before.
    pub(crate) fn is_complete(&self) -> bool {
        self.content.is_none() && !self.is_open
    }

    pub(crate) fn message(&self) -> MessageId {
        self.message
    }

    /// Recipients that were committed by this feed.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Commits rows and how far they reach. `ordinal`: how many recipients of the message come before them, for their
    /// ids. After the last part nothing more can be added.
    ///
    /// Not to be dropped while it runs: run it in a task of its own where the caller may go away.
    ///
    /// # Errors
    /// [`Refusal`]: nothing of this part is committed, except possibly when the disk failed. The feed ends with it.
    pub(crate) async fn part(
        &mut self,
        rows: Vec<NewRecipient>,
        bytes: usize,
        ordinal: u64,
        position: u64,
        is_last: bool,
    ) -> Result<(), Refusal> {
        let room = self.intake.record_bytes_max();
        let too_large = |content: &NewMessage| content.content.len() as u64 + bytes as u64 > room;
        if self.content.as_deref().is_some_and(too_large) {
            self.commit(Vec::new(), 0, 0, false).await?;
        }
        if rows.is_empty() && self.content.is_none() {
            return if is_last { self.end().await } else { Ok(()) };
        }
        self.commit(rows, ordinal, position, is_last).await
    }

    /// Commits everything that `read` hands over from [`Feed::position`] on; it runs on a thread of its own.
    ///
    /// # Errors
    /// [`Refusal`]; also when `read` ends before its last batch, because it panics or the program ends: what was committed
    /// before stays, and the rest is still to come.
    pub(crate) async fn take_all(
        &mut self,
        read: impl FnOnce(&mut dyn FnMut(Batch) -> bool) + Send + 'static,
    ) -> Result<(), Refusal> {
        let (sender, mut batches) = mpsc::channel(1);
        let reader = tokio::task::spawn_blocking(move || read(&mut |batch| sender.blocking_send(batch).is_ok()));
        while let Some(batch) = batches.recv().await {
            let bytes = batch.bytes();
            self.part(batch.rows, bytes, batch.skipped, batch.end, batch.is_last).await?;
            if batch.is_last {
                return Ok(());
            }
        }
        let ended = reader.await;
        tracing::error!(message = %self.message, ?ended, "recipients were not read to their end");
        Err(Refusal::Unavailable {
            reason: "The recipients could not be read to their end, try again later".to_owned(),
        })
    }

    async fn commit(
        &mut self,
        rows: Vec<NewRecipient>,
        ordinal: u64,
        position: u64,
        is_last: bool,
    ) -> Result<(), Refusal> {
        let alone = is_last && self.content.is_some();
        let hold = match (is_last, &self.content) {
            (true, Some(_)) => Hold::Unchanged,
            (true, None) => Hold::Closed,
            (false, _) => Hold::Open,
        };
        let checkpoint = (!alone || self.is_kept).then(|| Checkpoint { feed: feed_of(self.message), position });
        let content = match self.content.take() {
            Some(content) => ContentSource::New(content),
            None => ContentSource::Existing(self.message),
        };
        let count = rows.len() as u64;
        let first = self.ids.map(|ids| RecipientId(ids.0 + ordinal));
        let submission = Submission { content, recipients: rows, checkpoint };
        self.intake.submit_part(Part { message: self.message, first, hold, submission }).await?;
        self.is_open = !is_last;
        self.position = position;
        self.count += count;
        Ok(())
    }

    /// No more recipients follow.
    pub(crate) async fn end(&mut self) -> Result<(), Refusal> {
        if self.is_open {
            self.intake.finish(self.message).await?;
            self.is_open = false;
        }
        Ok(())
    }

    /// Nobody will ask again how far it came.
    pub(crate) async fn forget(&self) {
        self.intake.forget_feed(feed_of(self.message)).await;
    }
}

/// What has begun and will not be gone on with is let go: its recipients are delivered, and nothing is added.
impl Drop for Feed {
    fn drop(&mut self) {
        if !self.is_open || self.is_kept {
            return;
        }
        let (intake, message) = (self.intake.clone(), self.message);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { intake.let_go(message).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use journal::spool::{Opened, Spool, SpoolOptions};
    use model::submission::{Content, Envelope, Origin, Protocol, ReturnPath, Routing};
    use model::time::{ManualClock, Timestamp};

    use super::*;
    use crate::{Config, Known};

    fn batch(place: u64, is_last: bool) -> Batch {
        let row = NewRecipient { address: format!("u{place}@b.example"), ..NewRecipient::default() };
        Batch::of(vec![row], place, place + 1, is_last)
    }

    fn letter() -> Box<NewMessage> {
        Box::new(NewMessage {
            content: Content::Raw(b"From: a@acme.example\r\n\r\nx\r\n".to_vec()),
            envelope: Envelope { sender: ReturnPath::Null, ..Envelope::default() },
            routing: Routing::default(),
            origin: Origin { protocol: Protocol::Http, peer: None, user: None },
        })
    }

    /// Whoever reads may break off without a word: nobody takes that for the end.
    #[tokio::test]
    async fn the_end_is_the_last_batch_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let Opened { spool, mut admitted, .. } = Spool::open(dir.path(), SpoolOptions::default()).unwrap();
        let config = Config { free_disk_min: model::units::Size(0), ..Config::default() };
        let known = Known { streams: vec![Routing::default().stream], pools: Vec::new() };
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_s(1_790_000_000)));
        let intake = Intake::new(spool, 0, 1, &config, known, clock);
        let message = intake.next_message_id();
        let feed = || Feed::new(intake.clone(), message, letter(), None, true).resume();
        for breaks in [|| {}, || panic!("on purpose")] {
            let mut feed = feed();
            let from = feed.position();
            let fed = feed.take_all(move |each| {
                each(batch(from, false));
                breaks();
            });
            assert!(matches!(fed.await, Err(Refusal::Unavailable { .. })));
            assert_eq!((feed.position(), feed.is_complete()), (from + 1, false));
        }
        let mut feed = feed();
        assert_eq!(feed.position(), 2, "what was committed stays");
        feed.take_all(|each| _ = each(batch(2, true))).await.unwrap();
        assert!(feed.is_complete());
        let mut found = Vec::new();
        while let Ok(admitted) = admitted.try_recv() {
            found.extend(admitted.recipients.into_iter().filter_map(|one| one.address));
        }
        assert_eq!(found.join(" "), "u0@b.example u1@b.example u2@b.example");
    }
}
