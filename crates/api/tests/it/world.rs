//! A suite for one test, without the parts behind the API that no test here needs: no SMTP, no delivery, and nobody who
//! reads the event log. Everything is its own: directory, database, logs, clock, port.

use std::fs::File;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use accounts::{Accounts, NewAccount, NewApiKey, Role, Scope};
use api::proxies::{ForwardedHeader, Proxies};
use api::{ApiState, Limits};
use campaign::Campaigns;
use campaign::sending::ports::{Injector, QueueControl};
use db::Db;
use futures::future::BoxFuture;
use intake::Intake;
use intake::injection::Injections;
use journal::events::{EventLog, EventLogOptions};
use journal::spool::{Opened, Spool, SpoolOptions};
use journal::{Disk, Options, RealDisk};
use mail::token::Keys;
use model::id::{CampaignId, MessageId};
use model::submission::{Receipt, Refusal, Submission};
use model::time::{ManualClock, Timestamp};
use monitor::Monitor;
use queue::directory::Directory;
use queue::providers::Providers;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What should happen at once has failed when it takes this long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The password of `anna@example.org`.
pub const PASSWORD: &str = "twelve letters and more";

pub struct World {
    pub address: SocketAddr,
    pub clock: ManualClock,
    pub db: Db,
    pub events: EventLog,
    /// Of a program that may hand in mail.
    pub key: String,
    /// True: the next write to spool or event log fails.
    pub broken: Arc<AtomicBool>,
    pub stop_queue: CancellationToken,
    pub queue: JoinHandle<()>,
    /// Ends the HTTP service.
    pub stop: CancellationToken,
    pub served: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

/// A disk that breaks when it is told to.
struct BrittleDisk(Arc<AtomicBool>);

impl Disk for BrittleDisk {
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        RealDisk.allocate(file, bytes)
    }

    fn write(&self, file: &File, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        RealDisk.write(file, slices, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(io::Error::other("broken for the test")) } else { RealDisk.sync(file) }
    }
}

/// An engine of which nothing is asked.
struct NoEngine;

impl Injector for NoEngine {
    fn submit(&self, _: Submission) -> BoxFuture<'_, Result<Receipt, Refusal>> {
        Box::pin(async { Err(Refusal::Unavailable { reason: "no test sends a campaign".to_owned() }) })
    }

    fn checkpoint(&self, _: u64) -> Option<u64> {
        None
    }

    fn feed_message(&self, _: u64) -> Option<MessageId> {
        None
    }

    fn feeds(&self) -> Vec<u64> {
        Vec::new()
    }

    fn forget(&self, _: u64) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async { Ok(()) })
    }

    fn finish(&self, _: MessageId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async { Ok(()) })
    }
}

impl QueueControl for NoEngine {
    fn hold(&self, _: CampaignId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async { Ok(()) })
    }

    fn release(&self, _: CampaignId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async { Ok(()) })
    }

    fn cancel(&self, _: CampaignId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async { Ok(()) })
    }
}

/// What the queue of a new suite has.
fn known() -> intake::Known {
    let config = queue::config::Config::default();
    intake::Known {
        streams: config.streams.iter().map(|stream| stream.name.clone()).collect(),
        pools: config.all_pools().into_iter().map(|pool| pool.name).collect(),
    }
}

fn injections(directory: &Path, intake: &Intake, clock: &ManualClock) -> Injections {
    let (config, ways) = (intake::injection::Config::default(), intake::injection::Ways::default());
    Injections::open(directory, intake.clone(), config, ways, Arc::new(clock.clone())).unwrap()
}

impl World {
    /// Starts with an account of Anna. Connections come from 127.0.0.1, which is a trusted proxy here.
    pub async fn start(limits: Limits) -> World {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (clock, broken) = (ManualClock::new(Timestamp::from_unix_s(1_790_000_000)), Arc::<AtomicBool>::default());
        let log = small_log(&clock, &broken);
        let spool_options = SpoolOptions { log: log.clone(), ..SpoolOptions::default() };
        let Opened { spool, admitted, recovery } = Spool::open(&path("spool"), spool_options).unwrap();
        let events = EventLog::open(&path("events"), EventLogOptions { log, ..EventLogOptions::default() }).unwrap();
        let db = Db::open(&format!("sqlite://{}", path("ies.db").display())).await.unwrap();
        let (accounts, key) = accounts(&db, &clock).await;
        let campaigns = campaigns(&db, &events, &clock).await;
        let intake = Intake::new(
            spool.clone(),
            recovery.newest_id,
            0,
            &intake::Config::default(),
            known(),
            Arc::new(clock.clone()),
        );
        let injections = injections(&path("injections"), &intake, &clock);
        let monitor = Monitor::open(&path("store"), monitor::Config::default(), Arc::new(clock.clone())).unwrap().0;
        let (handle, commands) = queue::handle::channel();
        let config = queue::config::Config::default();
        let (stop, stop_queue) = (CancellationToken::new(), CancellationToken::new());
        let state = ApiState {
            accounts,
            campaigns,
            intake,
            spool: spool.clone(),
            spool_damaged: 0,
            events: events.clone(),
            clock: Arc::new(clock.clone()),
            directory: Arc::new(Directory::new(config.clone(), Providers::load(None).unwrap())),
            queue: handle,
            monitor,
            injections,
            dkim: Arc::new(NoKeys),
            transcripts: Arc::new(NoRecordings),
            secure_cookies: false,
            proxies: Arc::new(Proxies::new(vec!["127.0.0.1".parse().unwrap()], ForwardedHeader::XForwardedFor)),
            stopping: stop.clone(),
        };
        let (to_delivery, orders) = mpsc::channel(1);
        let (from_delivery, outcomes) = mpsc::channel(1);
        let ports = queue::driver::Ports {
            admitted,
            to_delivery,
            from_delivery: outcomes,
            events: events.clone(),
            spool: spool.clone(),
            failures: None,
            resolver: dns::Resolver::zone(dns::Zone::default()),
            clock: Arc::new(clock.clone()),
            commands,
        };
        let stopping = stop_queue.clone();
        let queue = tokio::spawn(async move {
            // Its delivery says nothing, and is there as long as the queue runs.
            let _delivery = (from_delivery, orders);
            queue::driver::run(config, ports, Vec::new(), stopping).await.ok();
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stopping) = (listener.local_addr().unwrap(), stop.clone());
        let served = tokio::spawn(async move {
            api::serve(listener, state, limits, stopping.cancelled_owned()).await;
        });
        World { address, clock, db, events, key, broken, stop_queue, queue, stop, served, _directory: directory }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// One request on a connection of its own; `head` is the request line and headers, each with its CRLF.
    pub async fn ask(&self, head: &str, body: &str) -> Answer {
        let mut stream = self.connect().await;
        let request = format!("{head}Host: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        Answer::read(&mut stream).await.expect("an answer")
    }
}

fn small_log(clock: &ManualClock, broken: &Arc<AtomicBool>) -> Options {
    Options {
        segment_bytes: 1 << 20,
        disk: Arc::new(BrittleDisk(broken.clone())),
        clock: Arc::new(clock.clone()),
        ..Options::default()
    }
}

/// Anna, and the key of a program.
async fn accounts(db: &Db, clock: &ManualClock) -> (Accounts, String) {
    let accounts = Accounts::open(db.clone(), Arc::new(clock.clone())).await.unwrap();
    let anna = NewAccount {
        email: "anna@example.org".to_owned(),
        name: "Anna".to_owned(),
        role: Role::Admin,
        language: None,
        password: Some(PASSWORD.to_owned()),
    };
    accounts.create(anna).await.unwrap();
    let shop = NewApiKey { name: "shop".to_owned(), scopes: vec![Scope::Inject], ..NewApiKey::default() };
    let (_, key) = accounts.create_api_key(shop, "the test").await.unwrap();
    (accounts, key.reveal().to_owned())
}

async fn campaigns(db: &Db, events: &EventLog, clock: &ManualClock) -> Campaigns {
    let ports = campaign::Ports {
        db: db.clone(),
        clock: Arc::new(clock.clone()),
        node: 0,
        events: events.clone(),
        keys: Arc::new(Keys::new(&[(1, [7; 32])]).unwrap()),
        injector: Arc::new(NoEngine),
        control: Arc::new(NoEngine),
    };
    Campaigns::open(campaign::Config::default(), ports).await.unwrap()
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// Reads until the server closes; `None` when it closes without a word.
    pub async fn read(stream: &mut TcpStream) -> Option<Answer> {
        let mut text = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await;
        // A connection that is cut off may end with a reset: what came before it counts.
        let _ = read.expect("the server ends the connection");
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Records nothing: checks what is asked for, and has no room.
struct NoRecordings;

impl api::transcripts::TranscriptDesk for NoRecordings {
    fn list(&self, _: model::time::Timestamp) -> Vec<model::recording::Recording> {
        Vec::new()
    }

    fn begin<'a>(
        &'a self,
        new: model::recording::NewRecording,
        by: &'a str,
    ) -> api::transcripts::TranscriptAnswer<'a, model::recording::Recording> {
        use api::transcripts::TranscriptRefusal;
        let checked = new.validate().map_err(TranscriptRefusal::Wrong);
        Box::pin(std::future::ready(
            checked.and_then(|()| Err(TranscriptRefusal::Conflict(format!("no room for {by}")))),
        ))
    }

    fn end<'a>(&'a self, _: u32, _: &'a str) -> api::transcripts::TranscriptAnswer<'a, bool> {
        Box::pin(std::future::ready(Ok(false)))
    }
}

/// Has no DKIM keys, and makes none.
struct NoKeys;

impl api::dkim::DkimDesk for NoKeys {
    fn keys(&self) -> api::dkim::DkimAnswer<'_> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn order<'a>(&'a self, domain: &'a str, _: api::dkim::DkimOrder, _: &'a str) -> api::dkim::DkimAnswer<'a> {
        let refused = api::dkim::DkimRefusal::Refused(format!("{domain} has no key"));
        Box::pin(std::future::ready(Err(refused)))
    }
}
