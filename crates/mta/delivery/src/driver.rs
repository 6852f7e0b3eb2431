//! Starts a task for each session and hands it what the queue says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::handoff::{FromDelivery, Ticket, ToDelivery};
use model::id::SessionId;
use model::route::PathSpec;
use model::time::Clock;
use smtp::trust::Authorities;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, MtaSts};
use crate::dialogue::Lessons;
use crate::egress::Egress;
use crate::health::Health;
use crate::keys::DkimKeys;
use crate::load::Loader;
use crate::memory::{self, BrokenTls, DeadHosts, Unfit};
use crate::places::Places;
use crate::ports::{Ports, SuppressionCheck};
use crate::route::Gate;
use crate::session;
use crate::sts::{Fetcher, Sts};
use crate::tls::TlsConfigs;
use crate::verdict::Judge;

/// Orders on the way to one session: a batch, a close, and one of each to spare.
const ORDERS_MAX: usize = 4;

/// New MTA-STS policies and hosts with broken TLS are written to their files this often.
const LEARNED_SAVED_EVERY: Duration = Duration::from_secs(60);

/// What sessions share.
pub(crate) struct Shared {
    pub config: Config,
    pub judge: Judge,
    pub loader: Loader,
    pub resolver: dns::Resolver,
    pub suppression: Arc<dyn SuppressionCheck>,
    pub dkim: DkimKeys,
    pub tokens: Arc<mail::token::Keys>,
    pub clock: Arc<dyn Clock>,
    pub tls: TlsConfigs,
    pub egress: Egress,
    pub health: Arc<Health>,
    pub dead: DeadHosts,
    pub places: Places,
    pub unfit: Unfit,
    pub sts: Option<Arc<Sts>>,
    pub lessons: Lessons,
    pub recordings: crate::recordings::Recordings,
    pub broken_tls: BrokenTls,
    pub gate: Gate,
    pub to_queue: mpsc::Sender<FromDelivery>,
    pub shutdown: CancellationToken,
}

/// What the queue says to one session.
#[derive(Debug)]
pub(crate) enum Order {
    Give(Vec<Ticket>),
    Close,
}

/// Serves the queue until `shutdown` is cancelled or the queue hangs up. Then sessions finish the transaction they are
/// in, say QUIT and [`FromDelivery::Closed`]; what they were given beyond that was not attempted.
pub async fn run(config: Config, ports: Ports, shutdown: CancellationToken) {
    let grace = config.shutdown_grace.0;
    let sessions_end = shutdown.child_token();
    let (shared, mut to_delivery) = match share(config, ports, sessions_end.clone()) {
        Ok(shared) => shared,
        Err(error) => {
            tracing::error!(error, "delivery cannot start");
            return;
        }
    };
    let mut background = background(&shared, &sessions_end);
    let mut sessions = Sessions { shared, orders: HashMap::new(), tasks: JoinSet::new() };
    loop {
        tokio::select! {
            // In one order, so that a simulation repeats itself. Sessions cannot end faster than they are opened.
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = sessions.tasks.join_next() => sessions.forget(ended),
            said = to_delivery.recv() => match said {
                Some(said) => sessions.obey(said),
                None => break,
            },
        }
    }
    sessions_end.cancel();
    let all_end = async {
        while sessions.tasks.join_next().await.is_some() {}
        while background.join_next().await.is_some() {}
    };
    if tokio::time::timeout(grace, all_end).await.is_err() {
        tracing::warn!(sessions = sessions.tasks.len(), "sessions are cut off: the time for shutting down is over");
        sessions.tasks.shutdown().await;
    }
}

/// Puts together what sessions share.
fn share(
    config: Config,
    ports: Ports,
    sessions_end: CancellationToken,
) -> Result<(Arc<Shared>, mpsc::Receiver<ToDelivery>), String> {
    let state_dir = ports.state_dir.filter(|dir| match std::fs::create_dir_all(dir) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(dir = %dir.display(), %error, "what is learned of hosts is kept in memory only");
            false
        }
    });
    let authorities = match &config.tls_authorities {
        Some(path) => smtp::tls::authorities(path).map_err(|error| format!("delivery.tls_authorities: {error}"))?,
        None => Authorities::web(),
    };
    let gate = Gate::new(config.allow_private_routes, config.port, ports.own_listeners);
    let sts = match config.mta_sts {
        MtaSts::Off => None,
        mode => {
            let limit = config.mta_sts_timeout.0;
            let (resolver, gate) = (ports.resolver.clone(), gate.clone());
            let fetcher = Fetcher::new(resolver.clone(), gate, &authorities, config.mta_sts_port, limit)?;
            let enforce = mode == MtaSts::Enforce;
            Some(Arc::new(Sts::open(resolver, fetcher, Arc::clone(&ports.clock), enforce, state_dir.clone())))
        }
    };
    let egress = Egress::new(ports.dialer);
    let limit = config.connect_timeout.0;
    let health = Health::new(egress.clone(), ports.sources, ports.from_delivery.clone(), limit);
    let broken_tls = state_dir.map(|dir| dir.join(memory::BROKEN_TLS_FILE));
    let shared = Shared {
        judge: Judge::new(ports.dictionary, &config),
        loader: Loader::new(ports.spool, config.programs_max),
        resolver: ports.resolver,
        suppression: ports.suppression,
        dkim: ports.dkim,
        tokens: ports.tokens,
        clock: ports.clock,
        tls: TlsConfigs::new(authorities, config.tls_sessions_max),
        lessons: Lessons::new(config.chunking_broken_memory.0),
        recordings: ports.recordings,
        egress,
        health: Arc::new(health),
        dead: DeadHosts::new(config.dead_host_memory.0, config.dead_host_memory_max.0),
        places: Places::default(),
        unfit: Unfit::new(),
        sts,
        broken_tls: BrokenTls::open(config.tls_broken_memory.0, broken_tls),
        gate,
        to_queue: ports.from_delivery,
        shutdown: sessions_end,
        config,
    };
    Ok((Arc::new(shared), ports.to_delivery))
}

/// What goes on beside the sessions: the sources are watched, policies and broken hosts written to
/// their files, renewed certificates read.
fn background(shared: &Arc<Shared>, ends: &CancellationToken) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (health, interval) = (Arc::clone(&shared.health), shared.config.source_check_interval.0);
    let until = ends.clone();
    tasks.spawn(async move { health.watch(interval, until).await });
    let (until, shared) = (ends.clone(), Arc::clone(shared));
    tasks.spawn(async move {
        loop {
            let over = tokio::time::timeout(LEARNED_SAVED_EVERY, until.cancelled()).await.is_ok();
            let learned = Arc::clone(&shared);
            let save = move || {
                learned.sts.iter().for_each(|sts| sts.save());
                learned.broken_tls.save(learned.clock.now());
                learned.tls.refresh();
            };
            let _ = shared.loader.work().aside(save).await;
            if over {
                return;
            }
        }
    });
    tasks
}

struct Sessions {
    shared: Arc<Shared>,
    orders: HashMap<SessionId, mpsc::Sender<Order>>,
    tasks: JoinSet<SessionId>,
}

impl Sessions {
    fn obey(&mut self, said: ToDelivery) {
        match said {
            ToDelivery::Open { session, path } => self.open(session, path),
            ToDelivery::Give { session, tickets } => self.tell(session, Order::Give(tickets)),
            ToDelivery::Close { session } => self.tell(session, Order::Close),
        }
    }

    fn open(&mut self, session: SessionId, path: Arc<PathSpec>) {
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        self.orders.insert(session, orders);
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            // A task of its own, so that a panic still ends in `Closed` and the queue gets its tickets back.
            let inner = tokio::spawn(session::run(session, path, Arc::clone(&shared), receiver));
            let abort = AbortOnDrop(inner.abort_handle());
            let trouble = match inner.await {
                Ok(trouble) => trouble,
                Err(error) => {
                    tracing::error!(%session, %error, "session task failed");
                    None
                }
            };
            drop(abort);
            let _ = shared.to_queue.send(FromDelivery::Closed { session, trouble }).await;
            session
        });
    }

    /// A session that is gone has said so, or is about to; the queue takes its tickets back.
    fn tell(&mut self, session: SessionId, order: Order) {
        if let Some(orders) = self.orders.get(&session)
            && let Err(mpsc::error::TrySendError::Full(_)) = orders.try_send(order)
        {
            tracing::error!(%session, "more orders than a session can have; dropped until it is closed");
        }
    }

    fn forget(&mut self, ended: Result<SessionId, tokio::task::JoinError>) {
        match ended {
            Ok(session) => drop(self.orders.remove(&session)),
            Err(error) => tracing::error!(%error, "session task failed"),
        }
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
