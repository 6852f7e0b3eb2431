//! How a source gets out: directly, or through a proxy that is told where to connect.
//!
//! SOCKS version 5 (RFC 1928) with or without user and password (RFC 1929); headers of HAProxy's PROXY protocol, which a
//! forwarding proxy turns into a connection from the source's address. Several proxies: the first that works.
//!
//! Separates what is the source's fault (its address is not here, its proxies are dead) from what is the host's. Never
//! logs passwords. Bytes from proxies are read into fixed buffers of the size that the standard allows.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::route::{Proxy, ProxyKind, Source};
use smtp::Wire;
use smtp::client::Connected;
use smtp::proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};

use crate::dial::{Dial, Dialer};
use crate::secret;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// The host cannot be reached.
    #[error("{0}")]
    Host(#[source] io::Error),
    /// Nobody answered in time.
    #[error("timed out")]
    Timeout,
    /// Nothing can be reached from this source.
    #[error("{0}")]
    Source(String),
}

/// A proxy did not do its work: what is wrong, and whose fault it is.
enum ProxyError {
    /// The proxy's; another one may do better.
    Proxy(String),
    /// The host's.
    Host(io::Error),
}

impl From<io::Error> for ProxyError {
    fn from(error: io::Error) -> Self {
        ProxyError::Proxy(error.to_string())
    }
}

/// Makes connections for sources.
#[derive(Clone)]
pub(crate) struct Egress {
    dialer: Arc<dyn Dialer>,
}

impl Egress {
    pub fn new(dialer: Arc<dyn Dialer>) -> Self {
        Egress { dialer }
    }

    /// Connects from a source to a host. `limit` is the time for it all; of several proxies each gets its share.
    ///
    /// # Errors
    /// [`DialError`].
    pub async fn connect(&self, source: &Source, to: SocketAddr, limit: Duration) -> Result<Connected, DialError> {
        let began = Instant::now();
        let (wire, local) = match source.egress.as_slice() {
            [] => self.direct(source, to, began + limit).await?,
            proxies => self.through(source, proxies, to, began, limit).await?,
        };
        let connect_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        Ok(Connected { wire, local, peer: to, connect_ms })
    }

    /// Connects to a socket of this machine.
    ///
    /// # Errors
    /// [`DialError::Host`], [`DialError::Timeout`].
    pub async fn connect_here(&self, path: &Path, limit: Duration) -> Result<Connected, DialError> {
        let began = Instant::now();
        let stream = match timeout_at(began + limit, UnixStream::connect(path)).await {
            Err(_) => return Err(DialError::Timeout),
            Ok(connected) => connected.map_err(DialError::Host)?,
        };
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let connect_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        Ok(Connected { wire: Wire::new(stream), local: nowhere, peer: nowhere, connect_ms })
    }

    async fn direct(&self, source: &Source, to: SocketAddr, ends: Instant) -> Result<(Wire, SocketAddr), DialError> {
        let none = |_| DialError::Source(format!("the source has no address of the family of {}", to.ip()));
        let from = source.address_for(to.ip()).map_err(none)?;
        let dial = Dial { source: source.name.clone(), from, to };
        match timeout_at(ends, self.dialer.dial(dial)).await {
            Err(_) => Err(DialError::Timeout),
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(error)) if error.kind() == io::ErrorKind::AddrNotAvailable => Err(DialError::Source(absent(from))),
            Ok(Err(error)) => Err(DialError::Host(error)),
        }
    }

    async fn through(
        &self,
        source: &Source,
        proxies: &[Proxy],
        to: SocketAddr,
        began: Instant,
        limit: Duration,
    ) -> Result<(Wire, SocketAddr), DialError> {
        let mut reasons = Vec::new();
        for (place, proxy) in proxies.iter().enumerate() {
            let share = limit / u32::try_from(proxies.len()).unwrap_or(1).max(1);
            let ends = began + share.saturating_mul(u32::try_from(place + 1).unwrap_or(u32::MAX));
            match timeout_at(ends, self.proxied(source, proxy, to)).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(ProxyError::Host(error))) => return Err(DialError::Host(error)),
                Ok(Err(ProxyError::Proxy(reason))) => reasons.push(format!("proxy {}: {reason}", proxy.address)),
                // Whether proxy or host does not answer, nobody can tell; the check of the proxies will.
                Err(_) if place + 1 == proxies.len() && reasons.is_empty() => return Err(DialError::Timeout),
                Err(_) => reasons.push(format!("proxy {}: timed out", proxy.address)),
            }
        }
        Err(DialError::Source(reasons.join("; ")))
    }

    async fn proxied(&self, source: &Source, proxy: &Proxy, to: SocketAddr) -> Result<(Wire, SocketAddr), ProxyError> {
        let (mut wire, local) = self.reach(source, proxy).await?;
        match proxy.kind {
            ProxyKind::Socks5 => {
                socks5_greet(&mut wire, proxy).await?;
                let bound = socks5_connect(&mut wire, to).await?;
                Ok((wire, bound.unwrap_or(local)))
            }
            ProxyKind::ProxyV1 | ProxyKind::ProxyV2 => {
                let own = source.address_for(to.ip()).ok().flatten();
                let from = own.map_or(local, |address| SocketAddr::new(address, local.port()));
                let header = match proxy.kind {
                    ProxyKind::ProxyV1 => proxy::write_v1(from, to),
                    _ => proxy::write_v2(from, to),
                };
                wire.write_all(&header).await?;
                wire.flush().await?;
                Ok((wire, from))
            }
        }
    }

    async fn reach(&self, source: &Source, proxy: &Proxy) -> io::Result<(Wire, SocketAddr)> {
        let dial = Dial { source: source.name.clone(), from: proxy.bind, to: proxy.address };
        self.dialer.dial(dial).await
    }

    /// Whether the source can send: its addresses are here, or one of its proxies answers.
    ///
    /// # Errors
    /// Why not, for people.
    pub async fn check(&self, source: &Source, limit: Duration) -> Result<(), String> {
        if source.egress.is_empty() {
            return self.check_addresses(source);
        }
        let mut reasons = Vec::new();
        for proxy in &source.egress {
            let answers = async {
                let (mut wire, _) = self.reach(source, proxy).await?;
                if proxy.kind == ProxyKind::Socks5 {
                    socks5_greet(&mut wire, proxy).await?;
                }
                Ok::<(), ProxyError>(())
            };
            match timeout_at(Instant::now() + limit, answers).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(ProxyError::Proxy(reason))) => reasons.push(format!("proxy {}: {reason}", proxy.address)),
                Ok(Err(ProxyError::Host(error))) => reasons.push(format!("proxy {}: {error}", proxy.address)),
                Err(_) => reasons.push(format!("proxy {}: timed out", proxy.address)),
            }
        }
        Err(reasons.join("; "))
    }

    /// One address is enough: the hosts of the other family are then passed over.
    fn check_addresses(&self, source: &Source) -> Result<(), String> {
        let own = [source.address, source.address_v6.map(IpAddr::V6)].into_iter().flatten();
        let missing: Vec<IpAddr> = own.clone().filter(|address| !self.is_here(*address)).collect();
        if missing.is_empty() || missing.len() < own.count() {
            return Ok(());
        }
        Err(missing.into_iter().map(|address| absent(Some(address))).collect::<Vec<_>>().join("; "))
    }

    /// Whether connections can be made from this address.
    pub fn is_here(&self, address: IpAddr) -> bool {
        !self.dialer.probe(address).is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
    }
}

fn absent(address: Option<IpAddr>) -> String {
    match address {
        Some(address) => format!("{address} is not an address of this machine"),
        None => "this machine has no address to connect from".to_owned(),
    }
}

// ---- SOCKS 5 ----

const SOCKS: u8 = 5;
const NO_AUTH: u8 = 0;
const USER_PASSWORD: u8 = 2;

/// Both steps, for the fuzz target; the reason of a refusal in words.
pub(crate) async fn socks5(wire: &mut Wire, proxy: &Proxy, to: SocketAddr) -> Result<Option<SocketAddr>, String> {
    let connect = async {
        socks5_greet(wire, proxy).await?;
        socks5_connect(wire, to).await
    };
    connect.await.map_err(|error| match error {
        ProxyError::Proxy(reason) => reason,
        ProxyError::Host(error) => error.to_string(),
    })
}

/// Agrees on how to authenticate, and does it.
async fn socks5_greet(wire: &mut Wire, proxy: &Proxy) -> Result<(), ProxyError> {
    let login = match &proxy.user {
        Some(user) => Some((user.as_bytes(), password(proxy).await?)),
        None => None,
    };
    let offer: &[u8] = if login.is_some() { &[SOCKS, 2, NO_AUTH, USER_PASSWORD] } else { &[SOCKS, 1, NO_AUTH] };
    wire.write_all(offer).await?;
    wire.flush().await?;
    let mut chosen = [0; 2];
    wire.read_exact(&mut chosen).await?;
    match (chosen, login) {
        ([SOCKS, NO_AUTH], _) => Ok(()),
        ([SOCKS, USER_PASSWORD], Some((user, password))) => {
            let too_long = || ProxyError::Proxy("user or password is longer than 255 bytes".to_owned());
            let mut request = vec![1, u8::try_from(user.len()).map_err(|_| too_long())?];
            request.extend_from_slice(user);
            request.push(u8::try_from(password.len()).map_err(|_| too_long())?);
            request.extend_from_slice(&password);
            wire.write_all(&request).await?;
            wire.flush().await?;
            let mut answer = [0; 2];
            wire.read_exact(&mut answer).await?;
            match answer[1] {
                0 => Ok(()),
                _ => Err(ProxyError::Proxy("user or password is refused".to_owned())),
            }
        }
        ([SOCKS, _], _) => Err(ProxyError::Proxy("wants another way to authenticate".to_owned())),
        _ => Err(ProxyError::Proxy("does not speak SOCKS 5".to_owned())),
    }
}

async fn password(proxy: &Proxy) -> Result<Vec<u8>, ProxyError> {
    let Some(path) = &proxy.password_file else { return Ok(Vec::new()) };
    secret::first_line(path).await.map_err(|error| ProxyError::Proxy(error.to_string()))
}

/// CONNECT. Yields the address from which the proxy connects, where it tells.
async fn socks5_connect(wire: &mut Wire, to: SocketAddr) -> Result<Option<SocketAddr>, ProxyError> {
    let mut request = vec![SOCKS, 1, 0];
    match to.ip() {
        IpAddr::V4(address) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
    }
    request.extend_from_slice(&to.port().to_be_bytes());
    wire.write_all(&request).await?;
    wire.flush().await?;
    let mut head = [0; 4];
    wire.read_exact(&mut head).await?;
    if head[0] != SOCKS {
        return Err(ProxyError::Proxy("does not speak SOCKS 5".to_owned()));
    }
    let host = |kind: io::ErrorKind, text: &str| ProxyError::Host(io::Error::new(kind, format!("proxy: {text}")));
    match head[1] {
        0 => {}
        1 => return Err(host(io::ErrorKind::Other, "general failure")),
        2 => return Err(ProxyError::Proxy("does not allow this connection".to_owned())),
        3 => return Err(host(io::ErrorKind::NetworkUnreachable, "network unreachable")),
        4 => return Err(host(io::ErrorKind::HostUnreachable, "host unreachable")),
        5 => return Err(host(io::ErrorKind::ConnectionRefused, "connection refused")),
        6 => return Err(host(io::ErrorKind::TimedOut, "time to live exceeded")),
        code => return Err(ProxyError::Proxy(format!("answers with code {code}"))),
    }
    let address = match head[3] {
        1 => {
            let mut octets = [0; 4];
            wire.read_exact(&mut octets).await?;
            Some(IpAddr::V4(Ipv4Addr::from(octets)))
        }
        4 => {
            let mut octets = [0; 16];
            wire.read_exact(&mut octets).await?;
            Some(IpAddr::V6(Ipv6Addr::from(octets)))
        }
        3 => {
            let length = wire.read_u8().await?;
            let mut name = [0; 255];
            wire.read_exact(&mut name[..usize::from(length)]).await?;
            None
        }
        _ => return Err(ProxyError::Proxy("names an address of an unknown kind".to_owned())),
    };
    let port = wire.read_u16().await?;
    Ok(address.filter(|address| !address.is_unspecified()).map(|address| SocketAddr::new(address, port)))
}
