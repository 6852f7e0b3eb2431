//! The world: it lets the suite live, die and live again, hands it mail, gives it orders, and keeps the book.
//!
//! Each life has a runtime of its own; when the power fails the runtime is dropped with everything in it, and the disk is
//! torn. What outlives the suite is the book, the disk's files and the memory of the providers.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dns::Zone;
use journal::events::{Cursor, EventLog, EventReader};
use journal::spool::Spool;
use lab::behaviour::Behaviour;
use model::event::Event;
use queue::handle::QueueHandle;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::book::Book;
use crate::dice::Dice;
use crate::disk::SimDisk;
use crate::network::address_of;
use crate::people;
use crate::plan::{Accident, CALM_AFTER, OVER_AFTER, Plan};
use crate::suite::{Suite, open_logs, provider_rules};
use crate::time::WorldTime;
use crate::verdict;

/// How often the world looks whether it is over.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Most lives of one suite; a world that needs more has gone astray.
const LIVES_MAX: u32 = 12;

/// A mistake made on purpose, to see that the simulation notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// No sync of the spool is one: 250 is said for what is not on disk.
    SpoolUnsynced,
    /// No sync of the event log is one: the spool is told of ends that are not on disk.
    EventsUnsynced,
    /// The state file is gone after every restart.
    OrdersForgotten,
    /// The suite is not told what providers allow.
    NoLimits,
    /// Who was deferred is lost at a restart.
    DeferredLost,
}

/// Everything around the suite.
pub struct World {
    /// What the seed decided.
    pub plan: Plan,
    /// The clocks.
    pub time: WorldTime,
    /// Where spool and state lie.
    pub disk: SimDisk,
    /// Where the event log lies: the same disk, but for the sabotage of one of them.
    pub events_disk: SimDisk,
    /// The DNS.
    pub zone: Zone,
    /// The files.
    pub dir: TempDir,
    /// The mistake made on purpose.
    pub sabotage: Option<Sabotage>,
    book: Mutex<Book>,
    providers: Vec<Mutex<Behaviour>>,
}

/// What came of a world.
pub struct Outcome {
    /// What must never happen and did.
    pub faults: Vec<String>,
    /// The report of a failure: seed, crash points, last lines of the diary.
    pub report: String,
    /// Everything that happened, in order: the same seed has the same.
    pub history: Vec<String>,
    /// Counts for the curious.
    pub counts: verdict::Counts,
}

/// How a life ended.
#[derive(Debug)]
enum Ending {
    Power,
    Broken(#[expect(dead_code, reason = "for the report")] String),
    Stopped,
    Over,
}

/// Lives through the world of a seed. `runtime` makes one-threaded runtimes with a paused clock.
pub fn run(seed: u64, sabotage: Option<Sabotage>, runtime: impl Fn() -> Runtime) -> Outcome {
    let world = Arc::new(World::new(seed, sabotage));
    let mut lives = String::new();
    let mut accidents = world.plan.accidents.clone().into_iter();
    for life in 1..=LIVES_MAX {
        let accident = accidents.next();
        let (ending, operations) = world.live(life, accident, &runtime);
        let passed = world.time.passed();
        let _ =
            writeln!(lives, "life {life}: {accident:?}, ended at {passed:?} after {operations} operations: {ending:?}");
        if matches!(ending, Ending::Over) || passed > OVER_AFTER || !world.lock().faults.is_empty() {
            break;
        }
        if life == LIVES_MAX {
            world.book(|book| book.fault(passed, "the world does not end".to_owned()));
        }
    }
    if world.lock().faults.is_empty() {
        world.look_back(&runtime);
    }
    verdict::give(&world, &lives)
}

impl World {
    fn new(seed: u64, sabotage: Option<Sabotage>) -> World {
        let plan = Plan::new(seed);
        let disk = SimDisk::new(Dice::new(seed, "disk"));
        let providers = plan.sites.iter().map(|site| Behaviour::new(&plan.scenario, &site.provider, str::to_owned));
        // In memory where there is such a place: nothing of it is to outlive the process.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory");
        std::fs::write(dir.path().join("providers.toml"), provider_rules(&plan, sabotage)).expect("room for the rules");
        let events_disk = match sabotage {
            Some(Sabotage::EventsUnsynced) => SimDisk::new(Dice::new(seed, "other disk")),
            _ => disk.clone(),
        };
        match sabotage {
            Some(Sabotage::SpoolUnsynced) => disk.set_lying(),
            Some(Sabotage::EventsUnsynced) => events_disk.set_lying(),
            _ => {}
        }
        World {
            providers: providers.map(Mutex::new).collect(),
            zone: zone(&plan),
            time: WorldTime::default(),
            book: Mutex::default(),
            plan,
            disk,
            events_disk,
            dir,
            sabotage,
        }
    }

    /// Reads or writes the book. Not to be called from inside of itself.
    pub fn book<T>(&self, with: impl FnOnce(&mut Book) -> T) -> T {
        with(&mut self.lock())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a provider.
    pub fn provider<T>(&self, number: usize, ask: impl FnOnce(&mut Behaviour) -> T) -> T {
        ask(&mut self.providers[number].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many connections in a hundred have an accident at present.
    pub fn accidents_now(&self, provider: usize) -> u64 {
        if self.time.passed() < CALM_AFTER { self.plan.sites[provider].accidents } else { 0 }
    }

    /// One life, and what follows its end. How it ended, and after how many operations of the disk.
    fn live(self: &Arc<Self>, life: u32, accident: Option<Accident>, runtime: &impl Fn() -> Runtime) -> (Ending, u64) {
        let fail_at = match accident {
            Some(Accident::AtOperation(number)) => Some(number),
            _ => None,
        };
        self.disk.power_on(fail_at);
        if self.sabotage == Some(Sabotage::EventsUnsynced) {
            self.events_disk.power_on(None);
        }
        let runtime = runtime();
        let ending = runtime.block_on(async {
            self.time.begin_life();
            let now = self.time.passed();
            self.book(|book| {
                book.life = life;
                book.began.push(now);
                book.note(now, || format!("begins: {accident:?}"));
            });
            let ending = self.serve(life, accident).await;
            let pause = Dice::new(self.plan.seed, &format!("pause {life}")).millis(500, 900_000);
            let now = self.time.passed();
            self.book(|book| book.note(now, || format!("ends: {ending:?}; down for {pause:?}")));
            self.time.end_life(pause);
            ending
        });
        drop(runtime);
        let operations = self.disk.operations();
        let now = self.time.passed();
        self.book(|book| {
            book.life_ended(!matches!(ending, Ending::Stopped | Ending::Over));
            if matches!(ending, Ending::Power | Ending::Broken(_)) {
                let torn = self.disk.tear();
                if self.sabotage == Some(Sabotage::EventsUnsynced) {
                    self.events_disk.tear();
                }
                book.note(now, || torn);
            }
        });
        if self.sabotage == Some(Sabotage::OrdersForgotten) {
            let _ = std::fs::remove_file(self.dir.path().join("queue.state"));
        }
        (ending, operations)
    }

    async fn serve(self: &Arc<Self>, life: u32, accident: Option<Accident>) -> Ending {
        let (mut opened, events) = match open_logs(self) {
            Ok(opened) => opened,
            Err(error) if self.disk.is_off() => {
                let now = self.time.passed();
                self.book(|book| book.note(now, || format!("died while it opened: {error}")));
                return Ending::Power;
            }
            Err(error) => {
                let now = self.time.passed();
                self.book(|book| book.fault(now, format!("cannot be opened: {error}")));
                return Ending::Over;
            }
        };
        let now = self.time.passed();
        let damaged = &opened.recovery.quarantined;
        if !damaged.is_empty() || !events.damage().is_empty() {
            let line = format!("what was torn is taken for damaged: {damaged:?} {:?}", events.damage());
            self.book(|book| book.fault(now, line));
        }
        if self.sabotage == Some(Sabotage::DeferredLost) {
            let all = opened.recovery.admitted.iter_mut();
            all.for_each(|admitted| admitted.recipients.retain(|recipient| recipient.attempts == 0));
        }
        self.read_events(&mut self.consumer(&events));
        let mut suite = Suite::start(self, opened, events, life);
        people::come(self, &suite);
        let engine = (suite.spool.clone(), suite.events.clone(), suite.queue.clone());
        let consumer = tokio::spawn(consume(Arc::clone(self), self.consumer(&suite.events)));
        let (shutdown_at, power_at) = match accident {
            Some(Accident::Shutdown(after)) => (Some(after), None),
            Some(Accident::After(after)) => (None, Some(after)),
            _ => (None, None),
        };
        let ending = tokio::select! {
            biased;
            () = self.disk.power_lost() => Ending::Power,
            () = after(power_at) => {
                self.disk.cut_power();
                Ending::Power
            }
            why = suite.broken() => if self.disk.is_off() { Ending::Power } else { Ending::Broken(why) },
            () = after(shutdown_at) => Ending::Stopped,
            () = self.over(&engine) => Ending::Over,
            why = failed_log(&engine) => Ending::Broken(why),
        };
        drop(engine);
        match ending {
            Ending::Stopped | Ending::Over => {
                consumer.abort();
                let stopped = suite.stop();
                tokio::select! {
                    biased;
                    () = self.disk.power_lost() => Ending::Power,
                    stopped = stopped => match stopped {
                        Ok(()) => ending,
                        Err(why) => Ending::Broken(why),
                    },
                }
            }
            other => other,
        }
    }

    /// Waits until everybody has ended, or it has taken too long.
    async fn over(&self, (spool, events, queue): &(Spool, EventLog, QueueHandle)) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.time.passed();
            if self.book(|book| !book.faults.is_empty()) {
                return;
            }
            let stats = spool.stats();
            let read = self.book(|book| book.cursor) == events.end();
            if self.book(|book| book.all_answered(&self.plan)) && stats.live_messages == 0 && read {
                return;
            }
            if now > OVER_AFTER {
                let left = people::who_is_left(self, spool, queue).await;
                self.book(|book| book.fault(now, format!("not over: {stats:?}; {left}")));
                return;
            }
        }
    }

    /// A reader of the event log that goes on where the consumer was.
    fn consumer(&self, events: &EventLog) -> EventReader {
        events.reader(self.book(|book| book.cursor))
    }

    /// Reads what is there.
    fn read_events(&self, reader: &mut EventReader) {
        loop {
            match reader.poll_batch(64) {
                Ok(Some(batch)) => self.take_batch(batch.events, batch.unreadable, batch.next),
                Ok(None) => {
                    self.book(|book| book.cursor = reader.cursor());
                    return;
                }
                Err(error) => {
                    let now = self.time.passed();
                    return self.book(|book| book.fault(now, format!("the consumer cannot go on: {error:?}")));
                }
            }
        }
    }

    fn take_batch(&self, events: Vec<Event>, unreadable: u64, next: Cursor) {
        let now = self.time.passed();
        self.book(|book| {
            if unreadable > 0 {
                book.fault(now, format!("{unreadable} records of the event log cannot be read"));
            }
            events.into_iter().for_each(|event| book.event(now, event));
            book.cursor = next;
        });
    }

    /// When all is over: the logs are opened once more and looked through.
    fn look_back(self: &Arc<Self>, runtime: &impl Fn() -> Runtime) {
        self.disk.power_on(None);
        runtime().block_on(async {
            self.time.begin_life();
            let now = self.time.passed();
            let (opened, events) = match open_logs(self) {
                Ok(opened) => opened,
                Err(error) => {
                    return self.book(|book| book.fault(now, format!("cannot be opened at the end: {error}")));
                }
            };
            let left: usize = opened.recovery.admitted.iter().map(|admitted| admitted.recipients.len()).sum();
            let stats = opened.spool.stats();
            if left > 0 || stats.live_messages > 0 || stats.lost_recipients > 0 {
                self.book(|book| book.fault(now, format!("{left} recipients are left in the spool: {stats:?}")));
            }
            if stats.segments > 5 {
                self.book(|book| book.fault(now, format!("an empty spool has {} segments", stats.segments)));
            }
            let mut reader = events.reader(Cursor::default());
            let mut told = Vec::new();
            while let Ok(Some(batch)) = reader.poll_batch(1_000) {
                told.extend(batch.events);
            }
            let same = self.book(|book| told.iter().eq(book.events.iter().map(|(_, event)| event)));
            if !same {
                let line = format!("the consumer read {} events, the log has {}", self.lock().events.len(), told.len());
                self.book(|book| book.fault(now, line));
            }
            opened.spool.close().await;
            events.close().await;
            self.time.end_life(Duration::ZERO);
        });
    }
}

/// Waits for a log to fail: the operator sees it and starts the suite again.
async fn failed_log((spool, events, _): &(Spool, EventLog, QueueHandle)) -> String {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(failure) = spool.failure().or(events.failure()) {
            return failure;
        }
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Follows the event log, as campaigns and monitoring do.
async fn consume(world: Arc<World>, mut reader: EventReader) {
    loop {
        match reader.next_batch(64).await {
            Ok(batch) => world.take_batch(batch.events, batch.unreadable, batch.next),
            Err(_) => return,
        }
    }
}

fn zone(plan: &Plan) -> Zone {
    let mut names = serde_json::Map::new();
    names.insert("null.example".into(), serde_json::json!({"MX": ["0 ."]}));
    names.insert("broken.example".into(), serde_json::json!("SERVFAIL"));
    for (number, site) in plan.sites.iter().enumerate() {
        let hosts: Vec<String> =
            site.provider.mx.iter().enumerate().map(|(rank, host)| format!("{} {host}", 10 * (rank + 1))).collect();
        for domain in &site.provider.domains {
            names.insert(domain.name.clone(), serde_json::json!({"MX": hosts}));
        }
        for (rank, host) in site.provider.mx.iter().enumerate() {
            let address = address_of(number, rank).to_string();
            names.insert(host.clone(), serde_json::json!({"A": [address]}));
        }
    }
    Zone::parse(&serde_json::Value::Object(names).to_string()).expect("the zone of the simulation is one")
}
