//! Events on their way to the event log, and what follows once they are there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use journal::events::{AppendError, Cursor, EventLog};
use journal::spool::{ReadError, Spool};
use model::event::{Event, EventKind};
use model::handoff::RowRef;
use model::id::RecipientId;
use model::submission::NewRecipient;
use model::time::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::RunError;
use super::ack::Acks;
use crate::core::{Settled, Told};

/// Marker of the event log: the position of the last admission whose `received` events are there.
pub(super) const MARKER: &str = "spool";

/// Most events in one append.
const APPEND_MAX: usize = 4_096;

/// Pause before a full disk is tried again.
const FULL_PAUSE: Duration = Duration::from_secs(1);

/// Between two appends lies twice what the first of them took, at most this: under load what is said in between shares a
/// sync, which costs as much processor time as a mail.
const PAUSE_MAX: Duration = Duration::from_millis(2);

/// How often a full disk is tried again after everything else has ended.
const FULL_TRIES_AT_END: u32 = 5;

/// What one or more steps said, in their order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    events: Vec<Told>,
    settled: Vec<Settled>,
    /// Position of the newest admission whose `received` events are among the events.
    position: Option<u64>,
    /// When the last of it was said.
    until: Timestamp,
}

/// Until when everything that was said is on disk. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Written(Arc<watch::Sender<Timestamp>>);

impl Written {
    pub fn until(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn note(&self, until: Timestamp) {
        self.0.send_if_modified(|noted| {
            let later = until > *noted;
            *noted = until.max(*noted);
            later
        });
    }

    /// Resolves when everything that was said until then is on disk; false when that will not be any more.
    pub fn reaches(&self, until: Timestamp) -> impl Future<Output = bool> + Send + use<> {
        let mut written = self.0.subscribe();
        async move { written.wait_for(|written| *written >= until).await.is_ok() }
    }
}

impl Batch {
    /// Adds what a step said at `now`.
    pub fn add(&mut self, now: Timestamp, events: Vec<Told>, settled: Vec<Settled>, position: Option<u64>) {
        if self.is_empty() {
            (self.events, self.settled) = (events, settled);
        } else {
            self.events.extend(events);
            self.settled.extend(settled);
        }
        self.position = self.position.max(position);
        self.until = self.until.max(now);
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.settled.is_empty() && self.position.is_none()
    }
}

/// Told of recipients that were given up, while the spool still has their rows and contents. Implemented over intake by
/// the binary: senders are told of failures.
pub trait FailureWatch: Send + Sync + 'static {
    /// Whether somebody is to be told of this event of mail that is no campaign's. Asked of every one: cheap.
    fn concerns(&self, event: &Event) -> bool {
        matches!(event.kind, EventKind::Bounced | EventKind::Expired | EventKind::Suppressed)
    }

    /// Events that concern somebody, with the rows of their recipients. May read the spool; must not wait for an
    /// admission, because admissions wait for the queue. What is to be told later is on disk when this returns.
    fn given_up(&self, given_up: Vec<(Event, RowRef)>);
}

/// Where batches go.
pub(super) struct Disk {
    pub log: EventLog,
    pub spool: Spool,
    pub failures: Option<Arc<dyn FailureWatch>>,
    /// Whether the event log has no room.
    pub full: watch::Sender<bool>,
}

/// Appends batches until there are no more.
pub(super) async fn run(
    mut batches: mpsc::Receiver<Batch>,
    disk: Disk,
    acks: Acks,
    written: Written,
) -> Result<(), RunError> {
    let Disk { log, spool, failures, full } = disk;
    let mut following = None;
    let mut not_before = Instant::now();
    loop {
        let filling = match following.take() {
            Some(filling) => filling,
            None => match batches.recv().await {
                Some(batch) => Filling::begin(batch, &mut batches, &spool),
                None => return Ok(()),
            },
        };
        let Filling { events, settled, position, until } = filling;
        if events.events.len() < APPEND_MAX && !batches.is_closed() {
            sleep_until(not_before).await;
        }
        let events = events.filled().await;
        // The rows of the next batch are read while this one goes to the disk.
        following = batches.try_recv().ok().map(|batch| Filling::begin(batch, &mut batches, &spool));
        if let Some(watch) = &failures {
            tell_failures(watch, &events, &settled).await;
        }
        let (ending, began) = (batches.is_closed(), Instant::now());
        let cursor = append_all(&log, &full, &events, position, ending).await?;
        not_before = Instant::now() + PAUSE_MAX.min(began.elapsed() * 2);
        acks.push(settled, cursor);
        written.note(until);
    }
}

/// A batch, perhaps of several, whose events get what stands in their rows.
struct Filling {
    events: Rows,
    settled: Vec<Settled>,
    position: Option<u64>,
    until: Timestamp,
}

impl Filling {
    fn begin(mut batch: Batch, batches: &mut mpsc::Receiver<Batch>, spool: &Spool) -> Self {
        while batch.len() < APPEND_MAX {
            let Ok(next) = batches.try_recv() else { break };
            batch.add(next.until, next.events, next.settled, next.position);
        }
        let Batch { events, settled, position, until } = batch;
        Filling { events: Rows::begin(events, spool), settled, position, until }
    }
}

/// Before the acknowledgements, with which the rows go.
async fn tell_failures(watch: &Arc<dyn FailureWatch>, events: &[Event], settled: &[Settled]) {
    let failed = events.iter().filter(|event| event.campaign.is_none() && watch.concerns(event));
    let failed: Vec<&Event> = failed.collect();
    if failed.is_empty() {
        return;
    }
    let done = settled.iter().filter_map(|settled| match settled {
        Settled::Done { recipient, row, quiet: false } | Settled::Deferred { recipient, row, .. } => {
            Some((*recipient, *row))
        }
        Settled::Done { .. } => None,
    });
    let rows: HashMap<RecipientId, RowRef> = done.collect();
    let row = |event: &Event| rows.get(&event.recipient?).copied();
    let given_up: Vec<(Event, RowRef)> =
        failed.iter().filter_map(|&event| Some((event.clone(), row(event)?))).collect();
    let watch = Arc::clone(watch);
    if let Err(error) = tokio::task::spawn_blocking(move || watch.given_up(given_up)).await {
        tracing::error!(%error, "senders are not told of failures");
    }
}

/// Appends in portions, the marker with the last.
async fn append_all(
    log: &EventLog,
    full: &watch::Sender<bool>,
    mut events: &[Event],
    position: Option<u64>,
    ending: bool,
) -> Result<Cursor, RunError> {
    let mut portion_max = APPEND_MAX;
    let mut tries_left = FULL_TRIES_AT_END;
    loop {
        let (portion, rest) = events.split_at(events.len().min(portion_max));
        let (count, last) = (portion.len(), rest.is_empty());
        let marker = position.filter(|_| last).map(|position| (MARKER, position));
        let appended = log.append_marked(portion, marker).await;
        full.send_if_modified(|full| appended.is_ok() && std::mem::take(full));
        match appended {
            Ok(cursor) if last => return Ok(cursor),
            Ok(_) => events = rest,
            Err(AppendError::TooLarge { .. }) if count > 1 => portion_max = count / 2,
            Err(AppendError::NoSpace) if !ending || tries_left > 0 => {
                if !full.send_replace(true) {
                    tracing::error!("no room in the event log: nothing is delivered until there is");
                }
                tries_left = tries_left.saturating_sub(u32::from(ending));
                tokio::time::sleep(FULL_PAUSE).await;
            }
            Err(error) => return Err(RunError::EventLog(error.to_string())),
        }
    }
}

/// What was read of a row, and the place of its event.
type Row = (usize, Result<NewRecipient, ReadError>);

/// What only the spool knows of events: addresses, and metadata of single recipients. Being read.
struct Rows {
    events: Vec<Event>,
    read: Option<JoinHandle<Vec<Row>>>,
}

impl Rows {
    fn begin(told: Vec<Told>, spool: &Spool) -> Self {
        let row = |(place, told): (usize, &Told)| Some((place, told.row?));
        let (places, rows): (Vec<usize>, Vec<RowRef>) = told.iter().enumerate().filter_map(row).unzip();
        let events = told.into_iter().map(|told| *told.event).collect();
        if rows.is_empty() {
            return Rows { events, read: None };
        }
        let (work, spool) = (spool.work().clone(), spool.clone());
        let read = work.aside(move || places.into_iter().zip(spool.read_rows(&rows)).collect());
        Rows { events, read: Some(read) }
    }

    async fn filled(self) -> Vec<Event> {
        let Rows { mut events, read: Some(read) } = self else { return self.events };
        for (place, recipient) in read.await.unwrap_or_default() {
            match recipient {
                Ok(recipient) => {
                    events[place].address.get_or_insert(recipient.address);
                    events[place].metadata.extend(recipient.metadata);
                }
                Err(error) => tracing::warn!(%error, "an event goes without what stands in its row"),
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use model::id::CampaignId;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(u64, u32)>>);

    impl FailureWatch for Heard {
        fn given_up(&self, given_up: Vec<(Event, RowRef)>) {
            let heard = given_up.iter().filter_map(|(event, row)| Some((event.recipient?.0, row.offset)));
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(heard);
        }
    }

    #[tokio::test]
    async fn failures_are_told_with_their_rows_and_nothing_else() {
        let event = |recipient, kind| Event::of_recipient(kind, RecipientId(recipient), 1, Timestamp::default());
        let events = [
            event(1, EventKind::Bounced),
            event(2, EventKind::Delivered),
            event(3, EventKind::Deferred),
            event(3, EventKind::Expired),
            Event { campaign: Some(CampaignId(9)), ..event(4, EventKind::Bounced) },
            event(5, EventKind::Suppressed),
        ];
        let done = |recipient: u32| Settled::Done {
            recipient: RecipientId(recipient.into()),
            row: RowRef { offset: 10 * recipient, ..RowRef::default() },
            quiet: recipient == 5,
        };
        let heard = Arc::new(Heard::default());
        let watch = Arc::clone(&heard) as Arc<dyn FailureWatch>;
        tell_failures(&watch, &events, &[1, 2, 3, 4, 5].map(done)).await;
        // 5 was given up by an order that says that nobody is to be told.
        assert_eq!(*heard.0.lock().unwrap(), [(1, 10), (3, 30)]);
        tell_failures(&watch, &events[1..2], &[done(2)]).await;
        assert_eq!(heard.0.lock().unwrap().len(), 2);
    }
}
