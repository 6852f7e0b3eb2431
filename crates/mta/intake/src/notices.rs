//! Notices: whoever submitted a mail by SMTP is told what became of it (RFC 5321 6.1, RFC 3461, RFC 3464).
//!
//! The queue tells what happened while row and content are still in the spool; [`Notices::given_up`] reads them, writes
//! the notice (`notice_text`) and keeps it on disk (`outbox`) before the mail leaves the spool. [`Postman::run`] submits
//! it as a mail of its own. It has a null return path, so no notice is ever made about a notice.
//!
//! | what happened | told |
//! |---|---|
//! | given up | without NOTIFY, or with FAILURE |
//! | queued for `intake.delay_notice_after`, once | with DELAY; without NOTIFY in `intake.delay_notice_streams` |
//! | handed to a host without DSN | with SUCCESS (action `relayed`); a host with DSN tells itself |
//!
//! Told is the return path of a mail that came by SMTP; not that of campaigns and of injected mail (those read the event
//! log), not `<>`, nobody with NOTIFY=NEVER, and of what a person cancelled nobody but where the order says so: those
//! ends do not come here at all.
//! Limits: `outbox::WAITING_MAX`, [`RECIPIENTS_MAX`], [`HEADER_MAX`], `intake.notice_content_max`,
//! `intake.failure_notices`. What is left out is counted and logged; the event log has every failure in any case.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::event::{Event, EventKind};
use model::handoff::{MessageHead, RowRef};
use model::id::{MessageId, RecipientId};
use model::name::Name;
use model::submission::{
    Content, ContentSource, DsnOptions, Envelope, NewMessage, NewRecipient, Origin, Protocol, Refusal, Ret, ReturnPath,
    Routing, Submission,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::notice_text;
use crate::outbox::{Outbox, Ready};
use crate::recorder::Limit;
use crate::submit::Intake;

/// Most recipients of one notice; further ones are in the next.
pub(crate) const RECIPIENTS_MAX: usize = 100;
/// So much is kept of the header of the mail, in bytes.
pub(crate) const HEADER_MAX: usize = 8 << 10;
/// Pause before a notice is submitted again.
const RETRY: Duration = Duration::from_secs(5);

/// What became of recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// Given up.
    Failed,
    /// Still in the queue.
    Delayed,
    /// Handed to a host that sends no notices.
    Relayed,
}

/// What one sender is told of one mail.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) action: Action,
    pub(crate) head: Arc<MessageHead>,
    /// The return path.
    pub(crate) sender: String,
    /// Of the mail; empty when it could not be read.
    pub(crate) quoted: Quoted,
    pub(crate) recipients: Vec<Told>,
}

/// What is given back of the mail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Quoted {
    /// Its header, or the beginning of it.
    Header(Vec<u8>),
    /// All of it (RET=FULL).
    Full(Vec<u8>),
}

/// What became of one recipient.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) event: Event,
    pub(crate) address: String,
    /// ORCPT.
    pub(crate) original: Option<String>,
}

/// Where the queue tells what happened. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Notices(Arc<Inner>);

struct Inner {
    intake: Intake,
    limit: Mutex<Limit>,
    left_out: AtomicU64,
    outbox: Arc<Outbox>,
    delay_ms: u64,
    delay_streams: Vec<Name>,
    content_max: u64,
    /// Says that there is one more.
    ring: mpsc::Sender<()>,
}

/// Submits the notices.
pub struct Postman {
    intake: Intake,
    outbox: Arc<Outbox>,
    bell: mpsc::Receiver<()>,
}

impl Notices {
    /// Both ends. Notices wait in the directory; those that a crash left there are submitted first. Blocks for a moment.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn new(intake: Intake, config: &Config, dir: PathBuf) -> io::Result<(Self, Postman)> {
        let (ring, bell) = mpsc::channel(1);
        let outbox = Arc::new(Outbox::open(dir)?);
        let inner = Inner {
            intake: intake.clone(),
            limit: Mutex::new(Limit::new(config.failure_notices)),
            left_out: AtomicU64::new(0),
            outbox: outbox.clone(),
            delay_ms: u64::try_from(config.delay_notice_after.0.as_millis()).unwrap_or(u64::MAX),
            delay_streams: config.delay_notice_streams.clone(),
            content_max: config.notice_content_max.0,
            ring,
        };
        Ok((Notices(Arc::new(inner)), Postman { intake, outbox, bell }))
    }

    /// Whether somebody may want to be told of this event. Cheap: asked of every event of mail that is no campaign's.
    pub fn concerns(&self, event: &Event) -> bool {
        let Some(action) = action_of(event).filter(|_| event.campaign.is_none()) else { return false };
        let head = || event.message.and_then(|message| self.0.intake.spool().head(message));
        match action {
            Action::Failed => true,
            Action::Relayed => head().is_some_and(|head| head.envelope.notify),
            Action::Delayed => {
                let queued_ms = event.attempt.as_ref().and_then(|attempt| attempt.queued_ms).unwrap_or(0);
                // Who wants it stands in the head, which may have to be read from disk: not here.
                queued_ms >= self.0.delay_ms
                    && event.recipient.is_some_and(|recipient| !self.0.outbox.was_delayed(recipient))
            }
        }
    }

    /// Takes note of what happened to recipients: the events that tell of it, and where their rows lie. They must not be
    /// acknowledged in the spool yet. Blocks until notices are on disk; never waits for one to be submitted.
    pub fn given_up(&self, given_up: Vec<(Event, RowRef)>) {
        let mut by_mail: BTreeMap<(MessageId, Action), Vec<(Event, RowRef)>> = BTreeMap::new();
        for (event, row) in given_up {
            let of = event.message.zip(action_of(&event)).filter(|_| self.concerns(&event));
            if let Some(of) = of {
                by_mail.entry(of).or_default().push((event, row));
            }
        }
        let mut delayed = Vec::new();
        for ((message, action), events) in by_mail {
            self.tell_of(message, action, events, &mut delayed);
        }
        if delayed.is_empty() {
            return;
        }
        if let Err(error) = self.0.outbox.note_delayed(&delayed, self.0.intake.now()) {
            tracing::warn!(%error, "a delay may be told twice");
        }
    }

    fn likes_delays(&self, head: &MessageHead) -> bool {
        self.0.delay_streams.contains(&head.routing.stream)
    }

    /// Tells the sender of one mail. Its content is read for a notice that may be sent, and let go with it: no more than
    /// one mail is in memory. Adds the recipients of whose delay was told.
    fn tell_of(
        &self,
        message: MessageId,
        action: Action,
        events: Vec<(Event, RowRef)>,
        delayed: &mut Vec<RecipientId>,
    ) -> Option<()> {
        let head = self.0.intake.spool().head(message).filter(|head| head.origin.protocol == Protocol::Smtp)?;
        let ReturnPath::Fixed(sender) = &head.envelope.sender else { return None };
        let mut rest = self.told(action, &head, events);
        while !rest.is_empty() {
            let behind = rest.split_off(rest.len().min(RECIPIENTS_MAX));
            let recipients = std::mem::replace(&mut rest, behind);
            let ids: Vec<RecipientId> = recipients.iter().filter_map(|told| told.event.recipient).collect();
            if self.hand_on(action, &head, sender, recipients) && action == Action::Delayed {
                delayed.extend(ids);
            }
        }
        Some(())
    }

    /// Those of whom the sender wants to be told. Without the row nobody knows whether he does.
    fn told(&self, action: Action, head: &MessageHead, events: Vec<(Event, RowRef)>) -> Vec<Told> {
        let by_default = self.likes_delays(head);
        if action == Action::Delayed && !(head.envelope.notify || by_default) {
            return Vec::new();
        }
        let (events, rows): (Vec<Event>, Vec<RowRef>) = events.into_iter().unzip();
        let rows = self.0.intake.spool().read_rows(&rows);
        let told = events.into_iter().zip(rows).filter_map(|(event, row)| {
            let row = row.ok()?;
            let dsn = row.dsn.unwrap_or_default();
            let wanted = wants(&dsn, action, by_default);
            wanted.then_some(Told { event, address: row.address, original: dsn.original_recipient })
        });
        told.collect()
    }

    /// True when it is on disk and will be submitted.
    fn hand_on(&self, action: Action, head: &Arc<MessageHead>, sender: &str, recipients: Vec<Told>) -> bool {
        let inner = &self.0;
        let allowed = || inner.limit.lock().unwrap_or_else(PoisonError::into_inner).take(inner.intake.now());
        let kept = !inner.outbox.is_full() && allowed() && {
            let (head, sender, quoted) = (Arc::clone(head), sender.to_owned(), self.quoted(action, head));
            self.keep(&Notice { action, head, sender, quoted, recipients })
        };
        if !kept {
            let left_out = inner.left_out.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::warn!(left_out, "a notice to a sender is left out: too many at a time, or no room");
            return false;
        }
        // A bell that rings already is enough.
        let _ = inner.ring.try_send(());
        true
    }

    fn quoted(&self, action: Action, head: &MessageHead) -> Quoted {
        let full = action == Action::Failed && head.envelope.ret == Some(Ret::Full);
        let full_max = if full { self.0.content_max } else { 0 };
        let content = self.0.intake.spool().read_content(head.id).ok();
        content.map_or(Quoted::Header(Vec::new()), |content| quoted(&content, full_max))
    }

    fn keep(&self, notice: &Notice) -> bool {
        let inner = &self.0;
        let text = notice_text::compose(notice, inner.intake.host_name());
        let tenant = notice.head.routing.tenant.clone();
        let ready = Ready { to: notice.sender.clone(), tenant, text };
        inner.outbox.keep(inner.intake.next_number(), &ready).unwrap_or_else(|error| {
            tracing::error!(%error, "a notice to a sender cannot be kept");
            false
        })
    }
}

/// As far as the event tells. Ends that nobody is to be told of are left out by the queue.
fn action_of(event: &Event) -> Option<Action> {
    match event.kind {
        EventKind::Bounced | EventKind::Expired | EventKind::Suppressed => Some(Action::Failed),
        EventKind::Deferred => Some(Action::Delayed),
        EventKind::Delivered => {
            let wire = event.attempt.as_ref().and_then(|attempt| attempt.wire.as_ref());
            wire.is_some_and(|wire| wire.without_dsn).then_some(Action::Relayed)
        }
        _ => None,
    }
}

/// RFC 3461 4.1: without NOTIFY failures are told, and delays as the house likes.
fn wants(dsn: &DsnOptions, action: Action, delays_by_default: bool) -> bool {
    let silent = !(dsn.never || dsn.success || dsn.delay || dsn.failure);
    match action {
        Action::Failed => dsn.failure || silent,
        Action::Delayed => dsn.delay || (silent && delays_by_default),
        Action::Relayed => dsn.success,
    }
}

/// All of it when it is not larger than that, else the header.
fn quoted(content: &Content, full_max: u64) -> Quoted {
    let (Content::Raw(raw) | Content::Merge(raw)) = content;
    if raw.len() as u64 <= full_max {
        return Quoted::Full(raw.clone());
    }
    let end = raw.windows(4).take(HEADER_MAX).position(|bytes| bytes == b"\r\n\r\n").map(|end| end + 2);
    let end =
        end.or_else(|| Some(raw[..raw.len().min(HEADER_MAX)].windows(2).rposition(|bytes| bytes == b"\r\n")? + 2));
    Quoted::Header(raw[..end.unwrap_or(0)].to_vec())
}

impl Postman {
    /// Submits notices until `shutdown`, or until nobody can tell any more; then what still waits, once.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            self.submit_all(&shutdown).await;
            match shutdown.run_until_cancelled(self.bell.recv()).await {
                Some(Some(())) => {}
                Some(None) | None => break,
            }
        }
        self.submit_all(&shutdown).await;
    }

    async fn submit_all(&self, shutdown: &CancellationToken) {
        let names = self.outbox.waiting().unwrap_or_else(|error| {
            tracing::error!(%error, "notices to senders cannot be read");
            Vec::new()
        });
        for name in names {
            if let Err(error) = self.submit(&name, shutdown).await {
                tracing::error!(%error, name, "a notice to a sender cannot be read");
            }
        }
    }

    /// Until it is taken, unless it never will be or everything ends; then it waits for the next start.
    async fn submit(&self, name: &str, shutdown: &CancellationToken) -> io::Result<()> {
        let Some(ready) = self.outbox.read(name)? else {
            tracing::error!(name, "a file that is no notice is removed");
            return self.outbox.remove(name);
        };
        loop {
            match self.intake.submit(submission(&ready)).await {
                Ok(_) => return self.outbox.remove(name),
                Err(Refusal::Unavailable { .. }) if shutdown.is_cancelled() => return Ok(()),
                Err(Refusal::Unavailable { reason }) => {
                    tracing::warn!(reason, "a notice to a sender waits");
                    shutdown.run_until_cancelled(tokio::time::sleep(RETRY)).await;
                }
                Err(refusal) => {
                    tracing::error!(%refusal, name, "a notice cannot be sent");
                    return self.outbox.remove(name);
                }
            }
        }
    }
}

fn submission(ready: &Ready) -> Submission {
    let envelope = Envelope {
        sender: ReturnPath::Null,
        eight_bit: !ready.text.is_ascii(),
        smtputf8: !ready.to.is_ascii(),
        ..Envelope::default()
    };
    let message = NewMessage {
        content: Content::Raw(ready.text.clone()),
        envelope,
        routing: Routing { tenant: ready.tenant.clone(), ..Routing::default() },
        origin: Origin { protocol: Protocol::Internal, peer: None, user: None },
    };
    let recipients = vec![NewRecipient { address: ready.to.clone(), ..NewRecipient::default() }];
    Submission { content: ContentSource::New(Box::new(message)), recipients, checkpoint: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_to_be_told() {
        // NEVER, SUCCESS, FAILURE, DELAY; told of a failure, of a delay, of a delay where the house likes it, of success.
        let check = |flags: [bool; 4], expected: [bool; 4]| {
            let [never, success, failure, delay] = flags;
            let dsn = DsnOptions { never, success, failure, delay, original_recipient: None };
            let found = [
                wants(&dsn, Action::Failed, false),
                wants(&dsn, Action::Delayed, false),
                wants(&dsn, Action::Delayed, true),
                wants(&dsn, Action::Relayed, true),
            ];
            assert_eq!(found, expected, "{dsn:?}");
        };
        check([false, false, false, false], [true, false, true, false]);
        check([false, true, true, true], [true, true, true, true]);
        check([true, false, false, false], [false, false, false, false]);
        check([false, true, false, true], [false, true, true, true]);
        check([false, true, false, false], [false, false, false, true]);
        check([false, false, true, false], [true, false, false, false]);
    }

    #[test]
    fn so_much_is_given_back() {
        let check = |raw: &str, full_max: u64, expected: Quoted| {
            assert_eq!(quoted(&Content::Raw(raw.as_bytes().to_vec()), full_max), expected);
        };
        let header = |text: &str| Quoted::Header(text.as_bytes().to_vec());
        check("A: b\r\nC: d\r\n\r\nbody\r\n\r\n", 0, header("A: b\r\nC: d\r\n"));
        check("A: b\r\n\r\nbody", 12, Quoted::Full(b"A: b\r\n\r\nbody".to_vec()));
        check("A: b\r\n\r\nbody", 11, header("A: b\r\n"));
        check("\r\nbody\r\n", 0, header("\r\nbody\r\n"));
        check("", 0, Quoted::Full(Vec::new()));
        let long = format!("A: b\r\nC: {}\r\n\r\nbody", "x".repeat(HEADER_MAX));
        check(&long, 0, header("A: b\r\n"));
    }
}
