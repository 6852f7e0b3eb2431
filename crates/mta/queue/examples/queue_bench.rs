//! Measures the queue with many recipients on a real spool and event log: memory, start-up, cancelling. Prints one JSON
//! line for each figure; `bench/queue.sh` runs it and keeps them.
//!
//! `queue_bench RECIPIENTS PER_MESSAGE CONTENT_BYTES DIR`: RECIPIENTS are admitted, PER_MESSAGE for each message (at most
//! 4,096 in one admission), each message with CONTENT_BYTES. Every life of the queue is a process of its own, so that
//! memory is what this life needs: the example starts itself again with a further word.

#![expect(clippy::disallowed_methods, reason = "it measures how long things take")]

use std::alloc::{GlobalAlloc, Layout};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dns::{Resolver, Zone};
use journal::events::{EventLog, EventLogOptions};
use journal::spool::{Admission, AdmitMessage, Hold, Opened, Spool, SpoolOptions};
use journal::{Options, SyncMode};
use model::handoff::{FromDelivery, MessageHead, ToDelivery};
use model::id::{CampaignId, ContactId, IdGenerator, MessageId, RecipientId};
use model::name::Name;
use model::submission::{Content, Envelope, NewRecipient, Origin, Protocol, ReturnPath, Routing};
use model::time::{Clock, SystemClock};
use model::units::Span;
use queue::bulk::{BulkOrder, Search, Sort, Work};
use queue::config::{Config, Limits};
use queue::driver::Ports;
use queue::handle::{QueueHandle, channel};
use queue::select::Filter;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The allocator of the program, and how many bytes it was asked for and not given back.
struct Counting(mimalloc::MiMalloc);

#[global_allocator]
static ALLOCATOR: Counting = Counting(mimalloc::MiMalloc);

static ALLOCATED: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is handed on as it came; the count alone is added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { self.0.dealloc(place, layout) }
    }
}

/// Recipients of one admission.
const BATCH: u64 = 4_096;

#[derive(Clone)]
struct Load {
    recipients: u64,
    per_message: u64,
    content_bytes: usize,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, recipients, per_message, content_bytes, dir, rest @ ..] = &args[..] else {
        eprintln!("queue_bench RECIPIENTS PER_MESSAGE CONTENT_BYTES DIR");
        std::process::exit(2);
    };
    let number = |text: &String| text.parse::<u64>().expect("a number");
    let load = Load {
        recipients: number(recipients),
        per_message: number(per_message).max(1),
        content_bytes: number(content_bytes) as usize,
    };
    let Some(life) = rest.first() else {
        for life in ["fill", "start", "cancel"] {
            let ended = Command::new(&args[0]).args(&args[1..]).arg(life).status().expect("starts");
            assert!(ended.success(), "{life}");
        }
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(live(life, &load, Path::new(dir)));
}

/// A life of the queue on the directory.
async fn live(life: &str, load: &Load, dir: &Path) {
    let (begun, before, allocated) = (Instant::now(), rss(), ALLOCATED.load(Ordering::Relaxed));
    let mut running = Running::start(dir).await;
    let what = format!(
        "{} recipients of {} messages",
        load.recipients,
        load.recipients / load.per_message.min(load.recipients)
    );
    match life {
        "fill" => {
            running.admit(load).await;
            running.until_queued(load.recipients).await;
            figure(&format!("admission of {what}, without sync"), begun.elapsed().as_secs_f64(), "s, no target");
        }
        "start" => {
            running.opened.recv().await.expect("somebody is due");
            figure(&format!("start with {what}, to the first ready to leave"), begun.elapsed().as_secs_f64(), "s");
            running.until_queued(load.recipients).await;
            figure(&format!("start with {what}, to the last in the queue"), begun.elapsed().as_secs_f64(), "s");
            // What was needed to start is given back, which the allocator does when somebody asks for memory again.
            for _ in 0..30 {
                running.handle.snapshot(queue::handle::Show::default()).await.expect("runs");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let grown = ALLOCATED.load(Ordering::Relaxed).saturating_sub(allocated);
            figure(&format!("memory of {what}, queue, spool and all, allocated"), grown as f64 / 1e6, "MB");
            figure(&format!("memory of one of {what}"), grown as f64 / load.recipients as f64, "B");
            let resident = rss().saturating_sub(before);
            figure(&format!("memory of {what}, resident after a start"), resident as f64 / 1e6, "MB");
        }
        _ => {
            running.until_queued(load.recipients).await;
            running.search(&what).await;
            let begun = Instant::now();
            let order = BulkOrder { everything: true, ..BulkOrder::new(Work::Cancel, Filter::default()) };
            let done = running.handle.bulk(order, "bench").await.expect("cancelled");
            assert_eq!(done.affected, load.recipients);
            figure(&format!("cancel of {what}, until it is in force on disk"), begun.elapsed().as_secs_f64(), "s");
            while running.spool.stats().live_recipients > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            figure(&format!("cancel of {what}, until every end is on disk"), begun.elapsed().as_secs_f64(), "s");
        }
    }
    running.end().await;
}

struct Running {
    spool: Spool,
    events: EventLog,
    handle: QueueHandle,
    opened: mpsc::Receiver<()>,
    shutdown: CancellationToken,
    queue: tokio::task::JoinHandle<()>,
    ids: IdGenerator,
    _delivery: mpsc::Sender<FromDelivery>,
}

impl Running {
    async fn start(dir: &Path) -> Running {
        let Opened { spool, admitted, recovery } =
            Spool::open(&dir.join("spool"), SpoolOptions { log: options(), ..SpoolOptions::default() })
                .expect("the spool opens");
        let events = EventLog::open(&dir.join("events"), EventLogOptions::default()).expect("the log opens");
        let (handle, commands) = channel();
        let (to_delivery, mut orders) = mpsc::channel(64);
        let (delivery, from_delivery) = mpsc::channel(64);
        let (told, opened) = mpsc::channel(1);
        // Connections are asked for and never made: the destination is dead.
        tokio::spawn(async move {
            while let Some(order) = orders.recv().await {
                if matches!(order, ToDelivery::Open { .. }) {
                    // One is enough: the first tells that somebody was due.
                    let _ = told.try_send(());
                }
            }
        });
        let mut ids = IdGenerator::new(1);
        ids.resume_after(recovery.newest_id);
        let zone = r#"{"a.example": {"MX": ["10 mx.a.example"]}, "mx.a.example": {"A": ["192.0.2.1"]}}"#;
        let ports = Ports {
            admitted,
            to_delivery,
            from_delivery,
            events: events.clone(),
            spool: spool.clone(),
            resolver: Resolver::zone(Zone::parse(zone).expect("a zone")),
            failures: None,
            clock: Arc::new(SystemClock),
            commands,
        };
        let state_file = Some(dir.join("queue.json"));
        // Nobody answers: there is nothing to wait for at the end.
        let limits = Limits { shutdown_grace: Span::s(0), ..Limits::default() };
        let config = Config { state_file, limits, ..Config::default() };
        let shutdown = CancellationToken::new();
        let until = shutdown.clone();
        let queue = tokio::spawn(async move {
            queue::driver::run(config, ports, recovery.admitted, until).await.expect("the queue runs");
        });
        Running { spool, events, handle, opened, shutdown, queue, ids, _delivery: delivery }
    }

    async fn admit(&mut self, load: &Load) {
        let mut left = load.recipients;
        while left > 0 {
            let of_message = left.min(load.per_message);
            left -= of_message;
            let now = SystemClock.now();
            let id = MessageId(self.ids.next(now));
            let head = MessageHead {
                id,
                envelope: Envelope { sender: ReturnPath::Fixed("news@example.com".to_owned()), ..Envelope::default() },
                routing: Routing { campaign: Some(CampaignId(7)), job: Name::from("news"), ..Routing::default() },
                origin: Origin { protocol: Protocol::Internal, peer: None, user: None },
                received_at: now,
                size_bytes: 0,
            };
            let content = Content::Raw(vec![b'x'; load.content_bytes]);
            let mut message = AdmitMessage::New { head: Box::new(head), content };
            let mut todo = of_message;
            while todo > 0 {
                let count = todo.min(BATCH);
                todo -= count;
                let first = self.ids.next_range(now, count);
                let recipient = |row: u64| {
                    let address = format!("recipient.number.{row}@a.example");
                    let contact = Some(ContactId(first + row));
                    (RecipientId(first + row), NewRecipient { address, contact, ..NewRecipient::default() })
                };
                let recipients = (0..count).map(recipient).collect();
                let hold = if todo > 0 { Hold::Open } else { Hold::Closed };
                let admission = Admission { message, recipients, due: now, checkpoint: None, hold };
                self.spool.admit(admission).await.expect("admitted");
                message = AdmitMessage::Existing(id);
            }
        }
    }

    async fn until_queued(&self, recipients: u64) {
        loop {
            let totals = self.handle.snapshot(queue::handle::Show::default()).await.expect("runs").totals;
            if totals.scheduled + totals.ready + totals.in_flight >= recipients {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn search(&self, what: &str) {
        let begun = Instant::now();
        let filter: Filter = "domain:a.example older:1ms".parse().expect("a filter");
        let search = Search { filter, sort: Sort::Age, after: None, limit: 50 };
        self.handle.search(search).await.expect("found");
        figure(&format!("search of {what}, sorted, counted by group"), begun.elapsed().as_secs_f64(), "s");
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.queue.await.expect("ends in order");
        self.spool.close().await;
        self.events.close().await;
    }
}

/// Durable in every life but the one that fills the spool.
fn options() -> Options {
    let filling = std::env::args().any(|arg| arg == "fill");
    Options { sync: if filling { SyncMode::Relaxed } else { SyncMode::default() }, ..Options::default() }
}

/// Memory of this process that is in use, in bytes.
fn rss() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
}

fn figure(name: &str, ours: f64, unit: &str) {
    println!("{}", serde_json::json!({"name": name, "ours": (ours * 1_000.0).round() / 1_000.0, "unit": unit}));
}
