//! Doors to private readers of outside bytes, for the fuzz targets alone: nothing of the product comes here.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use model::route::{Proxy, ProxyKind};
use smtp::Wire;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The id in a domain's TXT records.
pub fn sts_record_id(texts: &[String]) -> Option<String> {
    crate::sts::record_id(texts)
}

/// What comes of the answers of a SOCKS 5 proxy: the address from which it connects, or the reason of the refusal; and
/// how many bytes of the answers were read.
pub fn socks5(answers: &[u8], user: Option<String>) -> (Result<Option<SocketAddr>, String>, usize) {
    let read = Arc::new(AtomicUsize::new(0));
    let mut wire = Wire::new(Answers { bytes: answers.to_vec(), read: Arc::clone(&read) });
    let proxy = Proxy {
        kind: ProxyKind::Socks5,
        address: SocketAddr::from(([127, 0, 0, 1], 1080)),
        bind: None,
        user,
        password_file: None,
    };
    let to = SocketAddr::from(([192, 0, 2, 1], 25));
    let found = now(crate::egress::socks5(&mut wire, &proxy, to));
    (found, read.load(Ordering::Relaxed))
}

/// What reads from memory never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// A proxy that has answered everything beforehand, whatever it is asked.
struct Answers {
    bytes: Vec<u8>,
    read: Arc<AtomicUsize>,
}

impl AsyncRead for Answers {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let rest = &self.bytes[self.read.load(Ordering::Relaxed)..];
        let count = rest.len().min(into.remaining());
        into.put_slice(&rest[..count]);
        self.read.fetch_add(count, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Answers {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
