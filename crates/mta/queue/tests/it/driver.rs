//! The driver on a real spool and a real event log, with a delivery that says yes.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dns::{Resolver, Zone};
use journal::events::{Cursor, EventLog, EventLogOptions};
use journal::spool::{Admission, AdmitMessage, Hold, Opened, Spool, SpoolOptions};
use journal::{Disk, OpenError, Options, RealDisk, SyncMode};
use model::event::{Attempt, Event, EventKind};
use model::handoff::{Admitted, FromDelivery, MessageHead, ToDelivery};
use model::id::{CampaignId, IdGenerator, MessageId, RecipientId, SessionId};
use model::name::Name;
use model::submission::{Content, Envelope, NewRecipient, Origin, Protocol, Routing};
use model::time::{Clock, SystemClock, Timestamp};
use queue::bulk::{BulkOrder, Search, Sort, Work};
use queue::config::Config;
use queue::control::{Action, Order, Target};
use queue::driver::{Ports, RunError};
use queue::handle::{ControlError, QueueHandle, Show};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::bed;

fn options() -> Options {
    Options { segment_bytes: 1 << 20, sync: SyncMode::Relaxed, ..Options::default() }
}

fn zone() -> Zone {
    Zone::parse(r#"{"a.example": {"MX": ["10 mx.a.example"]}, "mx.a.example": {"A": ["192.0.2.1"]}}"#).unwrap()
}

/// One life of the queue on a directory.
struct Life {
    spool: Spool,
    events: EventLog,
    handle: QueueHandle,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
    delivery: JoinHandle<()>,
    ids: IdGenerator,
}

impl Life {
    async fn begin(dir: &Path, config: Config) -> Life {
        Self::begin_with(dir, config, |_, _| {}).await
    }

    /// `before` sees what was recovered and the event log, before the queue starts.
    async fn begin_with(dir: &Path, config: Config, before: impl FnOnce(&[Admitted], &EventLog)) -> Life {
        let shutdown = CancellationToken::new();
        let say_yes = |orders, to_queue| tokio::spawn(say_yes(orders, to_queue));
        Self::begin_delivering(dir, config, options(), before, shutdown, say_yes).await
    }

    async fn begin_delivering(
        dir: &Path,
        config: Config,
        event_log: Options,
        before: impl FnOnce(&[Admitted], &EventLog),
        shutdown: CancellationToken,
        delivery: impl FnOnce(mpsc::Receiver<ToDelivery>, mpsc::Sender<FromDelivery>) -> JoinHandle<()>,
    ) -> Life {
        let spool_options = SpoolOptions { log: options(), ..SpoolOptions::default() };
        let opened = once_unlocked(|| Spool::open(&dir.join("spool"), spool_options.clone()));
        let Opened { spool, admitted, recovery } = opened;
        let log = EventLogOptions { log: event_log, ..EventLogOptions::default() };
        let events = once_unlocked(|| EventLog::open(&dir.join("events"), log.clone()));
        before(&recovery.admitted, &events);
        let (handle, commands) = queue::handle::channel();
        let (to_delivery, orders) = mpsc::channel(64);
        let (to_queue, from_delivery) = mpsc::channel(64);
        let ports = Ports {
            admitted,
            to_delivery,
            from_delivery,
            events: events.clone(),
            spool: spool.clone(),
            resolver: Resolver::zone(zone()),
            failures: None,
            clock: Arc::new(SystemClock),
            commands,
        };
        let running = tokio::spawn(queue::driver::run(config, ports, recovery.admitted, shutdown.clone()));
        let delivery = delivery(orders, to_queue);
        let mut ids = IdGenerator::new(1);
        ids.resume_after(recovery.newest_id);
        Life { spool, events, handle, shutdown, running, delivery, ids }
    }

    async fn admit(&mut self, count: usize, routing: Routing) -> Vec<RecipientId> {
        let now = SystemClock.now();
        let head = MessageHead {
            id: MessageId(self.ids.next(now)),
            envelope: Envelope::default(),
            routing,
            origin: Origin { protocol: Protocol::Internal, peer: None, user: None },
            received_at: now,
            size_bytes: 0,
        };
        let first = self.ids.next_range(now, count as u64);
        let recipient = |row: u64| {
            let address = format!("r{row}@a.example");
            (RecipientId(first + row), NewRecipient { address, ..NewRecipient::default() })
        };
        let recipients: Vec<(RecipientId, NewRecipient)> = (0..count as u64).map(recipient).collect();
        let ids = recipients.iter().map(|(id, _)| *id).collect();
        let content = Content::Raw(b"Subject: x\r\n\r\nx\r\n".to_vec());
        let message = AdmitMessage::New { head: Box::new(head), content };
        let admission = Admission { message, recipients, due: now, checkpoint: None, hold: Hold::Unchanged };
        self.spool.admit(admission).await.unwrap();
        ids
    }

    /// Waits until the log tells of so many ends in all.
    async fn until_ended(&self, count: usize) {
        let (mut reader, mut ended) = (self.events.reader(Cursor::default()), 0);
        while ended < count {
            let batch = reader.next_batch(1_000).await.unwrap();
            let dispositions = batch.events.iter().filter_map(|event| event.kind.disposition());
            ended += dispositions.filter(|disposition| disposition.is_final()).count();
        }
    }

    async fn end(self) -> Vec<Event> {
        self.shutdown.cancel();
        self.running.await.unwrap().unwrap();
        self.delivery.await.unwrap();
        let events = read_all(&self.events);
        self.spool.close().await;
        self.events.close().await;
        events
    }
}

/// The threads of a life before may hold the directory a little longer.
fn once_unlocked<T>(open: impl Fn() -> Result<T, OpenError>) -> T {
    loop {
        match open() {
            Ok(opened) => return opened,
            Err(OpenError::Locked { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Opens one session and takes one batch; then, in one breath, the program is asked to end and everything is delivered.
async fn say_yes_at_the_end(
    mut orders: mpsc::Receiver<ToDelivery>,
    to_queue: mpsc::Sender<FromDelivery>,
    shutdown: CancellationToken,
) {
    while let Some(order) = orders.recv().await {
        match order {
            ToDelivery::Open { session, .. } => {
                to_queue.send(FromDelivery::Ready { session, room: 20 }).await.unwrap();
            }
            ToDelivery::Give { session, tickets } => {
                shutdown.cancel();
                for ticket in tickets {
                    let outcome = bed::outcome(SystemClock.now(), session, ticket.recipient, bed::delivered());
                    to_queue.try_send(FromDelivery::Done(Box::new(outcome))).unwrap();
                }
            }
            ToDelivery::Close { .. } => {}
        }
    }
}

/// A disk on which no further file can be begun while `full`.
#[derive(Clone, Default)]
struct SmallDisk {
    full: Arc<AtomicBool>,
}

impl Disk for SmallDisk {
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        let full = self.full.load(Ordering::SeqCst);
        if full { Err(io::ErrorKind::StorageFull.into()) } else { RealDisk.allocate(file, bytes) }
    }

    fn write(&self, file: &File, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        RealDisk.write(file, slices, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        RealDisk.sync(file)
    }
}

async fn say_yes(mut orders: mpsc::Receiver<ToDelivery>, to_queue: mpsc::Sender<FromDelivery>) {
    let mut attempts: HashMap<SessionId, u32> = HashMap::new();
    while let Some(order) = orders.recv().await {
        let said = match order {
            ToDelivery::Open { session, .. } => {
                attempts.insert(session, 0);
                vec![FromDelivery::Ready { session, room: 20 }]
            }
            ToDelivery::Give { session, tickets } => {
                let done = |ticket: model::handoff::Ticket| {
                    let outcome = bed::outcome(SystemClock.now(), session, ticket.recipient, bed::delivered());
                    FromDelivery::Done(Box::new(outcome))
                };
                let mut said: Vec<FromDelivery> = tickets.into_iter().map(done).collect();
                said.push(FromDelivery::Ready { session, room: 20 });
                said
            }
            ToDelivery::Close { session } => vec![FromDelivery::Closed { session, trouble: None }],
        };
        for said in said {
            if to_queue.send(said).await.is_err() {
                return;
            }
        }
    }
}

fn read_all(events: &EventLog) -> Vec<Event> {
    let mut reader = events.reader(Cursor::default());
    let mut all = Vec::new();
    while let Some(batch) = reader.poll_batch(1_000).unwrap() {
        all.extend(batch.events);
    }
    all
}

fn count(events: &[Event]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry(event.kind.as_str()).or_default() += 1;
    }
    counts
}

fn fast() -> Config {
    bed::config("overrides = [{ rate = '100000/s', connection_rate = '10000/s', connections = 4 }]")
}

#[tokio::test]
async fn everything_admitted_is_delivered_told_and_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut life = Life::begin(dir.path(), fast()).await;
    for _ in 0..5 {
        life.admit(400, bed::campaign(3)).await;
    }
    life.until_ended(2_000).await;
    let progress = life.handle.progress(CampaignId(3)).await.unwrap();
    assert_eq!(progress.delivered, 2_000);
    let spool = life.spool.clone();
    let events = life.end().await;
    assert_eq!(count(&events), BTreeMap::from([("delivered", 2_000), ("received", 2_000)]));
    assert!(events.iter().all(|event| event.address.is_some() && event.campaign == Some(CampaignId(3))));
    let first = events.iter().position(|event| event.kind == EventKind::Received).unwrap();
    assert_eq!(events[first].address.as_deref(), Some("r0@a.example"));
    assert_eq!(spool.stats().live_recipients, 0);
}

#[tokio::test]
async fn a_restart_tells_nothing_twice_and_forgets_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut life = Life::begin(dir.path(), fast()).await;
    let hold = Order::new(Target::Job(Name::from("job-1")), Action::Hold);
    life.handle.control(hold.clone(), "Ada").await.unwrap();
    let held = life.admit(10, bed::campaign(1)).await;
    life.admit(10, bed::campaign(2)).await;
    life.until_ended(10).await;
    let events = life.end().await;
    assert_eq!(count(&events), BTreeMap::from([("control", 1), ("delivered", 10), ("received", 20)]));

    // The crash: three were delivered and told, one was deferred, and the spool does not know it yet.
    let told = |recovered: &[Admitted], log: &EventLog| {
        let known: Vec<RecipientId> =
            recovered.iter().flat_map(|admitted| &admitted.recipients).map(|recipient| recipient.id).collect();
        assert_eq!(known, held);
        let now = SystemClock.now();
        let end = |id| Event {
            attempt: Some(Attempt { number: 1, ..Attempt::default() }),
            ..Event::of_recipient(EventKind::Delivered, id, 1, now)
        };
        let mut events: Vec<Event> = held[..3].iter().map(|id| end(*id)).collect();
        let next_attempt = Some(Timestamp(now.0 + 3_600_000_000));
        events.push(Event {
            attempt: Some(Attempt { number: 4, next_attempt, ..Attempt::default() }),
            ..Event::of_recipient(EventKind::Deferred, held[3], 4, now)
        });
        let log = log.clone();
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(log.append(events)).unwrap();
        })
        .join()
        .unwrap();
    };
    let life = Life::begin_with(dir.path(), fast(), told).await;
    // Without a state file the hold is forgotten.
    life.until_ended(10 + 3 + 6).await;
    let deferred = life.handle.explain(held[3]).await.unwrap().unwrap();
    assert_eq!(deferred.recipient.attempts, 4);
    assert!(life.handle.explain(held[0]).await.unwrap().is_none());
    let events = life.end().await;
    let expected = [("control", 1), ("deferred", 1), ("delivered", 10 + 3 + 6), ("received", 20)];
    assert_eq!(count(&events), BTreeMap::from(expected));

    let life = Life::begin(dir.path(), fast()).await;
    let totals = life.handle.snapshot(Show::default()).await.unwrap().totals;
    assert_eq!((totals.scheduled, totals.done), (1, 0));
    let events = life.end().await;
    assert_eq!(count(&events), BTreeMap::from(expected));
}

#[tokio::test]
async fn a_hold_outlives_a_restart_with_a_state_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { state_file: Some(dir.path().join("queue.json")), ..fast() };
    let mut life = Life::begin(dir.path(), config.clone()).await;
    let mut order = Order::new(Target::Campaign(CampaignId(1)), Action::Hold);
    life.handle.control(order.clone(), "Ada").await.unwrap();
    life.admit(3, bed::campaign(1)).await;
    life.end().await;

    let life = Life::begin(dir.path(), config).await;
    let snapshot = life.handle.snapshot(Show::default()).await.unwrap();
    assert_eq!((snapshot.totals.held, snapshot.controls[0].by.as_str()), (3, "Ada"));
    order.action = Action::Cancel;
    assert_eq!(life.handle.control(order, "Ada").await.unwrap().affected, 3);
    life.until_ended(3).await;
    let events = life.end().await;
    let cancelled: Vec<&Event> = events.iter().filter(|event| event.kind == EventKind::Suppressed).collect();
    assert_eq!(cancelled.len(), 3);
    let addresses: Vec<Option<&str>> = cancelled.iter().map(|event| event.address.as_deref()).collect();
    assert_eq!(addresses, [Some("r0@a.example"), Some("r1@a.example"), Some("r2@a.example")], "read from the spool");
}

/// Sessions get no time to end in good order; what delivery has said by then counts all the same.
#[tokio::test]
async fn outcomes_that_were_said_before_the_end_are_kept() {
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let config = bed::config(
            "overrides = [{ rate = '100000/s', connection_rate = '10000/s', connections = 1 }]\n\
             limits = { shutdown_grace = '0s' }",
        );
        let shutdown = CancellationToken::new();
        let delivery = |orders, to_queue| tokio::spawn(say_yes_at_the_end(orders, to_queue, shutdown.clone()));
        let started = Life::begin_delivering(dir.path(), config, options(), |_, _| {}, shutdown.clone(), delivery);
        let mut life = started.await;
        life.admit(10, bed::campaign(1)).await;
        shutdown.cancelled().await;
        let spool = life.spool.clone();
        let events = life.end().await;
        assert_eq!(count(&events).get("delivered"), Some(&10));
        assert_eq!(spool.stats().live_recipients, 0);
    }
}

/// Mail whose end could not be written down is not given out: a crash would send it again.
#[tokio::test]
async fn nothing_is_given_out_while_the_event_log_is_full() {
    const ADMITTED: usize = 12_000;
    let dir = tempfile::tempdir().unwrap();
    let disk = SmallDisk::default();
    let event_log = Options { disk: Arc::new(disk.clone()), ..options() };
    let config = bed::config("overrides = [{ rate = '100000/s', connection_rate = '10000/s', connections = 1 }]");
    let given = Arc::new(AtomicUsize::new(0));
    let delivery = |mut orders: mpsc::Receiver<ToDelivery>, to_queue| {
        let (forward, forwarded) = mpsc::channel(64);
        let (yes, given) = (tokio::spawn(say_yes(forwarded, to_queue)), given.clone());
        tokio::spawn(async move {
            while let Some(order) = orders.recv().await {
                if let ToDelivery::Give { tickets, .. } = &order {
                    given.fetch_add(tickets.len(), Ordering::SeqCst);
                }
                if forward.send(order).await.is_err() {
                    break;
                }
            }
            drop(forward);
            yes.await.unwrap();
        })
    };
    let shutdown = CancellationToken::new();
    let mut life = Life::begin_delivering(dir.path(), config, event_log, |_, _| {}, shutdown, delivery).await;
    disk.full.store(true, Ordering::SeqCst);
    for _ in 0..ADMITTED / 2_000 {
        life.admit(2_000, bed::campaign(1)).await;
    }
    while !life.events.is_full() {
        life.handle.snapshot(Show::default()).await.unwrap();
    }
    // Whoever asks is answered between two steps: the driver has had time for many.
    let at_first = given.load(Ordering::SeqCst);
    for _ in 0..300 {
        life.handle.snapshot(Show::default()).await.unwrap();
    }
    let later = given.load(Ordering::SeqCst) - at_first;
    assert!(later < 1_000, "{later} were given out, {at_first} before");
    disk.full.store(false, Ordering::SeqCst);
    life.until_ended(ADMITTED).await;
    assert_eq!(count(&life.end().await).get("delivered"), Some(&ADMITTED));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The crash at the worst moment: the order was answered, and of what followed from it nothing is on disk.
#[tokio::test]
async fn an_order_that_was_answered_outlives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let (life_dir, crash_dir) = (dir.path().join("life"), dir.path().join("crash"));
    let config = |dir: &Path| Config { state_file: Some(dir.join("queue.json")), ..fast() };
    let order = |campaign, action| Order::new(Target::Campaign(CampaignId(campaign)), action);
    std::fs::create_dir_all(&life_dir).unwrap();
    let mut life = Life::begin(&life_dir, config(&life_dir)).await;
    for campaign in [1, 2] {
        life.handle.control(order(campaign, Action::Hold), "Ada").await.unwrap();
    }
    for campaign in [1, 1, 2] {
        life.admit(3_000, bed::campaign(campaign)).await;
    }
    life.end().await;
    copy(&life_dir, &crash_dir);

    let life = Life::begin(&life_dir, config(&life_dir)).await;
    assert_eq!(life.handle.control(order(1, Action::Cancel), "Ada").await.unwrap().affected, 6_000);
    life.handle.control(order(1, Action::Release), "Ada").await.unwrap();
    std::fs::copy(life_dir.join("queue.json"), crash_dir.join("queue.json")).unwrap();
    life.end().await;

    let life = Life::begin(&crash_dir, config(&crash_dir)).await;
    life.until_ended(6_000).await;
    let totals = life.handle.snapshot(Show::default()).await.unwrap().totals;
    assert_eq!((totals.held, totals.done), (3_000, 6_000), "the other campaign is still held");
    let events = life.end().await;
    assert_eq!(count(&events), BTreeMap::from([("control", 2), ("received", 9_000), ("suppressed", 6_000)]));
}

#[tokio::test]
async fn an_order_that_cannot_be_saved_says_so_and_is_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let gone = dir.path().join("gone");
    let life = Life::begin(dir.path(), Config { state_file: Some(gone.join("queue.json")), ..fast() }).await;
    let target = Target::Campaign(CampaignId(1));
    let hold = Order::new(target, Action::Hold);
    let counted = Order { dry_run: true, ..hold.clone() };
    assert!(life.handle.control(counted, "Ada").await.unwrap().dry_run, "nothing to save");
    let error = life.handle.control(hold.clone(), "Ada").await.unwrap_err();
    assert!(matches!(&error, ControlError::Unsaved { reason } if reason.contains("queue.json")), "{error}");
    assert_eq!(life.handle.snapshot(Show::default()).await.unwrap().controls.len(), 1, "in force");
    std::fs::create_dir(&gone).unwrap();
    // Many at once share a writing; all are answered.
    let mut orders = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (handle, hold) = (life.handle.clone(), hold.clone());
        orders.spawn(async move { handle.control(hold, "Ada").await });
    }
    for done in orders.join_all().await {
        done.unwrap();
    }
    life.end().await;
}

#[tokio::test]
async fn a_damaged_state_file_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let state_file = dir.path().join("queue.json");
    std::fs::write(&state_file, "{").unwrap();
    let life = Life::begin(dir.path(), Config { state_file: Some(state_file), ..fast() }).await;
    let error = life.running.await.unwrap().unwrap_err();
    assert!(matches!(error, RunError::State { .. }), "{error}");
    assert!(error.to_string().contains("queue.json"), "{error}");
}

/// Lives that end in the middle of everything: their tasks are dropped wherever they are.
#[test]
fn crashes_leave_one_end_for_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let (mut admitted, mut dice) = (Vec::new(), super::world::Dice::new(4));
    for round in 0..8 {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut life = Life::begin(dir.path(), fast()).await;
            let before = count(&read_all(&life.events)).get("delivered").copied().unwrap_or(0);
            for _ in 0..4 {
                admitted.extend(life.admit(250, bed::campaign(round)).await);
            }
            if round % 2 == 0 {
                life.until_ended(before + 1 + dice.below(900) as usize).await;
            }
        });
        // Drops the tasks, and with the last clone closes spool and log.
        runtime.shutdown_timeout(Duration::from_secs(10));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let events = runtime.block_on(async {
        let life = Life::begin(dir.path(), fast()).await;
        life.until_ended(admitted.len()).await;
        life.end().await
    });
    for kind in [EventKind::Received, EventKind::Delivered] {
        let mut told: Vec<RecipientId> =
            events.iter().filter(|event| event.kind == kind).filter_map(|event| event.recipient).collect();
        told.sort_unstable();
        assert_eq!(told, admitted, "each is {} once", kind.as_str());
    }
}

/// The bytes of a text in the segments of a log, overwritten.
fn damage(log: &Path, text: &[u8]) {
    let mut hit = 0;
    for entry in std::fs::read_dir(log).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "seg") {
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        while let Some(at) = bytes.windows(text.len()).position(|window| window == text) {
            bytes[at..at + text.len()].fill(b'#');
            hit += 1;
        }
        std::fs::write(&path, bytes).unwrap();
    }
    assert!(hit > 0, "nothing to damage");
}

#[tokio::test]
async fn who_was_in_a_damaged_record_comes_to_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let later = |campaign: u64| Routing {
        not_before: Some(SystemClock.now().plus(Duration::from_secs(3_600))),
        campaign: Some(CampaignId(campaign)),
        ..Routing::default()
    };
    let mut life = Life::begin(dir.path(), Config::default()).await;
    let lost = life.admit(5, later(7)).await;
    let kept = life.admit(3, Routing { tenant: Name::from("other"), ..later(8) }).await;
    // Both receptions are told.
    let mut reader = life.events.reader(Cursor::default());
    let mut received = 0;
    while received < 8 {
        let batch = reader.next_batch(100).await.unwrap();
        received += batch.events.iter().filter(|event| event.kind == EventKind::Received).count();
    }
    life.end().await;
    // The rows of the first message: its fifth recipient is in no other record.
    damage(&dir.path().join("spool"), b"r4@a.example");

    let life = Life::begin(dir.path(), Config::default()).await;
    life.until_ended(5).await;
    assert_eq!(life.handle.snapshot(Show::default()).await.unwrap().totals.scheduled, 3);
    let events = life.end().await;
    let ends: Vec<&Event> = events.iter().filter(|event| event.kind == EventKind::Bounced).collect();
    assert_eq!(ends.iter().map(|event| event.recipient.unwrap()).collect::<Vec<_>>(), lost);
    for end in ends {
        assert_eq!((end.campaign, end.address.is_some()), (Some(CampaignId(7)), true));
        assert_eq!(end.attempt.as_ref().unwrap().error.as_deref(), Some("its record in the spool is damaged"));
    }

    // Told once: the next start finds their ends.
    let life = Life::begin(dir.path(), Config::default()).await;
    let events = life.end().await;
    assert_eq!(events.iter().filter(|event| event.kind == EventKind::Bounced).count(), 5);
    assert!(events.iter().all(|event| event.kind != EventKind::Bounced || !kept.contains(&event.recipient.unwrap())));
}

#[tokio::test]
async fn orders_by_filter_are_answered_when_no_crash_undoes_them() {
    let dir = tempfile::tempdir().unwrap();
    let config = || Config { state_file: Some(dir.path().join("queue.json")), ..Config::default() };
    let later = || Routing {
        not_before: Some(SystemClock.now().plus(Duration::from_secs(3_600))),
        tenant: Name::from("shop"),
        ..Routing::default()
    };
    let mut life = Life::begin(dir.path(), config()).await;
    life.admit(20, later()).await;
    let order = |action, terms: &str| BulkOrder::new(action, terms.parse().unwrap());
    while life.handle.snapshot(Show::default()).await.unwrap().totals.scheduled < 20 {
        tokio::task::yield_now().await;
    }
    // By address: one of twenty; and nobody.
    let found = life.handle.bulk(order(Work::Hold, "address:R7@a.example"), "Ada").await.unwrap();
    assert_eq!((found.affected, found.examples.len()), (1, 1));
    let nobody = life.handle.bulk(order(Work::Cancel, "address:nobody@a.example"), "Ada").await.unwrap();
    assert_eq!(nobody.affected, 0);
    let text = std::fs::read_to_string(dir.path().join("queue.json")).unwrap();
    assert!(text.contains("\"hold\""), "{text}");
    // With passing terms: their ends are in the log when it is answered.
    let done = life.handle.bulk(order(Work::Cancel, "tenant:shop state:waiting"), "Ada").await.unwrap();
    assert_eq!(done.affected, 19);
    let suppressed = |events: &[Event]| events.iter().filter(|event| event.kind == EventKind::Suppressed).count();
    assert_eq!(suppressed(&read_all(&life.events)), 19);
    let search = Search { filter: "state:held".parse().unwrap(), sort: Sort::Age, after: None, limit: 10 };
    assert_eq!(life.handle.search(search.clone()).await.unwrap().total, 1);
    let refused = life.handle.bulk(order(Work::Hold, "state:held"), "Ada").await.unwrap_err();
    assert!(matches!(refused, ControlError::Bulk(_)), "{refused}");
    life.end().await;

    let life = Life::begin(dir.path(), config()).await;
    while life.handle.snapshot(Show::default()).await.unwrap().totals.held < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(life.handle.bulk_orders().await.unwrap().len(), 1, "the hold is remembered");
    assert_eq!(life.handle.search(search).await.unwrap().total, 1);
    life.end().await;
}

#[tokio::test]
async fn the_count_of_a_day_is_that_of_the_log_whatever_the_state_file_knows() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("queue.json");
    let text = "sources = [{ name = 'cold', ehlo_name = 'cold.test' }]
        warm_ups = [{ source = 'cold', steps = [100000], spread = '1m' }]";
    let config = Config { state_file: Some(state.clone()), ..bed::config(text) };
    let mut life = Life::begin(dir.path(), config.clone()).await;
    life.admit(20, bed::bulk()).await;
    life.until_ended(20).await;
    let order = queue::warmup::Order { action: queue::warmup::Action::Pause, day: None, provider: None };
    life.handle.order_warm_up(Name::from("cold"), order, "Ada").await.unwrap();
    let of_order = std::fs::read(&state).unwrap();
    life.admit(30, bed::bulk()).await;
    life.until_ended(50).await;
    let today = async |life: &Life| life.handle.warm_ups().await.unwrap()[0].tracks[0].today.delivered;
    assert_eq!(today(&life).await, 50);
    life.end().await;
    // As after a crash: the file with the order is the last that was written.
    std::fs::write(&state, of_order).unwrap();
    let life = Life::begin(dir.path(), config).await;
    assert_eq!(today(&life).await, 50, "20 of the file or of the log before it, 30 of the log behind it");
    assert_eq!(life.handle.warm_ups().await.unwrap()[0].paused_by, Some(Name::from("Ada")));
    life.end().await;
}
