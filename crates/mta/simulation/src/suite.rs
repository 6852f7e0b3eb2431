//! One life of the suite's engine: real intake, spool, event log, queue and delivery, opened on the world's directory.
//!
//! Wired as the binary does it, except that the disk, the network, the DNS and the clocks are the world's.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use delivery::{DkimKeys, Suppressed, SuppressionCheck};
use dns::Resolver;
use intake::{Intake, Known};
use journal::events::{EventLog, EventLogOptions};
use journal::spool::{Opened, Spool, SpoolOptions, SpoolRecovery};
use journal::{Options, Work};
use mail::bounce::Dictionary;
use mail::token::{Keys, SECRET_LEN};
use model::name::Name;
use model::submission::Routing;
use model::time::Clock;
use model::units::{Size, Span};
use queue::driver::RunError;
use queue::handle::QueueHandle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::network::{Network, source_address};
use crate::plan::{DOT_TIMEOUT, Plan};
use crate::world::{Sabotage, World};

/// Tickets that a session may have at a time.
const BATCH_MAX: u32 = 6;
/// A session asks for more when it has so many left.
const READY_AHEAD: u32 = 2;

/// More recipients than the rate allows that may be named at once: those that sessions had been given before.
pub fn given_ahead(connections: u32) -> u64 {
    u64::from(connections) * u64::from(BATCH_MAX + READY_AHEAD + 1)
}

/// How many may leave at once under a rate of so many a minute.
pub fn burst(per_minute: u64) -> u64 {
    per_minute / 4 + 1
}

/// A running engine.
pub struct Suite {
    /// The way in.
    pub intake: Intake,
    /// The spool.
    pub spool: Spool,
    /// The event log.
    pub events: EventLog,
    /// The queue.
    pub queue: QueueHandle,
    shutdown: CancellationToken,
    queue_task: JoinHandle<Result<(), RunError>>,
    delivery_task: JoinHandle<()>,
}

/// Opens the logs. The disk may die in the middle of it: then why.
pub fn open_logs(world: &World) -> Result<(Opened, EventLog), String> {
    let disk = world.disk.clone();
    let log = |disk| Options {
        segment_bytes: world.plan.segment_bytes,
        queue_bytes_max: 256 << 10,
        disk: Arc::new(disk),
        clock: Arc::new(world.time.clone()),
        work: {
            let disk = world.disk.clone();
            Work::Tasks(Arc::new(move || disk.pause()))
        },
        ..Options::default()
    };
    let spool = SpoolOptions { log: log(disk.clone()), ..SpoolOptions::default() };
    let spool = Spool::open(&world.dir.path().join("spool"), spool).map_err(|error| format!("spool: {error:?}"))?;
    let keep = Duration::from_secs(365 * 86_400);
    let events = EventLogOptions { log: log(world.events_disk.clone()), keep, ..EventLogOptions::default() };
    let events =
        EventLog::open(&world.dir.path().join("events"), events).map_err(|error| format!("events: {error:?}"))?;
    Ok((spool, events))
}

impl Suite {
    /// Starts every part on logs that were opened.
    pub fn start(world: &Arc<World>, opened: Opened, events: EventLog, life: u32) -> Suite {
        let Opened { spool, admitted, recovery } = opened;
        let SpoolRecovery { admitted: recovered, newest_id, .. } = recovery;
        let clock: Arc<dyn Clock> = Arc::new(world.time.clone());
        let queue_config = queue_config(world);
        let known = Known {
            streams: queue_config.streams.iter().map(|stream| stream.name.clone()).collect(),
            pools: queue_config.effective_pools().into_iter().map(|pool| pool.name).collect(),
        };
        let intake = Intake::new(spool.clone(), newest_id, 1, &intake_config(), known, clock.clone());
        let (queue, commands) = queue::handle::channel();
        let (to_delivery, for_delivery) = mpsc::channel(64);
        let (from_delivery, for_queue) = mpsc::channel(256);
        let resolver = Resolver::zone(world.zone.clone());
        let shutdown = CancellationToken::new();
        let ports = queue::driver::Ports {
            admitted,
            to_delivery,
            from_delivery: for_queue,
            events: events.clone(),
            spool: spool.clone(),
            resolver: resolver.clone(),
            failures: None,
            clock: clock.clone(),
            commands,
        };
        let sources = queue_config.effective_sources();
        let queue_task = tokio::spawn(queue::driver::run(queue_config, ports, recovered, shutdown.clone()));
        let network = Network::new(world.clone(), Dice::new(world.plan.seed, &format!("network {life}")));
        let ports = delivery::Ports {
            to_delivery: for_delivery,
            from_delivery,
            spool: spool.clone(),
            resolver,
            own_listeners: Vec::new(),
            suppression: Arc::new(List),
            dictionary: dictionary(),
            dkim: DkimKeys::new(),
            tokens: Arc::new(Keys::new(&[(1, [7; SECRET_LEN])]).expect("a key")),
            clock,
            sources,
            dialer: Arc::new(network),
            recordings: delivery::recordings::Recordings::default(),
            state_dir: None,
        };
        let delivery_task = tokio::spawn(delivery::run(delivery_config(&world.plan), ports, shutdown.clone()));
        Suite { intake, spool, events, queue, shutdown, queue_task, delivery_task }
    }

    /// Waits for a part to end although nobody told it to: why.
    pub async fn broken(&mut self) -> String {
        tokio::select! {
            biased;
            ended = &mut self.queue_task => format!("the queue ended: {ended:?}"),
            ended = &mut self.delivery_task => format!("delivery ended: {ended:?}"),
        }
    }

    /// Stops every part in order, as the binary does.
    pub async fn stop(self) -> Result<(), String> {
        self.shutdown.cancel();
        let queue = self.queue_task.await.map_err(|error| error.to_string())?;
        self.delivery_task.await.map_err(|error| error.to_string())?;
        drop(self.intake);
        self.spool.close().await;
        self.events.close().await;
        queue.map_err(|error| error.to_string())
    }
}

/// Compiled once for all worlds of a process: it never changes.
fn dictionary() -> Arc<Dictionary> {
    static DICTIONARY: OnceLock<Arc<Dictionary>> = OnceLock::new();
    DICTIONARY.get_or_init(|| Arc::new(Dictionary::builtin())).clone()
}

/// Addresses that must not be written to.
pub fn is_suppressed(address: &str) -> bool {
    address.split('@').next().is_some_and(|local| local.ends_with("13"))
}

struct List;

impl SuppressionCheck for List {
    fn check(&self, _: &Routing, address: &str) -> Option<Suppressed> {
        is_suppressed(address).then(|| Suppressed { reason: "on the list".to_owned() })
    }
}

fn intake_config() -> intake::Config {
    intake::Config { host_name: "mta.example.com".to_owned(), free_disk_min: Size(0), ..intake::Config::default() }
}

fn delivery_config(plan: &Plan) -> delivery::Config {
    delivery::Config {
        connect_timeout: Span(crate::network::CONNECT_TIMEOUT),
        greeting_timeout: Span::s(30),
        ehlo_timeout: Span::s(30),
        mail_timeout: Span::s(30),
        rcpt_timeout: Span::s(30),
        data_timeout: Span::s(30),
        block_timeout: Span::s(30),
        dot_timeout: Span(DOT_TIMEOUT),
        open_time_max: Span::s(120),
        batch_max: BATCH_MAX,
        ready_ahead: READY_AHEAD,
        lost_after_dot: match plan.assume_delivered {
            true => delivery::LostAfterDot::AssumeDelivered,
            false => delivery::LostAfterDot::Retry,
        },
        ..delivery::Config::default()
    }
}

fn queue_config(world: &World) -> queue::config::Config {
    let plan = &world.plan;
    let mut text = format!("state_file = {:?}\n", world.dir.path().join("queue.state"));
    text += &format!("providers_file = {:?}\n", world.dir.path().join("providers.toml"));
    for number in 0..plan.sources {
        let address = source_address(number);
        text += &format!(
            "[[sources]]\nname = \"s{number}\"\naddress = \"{address}\"\nehlo_name = \"s{number}.example.com\"\n"
        );
    }
    for stream in ["transactional", "bulk"] {
        let age = crate::plan::MAX_AGE.as_secs();
        text += &format!("[[streams]]\nname = \"{stream}\"\nmax_age = \"{age}s\"\n");
        text += "retry = { first = \"2m\", longest = \"30m\" }\n";
    }
    toml::from_str(&text).expect("the configuration of the simulation is one")
}

/// The provider rules of this world: what the suite is told to keep.
pub fn provider_rules(plan: &Plan, sabotage: Option<Sabotage>) -> String {
    let mut text = "[default]\ntls = \"none\"\nconnection_failures = 3\nidle_timeout = \"5s\"\n".to_owned();
    for site in &plan.sites {
        let name = &site.provider.name;
        let (connections, per_minute) = match sabotage {
            Some(Sabotage::NoLimits) => (20, 6_000),
            _ => (site.connections, site.per_minute),
        };
        text += &format!("[[provider]]\nname = \"{name}\"\nsuffix = [\"{name}.example\"]\n");
        text += &format!("connections = {connections}\nprovider_connections = {connections}\n");
        text += &format!("provider_rate = \"{per_minute}/min,max_burst={}\"\n", burst(per_minute));
        text += "messages_per_connection = 20\nrecipients_per_transaction = 5\n";
    }
    text
}

/// Names as the queue's orders want them.
pub fn provider_name(number: usize) -> Name {
    Name::from(format!("p{number}"))
}
