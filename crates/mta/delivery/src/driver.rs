//! Starts a task for each session and hands it what the queue says.

use std::collections::HashMap;
use std::sync::Arc;

use model::handoff::{FromDelivery, Ticket, ToDelivery};
use model::id::SessionId;
use model::route::PathSpec;
use model::time::Clock;
use smtp::tls::ClientConfig;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::keys::DkimKeys;
use crate::load::Loader;
use crate::ports::{Ports, SuppressionCheck};
use crate::route::{BrokenTls, Gate};
use crate::session;
use crate::verdict::Judge;

/// Orders on the way to one session: a batch, a close, and one of each to spare.
const ORDERS_MAX: usize = 4;

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
    pub tls: Arc<ClientConfig>,
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
    let mut to_delivery = ports.to_delivery;
    let grace = config.shutdown_grace.0;
    let sessions_end = shutdown.child_token();
    let shared = Arc::new(Shared {
        judge: Judge::new(ports.dictionary, &config),
        loader: Loader::new(ports.spool, config.programs_max),
        resolver: ports.resolver,
        suppression: ports.suppression,
        dkim: ports.dkim,
        tokens: ports.tokens,
        clock: ports.clock,
        tls: smtp::tls::client_opportunistic(),
        broken_tls: BrokenTls::new(config.tls_broken_memory.0),
        gate: Gate::new(config.allow_private_routes, config.port, ports.own_listeners),
        to_queue: ports.from_delivery,
        shutdown: sessions_end.clone(),
        config,
    });
    let mut sessions = Sessions { shared, orders: HashMap::new(), tasks: JoinSet::new() };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            said = to_delivery.recv() => match said {
                Some(said) => sessions.obey(said),
                None => break,
            },
            Some(ended) = sessions.tasks.join_next() => sessions.forget(ended),
        }
    }
    sessions_end.cancel();
    let all_end = async { while sessions.tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, all_end).await.is_err() {
        tracing::warn!(sessions = sessions.tasks.len(), "sessions are cut off: the time for shutting down is over");
        sessions.tasks.shutdown().await;
    }
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
