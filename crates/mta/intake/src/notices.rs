//! Failure notices: whoever submitted a mail by SMTP is told when it could not be delivered (RFC 5321 6.1, RFC 3464).
//!
//! The queue tells what it has given up while row and content are still in the spool; [`Notices::given_up`] reads them,
//! and [`Postman::run`] submits the report (`notice_text`) as a mail of its own. It has a null return path, so no report is
//! ever made about a report.
//!
//! Told is the return path of a mail that came by SMTP; not that of campaigns and of injected mail (those read the event
//! log), not `<>`, not who asked with NOTIFY for other news than FAILURE, and nobody of what a person cancelled.
//! Limits: [`WAITING_MAX`], [`RECIPIENTS_MAX`], [`HEADER_MAX`], `intake.failure_notices`. What is left out is counted and
//! logged; the event log has every failure in any case.
//! Known gaps: no reports of SUCCESS and DELAY; the header alone also where RET=FULL was asked for; reports that wait are
//! lost by a crash.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::event::{Event, EventKind};
use model::handoff::{MessageHead, RowRef};
use model::submission::{
    Content, ContentSource, DsnOptions, Envelope, NewMessage, NewRecipient, Origin, Protocol, Refusal, ReturnPath,
    Routing, Submission,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::notice_text;
use crate::recorder::Limit;
use crate::submit::Intake;

/// Reports waiting to be submitted; more are left out.
pub(crate) const WAITING_MAX: usize = 1_000;
/// Most recipients of one report; further ones are in the next.
pub(crate) const RECIPIENTS_MAX: usize = 100;
/// So much is kept of the header of the mail, in bytes.
pub(crate) const HEADER_MAX: usize = 8 << 10;
/// Pause before a report is submitted again.
const RETRY: Duration = Duration::from_secs(5);

/// What one sender is told of one mail.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) head: Arc<MessageHead>,
    /// The return path.
    pub(crate) sender: String,
    /// Of the mail; empty when it could not be read.
    pub(crate) header: Vec<u8>,
    pub(crate) failures: Vec<Failure>,
}

/// What became of one recipient.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) event: Event,
    pub(crate) address: String,
    /// ORCPT.
    pub(crate) original: Option<String>,
}

/// Where the queue tells what it has given up. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Notices(Arc<Inner>);

struct Inner {
    intake: Intake,
    limit: Mutex<Limit>,
    left_out: AtomicU64,
    queue: mpsc::Sender<Notice>,
}

/// Submits the reports.
pub struct Postman {
    intake: Intake,
    waiting: mpsc::Receiver<Notice>,
}

impl Notices {
    /// Both ends.
    pub fn new(intake: Intake, config: &Config) -> (Self, Postman) {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let limit = Mutex::new(Limit::new(config.failure_notices));
        let inner = Inner { intake: intake.clone(), limit, left_out: AtomicU64::new(0), queue };
        (Notices(Arc::new(inner)), Postman { intake, waiting })
    }

    /// Takes note of recipients that were given up: the events that tell of it, and where their rows lie. They must not
    /// be acknowledged in the spool yet. Blocks for a moment; never waits for a report to be submitted.
    pub fn given_up(&self, given_up: Vec<(Event, RowRef)>) {
        let mut notices: Vec<Notice> = Vec::new();
        for (event, row) in given_up {
            let Some(message) = event.message.filter(|_| may_be_told(&event)) else { continue };
            let is_open = |notice: &&mut Notice| notice.head.id == message && notice.failures.len() < RECIPIENTS_MAX;
            let known = notices.iter_mut().find(is_open);
            let Some(failure) = self.failure(event, row) else { continue };
            match known {
                Some(notice) => notice.failures.push(failure),
                None => notices.extend(self.notice(message, failure)),
            }
        }
        notices.into_iter().for_each(|notice| self.hand_on(notice));
    }

    fn failure(&self, event: Event, row: RowRef) -> Option<Failure> {
        // Without the row nobody knows whether the sender wants to be told.
        let row = self.0.intake.spool().read_row(row).ok()?;
        let dsn = row.dsn.unwrap_or_default();
        let wanted = wants_failures(&dsn);
        wanted.then_some(Failure { event, address: row.address, original: dsn.original_recipient })
    }

    fn notice(&self, message: model::id::MessageId, failure: Failure) -> Option<Notice> {
        let spool = self.0.intake.spool();
        let head = spool.head(message).filter(|head| head.origin.protocol == Protocol::Smtp)?;
        let ReturnPath::Fixed(sender) = &head.envelope.sender else { return None };
        let content = spool.read_content(message).ok();
        let header = content.map(|content| header_of(&content)).unwrap_or_default();
        Some(Notice { sender: sender.clone(), head, header, failures: vec![failure] })
    }

    fn hand_on(&self, notice: Notice) {
        let inner = &self.0;
        let now = inner.intake.now();
        let allowed = inner.limit.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        if !allowed || inner.queue.try_send(notice).is_err() {
            let left_out = inner.left_out.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::warn!(left_out, "a failure notice is left out: too many at a time");
        }
    }
}

/// As far as the event tells. A person's cancellation has a note; what was given up for a suppression has none.
fn may_be_told(event: &Event) -> bool {
    let failed = match event.kind {
        EventKind::Bounced | EventKind::Expired => true,
        EventKind::Suppressed => event.note.is_none(),
        _ => false,
    };
    failed && event.campaign.is_none()
}

/// RFC 3461 4.1: without NOTIFY failures are told.
fn wants_failures(dsn: &DsnOptions) -> bool {
    dsn.failure || !(dsn.never || dsn.success || dsn.delay)
}

fn header_of(content: &Content) -> Vec<u8> {
    let (Content::Raw(raw) | Content::Merge(raw)) = content;
    let end = raw.windows(4).take(HEADER_MAX).position(|bytes| bytes == b"\r\n\r\n").map(|end| end + 2);
    let end =
        end.or_else(|| Some(raw[..raw.len().min(HEADER_MAX)].windows(2).rposition(|bytes| bytes == b"\r\n")? + 2));
    raw[..end.unwrap_or(0)].to_vec()
}

impl Postman {
    /// Submits reports until `shutdown`, or until nobody can tell any more; then what still waits, once.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while let Some(Some(notice)) = shutdown.run_until_cancelled(self.waiting.recv()).await {
            self.submit(notice, &shutdown).await;
        }
        self.waiting.close();
        while let Ok(notice) = self.waiting.try_recv() {
            self.submit(notice, &shutdown).await;
        }
    }

    /// Until it is taken, unless it never will be or everything ends.
    async fn submit(&self, notice: Notice, shutdown: &CancellationToken) {
        loop {
            let message = notice.head.id;
            match self.intake.submit(submission(&notice, &self.intake)).await {
                Ok(_) => return,
                Err(Refusal::Unavailable { reason }) if !shutdown.is_cancelled() => {
                    tracing::warn!(reason, "a failure notice waits");
                    shutdown.run_until_cancelled(tokio::time::sleep(RETRY)).await;
                }
                Err(refusal) => {
                    tracing::error!(%refusal, %message, "a failure notice cannot be sent");
                    return;
                }
            }
        }
    }
}

fn submission(notice: &Notice, intake: &Intake) -> Submission {
    let text = notice_text::compose(notice, intake.host_name());
    let envelope = Envelope {
        sender: ReturnPath::Null,
        eight_bit: !text.is_ascii(),
        smtputf8: !notice.sender.is_ascii(),
        ..Envelope::default()
    };
    let message = NewMessage {
        content: Content::Raw(text),
        envelope,
        routing: Routing { tenant: notice.head.routing.tenant.clone(), ..Routing::default() },
        origin: Origin { protocol: Protocol::Internal, peer: None, user: None },
    };
    let recipients = vec![NewRecipient { address: notice.sender.clone(), ..NewRecipient::default() }];
    Submission { content: ContentSource::New(Box::new(message)), recipients, checkpoint: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_to_be_told() {
        let check = |never, success, failure, delay, expected| {
            let dsn = DsnOptions { never, success, failure, delay, original_recipient: None };
            assert_eq!(wants_failures(&dsn), expected, "{dsn:?}");
        };
        check(false, false, false, false, true);
        check(false, true, true, true, true);
        check(true, false, false, false, false);
        check(false, true, false, true, false);
    }

    #[test]
    fn the_header_and_no_more() {
        let check = |raw: &str, expected: &str| {
            let header = header_of(&Content::Raw(raw.as_bytes().to_vec()));
            assert_eq!(String::from_utf8(header).unwrap(), expected);
        };
        check("A: b\r\nC: d\r\n\r\nbody\r\n\r\n", "A: b\r\nC: d\r\n");
        check("\r\nbody\r\n", "\r\nbody\r\n");
        check("", "");
        let long = format!("A: b\r\nC: {}\r\n\r\nbody", "x".repeat(HEADER_MAX));
        check(&long, "A: b\r\n");
    }
}
