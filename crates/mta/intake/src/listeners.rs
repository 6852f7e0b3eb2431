//! The SMTP listeners: bound at the start, served until the end.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use journal::events::EventLog;
use lru::LruCache;
use mail::bounce::Dictionary;
use mail::token::Keys;
use model::event::Event;
use smtp::BoxFuture;
use smtp::server::{Budget, CertificateFiles, Certificates, ClientAuthorities, ServerConfig, serve};
use smtp::tls::{self, TlsError};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::arrivals::{LOOK_UPS_MAX, READERS_MAX};
use crate::config::{self, Auth, Config, Listener, TlsUse};
use crate::conversation::{Desk, Reception};
use crate::door::{Door, People};
use crate::inbox::Inbox;
use crate::recorder::{self, Recorder};
use crate::submit::Intake;
use crate::verification::Verifier;
use crate::{AddressBook, Authenticator};

/// Events of inbound mail that are remembered, so that a report that is sent again is not written again.
const TOLD_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// How often the floors are looked at when nobody submits, so that their end is told.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The files of certificates are looked at once in so many rounds.
const CERTIFICATES_EVERY: u64 = 60;

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
    /// Who is asked who stands behind inbound mail; without it nobody is.
    pub resolver: Option<dns::Resolver>,
    /// The keys that seal letters that are sent on.
    pub signing_keys: mail::dkim::Keyring,
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
    certificates: Option<Arc<Certificates>>,
    /// Serves the socket until the end.
    serve: Box<dyn FnOnce(Arc<Desk>, CancellationToken) -> BoxFuture<'static, ()> + Send>,
}

impl Listeners {
    /// Binds all listeners of a valid configuration.
    ///
    /// # Errors
    /// See [`StartError`]; nothing stays bound.
    pub async fn bind(config: &Config, ports: Ports) -> Result<Self, StartError> {
        let of_all = certificates(config, &ports)?;
        let people = People::new(&config.users);
        let budget = Budget::new(config.buffered_size_max.0);
        let mut bound = Vec::with_capacity(config.listeners.len());
        for listener in &config.listeners {
            let bind_error = |source| StartError::Bind { address: listener.listen, source };
            let certificates = shown_at(listener, &of_all)?;
            let ask = listener.client_authorities.is_some() || people.have_certificates();
            let tls = certificates.as_ref().map(|certificates| certificates.server(ask));
            let socket = bind(listener).map_err(bind_error)?;
            let address = socket.local_addr().map_err(bind_error)?;
            let server = server_config(config, listener, &ports, &budget)?;
            let door = Arc::new(Door::new(config, listener, Arc::clone(&people)));
            let serve = Box::new(move |desk, shutdown| -> BoxFuture<'static, ()> {
                Box::pin(serve(socket, Arc::new(Reception { desk, door }), server, tls, shutdown))
            });
            bound.push(Bound { address, certificates, serve });
        }
        let (recorder, refused) = Recorder::new(ports.intake.clone(), config.stranger_events);
        let desk = Desk {
            intake: ports.intake,
            events: ports.events,
            keys: ports.keys,
            dictionary: ports.dictionary,
            authenticator: ports.authenticator,
            recorder,
            host_name: config.host_name.clone(),
            hops_max: config.hops_max,
            told: Mutex::new(LruCache::new(TOLD_MAX)),
            address_book: ports.address_book,
            verifier: Verifier::new(config, ports.resolver, ports.signing_keys),
            readers: Semaphore::new(READERS_MAX),
            lookups: Semaphore::new(LOOK_UPS_MAX),
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
        let mut certificates = Vec::new();
        for bound in self.bound {
            tracing::info!(address = %bound.address, "listening for SMTP");
            certificates.extend(bound.certificates);
            serving.spawn((bound.serve)(self.desk.clone(), shutdown.clone()));
        }
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let looking = async {
            for round in 0_u64.. {
                look.tick().await;
                self.desk.recorder.floors_changed();
                if round % CERTIFICATES_EVERY == 0 {
                    refresh(&certificates);
                }
            }
        };
        shutdown.run_until_cancelled(looking).await;
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

/// A renewed certificate is shown from now on; one that cannot be used leaves the old one where it is.
fn refresh(certificates: &[Arc<Certificates>]) {
    for certificates in certificates {
        match certificates.refresh() {
            Ok(false) => {}
            Ok(true) => tracing::info!("the files of a certificate have changed and were read again"),
            Err(error) => tracing::error!(%error, "a certificate has changed and cannot be used; the old one is shown"),
        }
    }
}

/// The certificate of listeners that have none of their own.
fn certificates(config: &Config, ports: &Ports) -> Result<Vec<CertificateFiles>, TlsError> {
    let (certificate, key) = match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ => {
            tls::server_self_signed(&ports.tls_dir, std::slice::from_ref(&config.host_name))?;
            (ports.tls_dir.join(tls::CERTIFICATE_FILE), ports.tls_dir.join(tls::KEY_FILE))
        }
    };
    Ok(vec![CertificateFiles { certificate, key }])
}

/// What a listener shows; `None` where it does without TLS.
fn shown_at(listener: &Listener, of_all: &[CertificateFiles]) -> Result<Option<Arc<Certificates>>, TlsError> {
    if listener.tls == TlsUse::None {
        return Ok(None);
    }
    let files = |own: &config::CertificateFiles| CertificateFiles {
        certificate: own.certificate.clone(),
        key: own.key.clone(),
    };
    let own: Vec<CertificateFiles> = listener.certificates.iter().map(files).collect();
    Certificates::open(if own.is_empty() { of_all.to_vec() } else { own }).map(Some)
}

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// An IPv6 address listens for IPv4 too only where it is said, whatever the machine's own default.
fn bind(listener: &Listener) -> std::io::Result<TcpListener> {
    let socket = if listener.listen.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        let socket = TcpSocket::new_v6()?;
        rustix::net::sockopt::set_ipv6_v6only(&socket, !listener.dual_stack)?;
        socket
    };
    socket.set_reuseaddr(true)?;
    socket.bind(listener.listen)?;
    socket.listen(BACKLOG)
}

fn server_config(
    config: &Config,
    listener: &Listener,
    ports: &Ports,
    budget: &Arc<Budget>,
) -> Result<ServerConfig, TlsError> {
    let mut server = ServerConfig::new(&config.host_name);
    server.policy.extensions.auth = ports.authenticator.is_some() && listener.auth != Auth::None;
    server.policy.auth_in_clear = listener.takes_passwords_in_clear();
    let own_size = listener.message_size_max.map_or(u64::MAX, |size| size.0);
    let limits = &mut server.policy.limits;
    limits.message_bytes_max = ports.intake.message_bytes_max().min(own_size);
    limits.recipients_max = listener.recipients_max.unwrap_or(config.recipients_max) as usize;
    limits.messages_max = listener.messages_per_connection.unwrap_or(config.messages_per_connection);
    limits.errors_max = listener.errors_max.unwrap_or(config.errors_max);
    server.implicit_tls = listener.tls == TlsUse::Implicit;
    server.client_authorities = listener.client_authorities.as_deref().map(ClientAuthorities::from_pem).transpose()?;
    server.proxy_protocol = !listener.proxy_from.is_empty();
    server.connections_max = listener.connections_max.unwrap_or(config.connections_max) as usize;
    let per_address = listener.connections_per_address_max.unwrap_or(config.connections_per_address_max);
    server.connections_per_address_max = per_address as usize;
    server.idle_timeout = listener.idle_timeout.unwrap_or(config.idle_timeout).0;
    server.transaction_time_max = listener.message_time_max.unwrap_or(config.message_time_max).0;
    server.budget = budget.clone();
    Ok(server)
}
