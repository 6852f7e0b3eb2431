//! All wiring: every part is opened, tied to the others with bounded channels, started, and stopped in order.
//!
//! ```text
//! start: lock and logs → database, accounts → campaigns (suppressions complete) → monitor → queue, delivery → doors
//! stop:  doors (HTTP, SMTP) → campaigns → queue and delivery → monitor → logs, database
//! ```
//! No part is a global: two suites can run in one process. Nothing here decides anything about mail.

use std::net::SocketAddr;
use std::sync::Arc;

use accounts::{Accounts, NewApiKey, Scope};
use anyhow::{Context as _, anyhow};
use api::ApiState;
use campaign::Campaigns;
use db::Db;
use delivery::DkimKeys;
use dns::Resolver;
use intake::{Intake, Listeners};
use journal::events::EventLog;
use journal::spool::{Opened, Spool, SpoolRecovery};
use mail::bounce::Dictionary;
use mail::token::Keys;
use model::time::Clock;
use monitor::Monitor;
use queue::directory::Directory;
use queue::handle::{Commands, QueueHandle};
use queue::providers::Providers;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::client::Door;
use crate::config::Config;
use crate::keys;
use crate::ports::{Engine, KeyHolders, Orders, Suppressions};

/// Batches on the way from the queue to delivery.
const TO_DELIVERY_MAX: usize = 4_096;
/// Outcomes on the way back.
const FROM_DELIVERY_MAX: usize = 16_384;
/// Name of the API key that subcommands on this machine use.
const LOCAL_KEY: &str = "local subcommands";

/// A running suite.
pub struct Suite {
    http: SocketAddr,
    smtp: Vec<SocketAddr>,
    accounts: Accounts,
    config: Config,
    parts: Parts,
    stages: Stages,
    tasks: JoinSet<&'static str>,
}

/// What is closed at the end.
struct Parts {
    spool: Spool,
    events: EventLog,
    db: Db,
}

/// One token for each stage of stopping.
#[derive(Default)]
struct Stages {
    doors: CancellationToken,
    campaigns: CancellationToken,
    engine: CancellationToken,
    monitor: CancellationToken,
}

/// The logs on disk, opened first: their lock keeps a second suite out.
struct Logs {
    spool: Spool,
    admitted: mpsc::Receiver<model::handoff::Admitted>,
    recovery: SpoolRecovery,
    events: EventLog,
}

impl Suite {
    /// Starts every part. When it returns, mail is taken and delivered.
    ///
    /// # Errors
    /// Names the part that could not be started; those before it are stopped by dropping them.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Suite> {
        std::fs::create_dir_all(&config.data_dir).with_context(|| config.data_dir.display().to_string())?;
        let logs = open_logs(&config, &clock).await?;
        let tokens = Arc::new(keys::token_keys(&config.data_dir)?);
        let dictionary = Arc::new(Dictionary::builtin());
        let db = Db::open(&config.database_url()).await.map_err(|error| anyhow!(error.chain()))?;
        let accounts = Accounts::open(db.clone(), clock.clone()).await.map_err(|error| anyhow!(error.chain()))?;
        let intake =
            Intake::new(logs.spool.clone(), logs.recovery.newest_id, config.node, &config.intake, clock.clone());
        let (queue, commands) = queue::handle::channel();
        let providers = Providers::load(config.queue.providers_file.as_deref())?;
        let directory = Arc::new(Directory::new(config.queue.clone(), providers));
        let (stages, mut tasks) = (Stages::default(), JoinSet::new());

        let http = TcpListener::bind(config.http.listen)
            .await
            .with_context(|| format!("http.listen {}", config.http.listen))?;
        let address = http.local_addr()?;
        let campaigns = open_campaigns(&config, &logs, &db, &intake, &queue, &tokens, &clock, address).await?;
        let monitor = open_monitor(&config, &clock)?;
        let (spool, events) = (logs.spool.clone(), logs.events.clone());
        start_monitor(&monitor, &events, &stages, &mut tasks);
        start_engine(&config, logs, commands, &campaigns, &dictionary, &tokens, &clock, &stages, &mut tasks)?;
        start_campaigns(&campaigns, &stages, &mut tasks);
        let smtp = start_smtp(&config, &intake, &events, &tokens, &dictionary, &accounts, &stages, &mut tasks).await?;
        let state = ApiState {
            accounts: accounts.clone(),
            campaigns,
            intake,
            directory,
            queue,
            monitor,
            bounce_domain: config.intake.inbound.bounce_domains.first().cloned(),
            secure_cookies: config.http.public_url.starts_with("https://"),
            stopping: stages.doors.clone(),
        };
        start_http(http, state, &stages, &mut tasks);
        let suite = Suite { http: address, smtp, accounts, config, parts: Parts { spool, events, db }, stages, tasks };
        suite.open_local_door().await?;
        Ok(suite)
    }

    /// Where the HTTP service listens.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where the SMTP listeners are.
    pub fn smtp(&self) -> &[SocketAddr] {
        &self.smtp
    }

    /// The accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Waits until a part ends by itself, which none should: the name of the part.
    pub async fn broken(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(ended) => name_of(ended),
            None => "everything".to_owned(),
        }
    }

    /// Stops every part in order; what was accepted stays on disk.
    ///
    /// # Errors
    /// Names a part that had panicked.
    pub async fn shutdown(mut self) -> anyhow::Result<()> {
        // Whoever looks for the suite from now on shall not find it.
        let _ = std::fs::remove_file(Door::path(&self.config.data_dir));
        let mut broken = Vec::new();
        for (stage, parts) in [
            (&self.stages.doors, ["http", "smtp"].as_slice()),
            (&self.stages.campaigns, &["campaigns"]),
            (&self.stages.engine, &["queue", "delivery"]),
            (&self.stages.monitor, &["monitor"]),
        ] {
            stage.cancel();
            for _ in parts {
                if let Some(Err(error)) = self.tasks.join_next().await {
                    broken.push(error.to_string());
                }
            }
        }
        self.parts.spool.close().await;
        self.parts.events.close().await;
        self.parts.db.close().await;
        if broken.is_empty() { Ok(()) } else { Err(anyhow!("parts had ended badly: {}", broken.join("; "))) }
    }

    /// A key for subcommands on this machine, made anew at every start.
    async fn open_local_door(&self) -> anyhow::Result<()> {
        for key in self.accounts.api_keys().await?.into_iter().filter(|key| key.name == LOCAL_KEY) {
            self.accounts.remove_api_key(key.id).await?;
        }
        let new = NewApiKey { name: LOCAL_KEY.to_owned(), scopes: vec![Scope::Inject, Scope::Read, Scope::Manage] };
        let (_, secret) = self.accounts.create_api_key(new, "ies serve").await?;
        let door = Door {
            url: format!("http://{}", self.http),
            key: secret.reveal().to_owned(),
            pid: std::process::id(),
            smtp: self.smtp.first().copied(),
        };
        Ok(door.write(&self.config.data_dir)?)
    }
}

fn name_of(ended: Result<&'static str, JoinError>) -> String {
    match ended {
        Ok(part) => part.to_owned(),
        Err(error) => error.to_string(),
    }
}

async fn open_logs(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Logs> {
    let (dir, spool_options) = (config.data_dir.join("spool"), config.spool.options(clock.clone()));
    let (events_dir, events_options) = (config.data_dir.join("events"), config.events.options(clock.clone()));
    // Opening reads what is there: off the async threads.
    tokio::task::spawn_blocking(move || {
        let Opened { spool, admitted, recovery } = Spool::open(&dir, spool_options)?;
        let events = EventLog::open(&events_dir, events_options)?;
        let live: usize = recovery.admitted.iter().map(|admitted| admitted.recipients.len()).sum();
        if live > 0 || recovery.torn_bytes > 0 || !recovery.quarantined.is_empty() {
            let (torn_bytes, damaged) = (recovery.torn_bytes, recovery.quarantined.len());
            tracing::info!(recipients = live, torn_bytes, damaged, "spool recovered");
        }
        Ok(Logs { spool, admitted, recovery, events })
    })
    .await?
}

#[expect(clippy::too_many_arguments, reason = "wiring: each argument is one wire")]
async fn open_campaigns(
    config: &Config,
    logs: &Logs,
    db: &Db,
    intake: &Intake,
    queue: &QueueHandle,
    tokens: &Arc<Keys>,
    clock: &Arc<dyn Clock>,
    listening: SocketAddr,
) -> anyhow::Result<Campaigns> {
    let settings = config.campaign_settings(listening);
    let ports = campaign::Ports {
        db: db.clone(),
        clock: clock.clone(),
        node: config.node,
        events: logs.events.clone(),
        keys: tokens.clone(),
        injector: Arc::new(Engine { intake: intake.clone(), spool: logs.spool.clone() }),
        control: Arc::new(Orders(queue.clone())),
    };
    Campaigns::open(settings, ports).await.context("campaigns")
}

fn open_monitor(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Monitor> {
    let dir = config.data_dir.join("store");
    let (monitor, found) = Monitor::open(&dir, config.monitor.clone(), clock.clone()).context("event store")?;
    if !found.missing_segments.is_empty() || found.orphans_removed > 0 {
        let (missing, orphans) = (found.missing_segments.len(), found.orphans_removed);
        tracing::warn!(missing, orphans, "event store put in order");
    }
    Ok(monitor)
}

fn start_monitor(monitor: &Monitor, events: &EventLog, stages: &Stages, tasks: &mut JoinSet<&'static str>) {
    let (monitor, events, stop) = (monitor.clone(), events.clone(), stages.monitor.clone());
    tasks.spawn(async move {
        monitor.run(events, stop).await;
        "monitor"
    });
}

fn start_campaigns(campaigns: &Campaigns, stages: &Stages, tasks: &mut JoinSet<&'static str>) {
    let (campaigns, stop) = (campaigns.clone(), stages.campaigns.clone());
    tasks.spawn(async move {
        campaigns.run(stop).await;
        "campaigns"
    });
}

#[expect(clippy::too_many_arguments, reason = "wiring: each argument is one wire")]
fn start_engine(
    config: &Config,
    logs: Logs,
    commands: Commands,
    campaigns: &Campaigns,
    dictionary: &Arc<Dictionary>,
    tokens: &Arc<Keys>,
    clock: &Arc<dyn Clock>,
    stages: &Stages,
    tasks: &mut JoinSet<&'static str>,
) -> anyhow::Result<()> {
    let resolver = Resolver::new(&config.dns)?;
    let (to_delivery, for_delivery) = mpsc::channel(TO_DELIVERY_MAX);
    let (from_delivery, for_queue) = mpsc::channel(FROM_DELIVERY_MAX);
    let mut settings = config.queue.clone();
    if settings.state_file.is_none() {
        settings.state_file = Some(config.data_dir.join("queue.state"));
    }
    let ports = queue::driver::Ports {
        commands,
        admitted: logs.admitted,
        to_delivery,
        from_delivery: for_queue,
        events: logs.events,
        spool: logs.spool.clone(),
        resolver: resolver.clone(),
        clock: clock.clone(),
    };
    let (recovered, stop) = (logs.recovery.admitted, stages.engine.clone());
    tasks.spawn(async move {
        if let Err(error) = queue::driver::run(settings, ports, recovered, stop).await {
            tracing::error!(%error, "the queue ended");
        }
        "queue"
    });
    let dkim = DkimKeys::new();
    for key in keys::dkim_keys(config)? {
        let domain = key.domain().to_owned();
        let known = dkim.of(&domain).map(|keys| keys.to_vec()).unwrap_or_default();
        dkim.set(&domain, known.into_iter().chain([key]).collect());
    }
    let ports = delivery::Ports {
        to_delivery: for_delivery,
        from_delivery,
        spool: logs.spool,
        resolver,
        suppression: Arc::new(Suppressions(campaigns.audience.suppression_set())),
        dictionary: dictionary.clone(),
        dkim,
        tokens: tokens.clone(),
        clock: clock.clone(),
    };
    let (settings, stop) = (config.delivery.clone(), stages.engine.clone());
    tasks.spawn(async move {
        delivery::run(settings, ports, stop).await;
        "delivery"
    });
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "wiring: each argument is one wire")]
async fn start_smtp(
    config: &Config,
    intake: &Intake,
    events: &EventLog,
    tokens: &Arc<Keys>,
    dictionary: &Arc<Dictionary>,
    accounts: &Accounts,
    stages: &Stages,
    tasks: &mut JoinSet<&'static str>,
) -> anyhow::Result<Vec<SocketAddr>> {
    let ports = intake::Ports {
        intake: intake.clone(),
        events: events.clone(),
        keys: Keys::clone(tokens),
        dictionary: dictionary.clone(),
        authenticator: Some(Arc::new(KeyHolders(accounts.clone()))),
        tls_dir: keys::directory(&config.data_dir)?,
    };
    let listeners = Listeners::bind(&config.intake, ports).await?;
    let addresses = listeners.addresses();
    let stop = stages.doors.clone();
    tasks.spawn(async move {
        listeners.run(stop).await;
        "smtp"
    });
    Ok(addresses)
}

fn start_http(listener: TcpListener, state: ApiState, stages: &Stages, tasks: &mut JoinSet<&'static str>) {
    let stop = stages.doors.clone();
    tasks.spawn(async move {
        if let Err(error) = api::serve(listener, state, stop.cancelled_owned()).await {
            tracing::error!(%error, "the HTTP service ended");
        }
        "http"
    });
}
