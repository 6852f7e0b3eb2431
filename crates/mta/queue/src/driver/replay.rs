//! After a restart: what the event log knows and the spool does not.
//!
//! An outcome is appended to the event log first and acknowledged in the spool afterwards. A crash between the two leaves
//! the recipient live in the spool; the events behind the cursor the spool remembers say what became of it. Finished
//! recipients are acknowledged and left out, deferred ones get their attempts and their time, so that every end is told
//! exactly once. After an orderly end there is nothing behind the cursor. Memory: 8 bytes for each recipient that was
//! recovered while events are read, and a little for each of whom they say something.

use std::collections::HashMap;

use journal::events::{Cursor, EventLog, EventReader, ReadError};
use journal::spool::{Ack, Spool};
use model::event::Event;
use model::handoff::Admitted;
use model::id::RecipientId;
use model::time::Timestamp;

use super::RunError;

/// Events read at a time.
const READ_MAX: usize = 4_096;

/// What became of a recipient that the spool takes for live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Deferred { attempts: u16, due: Timestamp },
    Done,
}

/// Brings what the spool recovered up to date with the event log.
pub(super) async fn replay(
    log: &EventLog,
    spool: &Spool,
    mut recovered: Vec<Admitted>,
) -> Result<Vec<Admitted>, RunError> {
    if recovered.is_empty() {
        return Ok(recovered);
    }
    let end = log.end();
    let from = spool.applied().unwrap_or_default();
    if from == end {
        return Ok(recovered);
    }
    let everyone = recovered.iter().flat_map(|admitted| &admitted.recipients);
    let mut live: Vec<RecipientId> = everyone.map(|recipient| recipient.id).collect();
    live.sort_unstable();
    let log = log.clone();
    let read = spool.work().aside(move || read_fates(&log, from, end, &live));
    let fates = read.await.map_err(|error| RunError::EventLog(error.to_string()))??;
    let mut acks = Vec::new();
    for admitted in &mut recovered {
        admitted.recipients.retain_mut(|recipient| match fates.get(&recipient.id) {
            Some(Fate::Done) => {
                acks.push(Ack::Done(recipient.id, recipient.row));
                false
            }
            Some(&Fate::Deferred { attempts, due }) if attempts > recipient.attempts => {
                (recipient.attempts, recipient.due) = (attempts, due);
                acks.push(Ack::Deferred { recipient: recipient.id, row: recipient.row, attempts, due });
                true
            }
            _ => true,
        });
    }
    recovered.retain(|admitted| !admitted.recipients.is_empty());
    tracing::info!(acks = acks.len(), %from, %end, "brought the spool up to date with the event log");
    spool.ack(acks).await.map_err(|error| RunError::Spool(error.to_string()))?;
    spool.note_applied(end);
    Ok(recovered)
}

/// Reads the events from `from` to `end` for what they say of the live ones, who are in order.
fn read_fates(
    log: &EventLog,
    from: Cursor,
    end: Cursor,
    live: &[RecipientId],
) -> Result<HashMap<RecipientId, Fate>, RunError> {
    let mut fates = HashMap::new();
    let mut reader: EventReader = log.reader(from);
    while reader.cursor() < end {
        match reader.poll_batch(READ_MAX) {
            Ok(Some(batch)) => batch.events.iter().for_each(|event| note(event, live, &mut fates)),
            Ok(None) => break,
            Err(ReadError::Behind { oldest }) if oldest > reader.cursor() => {
                tracing::error!(%oldest, "events that were not applied are gone: some recipients may get a second mail");
                reader = log.reader(oldest);
            }
            Err(error) => return Err(RunError::EventLog(error.to_string())),
        }
    }
    Ok(fates)
}

fn note(event: &Event, live: &[RecipientId], fates: &mut HashMap<RecipientId, Fate>) {
    let (Some(disposition), Some(recipient)) = (event.kind.disposition(), event.recipient) else { return };
    if live.binary_search(&recipient).is_err() || fates.get(&recipient) == Some(&Fate::Done) {
        return;
    }
    if disposition.is_final() {
        fates.insert(recipient, Fate::Done);
    } else if let Some(attempt) = &event.attempt
        && let Some(due) = attempt.next_attempt
    {
        fates.insert(recipient, Fate::Deferred { attempts: attempt.number, due });
    }
}
