//! Accepts connections and starts a driver for each, within the limits of the listener.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::server::certificates::ClientAuthorities;
use crate::server::collector::Budget;
use crate::server::driver;
use crate::server::handler::{Handler, Peer};
use crate::server::places::{Place, Places};
use crate::server::policy::Policy;

/// How a listener behaves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Name, extensions, limits of one connection.
    pub policy: Policy,
    /// Begin with the TLS handshake instead of STARTTLS (port 465, RFC 8314).
    pub implicit_tls: bool,
    /// Who vouches for the names in certificates of clients; without it their names count for nothing.
    pub client_authorities: Option<ClientAuthorities>,
    /// Every connection begins with a PROXY header, and only proxies that the handler believes may connect.
    pub proxy_protocol: bool,
    /// Connections at the same time; a further one gets 421.
    pub connections_max: usize,
    /// Connections at the same time from one client (an IPv4 address, an IPv6 network of 64 bits); a further one gets
    /// 421.
    pub connections_per_address_max: usize,
    /// A client that sends nothing for so long gets 421 (RFC 5321 4.5.3.2.7: at least 5 minutes).
    pub idle_timeout: Duration,
    /// A connection older than this gets 421 at its next command; its transaction is finished.
    pub session_time_max: Duration,
    /// A transaction that takes longer than this from MAIL to the end of its message gets 421: a client that sends a
    /// byte now and then would be there for ever.
    pub transaction_time_max: Duration,
    /// Time for a TLS handshake, and for a PROXY header.
    pub handshake_timeout: Duration,
    /// At shutdown: time for transactions that have begun.
    pub shutdown_grace: Duration,
    /// Memory for messages that are being received, over all connections; beyond it a message gets 452. May be shared
    /// with other listeners.
    pub budget: Arc<Budget>,
}

impl ServerConfig {
    /// The default of [`ServerConfig::budget`].
    pub const BUFFERED_BYTES_MAX: u64 = 256 << 20;

    /// The defaults, under this host name.
    pub fn new(host_name: &str) -> Self {
        ServerConfig {
            policy: Policy::new(host_name),
            implicit_tls: false,
            client_authorities: None,
            proxy_protocol: false,
            connections_max: 1_000,
            connections_per_address_max: 100,
            idle_timeout: Duration::from_secs(300),
            session_time_max: Duration::from_secs(3_600),
            transaction_time_max: Duration::from_secs(3_600),
            handshake_timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(30),
            budget: Budget::new(Self::BUFFERED_BYTES_MAX),
        }
    }
}

/// What the connections of a listener share.
pub(crate) struct Shared {
    pub handler: Arc<dyn Handler>,
    pub config: ServerConfig,
    pub policy: Arc<Policy>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub shutdown: CancellationToken,
    /// Cancelled when the grace of the shutdown is over.
    pub abort: CancellationToken,
}

/// Pause after an error of accept(2), such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves a listener until `shutdown` is cancelled and the transactions that have begun are finished, or their grace is
/// over. Without `tls` STARTTLS is not offered.
pub async fn serve(
    listener: TcpListener,
    handler: Arc<dyn Handler>,
    config: ServerConfig,
    tls: Option<Arc<rustls::ServerConfig>>,
    shutdown: CancellationToken,
) {
    let mut policy = config.policy.clone();
    policy.extensions.starttls &= tls.is_some();
    let shared = Arc::new(Shared {
        handler,
        policy: Arc::new(policy),
        tls,
        shutdown: shutdown.clone(),
        abort: CancellationToken::new(),
        config,
    });
    let connections = TaskTracker::new();
    let places = Places::new(shared.config.connections_max, shared.config.connections_per_address_max);
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                if let Some(place) = places.take() {
                    start(stream, place, &shared, &connections);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(shared.config.shutdown_grace, connections.wait()).await.is_err() {
        shared.abort.cancel();
        connections.wait().await;
    }
}

fn start(stream: TcpStream, place: Place, shared: &Arc<Shared>, connections: &TaskTracker) {
    let (Ok(address), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
    // Replies are short and each is waited for: without this every one of them may be held back.
    let _ = stream.set_nodelay(true);
    let peer = Peer { address, local, proxy: None };
    let shared = Arc::clone(shared);
    connections.spawn(async move {
        let ends_at = Instant::now() + shared.config.session_time_max;
        let abort = shared.abort.clone();
        let ended = abort.run_until_cancelled(driver::run(stream, peer, &shared, place, ends_at)).await;
        if let Some(Err(error)) = ended {
            tracing::debug!(peer = %peer.address, %error, "connection ended");
        }
    });
}
