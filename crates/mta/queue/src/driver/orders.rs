//! Who waits for the answer to a search or a bulk order, and what has to be on disk before it is given.
//!
//! The core answers with a later step, under a ticket. Orders that stay in force are answered when the state file with
//! them is on disk; those that are done once, when the events of what they did are. Whoever asked may have gone away:
//! the answer goes nowhere then.

use std::collections::HashMap;

use journal::spool::Spool;
use model::handoff::RowRef;
use model::id::RecipientId;
use model::time::Timestamp;
use tokio::sync::oneshot;

use super::state::{StateFile, Unanswered};
use super::writer::Written;
use crate::bulk::{BulkDone, BulkError, SearchResult};
use crate::core::{Answer, Answered, Durable};
use crate::handle::ControlError;

/// Rows read at a time.
const ROWS_AT_A_TIME: usize = 8_192;

type Sender<T> = oneshot::Sender<Result<T, ControlError>>;

/// Questions and orders without an answer yet.
#[derive(Default)]
pub(super) struct Waiting {
    next: u64,
    searches: HashMap<u64, Sender<SearchResult>>,
    orders: HashMap<u64, Sender<BulkDone>>,
}

impl Waiting {
    /// A ticket for a search.
    pub fn search(&mut self, answer: Sender<SearchResult>) -> u64 {
        self.next += 1;
        self.searches.insert(self.next, answer);
        self.next
    }

    /// A ticket for an order.
    pub fn order(&mut self, answer: Sender<BulkDone>) -> u64 {
        self.next += 1;
        self.orders.insert(self.next, answer);
        self.next
    }

    /// Hands out an answer of the core, as soon as what it says is on disk. `told_at`: when it was said.
    pub fn answer(&mut self, answer: Answer, told_at: Timestamp, state: &mut StateFile, written: &Written) {
        let ticket = answer.ticket;
        match answer.found {
            Answered::Found(found) => {
                if let Some(sender) = self.searches.remove(&ticket) {
                    let _ = sender.send(Ok(found));
                }
            }
            Answered::Refused(error) => {
                let error = ControlError::from(error);
                if let Some(sender) = self.searches.remove(&ticket) {
                    let _ = sender.send(Err(error.clone()));
                }
                if let Some(sender) = self.orders.remove(&ticket) {
                    let _ = sender.send(Err(error));
                }
            }
            Answered::Done(done, durable) => {
                let Some(sender) = self.orders.remove(&ticket) else { return };
                match durable {
                    Durable::Nothing => drop(sender.send(Ok(done))),
                    Durable::Memory => state
                        .ordered(Unanswered { answer: Box::new(move |saved| drop(sender.send(saved.map(|()| done)))) }),
                    Durable::Events => {
                        let on_disk = written.reaches(told_at);
                        tokio::spawn(async move {
                            // A writer that is gone says why when the program ends; nobody is told a success.
                            if on_disk.await {
                                let _ = sender.send(Ok(done));
                            }
                        });
                    }
                }
            }
        }
    }
}

/// Reads rows and answers with those who have the address. Blocks at the speed of the page cache: about a second for
/// some hundred thousand rows; the queue goes on meanwhile.
pub(super) fn find_address(
    spool: &Spool,
    rows: Vec<(RecipientId, RowRef)>,
    address: String,
    answer: oneshot::Sender<Result<Vec<RecipientId>, BulkError>>,
) {
    let read = spool.clone();
    drop(spool.work().aside(move || {
        let mut found = Vec::new();
        // Rows come by message, so those of one record follow each other.
        for some in rows.chunks(ROWS_AT_A_TIME) {
            let (ids, rows): (Vec<RecipientId>, Vec<RowRef>) = some.iter().copied().unzip();
            let read = ids.into_iter().zip(read.read_rows(&rows));
            let has_it = |row: model::submission::NewRecipient| row.address.eq_ignore_ascii_case(&address);
            found.extend(read.filter_map(|(recipient, row)| row.is_ok_and(has_it).then_some(recipient)));
        }
        let _ = answer.send(Ok(found));
    }));
}
