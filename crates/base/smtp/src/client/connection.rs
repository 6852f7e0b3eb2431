//! Drives one connection to a server: socket, timeouts, TLS, transactions one after another.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use model::reply::Phase;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::client::capabilities::Capabilities;
use crate::client::dial::{self, Connected};
use crate::client::error::{ClientError, ErrorKind};
use crate::client::exchange::{Exchange, Next, OutboundTransaction, Sent};
use crate::client::opening::{Opening, OpeningStep};
use crate::client::options::{ConnectOptions, Timeouts};
use crate::client::transcript::Transcript;
use crate::lines;
use crate::reply::{ReplyReader, WireReply};
use crate::stream::{Stream, Wire};
use crate::tls::{Secured, TlsInfo};

/// Room for one read of replies.
const READ_BYTES: usize = 4_096;

/// After a write that failed: how long to look for the reply that explains it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the parts of the connection's beginning took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// TCP connect.
    pub connect_ms: u32,
    /// TLS handshake, when there was one.
    pub tls_ms: Option<u32>,
}

/// A connection that could not be opened, with what is known of it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct FailedConnection {
    /// Why and where.
    pub error: ClientError,
    /// The dialogue until then.
    pub transcript: String,
    /// Our end, when the TCP connection was made.
    pub local: Option<SocketAddr>,
    /// How long its parts took.
    pub timings: Timings,
}

/// An open connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    replies: ReplyReader,
    capabilities: Capabilities,
    timeouts: Timeouts,
    transcript: Transcript,
    tls: Option<Secured>,
    peer: SocketAddr,
    local: SocketAddr,
    timings: Timings,
    output: Vec<u8>,
    /// When the present transaction has taken too long.
    transaction_ends: Option<Instant>,
    needs_reset: bool,
    usable: bool,
}

impl Client {
    /// Connects and goes through greeting, EHLO and, as the policy says, STARTTLS.
    ///
    /// # Errors
    /// [`FailedConnection`]. After a failure in [`Phase::Tls`] under the opportunistic policy the caller may connect
    /// once more without TLS.
    pub async fn connect(options: &ConnectOptions) -> Result<Client, Box<FailedConnection>> {
        let began = Instant::now();
        let connected = in_time(began + options.timeouts.connect, dial::tcp(options.bind, options.address)).await;
        let connect_ms = ms_since(began);
        match connected {
            Ok((stream, local)) => {
                let (wire, peer) = (Wire::Tcp(stream), options.address);
                Client::over(Connected { wire, local, peer, connect_ms }, options).await
            }
            Err(kind) => Err(Box::new(FailedConnection {
                error: ClientError { phase: Phase::Connect, dot_sent: false, kind },
                transcript: String::new(),
                local: None,
                timings: Timings { connect_ms, tls_ms: None },
            })),
        }
    }

    /// Goes through greeting, EHLO and, as the policy says, STARTTLS over a connection that was made elsewhere.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn over(connected: Connected, options: &ConnectOptions) -> Result<Client, Box<FailedConnection>> {
        let Connected { wire, local, peer, connect_ms } = connected;
        let mut client = Client {
            stream: Stream::Plain(wire),
            replies: ReplyReader::default(),
            capabilities: Capabilities::default(),
            timeouts: options.timeouts,
            transcript: Transcript::new(options.transcript_bytes_max),
            tls: None,
            peer,
            local,
            timings: Timings { connect_ms, tls_ms: None },
            output: Vec::with_capacity(512),
            transaction_ends: None,
            needs_reset: false,
            usable: true,
        };
        match client.open(options).await {
            Ok(()) => Ok(client),
            Err(error) => Err(Box::new(FailedConnection {
                error,
                transcript: client.transcript.to_string(),
                local: Some(local),
                timings: client.timings,
            })),
        }
    }

    async fn open(&mut self, options: &ConnectOptions) -> Result<(), ClientError> {
        let mut opening = Opening::new(&options.ehlo_name, options.tls);
        let mut reply = self.read_reply(Phase::Greeting).await?;
        loop {
            let mut step = opening.reply(&reply);
            if matches!(step, OpeningStep::StartTls) {
                self.start_tls(options).await?;
                step = opening.tls_started();
            }
            match step {
                OpeningStep::Send(line) => {
                    self.output.clear();
                    self.output.extend_from_slice(line.as_bytes());
                    self.output.extend_from_slice(b"\r\n");
                    self.write_commands(opening.phase()).await?;
                    reply = self.read_reply(opening.phase()).await?;
                }
                OpeningStep::Done => {
                    self.capabilities = opening.into_capabilities();
                    return Ok(());
                }
                OpeningStep::Fail(error) => return Err(error),
                OpeningStep::StartTls => unreachable!("invariant: dealt with above"),
            }
        }
    }

    async fn start_tls(&mut self, options: &ConnectOptions) -> Result<(), ClientError> {
        let fail = |kind| ClientError { phase: Phase::Tls, dot_sent: false, kind };
        // What came in the clear behind the 220 must not be taken for replies inside of TLS.
        if !self.replies.is_empty() {
            return Err(fail(ErrorKind::Protocol("bytes in the clear behind the reply to STARTTLS")));
        }
        let name = ServerName::try_from(options.host_name.clone())
            .unwrap_or_else(|_| ServerName::IpAddress(self.peer.ip().into()));
        let plain = self.stream.take_plain().map_err(|error| fail(ErrorKind::Io(error)))?;
        let began = Instant::now();
        let handshake = TlsConnector::from(options.tls_config.clone()).connect(name, plain);
        let stream = match timeout(self.timeouts.tls, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(fail(ErrorKind::Tls(error))),
            Err(_) => return Err(fail(ErrorKind::Timeout)),
        };
        self.timings.tls_ms = Some(ms_since(began));
        let secured = Secured::of(stream.get_ref().1, options.trust.as_ref(), &options.host_name)
            .map_err(|fault| fail(ErrorKind::Tls(fault.into())))?;
        self.transcript.note(&secured.to_string());
        self.tls = Some(secured);
        self.stream = Stream::Client(Box::new(stream));
        Ok(())
    }

    // ---- transactions ----

    /// Sends one message. When [`Sent::trouble`] is set or [`Client::is_usable`] turns false, the connection is done.
    pub async fn send(&mut self, transaction: &OutboundTransaction<'_>) -> Sent {
        let began = Instant::now();
        self.transcript.begin_transaction();
        self.transaction_ends = Some(began + self.timeouts.transaction);
        let capabilities = std::mem::take(&mut self.capabilities);
        let mut exchange = Exchange::new(transaction, &capabilities, self.needs_reset);
        if let Err(error) = self.run(&mut exchange, transaction).await {
            self.transcript.note(&error.to_string());
            exchange.fail(error);
        }
        self.transaction_ends = None;
        self.needs_reset = exchange.needs_reset();
        self.usable = exchange.is_reusable();
        let sent = exchange.finish(ms_since(began));
        self.capabilities = capabilities;
        sent
    }

    async fn run(
        &mut self,
        exchange: &mut Exchange<'_>,
        transaction: &OutboundTransaction<'_>,
    ) -> Result<(), ClientError> {
        loop {
            self.output.clear();
            let (phase, next) = match exchange.next(&mut self.output) {
                Next::Finished => return Ok(()),
                Next::Reply(phase) => (phase, Next::Reply(phase)),
                next => (Phase::Dot, next),
            };
            let written = match next {
                Next::Message => self.write_message(transaction.data).await,
                Next::EmptyMessage => self.write_message(&[]).await,
                _ => self.write_commands(phase).await,
            };
            let reply = match written {
                Ok(()) => self.read_reply(phase).await?,
                Err(error) => match self.last_words().await {
                    Some(reply) => {
                        // The server said why before it closed: that reply stands for the whole rest.
                        exchange.closing_reply(error.phase, reply.to_reply());
                        return Ok(());
                    }
                    None => return Err(error),
                },
            };
            exchange.reply(reply.to_reply());
        }
    }

    /// Says RSET, for example to keep a connection alive.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is done.
    pub async fn reset(&mut self) -> Result<(), ClientError> {
        let reply = self.command(b"RSET\r\n", Phase::Idle).await?;
        if reply.code / 100 == 2 {
            self.needs_reset = false;
            return Ok(());
        }
        self.usable = false;
        Err(ClientError { phase: Phase::Idle, dot_sent: false, kind: ErrorKind::Refused(reply.to_reply()) })
    }

    async fn command(&mut self, line: &[u8], phase: Phase) -> Result<WireReply, ClientError> {
        self.output.clear();
        self.output.extend_from_slice(line);
        self.write_commands(phase).await?;
        self.read_reply(phase).await
    }

    /// Says QUIT, waits a little for the reply, and closes.
    pub async fn quit(mut self) {
        if self.usable && self.command(b"QUIT\r\n", Phase::Idle).await.is_ok() {
            let _ = timeout(self.timeouts.quit, self.stream.shutdown()).await;
        }
    }

    /// Waits, between transactions, until the server says something or closes the connection; both end it. May be
    /// dropped and called again.
    pub async fn idle_end(&mut self) -> ClientError {
        let error = match self.replies.next(|line| self.transcript.server(line)) {
            Ok(Some(reply)) => ErrorKind::Refused(reply.to_reply()),
            Err(fault) => ErrorKind::Protocol(fault.0),
            Ok(None) => {
                let input = self.replies.input();
                input.reserve(READ_BYTES);
                match self.stream.read_buf(input).await {
                    Err(error) => ErrorKind::Io(error),
                    Ok(0) => ErrorKind::Closed,
                    Ok(_) => match self.replies.next(|line| self.transcript.server(line)) {
                        Ok(Some(reply)) => ErrorKind::Refused(reply.to_reply()),
                        Ok(None) | Err(_) => ErrorKind::Protocol("unexpected bytes between transactions"),
                    },
                }
            }
        };
        self.usable = false;
        ClientError { phase: Phase::Idle, dot_sent: false, kind: error }
    }

    // ---- bytes ----

    /// When waiting for something of this phase has to end. Behind the final dot the transaction's end does not count:
    /// the server may have taken the message.
    fn deadline(&self, phase: Phase) -> Instant {
        let deadline = Instant::now() + self.limit(phase);
        match self.transaction_ends {
            Some(ends) if phase != Phase::Dot => deadline.min(ends),
            _ => deadline,
        }
    }

    fn limit(&self, phase: Phase) -> Duration {
        let timeouts = &self.timeouts;
        match phase {
            Phase::Route | Phase::Connect => timeouts.connect,
            Phase::Greeting => timeouts.greeting,
            Phase::Ehlo | Phase::Auth => timeouts.ehlo,
            Phase::Tls => timeouts.tls,
            Phase::MailFrom => timeouts.mail,
            Phase::RcptTo => timeouts.rcpt,
            Phase::Data => timeouts.data,
            Phase::Dot => timeouts.dot,
            Phase::Idle => timeouts.quit,
        }
    }

    async fn write_commands(&mut self, phase: Phase) -> Result<(), ClientError> {
        if self.output.is_empty() {
            return Ok(());
        }
        self.transcript.client(&self.output);
        let deadline = self.deadline(phase);
        let write = async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        };
        in_time(deadline, write).await.map_err(|kind| ClientError { phase, dot_sent: false, kind })
    }

    /// The message and the final dot, not copied on the way unless TLS has to.
    async fn write_message(&mut self, data: &[&[u8]]) -> Result<(), ClientError> {
        let mut pieces = Vec::with_capacity(data.len() + 3);
        lines::stuffed(data, &mut pieces);
        self.transcript.message(lines::size(data));
        let mut rest: &mut [IoSlice<'_>] = &mut pieces;
        let fail = |kind| ClientError { phase: Phase::Data, dot_sent: false, kind };
        while !rest.is_empty() {
            let deadline = self.block_deadline();
            let count = in_time(deadline, self.stream.write_vectored(rest)).await.map_err(fail)?;
            if count == 0 {
                return Err(fail(ErrorKind::Closed));
            }
            IoSlice::advance_slices(&mut rest, count);
        }
        let deadline = self.block_deadline();
        in_time(deadline, self.stream.flush()).await.map_err(fail)
    }

    /// When writing a part of the message has to be done.
    fn block_deadline(&self) -> Instant {
        let deadline = Instant::now() + self.timeouts.block;
        self.transaction_ends.map_or(deadline, |ends| deadline.min(ends))
    }

    async fn read_reply(&mut self, phase: Phase) -> Result<WireReply, ClientError> {
        let fail = |kind| ClientError { phase, dot_sent: phase == Phase::Dot, kind };
        let deadline = self.deadline(phase);
        loop {
            match self.replies.next(|line| self.transcript.server(line)) {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(fault) => return Err(fail(ErrorKind::Protocol(fault.0))),
            }
            let input = self.replies.input();
            input.reserve(READ_BYTES);
            match timeout_at(deadline, self.stream.read_buf(input)).await {
                Err(_) => return Err(fail(ErrorKind::Timeout)),
                Ok(Err(error)) => return Err(fail(ErrorKind::Io(error))),
                Ok(Ok(0)) => return Err(fail(ErrorKind::Closed)),
                Ok(Ok(_)) => {}
            }
        }
    }

    /// A write failed: the server may have said why before it closed.
    async fn last_words(&mut self) -> Option<WireReply> {
        timeout(LAST_WORDS, self.read_reply(Phase::Data)).await.ok()?.ok().filter(|reply| reply.code >= 400)
    }

    // ---- what is known ----

    /// True while another transaction may be sent.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// What the server offers.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The dialogue: the beginning of the connection and its last transaction.
    pub fn transcript(&self) -> String {
        self.transcript.to_string()
    }

    /// TLS version and cipher, when the connection is encrypted.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref().map(|secured| &secured.info)
    }

    /// What is known of the encryption and of who the server is.
    pub fn secured(&self) -> Option<&Secured> {
        self.tls.as_ref()
    }

    /// The server's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Our own address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// How long the beginning took.
    pub fn timings(&self) -> Timings {
        self.timings
    }
}

async fn in_time<T>(deadline: Instant, future: impl Future<Output = io::Result<T>>) -> Result<T, ErrorKind> {
    match timeout_at(deadline, future).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(ErrorKind::Io(error)),
        Err(_) => Err(ErrorKind::Timeout),
    }
}

fn ms_since(began: Instant) -> u32 {
    u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX)
}
