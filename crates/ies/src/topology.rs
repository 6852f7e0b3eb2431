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
use api::proxies::Proxies;
use campaign::Campaigns;
use db::Db;
use delivery::DkimKeys;
use delivery::keystore::{Keeper, KeyStore};
use delivery::recordings::Recordings;
use dns::Resolver;
use intake::injection::{Injections, Ways};
use intake::notices::{Notices, Postman};
use intake::pickup::Pickup;
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
use tokio_util::sync::CancellationToken;

use crate::client::Door;
use crate::config::Config;
use crate::dkim_desk::Desk;
use crate::keys;
use crate::parts::{Running, Stage};
use crate::ports::{Engine, Histories, KeyHolders, Orders, Senders, Suppressions};
use crate::transcript_desk;

/// Batches on the way from the queue to delivery.
const TO_DELIVERY_MAX: usize = 4_096;
/// Outcomes on the way back.
const FROM_DELIVERY_MAX: usize = 16_384;
/// Name of the API key that subcommands on this machine use.
const LOCAL_KEY: &str = "local subcommands";
/// Who is said to have made that key.
const LOCAL_KEY_MAKER: &str = "ies serve";

/// A running suite.
pub struct Suite {
    http: SocketAddr,
    smtp: Vec<SocketAddr>,
    shared: Shared,
    running: Running,
}

/// What most parts are joined with.
struct Shared {
    config: Config,
    clock: Arc<dyn Clock>,
    spool: Spool,
    spool_damaged: u64,
    events: EventLog,
    db: Db,
    accounts: Accounts,
    intake: Intake,
    queue: QueueHandle,
    tokens: Arc<Keys>,
    dictionary: Arc<Dictionary>,
    recordings: Recordings,
}

/// The logs on disk, opened first: their lock keeps a second suite out.
struct Logs {
    spool: Spool,
    admitted: mpsc::Receiver<model::handoff::Admitted>,
    recovery: SpoolRecovery,
    events: EventLog,
}

/// The engine's ends of what was made before it.
struct EngineEnds {
    commands: Commands,
    admitted: mpsc::Receiver<model::handoff::Admitted>,
    recovered: Vec<model::handoff::Admitted>,
    dkim: DkimKeys,
    resolver: Resolver,
    notices: (Notices, Postman),
}

impl Suite {
    /// Starts every part. When it returns, mail is taken and delivered.
    ///
    /// # Errors
    /// Names the part that could not be started; those before it are stopped by dropping them.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Suite> {
        std::fs::create_dir_all(&config.data_dir).with_context(|| config.data_dir.display().to_string())?;
        let Logs { spool, admitted, recovery, events } = open_logs(&config, &clock).await?;
        let db = Db::open(&config.database_url()).await.context("database")?;
        let accounts = Accounts::open(db.clone(), clock.clone()).await.context("accounts")?;
        let known = config.known_names();
        let of_intake = config.intake_settings();
        let intake = Intake::new(spool.clone(), recovery.newest_id, config.node, &of_intake, known, clock.clone());
        let (queue, commands) = queue::handle::channel();
        let providers = Providers::load(config.queue.providers_file.as_deref())?;
        let resolver = Resolver::new(&config.dns)?;
        let directory = Arc::new(Directory::new(config.queue.clone(), providers).with_resolver(resolver.clone()));
        let tokens = Arc::new(keys::token_keys(&config.data_dir)?);
        let dictionary = Arc::new(Dictionary::builtin());
        let spool_damaged = recovery.quarantined.len() as u64;
        let recordings = Recordings::open(config.data_dir.join("delivery"));
        let shared = Shared {
            config,
            clock,
            spool,
            spool_damaged,
            events,
            db,
            accounts,
            intake,
            queue,
            tokens,
            dictionary,
            recordings,
        };

        let listen = shared.config.http.listen;
        let http = TcpListener::bind(listen).await.with_context(|| format!("http.listen {listen}"))?;
        let address = http.local_addr()?;
        let campaigns = shared.open_campaigns(address).await?;
        let monitor = shared.open_monitor()?;
        let keeper = shared.open_keys(resolver.clone())?;
        let listeners = shared.bind_smtp(&monitor, &keeper).await?;
        let smtp = listeners.addresses();
        let (injections, pickup) = shared.open_injections(address).await?;
        let (dkim, notices) = (keeper.ring.clone(), shared.open_notices()?);

        // What can fail for the configuration's sake lies before this line: a part that runs already when another cannot
        // start would report that as a fault of its own.
        let mut running = Running::default();
        let (follower, events) = (monitor.clone(), shared.events.clone());
        running.start(Stage::Monitor, "monitor", |stop| async move { follower.run(events, stop).await });
        let ends = EngineEnds { commands, admitted, recovered: recovery.admitted, dkim, resolver, notices };
        shared.start_engine(ends, &campaigns, &mut running);
        let keys_desk = Arc::new(Desk(Arc::clone(&keeper)));
        running.start(Stage::Campaigns, "DKIM keys", |stop| async move { keeper.run(stop).await });
        let recordings = shared.transcripts();
        running.start(Stage::Campaigns, "recordings", |stop| recordings.run(stop));
        let keys = injections.clone();
        running.start(Stage::Campaigns, "injection", |stop| async move { keys.run(stop).await });
        if let Some(pickup) = pickup {
            running.start(Stage::Doors, "pickup", |stop| pickup.run(stop));
        }
        let worker = campaigns.clone();
        running.start(Stage::Campaigns, "campaigns", |stop| async move { worker.run(stop).await });
        running.start(Stage::Doors, "smtp", |stop| async move { listeners.run(stop).await });
        let state =
            shared.api_state(campaigns, monitor, directory, injections, keys_desk, running.stopping(Stage::Doors));
        running.start(Stage::Doors, "http", |stop| async move {
            api::serve(http, state, api::Limits::default(), stop.cancelled_owned()).await;
        });
        let suite = Suite { http: address, smtp, shared, running };
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
        &self.shared.accounts
    }

    /// Waits until a part ends by itself, which none should: the name of the part.
    pub async fn broken(&mut self) -> String {
        self.running.ended().await.unwrap_or_else(|| "everything".to_owned())
    }

    /// Stops every part in order; what was accepted stays on disk.
    ///
    /// # Errors
    /// Names the parts that had panicked or ended by themselves.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        // Whoever looks for the suite from now on shall not find it.
        let _ = std::fs::remove_file(Door::path(&self.shared.config.data_dir));
        let broken = self.running.stop().await;
        self.shared.spool.close().await;
        self.shared.events.close().await;
        self.shared.db.close().await;
        if broken.is_empty() { Ok(()) } else { Err(anyhow!("parts had ended badly: {}", broken.join("; "))) }
    }

    /// A key for subcommands on this machine, with a new secret at every start.
    ///
    /// The key itself stays: the idempotency keys of its requests are bound to it, and a request that a crash cut off
    /// comes again after the next start.
    async fn open_local_door(&self) -> anyhow::Result<()> {
        let accounts = &self.shared.accounts;
        let scopes = vec![Scope::Inject, Scope::Read, Scope::Manage];
        let mut kept = None;
        for key in accounts.api_keys().await?.into_iter().filter(|key| key.name == LOCAL_KEY) {
            if kept.is_none() && key.created_by == LOCAL_KEY_MAKER && key.scopes == scopes {
                kept = Some(key.id);
            } else {
                accounts.remove_api_key(key.id).await?;
            }
        }
        let secret = match kept {
            Some(id) => accounts.renew_api_key(id).await?,
            None => {
                let new = NewApiKey { name: LOCAL_KEY.to_owned(), scopes, ..NewApiKey::default() };
                accounts.create_api_key(new, LOCAL_KEY_MAKER).await?.1
            }
        };
        let door = Door {
            url: format!("http://{}", self.http),
            key: secret.reveal().to_owned(),
            pid: std::process::id(),
            smtp: self.smtp.first().copied(),
        };
        Ok(door.write(&self.shared.config.data_dir)?)
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

impl Shared {
    async fn open_campaigns(&self, listening: SocketAddr) -> anyhow::Result<Campaigns> {
        let ports = campaign::Ports {
            db: self.db.clone(),
            clock: self.clock.clone(),
            node: self.config.node,
            events: self.events.clone(),
            keys: self.tokens.clone(),
            injector: Arc::new(Engine { intake: self.intake.clone(), spool: self.spool.clone() }),
            control: Arc::new(Orders(self.queue.clone())),
        };
        Campaigns::open(self.config.campaign_settings(listening), ports).await.context("campaigns")
    }

    /// Injection over HTTP and from files, with what a crash has left put in order.
    async fn open_injections(&self, listening: SocketAddr) -> anyhow::Result<(Injections, Option<Pickup>)> {
        let (config, data_dir) = (self.config.intake.clone(), self.config.data_dir.clone());
        let (intake, events, clock) = (self.intake.clone(), self.events.clone(), self.clock.clone());
        let ways = Ways {
            bounce_domains: config.inbound.bounce_domains.clone(),
            public_url: self.config.public_url(listening),
            ..Ways::default()
        };
        let opening = tokio::task::spawn_blocking(move || {
            let dir = data_dir.join("injections");
            let injections = Injections::open(&dir, intake.clone(), config.injection.clone(), ways.clone(), clock)
                .context("injections")?;
            let pickup = Pickup::open(&config, &data_dir, intake, events, ways).context("intake.pickup.directory")?;
            let unfinished = pickup.as_ref().map(Pickup::unfinished).transpose().context("intake.pickup.directory")?;
            anyhow::Ok((injections, pickup, unfinished.unwrap_or_default()))
        });
        let (injections, pickup, unfinished) = opening.await??;
        injections.settle(&unfinished).await;
        Ok((injections, pickup))
    }

    fn open_monitor(&self) -> anyhow::Result<Monitor> {
        let dir = self.config.data_dir.join("store");
        let (monitor, found) =
            Monitor::open(&dir, self.config.monitor.clone(), self.clock.clone()).context("event store")?;
        if !found.missing_segments.is_empty() || found.orphans_removed > 0 {
            let (missing, orphans) = (found.missing_segments.len(), found.orphans_removed);
            tracing::warn!(missing, orphans, "event store put in order");
        }
        Ok(monitor)
    }

    /// Queue and delivery, joined with each other in a ring.
    fn start_engine(&self, ends: EngineEnds, campaigns: &Campaigns, running: &mut Running) {
        let EngineEnds { commands, admitted, recovered, dkim, resolver, notices } = ends;
        let (to_delivery, for_delivery) = mpsc::channel(TO_DELIVERY_MAX);
        let (from_delivery, for_queue) = mpsc::channel(FROM_DELIVERY_MAX);
        let (notices, postman) = notices;
        running.start(Stage::Campaigns, "failure notices", |stop| async move { postman.run(stop).await });
        let ports = queue::driver::Ports {
            commands,
            admitted,
            to_delivery,
            from_delivery: for_queue,
            events: self.events.clone(),
            spool: self.spool.clone(),
            resolver: resolver.clone(),
            failures: Some(Arc::new(Senders(notices))),
            clock: self.clock.clone(),
        };
        let mut settings = self.config.queue.clone();
        settings.state_file.get_or_insert_with(|| self.config.data_dir.join("queue.state"));
        running.start(Stage::Engine, "queue", |stop| async move {
            if let Err(error) = queue::driver::run(settings, ports, recovered, stop).await {
                tracing::error!(%error, "the queue ended");
            }
        });
        let ports = delivery::Ports {
            to_delivery: for_delivery,
            from_delivery,
            spool: self.spool.clone(),
            resolver,
            own_listeners: self.config.intake.listeners.iter().map(|listener| listener.listen).collect(),
            suppression: Arc::new(Suppressions(campaigns.audience.suppression_set())),
            dictionary: self.dictionary.clone(),
            dkim,
            tokens: self.tokens.clone(),
            clock: self.clock.clone(),
            sources: self.config.queue.effective_sources(),
            dialer: Arc::new(delivery::Tcp),
            recordings: self.recordings.clone(),
            state_dir: Some(self.config.data_dir.join("delivery")),
        };
        let settings = self.config.delivery.clone();
        running.start(Stage::Engine, "delivery", |stop| async move { delivery::run(settings, ports, stop).await });
    }

    /// What tells senders of failures, and who hands it on.
    fn open_notices(&self) -> anyhow::Result<(Notices, Postman)> {
        let dir = self.config.data_dir.join("notices");
        Notices::new(self.intake.clone(), &self.config.intake, dir).context("notices")
    }

    /// The keys that sign, those of the data directory and those of the configuration, and who watches over them.
    fn open_keys(&self, resolver: Resolver) -> anyhow::Result<Arc<Keeper>> {
        let ring = DkimKeys::new();
        ring.set_policy(self.config.signing.policy());
        let keeper = Keeper {
            store: KeyStore::open(&keys::directory(&self.config.data_dir)?)?,
            configured: keys::dkim_keys(&self.config)?,
            ring,
            resolver,
            events: self.events.clone(),
            clock: self.clock.clone(),
            rules: self.config.signing.rules(),
        };
        keeper.load()?;
        Ok(Arc::new(keeper))
    }

    async fn bind_smtp(&self, monitor: &Monitor, keeper: &Keeper) -> anyhow::Result<Listeners> {
        let ports = intake::Ports {
            intake: self.intake.clone(),
            events: self.events.clone(),
            keys: Keys::clone(&self.tokens),
            dictionary: self.dictionary.clone(),
            authenticator: Some(Arc::new(KeyHolders(self.accounts.clone()))),
            address_book: Arc::new(Histories(monitor.clone())),
            resolver: Some(keeper.resolver.clone()),
            signing_keys: keeper.ring.clone(),
            tls_dir: keys::directory(&self.config.data_dir)?,
            inbox_dir: self.config.data_dir.join("inbound"),
        };
        Ok(Listeners::bind(&self.config.intake, ports).await?)
    }

    fn api_state(
        &self,
        campaigns: Campaigns,
        monitor: Monitor,
        directory: Arc<Directory>,
        injections: Injections,
        dkim: Arc<Desk>,
        stopping: CancellationToken,
    ) -> ApiState {
        ApiState {
            accounts: self.accounts.clone(),
            campaigns,
            intake: self.intake.clone(),
            spool: self.spool.clone(),
            spool_damaged: self.spool_damaged,
            events: self.events.clone(),
            clock: self.clock.clone(),
            directory,
            queue: self.queue.clone(),
            monitor,
            injections,
            dkim,
            transcripts: Arc::new(self.transcripts()),
            secure_cookies: self.config.http.public_url.starts_with("https://"),
            proxies: Arc::new(self.proxies()),
            stopping,
        }
    }

    fn transcripts(&self) -> transcript_desk::Desk {
        let (recordings, events) = (self.recordings.clone(), self.events.clone());
        transcript_desk::Desk { recordings, events, clock: self.clock.clone() }
    }

    fn proxies(&self) -> Proxies {
        let http = &self.config.http;
        if http.public_url.starts_with("https://") && http.trusted_proxies.is_empty() {
            tracing::warn!("http.trusted_proxies is empty: behind a reverse proxy all clients have its address");
        }
        Proxies::new(http.trusted_proxies.clone(), http.forwarded_header)
    }
}
