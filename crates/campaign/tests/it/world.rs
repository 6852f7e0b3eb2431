//! A world for one test: database, event log, engine, clock, all its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use campaign::audience::{ImportState, NewList};
use campaign::sending::ports::{Injector, QueueControl};
use campaign::sending::{Campaign, CampaignInput};
use campaign::{Campaigns, Config, Ports};
use db::Db;
use futures::future::BoxFuture;
use journal::events::{EventLog, EventLogOptions};
use mail::token::Keys;
use model::event::{Event, EventKind};
use model::id::{CampaignId, ListId, MessageId, RecipientId};
use model::submission::{Content, ContentSource, NewRecipient, Receipt, Refusal, Routing, Submission};
use model::time::{ManualClock, Timestamp};
use model::units::Span;
use tokio::sync::Notify;

/// When every world begins.
pub const START: Timestamp = Timestamp(1_790_000_000_000_000);

/// What lasts over a restart: the directory, the engine, the clock.
pub struct World {
    pub directory: tempfile::TempDir,
    pub engine: Arc<Engine>,
    pub clock: ManualClock,
    pub keys: Arc<Keys>,
    pub config: Config,
    /// Beyond so many bytes the event log deletes what is old.
    pub events_max: u64,
}

/// A running suite.
pub struct Life {
    pub campaigns: Campaigns,
    pub db: Db,
    pub events: EventLog,
}

impl World {
    pub fn new() -> Self {
        let config = Config {
            base_url: "https://click.example.com".to_owned(),
            feed_batch: 3,
            retry_min: Span::ms(1),
            retry_max: Span::ms(2),
            ..Config::default()
        };
        World {
            directory: tempfile::tempdir().expect("a directory for the test"),
            engine: Arc::default(),
            clock: ManualClock::new(START),
            keys: Arc::new(Keys::new(&[(1, [7; 32])]).expect("one key")),
            config,
            events_max: EventLogOptions::default().bytes_max,
        }
    }

    /// Starts on the SQLite file of this world.
    pub async fn start(&self) -> Life {
        let url = format!("sqlite://{}", self.directory.path().join("suite.db").display());
        self.start_on(Db::open(&url).await.expect("the database opens")).await
    }

    pub async fn start_on(&self, db: Db) -> Life {
        let mut options = EventLogOptions { bytes_max: self.events_max, ..EventLogOptions::default() };
        options.log.segment_bytes = 1 << 20;
        options.log.clock = Arc::new(self.clock.clone());
        let events = EventLog::open(&self.directory.path().join("events"), options).expect("the event log opens");
        let ports = Ports {
            db: db.clone(),
            clock: Arc::new(self.clock.clone()),
            node: 1,
            events: events.clone(),
            keys: self.keys.clone(),
            injector: self.engine.clone(),
            control: self.engine.clone(),
        };
        let campaigns = Campaigns::open(self.config.clone(), ports).await.expect("the wing opens");
        Life { campaigns, db, events }
    }

    /// Builds the reports again, as if nothing else were running.
    pub async fn rebuild(&self, life: &Life) {
        let (db, clock, events) = (life.db.clone(), Arc::new(self.clock.clone()), life.events.clone());
        campaign::report::rebuild(self.config.clone(), db, clock, events).await.expect("the log reaches back");
    }
}

impl Life {
    /// A list with these addresses on it, imported from a file.
    pub async fn list_of(&self, name: &str, csv: &str) -> ListId {
        let list = self.campaigns.audience.create_list(NewList { name: name.into(), description: String::new() }).await;
        let list = list.expect("a new list").id;
        self.import(list, csv.as_bytes().to_vec()).await;
        list
    }

    /// Imports a file and waits for its end.
    pub async fn import(&self, list: ListId, file: Vec<u8>) -> campaign::audience::Import {
        let audience = &self.campaigns.audience;
        let mut import = audience.start_import(list, file, None).await.expect("the import begins");
        while import.state == ImportState::Running {
            tokio::task::yield_now().await;
            import = audience.import(import.id).await.expect("the import is known");
        }
        import
    }

    /// A draft that can be sent.
    pub async fn draft(&self, list: ListId) -> Campaign {
        self.campaigns.sending.create(letter(list)).await.expect("a new campaign")
    }
}

/// A letter with two links and a name in it.
pub fn letter(list: ListId) -> CampaignInput {
    let body = r#"<p>Hello {{ first_name | default: "you" }}</p><a href="https://example.com/a">A</a>
        <a href="https://example.com/b?c={{ city }}">B</a> <a href="{{ unsubscribe_url }}">No more</a>"#;
    CampaignInput {
        name: Some("Letter".into()),
        subject: Some("For {{ first_name }}".into()),
        from_address: Some("news@example.com".into()),
        list: Some(Some(list)),
        format: Some(campaign::content::Format::Html),
        body: Some(body.into()),
        ..CampaignInput::default()
    }
}

/// The mail of a campaign, or one of no campaign.
pub fn routing(stream: &str, campaign: Option<CampaignId>) -> Routing {
    Routing { stream: stream.into(), campaign, ..Routing::default() }
}

/// Addresses `a0@…` to `a{count - 1}@…`, with a first name each.
pub fn people(count: usize) -> String {
    let rows = (0..count).map(|n| format!("a{n}@example.org,Name{n}\n"));
    format!("email,first_name\n{}", rows.collect::<String>())
}

/// A file under `fixtures/`.
pub fn fixture(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures")).join(path)
}

/// Where the engine fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fall {
    /// Dies before this submission (from 0) is on disk: it never answers again.
    BeforeSubmit(usize),
    /// Dies after it is on disk, before it answers.
    AfterSubmit(usize),
    /// Dies before the message is finished.
    BeforeFinish,
    /// Dies after the message is finished.
    AfterFinish,
}

/// An engine in memory: a spool and a queue that only take notes.
#[derive(Default)]
pub struct Engine {
    state: Mutex<EngineState>,
    /// The engine has died.
    pub died: Notify,
    /// Something was noted.
    pub noted: Notify,
    /// An order waits at the gate.
    pub asked: Notify,
}

/// What the engine has noted.
#[derive(Default)]
pub struct EngineState {
    pub fall: Option<Fall>,
    /// Answers to the next submissions, before anything else.
    pub refusals: Vec<Refusal>,
    /// More recipients at once are too many.
    pub rows_max: Option<usize>,
    /// An address that is refused.
    pub wrong_address: Option<&'static str>,
    /// Orders wait until they are let through here.
    pub gate: Option<Arc<Notify>>,
    /// So many of the next orders are refused.
    pub orders_refused: usize,
    pub submits: usize,
    pub messages: Vec<(MessageId, Content, Option<CampaignId>)>,
    /// In the order of handing over.
    pub recipients: Vec<(MessageId, RecipientId, NewRecipient)>,
    pub checkpoints: HashMap<u64, u64>,
    pub finished: Vec<MessageId>,
    pub told: Vec<(&'static str, CampaignId)>,
}

impl Engine {
    pub fn state(&self) -> MutexGuard<'_, EngineState> {
        self.state.lock().expect("no test panics while it holds the engine")
    }

    async fn die(&self) -> ! {
        self.died.notify_one();
        std::future::pending().await
    }

    fn commit(&self, submission: Submission) -> Result<Receipt, Refusal> {
        let mut state = self.state();
        let message = match submission.content {
            ContentSource::New(new) => {
                let id = MessageId(1_000 + state.messages.len() as u64);
                state.messages.push((id, new.content, new.routing.campaign));
                id
            }
            ContentSource::Existing(id) if state.messages.iter().any(|(known, ..)| *known == id) => id,
            ContentSource::Existing(id) => return Err(Refusal::UnknownMessage(id)),
        };
        let first = RecipientId(5_000 + state.recipients.len() as u64);
        let count = submission.recipients.len() as u32;
        for (place, recipient) in submission.recipients.into_iter().enumerate() {
            state.recipients.push((message, RecipientId(first.0 + place as u64), recipient));
        }
        if let Some(checkpoint) = submission.checkpoint {
            state.checkpoints.insert(checkpoint.feed, checkpoint.position);
        }
        Ok(Receipt { message, first_recipient: first, count })
    }

    /// Why a submission is refused, if so.
    fn refusal(&self, submission: &Submission) -> Option<Refusal> {
        let mut state = self.state();
        if !state.refusals.is_empty() {
            return Some(state.refusals.remove(0));
        }
        let invalid = |reason: String| Some(Refusal::Invalid { reason });
        if state.rows_max.is_some_and(|max| submission.recipients.len() > max) {
            return invalid("too large".to_owned());
        }
        let wrong = |recipient: &NewRecipient| Some(recipient.address.as_str()) == state.wrong_address;
        let place = submission.recipients.iter().position(wrong)?;
        invalid(format!("recipient {}: not an address", place + 1))
    }

    fn note(&self, what: &'static str, campaign: CampaignId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let gate = self.state().gate.clone();
            if let Some(gate) = gate {
                self.asked.notify_one();
                gate.notified().await;
            }
            {
                let mut state = self.state();
                if state.orders_refused > 0 {
                    state.orders_refused -= 1;
                    return Err(Refusal::Unavailable { reason: "the queue is not running".into() });
                }
                state.told.push((what, campaign));
            }
            self.noted.notify_one();
            Ok(())
        })
    }

    /// The events of reception of everything handed over.
    pub fn received(&self, at: Timestamp) -> Vec<Event> {
        let state = self.state();
        let received = |(message, id, recipient): &(MessageId, RecipientId, NewRecipient)| Event {
            message: Some(*message),
            campaign: state.messages.iter().find(|(known, ..)| known == message).and_then(|(.., campaign)| *campaign),
            contact: recipient.contact,
            address: Some(recipient.address.clone()),
            ..Event::of_recipient(EventKind::Received, *id, 0, at)
        };
        state.recipients.iter().map(received).collect()
    }
}

impl Injector for Engine {
    fn submit(&self, submission: Submission) -> BoxFuture<'_, Result<Receipt, Refusal>> {
        Box::pin(async move {
            if let Some(refusal) = self.refusal(&submission) {
                return Err(refusal);
            }
            let (fall, number) = {
                let mut state = self.state();
                state.submits += 1;
                (state.fall, state.submits - 1)
            };
            if fall == Some(Fall::BeforeSubmit(number)) {
                self.die().await;
            }
            let receipt = self.commit(submission);
            if fall == Some(Fall::AfterSubmit(number)) {
                self.die().await;
            }
            receipt
        })
    }

    fn checkpoint(&self, feed: u64) -> Option<u64> {
        self.state().checkpoints.get(&feed).copied()
    }

    fn feed_message(&self, feed: u64) -> Option<MessageId> {
        let state = self.state();
        let of_feed = |(id, _, campaign): &&(MessageId, Content, Option<CampaignId>)| {
            *campaign == Some(CampaignId(feed)) && !state.finished.contains(id)
        };
        state.messages.iter().find(of_feed).map(|(id, ..)| *id)
    }

    fn feeds(&self) -> Vec<u64> {
        self.state().checkpoints.keys().copied().collect()
    }

    fn forget(&self, feed: u64) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            self.state().checkpoints.remove(&feed);
            self.noted.notify_one();
            Ok(())
        })
    }

    fn finish(&self, message: MessageId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let fall = self.state().fall;
            if fall == Some(Fall::BeforeFinish) {
                self.die().await;
            }
            self.state().finished.push(message);
            self.noted.notify_one();
            if fall == Some(Fall::AfterFinish) {
                self.die().await;
            }
            Ok(())
        })
    }
}

impl QueueControl for Engine {
    fn hold(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), Refusal>> {
        self.note("hold", campaign)
    }

    fn release(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), Refusal>> {
        self.note("release", campaign)
    }

    fn cancel(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), Refusal>> {
        self.note("cancel", campaign)
    }
}
