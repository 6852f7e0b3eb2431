//! Acknowledgements on their way to the spool: a buffer that is never waited for, and a task that empties it.

use std::sync::{Arc, Mutex, PoisonError};

use journal::events::Cursor;
use journal::spool::{Ack, AckError, Spool};
use tokio::sync::Notify;

use super::RunError;
use crate::core::Settled;

/// Acknowledgements of events that are durable. Cheap to clone; clones share the buffer.
#[derive(Clone, Debug, Default)]
pub(super) struct Acks {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    buffer: Mutex<Buffer>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Buffer {
    acks: Vec<Ack>,
    applied: Option<Cursor>,
    /// Taken by the task and not yet by the spool.
    under_way: usize,
    closed: bool,
}

impl Acks {
    /// Adds acknowledgements; all events before `cursor` are acknowledged with them or were before.
    pub fn push(&self, settled: Vec<Settled>, cursor: Cursor) {
        let mut buffer = self.lock();
        buffer.acks.extend(settled.into_iter().map(ack_of));
        buffer.applied = Some(cursor);
        drop(buffer);
        self.shared.filled.notify_one();
    }

    /// How many the spool has not taken over yet.
    pub fn len(&self) -> usize {
        let buffer = self.lock();
        buffer.acks.len() + buffer.under_way
    }

    /// No more will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.shared.filled.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Buffer> {
        self.shared.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ack_of(settled: Settled) -> Ack {
    match settled {
        Settled::Done { recipient, row, .. } => Ack::Done(recipient, row),
        Settled::Deferred { recipient, row, attempts, due } => Ack::Deferred { recipient, row, attempts, due },
    }
}

/// Hands acknowledgements to the spool until the buffer is closed and empty.
pub(super) async fn run(acks: Acks, spool: Spool) -> Result<(), RunError> {
    loop {
        let (some, applied, closed) = {
            let mut buffer = acks.lock();
            let some = std::mem::take(&mut buffer.acks);
            buffer.under_way = some.len();
            (some, buffer.applied.take(), buffer.closed)
        };
        if some.is_empty() && applied.is_none() {
            if closed {
                return Ok(());
            }
            acks.shared.filled.notified().await;
            continue;
        }
        match spool.ack(some).await {
            Ok(()) => {}
            // What is not acknowledged now is found in the event log at the next start.
            Err(AckError::Closed) if closed => return Ok(()),
            Err(error) => return Err(RunError::Spool(error.to_string())),
        }
        if let Some(cursor) = applied {
            spool.note_applied(cursor);
        }
        acks.lock().under_way = 0;
    }
}
