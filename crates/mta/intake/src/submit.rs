//! The way in: a valid submission gets its ids and is committed to the spool.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use journal::spool::{Admission, AdmitError, AdmitMessage, Hold, Spool};
use model::handoff::MessageHead;
use model::id::{IdGenerator, MessageId, RecipientId};
use model::submission::{Content, ContentSource, NewMessage, NewRecipient, Protocol, Receipt, Refusal, Submission};
use model::time::{Clock, Timestamp};

use crate::config::Config;
use crate::floor::{Change, Floor, Meter, Pressure, SystemMeter};
use crate::injection::feed::feed_of;
use crate::rewrite;
use crate::trace::date;
use crate::validate::{Known, check_beginning, validate};

/// Room in a spool record for everything but the content: head and rows of an SMTP transaction.
const RECORD_OVERHEAD: u64 = 64 << 10;

/// What the header of a message may gain on its way in: `Received`, `Date`, `Message-ID`.
const HEADER_ADDED_MAX: u64 = 4 << 10;

/// The one way in. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Intake {
    inner: Arc<Inner>,
}

struct Inner {
    spool: Spool,
    ids: Mutex<IdGenerator>,
    clock: Arc<dyn Clock>,
    floor: Floor,
    known: Known,
    message_bytes_max: u64,
    not_before_max: Duration,
    host_name: String,
}

/// A submission whose caller has settled more than others do.
pub(crate) struct Part {
    /// The id of the message, taken before.
    pub(crate) message: MessageId,
    /// The first of the recipients' ids, taken before.
    pub(crate) first: Option<RecipientId>,
    /// Whether the message stays when its recipients are done.
    pub(crate) hold: Hold,
    pub(crate) submission: Submission,
}

impl Intake {
    /// An intake for this spool. `newest_id` is what the spool recovered, so that no id is given twice; `node` is the
    /// node's number; `known` are the streams and pools that the queue has.
    pub fn new(spool: Spool, newest_id: u64, node: u16, config: &Config, known: Known, clock: Arc<dyn Clock>) -> Self {
        let mut ids = IdGenerator::new(node);
        ids.resume_after(newest_id);
        let floor = Floor::new(Arc::new(SystemMeter::new(spool.clone())), config);
        let room = spool.admission_bytes_max();
        let room = room.saturating_sub(RECORD_OVERHEAD.min(room / 2));
        let message_bytes_max = config.message_size_max.0.min(room);
        let host_name = config.host_name.clone();
        let not_before_max = config.not_before_max.0;
        let ids = Mutex::new(ids);
        Intake {
            inner: Arc::new(Inner { spool, ids, clock, floor, known, message_bytes_max, not_before_max, host_name }),
        }
    }

    /// Takes a submission: when it resolves, content, recipients and checkpoint are on disk, all or nothing.
    ///
    /// A new message with a checkpoint stays in the spool until [`Intake::finish`], because its feed will add recipients.
    ///
    /// # Errors
    /// See [`Refusal`]; nothing was committed, except possibly when the disk failed in the middle
    /// (`Unavailable`: a feed asks for its checkpoint before it goes on).
    pub async fn submit(&self, submission: Submission) -> Result<Receipt, Refusal> {
        let message = self.next_message_id();
        self.submit_as(message, submission).await
    }

    /// As [`Intake::submit`], a new message under an id that was taken before.
    pub(crate) async fn submit_as(&self, id: MessageId, submission: Submission) -> Result<Receipt, Refusal> {
        let stays = submission.checkpoint.is_some() && matches!(submission.content, ContentSource::New(_));
        let hold = if stays { Hold::Open } else { Hold::Unchanged };
        self.submit_part(Part { message: id, first: None, hold, submission }).await
    }

    /// As [`Intake::submit`], with everything that the caller has settled beforehand.
    pub(crate) async fn submit_part(&self, part: Part) -> Result<Receipt, Refusal> {
        let Part { message: id, first, hold, mut submission } = part;
        let now = self.now();
        self.inner.floor.check(now)?;
        validate(&mut submission, self.inner.message_bytes_max + HEADER_ADDED_MAX, &self.inner.known)?;
        check_beginning(&submission, now, self.inner.not_before_max)?;
        let Submission { content, recipients, checkpoint } = submission;
        let count = recipients.len() as u32;
        let first_recipient = first.unwrap_or_else(|| RecipientId(self.take_ids(now, u64::from(count.max(1)))));
        let due = match &content {
            ContentSource::New(message) => message.routing.not_before.map_or(now, |before| before.max(now)),
            ContentSource::Existing(message) => self.due_of(*message, now),
        };
        let (message, message_id) = match content {
            ContentSource::New(mut new) => {
                self.complete(&mut new, id, now);
                let head = MessageHead {
                    id,
                    envelope: new.envelope,
                    routing: new.routing,
                    origin: new.origin,
                    received_at: now,
                    size_bytes: new.content.len() as u64,
                };
                (AdmitMessage::New { head: Box::new(head), content: new.content }, id)
            }
            ContentSource::Existing(existing) => (AdmitMessage::Existing(existing), existing),
        };
        let recipients = with_ids(first_recipient, recipients);
        let admission = Admission { message, recipients, due, checkpoint, hold };
        self.inner.spool.admit(admission).await.map_err(refuse)?;
        Ok(Receipt { message: message_id, first_recipient, count })
    }

    /// A complete message of a program may have left out what a mail must have. (SMTP has seen to that before.)
    fn complete(&self, message: &mut NewMessage, id: MessageId, now: Timestamp) {
        if let Content::Raw(raw) = &mut message.content
            && message.origin.protocol != Protocol::Smtp
        {
            let message_id = format!("<{id}@{}>", self.inner.host_name);
            *raw = rewrite::complete(raw, &message_id, &date(now));
        }
    }

    /// Recipients that are added keep to the message's own beginning.
    fn due_of(&self, message: MessageId, now: Timestamp) -> Timestamp {
        let head = self.inner.spool.head(message);
        head.and_then(|head| head.routing.not_before).map_or(now, |before| before.max(now))
    }

    /// Whether there is room for new mail.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] while there is none.
    pub fn check_room(&self) -> Result<(), Refusal> {
        self.inner.floor.check(self.now())
    }

    /// The same, measuring room with another meter; to be called before it is cloned.
    ///
    /// # Panics
    /// When there are clones.
    #[must_use]
    pub fn measured_by(self, meter: Arc<dyn Meter>) -> Self {
        let mut inner = Arc::into_inner(self.inner).expect("invariant: not cloned yet");
        inner.floor = inner.floor.measured_by(meter);
        Intake { inner: Arc::new(inner) }
    }

    /// Why new mail is refused for the time being, the gravest reason first; `None` while it is taken.
    pub fn pressure(&self) -> Option<Pressure> {
        self.pressures().into_iter().next()
    }

    /// Every floor that is reached.
    pub fn pressures(&self) -> Vec<Pressure> {
        self.inner.floor.pressures(self.now())
    }

    /// Floors that were reached or left since the last call.
    pub(crate) fn floor_changes(&self) -> Vec<Change> {
        self.inner.floor.changes(self.now())
    }

    /// Largest message that is taken, in bytes.
    pub fn message_bytes_max(&self) -> u64 {
        self.inner.message_bytes_max
    }

    /// How far a feed has come; `None` when nothing of it was ever committed.
    pub fn checkpoint(&self, feed: u64) -> Option<u64> {
        self.inner.spool.checkpoint(feed)
    }

    /// No more recipients will be added: the message may go with its last recipient. Repeating it does nothing.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the spool is closed or has failed.
    pub async fn finish(&self, message: MessageId) -> Result<(), Refusal> {
        let done = self.inner.spool.finish(message).await;
        done.map_err(|error| Refusal::Unavailable { reason: error.to_string() })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) fn host_name(&self) -> &str {
        &self.inner.host_name
    }

    pub(crate) fn spool(&self) -> &Spool {
        &self.inner.spool
    }

    pub(crate) fn next_message_id(&self) -> MessageId {
        MessageId(self.take_ids(self.now(), 1))
    }

    /// An id for a message, and `count` behind it for its recipients.
    pub(crate) fn next_message_id_with(&self, count: u32) -> MessageId {
        MessageId(self.take_ids(self.now(), 1 + u64::from(count)))
    }

    /// Ids were taken up to here by an earlier life of the program, and may be in nobody's hands.
    pub(crate) fn resume_ids_after(&self, newest: u64) {
        self.inner.ids.lock().unwrap_or_else(PoisonError::into_inner).resume_after(newest);
    }

    /// Most bytes of content and rows of one part.
    pub(crate) fn record_bytes_max(&self) -> u64 {
        self.inner.spool.admission_bytes_max().saturating_sub(RECORD_OVERHEAD * 4)
    }

    /// Nobody will ask again how far a feed came. What cannot be forgotten now is forgotten at the next start.
    pub(crate) async fn forget_feed(&self, feed: u64) {
        if let Err(error) = self.inner.spool.forget(feed).await {
            tracing::debug!(feed, %error, "a checkpoint stays");
        }
    }

    /// A message to which nothing will be added and nobody comes back: it goes with its last recipient.
    pub(crate) async fn let_go(&self, message: MessageId) {
        if let Err(refusal) = self.finish(message).await {
            tracing::warn!(%message, %refusal, "a message stays open until the next start");
            return;
        }
        self.forget_feed(feed_of(message)).await;
    }

    /// The same for several.
    pub(crate) async fn let_all_go(&self, messages: Vec<MessageId>) {
        for message in messages {
            self.let_go(message).await;
        }
    }

    /// A number for an event that belongs to no recipient.
    pub(crate) fn next_number(&self) -> u64 {
        self.take_ids(self.now(), 1)
    }

    fn take_ids(&self, now: Timestamp, count: u64) -> u64 {
        self.inner.ids.lock().unwrap_or_else(PoisonError::into_inner).next_range(now, count)
    }
}

fn with_ids(first: RecipientId, recipients: Vec<NewRecipient>) -> Vec<(RecipientId, NewRecipient)> {
    recipients.into_iter().zip(first.0..).map(|(recipient, id)| (RecipientId(id), recipient)).collect()
}

fn refuse(error: AdmitError) -> Refusal {
    match error {
        AdmitError::UnknownMessage(message) => Refusal::UnknownMessage(message),
        AdmitError::TooLarge { .. } | AdmitError::Count(_) => Refusal::Invalid { reason: error.to_string() },
        AdmitError::NoSpace => {
            Refusal::Unavailable { reason: "Insufficient system storage, try again later".to_owned() }
        }
        AdmitError::Busy => Refusal::Unavailable { reason: "Too much mail is coming in, try again later".to_owned() },
        AdmitError::Closed => Refusal::Unavailable { reason: "Shutting down, try again later".to_owned() },
        AdmitError::Failed(reason) => {
            tracing::error!(reason, "the spool takes nothing");
            Refusal::Unavailable { reason: "The spool has failed, try again later".to_owned() }
        }
    }
}
