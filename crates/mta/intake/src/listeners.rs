//! The SMTP listeners: bound at the start, served until the end.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use journal::events::EventLog;
use lru::LruCache;
use mail::bounce::Dictionary;
use mail::token::Keys;
use model::event::Event;
use smtp::BoxFuture;
use smtp::server::{Budget, ServerConfig, serve};
use smtp::tls::{self, TlsError};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::arrivals::READERS_MAX;
use crate::config::{Config, Listener};
use crate::conversation::{Desk, Reception};
use crate::inbox::Inbox;
use crate::recorder::{self, Recorder};
use crate::relay::Rules;
use crate::submit::Intake;
use crate::{AddressBook, Authenticator};

/// Events of inbound mail that are remembered, so that a report that is sent again is not written again.
const TOLD_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// What the listeners work with.
pub struct Ports {
    /// The way in.
    pub intake: Intake,
    /// Where inbound mail and refusals are noted.
    pub events: EventLog,
    /// What our tokens are sealed with.
    pub keys: Keys,
    /// Names the category of a reported failure.
    pub dictionary: Arc<Dictionary>,
    /// Who may submit; without it AUTH is not offered.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Whom a report speaks of.
    pub address_book: Arc<dyn AddressBook>,
    /// Where the self-signed certificate is kept when none is configured.
    pub tls_dir: PathBuf,
    /// Where letters to the postmaster are kept when `inbound.forward_to` is not configured.
    pub inbox_dir: PathBuf,
}

/// Why the listeners could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on: in use, not of this machine, or not allowed.
    #[error("cannot listen on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("cannot set up TLS for SMTP")]
    Tls(#[from] TlsError),
}

/// Listeners that are bound. Connections are accepted once [`Listeners::run`] is called.
pub struct Listeners {
    bound: Vec<Bound>,
    desk: Arc<Desk>,
    refused: mpsc::Receiver<Event>,
}

struct Bound {
    address: SocketAddr,
    /// Serves the socket until the end.
    serve: Box<dyn FnOnce(Arc<Desk>, CancellationToken) -> BoxFuture<'static, ()> + Send>,
}

impl Listeners {
    /// Binds all listeners of a valid configuration.
    ///
    /// # Errors
    /// See [`StartError`]; nothing stays bound.
    pub async fn bind(config: &Config, ports: Ports) -> Result<Self, StartError> {
        let tls = match (&config.tls.certificate, &config.tls.key) {
            (Some(certificate), Some(key)) => tls::server_from_pem(certificate, key)?,
            _ => tls::server_self_signed(&ports.tls_dir, std::slice::from_ref(&config.host_name))?,
        };
        let budget = Budget::new(config.buffered_size_max.0);
        let mut bound = Vec::with_capacity(config.listeners.len());
        for listener in &config.listeners {
            let bind_error = |source| StartError::Bind { address: listener.listen, source };
            let socket = TcpListener::bind(listener.listen).await.map_err(bind_error)?;
            let address = socket.local_addr().map_err(bind_error)?;
            let (config, tls) = (server_config(config, listener, &ports, &budget), tls.clone());
            let serve = Box::new(move |desk, shutdown| -> BoxFuture<'static, ()> {
                Box::pin(serve(socket, Arc::new(Reception(desk)), config, Some(tls), shutdown))
            });
            bound.push(Bound { address, serve });
        }
        let (recorder, refused) = Recorder::new(ports.intake.clone(), config.stranger_events);
        let desk = Desk {
            intake: ports.intake,
            events: ports.events,
            keys: ports.keys,
            dictionary: ports.dictionary,
            authenticator: ports.authenticator,
            rules: Rules::new(config),
            recorder,
            host_name: config.host_name.clone(),
            hops_max: config.hops_max,
            told: Mutex::new(LruCache::new(TOLD_MAX)),
            address_book: ports.address_book,
            readers: Semaphore::new(READERS_MAX),
            forward_to: config.inbound.forward_to.clone(),
            inbox: Arc::new(Inbox::new(ports.inbox_dir)),
        };
        Ok(Listeners { bound, desk: Arc::new(desk), refused })
    }

    /// Where they listen, in the order of the configuration; port 0 has become a real one.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }

    /// Serves until `shutdown`, finishes the transactions that have begun, and writes the last refusals.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut serving = JoinSet::new();
        let writer = tokio::spawn(recorder::write(self.desk.events.clone(), self.refused));
        for bound in self.bound {
            tracing::info!(address = %bound.address, "listening for SMTP");
            serving.spawn((bound.serve)(self.desk.clone(), shutdown.clone()));
        }
        shutdown.cancelled().await;
        while let Some(ended) = serving.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a listener stopped by a mistake in the program");
            }
        }
        // With the last connection goes the last sender, and the writer comes to its end.
        drop(self.desk);
        writer.await.ok();
    }
}

fn server_config(config: &Config, listener: &Listener, ports: &Ports, budget: &Arc<Budget>) -> ServerConfig {
    let mut server = ServerConfig::new(&config.host_name);
    server.policy.extensions.auth = ports.authenticator.is_some();
    server.policy.auth_in_clear = listener.listen.ip().is_loopback();
    server.policy.limits.message_bytes_max = ports.intake.message_bytes_max();
    server.policy.limits.recipients_max = config.recipients_max as usize;
    server.implicit_tls = listener.implicit_tls;
    server.connections_max = config.connections_max as usize;
    server.connections_per_address_max = config.connections_per_address_max as usize;
    server.idle_timeout = config.idle_timeout.0;
    server.budget = budget.clone();
    server
}
