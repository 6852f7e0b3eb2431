//! The way of a request: looked through, known or new under its key, committed, answered.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use journal::OpenError;
use model::id::{MessageId, RANGE_MAX, RecipientId};
use model::submission::{Origin, Refusal};
use model::time::Clock;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::config::Config;
use super::content::Ways;
use super::draft::Draft;
use super::feed::{Feed, message_of};
use super::keys::{Busy, KeyTrouble, Keys, hash_of};
use super::request::RejectedRecipient;
use super::{InjectionError, stream};
use crate::submit::Intake;

/// Keys are looked at for their age this often.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// Requests reserve memory in pieces of so many bytes.
const PIECE: u64 = 1 << 10;

/// Mail that is on disk and will be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Accepted {
    /// The message.
    pub message: MessageId,
    /// The recipients' ids are this one and the following ones, in the order of the request without the rejected. Absent
    /// for a stream, and for more than 4,095 recipients: their ids are not in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_recipient: Option<RecipientId>,
    /// How many recipients were accepted.
    pub recipients: u64,
    /// Recipients that were left out, with the reason: the first 1,000 of them.
    pub rejected: Vec<RejectedRecipient>,
    /// How many were left out.
    pub rejected_count: u64,
    /// Of a stream: how many lines came, the first one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Of a stream that was broken off and came again under its key: the line up to which it was committed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_after: Option<u64>,
}

/// Injection with everything it needs. Cheap to clone.
#[derive(Clone)]
pub struct Injections {
    inner: Arc<Inner>,
}

struct Inner {
    intake: Intake,
    config: Config,
    keys: Arc<Keys>,
    ways: Ways,
    memory: Arc<Semaphore>,
}

/// Whose key it is, and the key.
#[derive(Clone, Debug)]
pub struct Idempotency<'a> {
    /// Keys of different callers are different keys.
    pub caller: &'a str,
    /// The key, as [`super::keys::read_key`] gives it.
    pub key: &'a str,
}

/// A request that came before, or one that is to be committed.
pub enum Taken {
    /// It was committed before: the same answer.
    Before(Accepted),
    /// It is to be committed, at least in part.
    Now(Box<Opened>),
}

/// A request on its way to be committed.
pub struct Opened {
    feed: Feed,
    draft: Draft,
    keys: Arc<Keys>,
    busy: Option<Busy>,
    left: u64,
}

impl Injections {
    /// Opens what is remembered of earlier requests in `dir`. Blocks.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        dir: &Path,
        intake: Intake,
        config: Config,
        ways: Ways,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let keys = Arc::new(Keys::open(dir, &config, clock)?);
        intake.resume_ids_after(keys.newest_id());
        let pieces = usize::try_from(config.buffered_size_max.0.div_ceil(PIECE)).unwrap_or(Semaphore::MAX_PERMITS);
        let memory = Arc::new(Semaphore::new(pieces.min(Semaphore::MAX_PERMITS)));
        Ok(Injections { inner: Arc::new(Inner { intake, config, keys, ways, memory }) })
    }

    /// Puts in order what a crash has left: requests that came to their end are noted as done, and messages that nobody
    /// can come back for are let go. `others`: messages that somebody else goes on with.
    pub async fn settle(&self, others: &[MessageId]) {
        let Inner { intake, keys, .. } = &*self.inner;
        let unfinished = keys.unfinished();
        let feeds: Vec<MessageId> = intake.spool().feeds().into_iter().filter_map(message_of).collect();
        for message in feeds {
            if others.contains(&message) {
                continue;
            }
            match unfinished.iter().find(|(_, of_key)| *of_key == message) {
                // Whoever has the key may come back for the rest, or for the answer: both find the checkpoint.
                Some(_) => {}
                None => {
                    tracing::info!(%message, "an injection that was broken off ends with what was committed of it");
                    intake.let_go(message).await;
                }
            }
        }
    }

    /// Forgets keys whose time is over, until it is told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(EXPIRE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.expire().await;
        }
        self.inner.keys.close().await;
    }

    /// Forgets keys whose time is over; messages that were waiting for theirs are let go.
    pub async fn expire(&self) {
        let Inner { intake, keys, .. } = &*self.inner;
        intake.let_all_go(keys.expire(intake.now())).await;
    }

    /// What requests may be like.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// What the suite adds to requests.
    pub fn ways(&self) -> &Ways {
        &self.inner.ways
    }

    /// Memory for a request that is being received; more of it with [`Room::grow`].
    pub fn room(&self) -> Room {
        Room { memory: self.inner.memory.clone(), held: None, bytes: 0 }
    }

    /// Reads and checks a whole request, off the async threads.
    ///
    /// # Errors
    /// [`InjectionError`] names the first thing that is wrong.
    pub async fn draft(&self, body: Vec<u8>, ways: Ways, origin: Origin) -> Result<Draft, InjectionError> {
        let (recipients_max, now) = (self.inner.config.recipients_max, self.inner.intake.now());
        aside(move || Draft::read(body, recipients_max, &ways, origin, now)).await
    }

    /// Finds out whether a request came before under its key; writes its key down if it did not.
    ///
    /// # Errors
    /// [`KeyTrouble`].
    pub async fn take(&self, mut draft: Draft, key: Option<Idempotency<'_>>) -> Result<Taken, KeyTrouble> {
        let Inner { intake, keys, .. } = &*self.inner;
        let ids = draft.ids();
        let is_kept = key.is_some();
        let feed = |message: MessageId, draft: &mut Draft| {
            let content = Box::new(draft.take_message());
            let first = (ids > 0).then_some(RecipientId(message.0 + 1));
            Feed::new(intake.clone(), message, content, first, is_kept)
        };
        let Some(Idempotency { caller, key }) = key else {
            let feed = feed(intake.next_message_id_with(ids), &mut draft);
            return Ok(Taken::Now(Box::new(Opened {
                left: draft.accepted,
                feed,
                draft,
                keys: keys.clone(),
                busy: None,
            })));
        };
        let (busy, known) = keys.take(hash_of("json", caller, key), draft.print)?;
        let feed = match known {
            None => {
                let message = intake.next_message_id_with(ids);
                let left = keys.begin(&busy, draft.print, message, ids, intake.now()).await?;
                intake.let_all_go(left).await;
                feed(message, &mut draft)
            }
            Some(known) => {
                let feed = feed(known.message, &mut draft).resume();
                if known.is_done || feed.is_complete() {
                    let accepted = draft.answer(known.message);
                    if !known.is_done {
                        note_done(keys.clone(), busy, feed, draft.print);
                    }
                    return Ok(Taken::Before(accepted));
                }
                feed
            }
        };
        let (left, draft) = match feed.position() {
            0 => (draft.accepted, draft),
            from => aside(move || (draft.accepted_behind(from), draft)).await,
        };
        Ok(Taken::Now(Box::new(Opened { left, feed, draft, keys: keys.clone(), busy: Some(busy) })))
    }

    /// A message whose recipients come line by line.
    pub fn lines(&self, ways: Ways, origin: Origin, key: Option<Idempotency<'_>>) -> stream::Lines {
        let key = key.map(|Idempotency { caller, key }| hash_of("lines", caller, key));
        stream::Lines::new(self.inner.intake.clone(), self.inner.keys.clone(), &self.inner.config, ways, origin, key)
    }
}

impl Draft {
    /// Ids that are taken for its recipients beforehand, behind that of the message: none when they do not fit in a row.
    fn ids(&self) -> u32 {
        u32::try_from(self.accepted).ok().filter(|&count| u64::from(count) < RANGE_MAX).unwrap_or(0)
    }

    fn answer(&self, message: MessageId) -> Accepted {
        Accepted {
            message,
            first_recipient: (self.ids() > 0).then_some(RecipientId(message.0 + 1)),
            recipients: self.accepted,
            rejected: self.rejects.named.clone(),
            rejected_count: self.rejects.count,
            lines: None,
            resumed_after: None,
        }
    }
}

impl Opened {
    /// How many recipients are still to be committed: those that a request which was broken off committed before do not
    /// count.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Commits it; when it resolves, all of it is on disk. Goes on by itself when the caller goes away.
    ///
    /// # Errors
    /// [`Refusal`]; says how much was committed before.
    pub async fn commit(self) -> Result<Accepted, Refusal> {
        let ended = tokio::spawn(self.run()).await;
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    async fn run(self) -> Result<Accepted, Refusal> {
        let Opened { mut feed, draft, keys, busy, .. } = self;
        let (accepted, print, from) = (draft.answer(feed.message()), draft.print, feed.position());
        let fed = feed.take_all(move |each| draft.batches(from, each)).await;
        fed.map_err(|refusal| cut_short(refusal, feed.count(), accepted.recipients, busy.is_some()))?;
        match busy {
            Some(busy) => note_done(keys, busy, feed, print),
            None => {
                tokio::spawn(async move { feed.forget().await });
            }
        }
        Ok(accepted)
    }
}

/// Off the async threads.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Notes that a request was committed whole. Nobody has to wait until that is on disk: the checkpoint says the same.
pub(super) fn note_done(keys: Arc<Keys>, busy: Busy, feed: Feed, whole: u64) {
    let key = keys.mark_done(busy, whole);
    tokio::spawn(async move {
        if keys.write_done(key, whole).await {
            feed.forget().await;
        }
    });
}

/// A refusal in the middle of a request says what was committed of it.
pub(super) fn cut_short(refusal: Refusal, count: u64, of: u64, has_key: bool) -> Refusal {
    let Refusal::Unavailable { reason } = refusal else { return refusal };
    if count == 0 {
        return Refusal::Unavailable { reason };
    }
    let advice = if has_key { "repeat it with the same key for the rest" } else { "the others were not" };
    Refusal::Unavailable { reason: format!("{reason}. {count} of {of} recipients were taken; {advice}") }
}

/// Memory that is held for a request while it is received.
pub struct Room {
    memory: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    bytes: u64,
}

impl Room {
    /// Holds room for so many bytes in all.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when other requests hold too much.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        let pieces = bytes.div_ceil(PIECE).saturating_sub(self.bytes.div_ceil(PIECE));
        if let Ok(pieces) = u32::try_from(pieces)
            && let Ok(more) = self.memory.clone().try_acquire_many_owned(pieces)
        {
            match &mut self.held {
                Some(held) => held.merge(more),
                None => self.held = Some(more),
            }
            self.bytes = self.bytes.max(bytes);
            return Ok(());
        }
        Err(Refusal::Unavailable { reason: "Too many requests are being received, try again later".to_owned() })
    }
}
