//! From an address to bytes that go both ways: a TCP connection from an own address, or whatever a caller has made.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

use crate::stream::Wire;

/// A connection on which nothing was said yet.
#[derive(Debug)]
pub struct Connected {
    /// The bytes.
    pub wire: Wire,
    /// Our end.
    pub local: SocketAddr,
    /// The server.
    pub peer: SocketAddr,
    /// How long it took to make, in milliseconds.
    pub connect_ms: u32,
}

/// Connects over TCP from `bind`, or from where the machine likes. Small writes leave at once.
///
/// # Errors
/// Of the operating system; [`io::ErrorKind::AddrNotAvailable`] when `bind` is no address of this machine. There is no
/// limit of time: the caller drops the future.
pub async fn tcp(bind: Option<IpAddr>, to: SocketAddr) -> io::Result<(TcpStream, SocketAddr)> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(address) = bind {
        socket.bind(SocketAddr::new(address, 0))?;
    }
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    Ok((stream, local))
}
