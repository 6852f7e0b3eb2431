//! After a damaged spool: whoever was accepted has to come to an end, or a campaign waits for it for ever.
//!
//! What cannot be read cannot say whom it concerned. The event log can: everybody whose reception it tells, who has no
//! end there and is not in the spool any more, was in what is damaged. Each is told as bounced, with what its reception
//! told; the bytes stay in quarantine for who wants to look. Read only when the spool found damage, as far back as the
//! event log goes: who was received before that, or whose reception had not been told yet, stays unknown.

use std::collections::{HashMap, HashSet};

use journal::events::{EventLog, ReadError};
use journal::spool::Spool;
use model::category::{Category, Scope};
use model::event::{Attempt, Event, EventKind};
use model::handoff::Admitted;
use model::id::RecipientId;
use model::time::Timestamp;

use super::RunError;

/// Events read at a time.
const READ_MAX: usize = 4_096;

/// The ends of those who were in damaged records; none when nothing was damaged.
pub(super) async fn ends(
    log: &EventLog,
    spool: &Spool,
    recovered: &[Admitted],
    now: Timestamp,
) -> Result<Vec<Event>, RunError> {
    if !spool.was_damaged() {
        return Ok(Vec::new());
    }
    let live: HashSet<RecipientId> =
        recovered.iter().flat_map(|admitted| &admitted.recipients).map(|recipient| recipient.id).collect();
    let log = log.clone();
    let read = spool.work().aside(move || read_open(&log, &live));
    let open = read.await.map_err(|error| RunError::EventLog(error.to_string()))??;
    let mut lost: Vec<Event> = open.into_values().map(|received| end_of(received, now)).collect();
    lost.sort_by_key(|event| event.recipient);
    if !lost.is_empty() {
        tracing::error!(recipients = lost.len(), "were in damaged records of the spool and are told as bounced");
    }
    Ok(lost)
}

/// Receptions without an end, of who is not in the spool. As large as the queue ever was, at most.
fn read_open(log: &EventLog, live: &HashSet<RecipientId>) -> Result<HashMap<RecipientId, Event>, RunError> {
    let mut open: HashMap<RecipientId, Event> = HashMap::new();
    let end = log.end();
    let mut reader = log.reader(log.start());
    while reader.cursor() < end {
        match reader.poll_batch(READ_MAX) {
            Ok(Some(batch)) => batch.events.into_iter().for_each(|event| note(event, live, &mut open)),
            Ok(None) => break,
            Err(ReadError::Behind { oldest }) if oldest > reader.cursor() => reader = log.reader(oldest),
            Err(error) => return Err(RunError::EventLog(error.to_string())),
        }
    }
    Ok(open)
}

fn note(event: Event, live: &HashSet<RecipientId>, open: &mut HashMap<RecipientId, Event>) {
    let Some(recipient) = event.recipient.filter(|recipient| !live.contains(recipient)) else { return };
    if event.kind == EventKind::Received {
        open.insert(recipient, event);
    } else if event.kind.disposition().is_some_and(|disposition| disposition.is_final()) {
        open.remove(&recipient);
    }
}

fn end_of(received: Event, now: Timestamp) -> Event {
    let recipient = received.recipient.unwrap_or_default();
    let Event { id, kind, at, attempt, note, .. } = Event::of_recipient(EventKind::Bounced, recipient, 0, now);
    let error = "its record in the spool is damaged".to_owned();
    let attempt = Attempt {
        category: Some(Category::Other),
        scope: Some(Scope::Recipient),
        error: Some(error),
        ..attempt.unwrap_or_default()
    };
    Event { id, kind, at, attempt: Some(attempt), note, origin: None, ..received }
}
