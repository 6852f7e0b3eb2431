//! The network between the suite and the providers: connections in memory that may take long, fail or break anywhere.
//!
//! It is delivery's [`Dialer`]. Every connection is counted here, from outside of the suite, against the limits the suite
//! was told; and the bytes the suite has read of each are counted, so that it is known which replies it got.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use delivery::{Dial, Dialer};
use model::name::Name;
use smtp::{BoxFuture, Wire};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::book::Conn;
use crate::dice::Dice;
use crate::provider::{self, Accident, Call};
use crate::world::World;

/// Bytes on the way in each direction.
const BUFFER_BYTES: usize = 16 << 10;

/// The address of a provider's host.
pub fn address_of(provider: usize, host: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(198, 18, provider as u8, host as u8 + 1))
}

/// The suite's own addresses.
pub fn source_address(number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, number as u8 + 1))
}

/// The network of one life.
pub struct Network {
    world: Arc<World>,
    dice: Mutex<Dice>,
}

impl Network {
    /// A network in this world.
    pub fn new(world: Arc<World>, dice: Dice) -> Self {
        Network { world, dice: Mutex::new(dice) }
    }

    fn dice<T>(&self, draw: impl FnOnce(&mut Dice) -> T) -> T {
        draw(&mut self.dice.lock().expect("no panic holds the dice"))
    }

    async fn connect(&self, dial: Dial) -> io::Result<(Wire, SocketAddr)> {
        let world = &self.world;
        let IpAddr::V4(to) = dial.to.ip() else { return Err(io::ErrorKind::HostUnreachable.into()) };
        let [_, _, provider, host] = to.octets();
        let provider = usize::from(provider);
        let Some(site) = world.plan.sites.get(provider) else { return Err(io::ErrorKind::HostUnreachable.into()) };
        let (delay, refused) = self.dice(|dice| (dice.millis(1, 80), dice.chance(50)));
        tokio::time::sleep(delay).await;
        let now = world.time.passed();
        if site.dead_host && host == 1 {
            return std::future::pending().await;
        }
        if site.down.0 <= now && now < site.down.1 {
            return match refused {
                true => Err(io::ErrorKind::ConnectionRefused.into()),
                false => std::future::pending().await,
            };
        }
        let accident = self.dice(|dice| Accident::of(dice, world.accidents_now(provider)));
        let seed = self.dice(Dice::roll);
        Ok(self.open(&dial, provider, accident, seed))
    }

    fn open(&self, dial: &Dial, provider: usize, accident: Accident, seed: u64) -> (Wire, SocketAddr) {
        let world = &self.world;
        let now = world.time.passed();
        let limit = world.plan.sites[provider].connections;
        world.book(|book| {
            book.opened(now, &dial.source, provider, limit);
            book.note(now, || format!("{} connects to provider {provider} ({accident:?})", dial.source));
        });
        let (near, far) = tokio::io::duplex(BUFFER_BYTES);
        let conn = Arc::new(Conn::default());
        let local = SocketAddr::new(dial.from.unwrap_or_else(|| source_address(0)), 40_000);
        let call = Call {
            world: Arc::clone(world),
            provider,
            source: dial.source.clone(),
            from: local,
            to: dial.to,
            conn: Arc::clone(&conn),
            accident,
            dice: Dice::new(seed, "call"),
        };
        tokio::spawn(provider::serve(call, far));
        let bytes_left = match accident {
            Accident::BreaksAfter(bytes) => Some(bytes),
            _ => None,
        };
        let count = Counted { world: Arc::clone(world), source: dial.source.clone(), provider };
        (Wire::new(Line { stream: near, conn, bytes_left, _count: count }), local)
    }
}

impl Dialer for Network {
    fn dial(&self, dial: Dial) -> BoxFuture<'_, io::Result<(Wire, SocketAddr)>> {
        Box::pin(self.connect(dial))
    }

    fn probe(&self, _: IpAddr) -> io::Result<()> {
        Ok(())
    }
}

/// Counts a connection until it is dropped.
struct Counted {
    world: Arc<World>,
    source: Name,
    provider: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.world.book(|book| book.closed(&self.source, self.provider));
    }
}

/// The suite's end of a connection.
struct Line {
    stream: DuplexStream,
    conn: Arc<Conn>,
    /// Until it breaks, both directions together.
    bytes_left: Option<u64>,
    _count: Counted,
}

impl Line {
    /// How many of so many bytes get through; an error when none does.
    fn allow(&mut self, bytes: usize) -> io::Result<usize> {
        match &mut self.bytes_left {
            None => Ok(bytes),
            Some(0) => Err(io::ErrorKind::ConnectionReset.into()),
            Some(left) => Ok((*left).min(bytes as u64) as usize),
        }
    }

    fn spend(&mut self, bytes: usize) {
        if let Some(left) = &mut self.bytes_left {
            *left = left.saturating_sub(bytes as u64);
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let allowed = self.allow(buffer.remaining())?;
        let mut part = buffer.take(allowed);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut part);
        let read = part.filled().len();
        let filled = part.filled().to_vec();
        if !filled.is_empty() {
            buffer.put_slice(&filled);
        }
        self.spend(read);
        self.conn.read.fetch_add(read as u64, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self.allow(bytes.len())?;
        let polled = Pin::new(&mut self.stream).poll_write(cx, &bytes[..allowed]);
        if let Poll::Ready(Ok(written)) = &polled {
            self.spend(*written);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// How long a connection that cannot be made is tried, at most; for the reader of a diary.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
