//! Recordings of dialogues behind the API: orders are told as events, and recordings that are over are taken away.
//!
//! The event of an order comes before the order is in force: nothing is recorded of which the event log does not know who
//! asked for it.

use std::sync::Arc;
use std::time::Duration;

use api::transcripts::{TranscriptAnswer, TranscriptDesk, TranscriptRefusal};
use delivery::recordings::{OrderError, Recordings};
use journal::events::EventLog;
use model::event::{ControlChange, Event, EventKind};
use model::recording::{NewRecording, Recording};
use model::time::{Clock, Timestamp};
use tokio_util::sync::CancellationToken;

/// Recordings that are over are looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many dialogues were taken is written down once in so many looks.
const SAVED_EVERY: u64 = 60;

/// Gives the orders, and keeps the books.
#[derive(Clone)]
pub(crate) struct Desk {
    pub recordings: Recordings,
    pub events: EventLog,
    pub clock: Arc<dyn Clock>,
}

impl TranscriptDesk for Desk {
    fn list(&self, now: Timestamp) -> Vec<Recording> {
        self.recordings.list(now)
    }

    fn begin<'a>(&'a self, new: NewRecording, by: &'a str) -> TranscriptAnswer<'a, Recording> {
        Box::pin(async move {
            let now = self.clock.now();
            let recording = self.recordings.prepare(new, by, now).map_err(refusal)?;
            self.tell(vec![event(&recording, "record", by, now)]).await.map_err(TranscriptRefusal::Failed)?;
            let (recordings, begun) = (self.recordings.clone(), recording.clone());
            let outcome = aside(move || recordings.begin(&begun)).await;
            if let Err(error) = outcome {
                // What was told does not hold.
                let told = self.tell(vec![event(&recording, "end", by, self.clock.now())]).await;
                told.unwrap_or_else(|error| {
                    tracing::error!(error, id = recording.id, "the end of a recording is not told")
                });
                return Err(refusal(error));
            }
            Ok(recording)
        })
    }

    fn end<'a>(&'a self, id: u32, by: &'a str) -> TranscriptAnswer<'a, bool> {
        Box::pin(async move {
            let recordings = self.recordings.clone();
            let Some(ended) = aside(move || recordings.end(id)).await.map_err(refusal)? else { return Ok(false) };
            let told = self.tell(vec![event(&ended, "end", by, self.clock.now())]).await;
            told.unwrap_or_else(|error| tracing::error!(error, id, "the end of a recording is not told"));
            Ok(true)
        })
    }
}

impl Desk {
    /// Takes recordings away that are over, and writes down how far the others have come, until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        for look in 1_u64.. {
            let stopped = tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_ok();
            self.look(stopped || look % SAVED_EVERY == 0).await;
            if stopped {
                return;
            }
        }
    }

    async fn look(&self, saves: bool) {
        let (recordings, now) = (self.recordings.clone(), self.clock.now());
        let looked = aside(move || {
            let ended = recordings.take_ended(now)?;
            if saves {
                recordings.save()?;
            }
            Ok(ended)
        });
        match looked.await {
            Ok(ended) if ended.is_empty() => {}
            Ok(ended) => {
                let by = |recording: &Recording| {
                    if recording.taken >= recording.count_max { "its number" } else { "its time" }
                };
                let events = ended.iter().map(|recording| event(recording, "end", by(recording), now)).collect();
                self.tell(events)
                    .await
                    .unwrap_or_else(|error| tracing::error!(error, "recordings ended, which is not told"));
            }
            Err(error) => tracing::error!(error = %cause(&error), "recordings of dialogues"),
        }
    }

    async fn tell(&self, events: Vec<Event>) -> Result<(), String> {
        self.events.append(events).await.map(drop).map_err(|error| error.to_string())
    }
}

fn event(recording: &Recording, action: &str, by: &str, at: Timestamp) -> Event {
    let Recording { id, count_max, taken, .. } = recording;
    let value = match action {
        "record" => format!("number {id}, at most {count_max} dialogues"),
        _ => format!("number {id}, {taken} dialogues"),
    };
    let control = ControlChange {
        target: "transcripts".to_owned(),
        name: recording.about.to_string(),
        action: action.to_owned(),
        value: Some(value),
        until: (action == "record").then_some(recording.until),
        by: by.to_owned(),
        reply: None,
    };
    let note = Some(recording.reason.clone()).filter(|reason| !reason.is_empty());
    Event { control: Some(control), note, ..Event::of_engine(EventKind::Control, number(*id, action, at), at) }
}

/// FNV-1a: the same order at the same time is the same event.
fn number(id: u32, action: &str, at: Timestamp) -> u64 {
    let bytes = b"transcripts".iter().copied().chain(id.to_be_bytes()).chain(action.bytes()).chain(at.0.to_be_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn refusal(error: OrderError) -> TranscriptRefusal {
    match error {
        OrderError::Wrong(error) => TranscriptRefusal::Wrong(error),
        OrderError::TooMany => TranscriptRefusal::Conflict(error.to_string()),
        OrderError::File(_) => TranscriptRefusal::Failed(cause(&error)),
    }
}

fn cause(error: &OrderError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Files are written.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OrderError> + Send + 'static,
) -> Result<T, OrderError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(OrderError::File(std::io::Error::other(error))),
    }
}

#[cfg(test)]
mod tests {
    use journal::events::{Cursor, EventLogOptions};
    use model::recording::Subject;
    use model::time::ManualClock;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);

    fn told(events: &EventLog) -> Vec<String> {
        let batch = events.reader(Cursor::default()).poll_batch(100).unwrap();
        let events = batch.map(|batch| batch.events).unwrap_or_default();
        let line = |event: Event| {
            let ControlChange { name, action, value, by, .. } = event.control.unwrap();
            format!("{action} {name} by {by}: {} ({})", value.unwrap(), event.note.unwrap_or_default())
        };
        events.into_iter().map(line).collect()
    }

    #[tokio::test]
    async fn who_asked_is_told_and_what_is_over_goes() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let events = EventLog::open(&dir.path().join("events"), EventLogOptions::default()).unwrap();
        let recordings = Recordings::open(dir.path().join("delivery"));
        let desk = Desk { recordings, events: events.clone(), clock: clock.clone() };
        let order = |words: &[&str]| NewRecording::new(Subject::parse(words).unwrap());
        let first = NewRecording { reason: "ticket 7".to_owned(), ..order(&["domain:example.org"]) };
        assert_eq!(desk.begin(first, "ann").await.unwrap().id, 1);
        assert_eq!(desk.begin(order(&["source:ip-1"]), "bob").await.unwrap().id, 2);
        let wrong = desk.begin(order(&[]), "ann").await;
        assert!(matches!(wrong, Err(TranscriptRefusal::Wrong(_))), "{wrong:?}");
        assert!(desk.end(2, "ann").await.unwrap());
        assert!(!desk.end(2, "ann").await.unwrap());
        clock.set(NOW.plus(Duration::from_secs(1_800)));
        desk.look(true).await;
        assert_eq!(
            told(&events),
            [
                "record domain:example.org by ann: number 1, at most 100 dialogues (ticket 7)",
                "record source:ip-1 by bob: number 2, at most 100 dialogues ()",
                "end source:ip-1 by ann: number 2, 0 dialogues ()",
                "end domain:example.org by its time: number 1, 0 dialogues (ticket 7)",
            ]
        );
        // An order of which nothing can be told is not carried out.
        events.close().await;
        let refused = desk.begin(order(&["job:x"]), "ann").await;
        assert!(matches!(refused, Err(TranscriptRefusal::Failed(_))), "{refused:?}");
        assert_eq!(desk.list(NOW), []);
    }
}
