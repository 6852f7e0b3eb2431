//! The seam between delivery and the network: who makes connections.
//!
//! [`Tcp`] is the network of the machine. A simulation puts its own network here (`tokio::io::duplex`, a paused clock).
//! Proxies are layers above (`egress.rs`): they dial the proxy through the same seam.

use std::io;
use std::net::{IpAddr, SocketAddr};

use model::name::Name;
use smtp::{BoxFuture, Wire};

/// One connection that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// The source for which it is made.
    pub source: Name,
    /// The own address to connect from; any without one.
    pub from: Option<IpAddr>,
    /// The peer.
    pub to: SocketAddr,
}

/// Makes connections.
pub trait Dialer: Send + Sync + 'static {
    /// Connects; yields the connection and the own end of it. Has no limit of time: the caller drops the future.
    ///
    /// # Errors
    /// As of the operating system: [`io::ErrorKind::AddrNotAvailable`] when `from` is no address of this machine.
    fn dial(&self, dial: Dial) -> BoxFuture<'_, io::Result<(Wire, SocketAddr)>>;

    /// Whether connections can be made from this address, without making one.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrNotAvailable`] when it is no address of this machine.
    fn probe(&self, from: IpAddr) -> io::Result<()>;
}

/// The network of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Dialer for Tcp {
    fn dial(&self, dial: Dial) -> BoxFuture<'_, io::Result<(Wire, SocketAddr)>> {
        Box::pin(async move {
            let (stream, local) = smtp::client::dial::tcp(dial.from, dial.to).await?;
            Ok((Wire::Tcp(stream), local))
        })
    }

    fn probe(&self, from: IpAddr) -> io::Result<()> {
        std::net::UdpSocket::bind((from, 0)).map(drop)
    }
}
