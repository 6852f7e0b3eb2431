//! The listener: takes a bounded number of connections, and lets no client keep one, or the program, waiting.
//!
//! A client has [`Limits::header_timeout`] for the next request's head, [`Limits::read_idle_max`] for the next piece of
//! a body, [`Limits::write_idle_max`] to take the next piece of an answer. When all connections are in use, further ones
//! wait in the kernel's queue. HTTP/1.1 only: what speaks HTTP/2 is the reverse proxy.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tower_http::timeout::TimeoutBody;

use crate::state::ApiState;

/// Largest head of a request, in bytes.
pub const HEAD_MAX: usize = 64 << 10;

/// Pause after a connection could not be taken for want of something (file descriptors, memory).
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

/// What a client may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; further ones wait until one ends.
    pub connections_max: usize,
    /// For the head of a request, from the end of the one before: also how long an idle connection is kept.
    pub header_timeout: Duration,
    /// For the next piece of a body.
    pub read_idle_max: Duration,
    /// For taking the next piece of an answer.
    pub write_idle_max: Duration,
    /// At shutdown, for requests that have begun; then they are cut off.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 512,
            header_timeout: Duration::from_secs(30),
            read_idle_max: Duration::from_secs(30),
            write_idle_max: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

/// Serves the API on a listener until `shutdown` resolves, then finishes open requests within the grace. What fails when
/// a connection is taken is tried again.
pub async fn serve(listener: TcpListener, state: ApiState, limits: Limits, shutdown: impl Future<Output = ()> + Send) {
    let (router, limits) = (crate::router(state), Arc::new(limits));
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let (stopping, mut connections) = (CancellationToken::new(), JoinSet::new());
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, peer, slot) = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (router, limits, stopping) = (router.clone(), limits.clone(), stopping.clone());
        connections.spawn(async move {
            converse(stream, peer, router, &limits, &stopping).await;
            drop(slot);
        });
    }
    drop(listener);
    stopping.cancel();
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown_grace, finished).await.is_err() {
        tracing::warn!(connections = connections.len(), "cutting off requests that do not end");
        connections.shutdown().await;
    }
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let slot = slots.clone().acquire_owned().await.expect("invariant: the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, slot),
            // It has gone before it was taken.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken for the moment");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, limits: &Limits, stopping: &CancellationToken) {
    // Answers are written whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let (router, read_idle_max) = (TowerToHyperService::new(router), limits.read_idle_max);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(|body| TimeoutBody::new(read_idle_max, body));
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let stream = Impatient { stream, idle_max: limits.write_idle_max, stalled: None };
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(HEAD_MAX);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A stream that fails when the other side takes nothing for too long.
struct Impatient {
    stream: TcpStream,
    idle_max: Duration,
    /// Runs while the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Impatient {
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let idle_max = self.idle_max;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle_max)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.watch(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.watch(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
