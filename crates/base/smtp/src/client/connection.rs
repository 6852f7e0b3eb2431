//! Drives one connection to a server: greeting, TLS, AUTH, its end. Transactions are in `connection/transfer.rs`.

mod transfer;

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use model::dialogue;
use model::name::Name;
use model::reply::Phase;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::client::auth;
use crate::client::capabilities::Capabilities;
use crate::client::dial::{self, Connected};
use crate::client::error::{ClientError, ErrorKind};
use crate::client::opening::{Opening, OpeningStep};
use crate::client::options::{ConnectOptions, Timeouts};
use crate::client::transcript::Transcript;
use crate::reply::{ReplyReader, WireReply};
use crate::stream::{Stream, Wire};
use crate::tls::{Secured, TlsInfo};

/// Room for one read of replies.
const READ_BYTES: usize = 4_096;

/// How long the parts of the connection's beginning took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// TCP connect.
    pub connect_ms: u32,
    /// TLS handshake, when there was one.
    pub tls_ms: Option<u32>,
    /// From the connection to the greeting.
    pub greeting_ms: u32,
    /// EHLO, STARTTLS and AUTH, without the handshake.
    pub ehlo_ms: u32,
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
    lmtp: bool,
    /// The host knows BDAT as far as it has shown, and we want it.
    chunking: bool,
    /// Commands of the next transaction that were sent behind the last message.
    ahead: Option<Ahead>,
    /// The whole message is on its way by BDAT, perhaps before the replies to MAIL and RCPT.
    chunk_is_out: bool,
    /// Bytes written over the whole connection.
    written_bytes: u64,
    banner: Name,
    extensions: Name,
}

/// The beginning of a transaction that is on the way already.
#[derive(Debug)]
struct Ahead {
    sender: String,
    recipients: usize,
    commands: usize,
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
                timings: Timings { connect_ms, ..Timings::default() },
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
            timings: Timings { connect_ms, ..Timings::default() },
            output: Vec::with_capacity(512),
            transaction_ends: None,
            needs_reset: false,
            usable: true,
            lmtp: options.dialect.lmtp,
            chunking: options.dialect.chunking,
            ahead: None,
            chunk_is_out: false,
            written_bytes: 0,
            banner: Name::default(),
            extensions: Name::default(),
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
        let mut opening = Opening::new(&options.ehlo_name, options.tls).over_lmtp(options.dialect.lmtp);
        let began = Instant::now();
        let mut reply = self.read_reply(Phase::Greeting).await?;
        self.timings.greeting_ms = ms_since(began);
        self.banner = banner(&reply.text);
        let greeted = Instant::now();
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
                    self.extensions = Name::from(self.capabilities.digest());
                    if let Some(login) = &options.dialect.login {
                        self.log_in(login).await?;
                    }
                    self.timings.ehlo_ms = ms_since(greeted).saturating_sub(self.timings.tls_ms.unwrap_or(0));
                    return Ok(());
                }
                OpeningStep::Fail(error) => return Err(error),
                OpeningStep::StartTls => unreachable!("invariant: dealt with above"),
            }
        }
    }

    /// AUTH (RFC 4954) by the first mechanism that both sides know.
    async fn log_in(&mut self, login: &auth::Login) -> Result<(), ClientError> {
        let fail = |kind| ClientError { phase: Phase::Auth, dot_sent: false, kind };
        let here = self.peer.ip().is_loopback() || self.peer.ip().is_unspecified();
        if self.tls.is_none() && !here && !login.in_clear {
            return Err(fail(ErrorKind::NotOffered("TLS, without which a password is not said,")));
        }
        let mut dialogue = auth::Dialogue::new(login, &self.capabilities.auth).map_err(fail)?;
        let mut reply: Option<WireReply> = None;
        while let Some(step) = dialogue.next(reply.as_ref()).map_err(fail)? {
            self.write_secret(&step).await?;
            reply = Some(self.read_reply(Phase::Auth).await?);
        }
        Ok(())
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

    async fn command(&mut self, line: &[u8], phase: Phase) -> Result<WireReply, ClientError> {
        self.output.clear();
        self.output.extend_from_slice(line);
        self.write_commands(phase).await?;
        self.read_reply(phase).await
    }

    /// Says QUIT, waits a little for the reply, and closes.
    pub async fn quit(mut self) {
        if self.usable && self.ahead.is_none() && self.command(b"QUIT\r\n", Phase::Idle).await.is_ok() {
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

    /// What the server said first, without its code.
    pub fn banner(&self) -> &Name {
        &self.banner
    }

    /// What the server offers, in words: [`Capabilities::digest`].
    pub fn extensions(&self) -> &Name {
        &self.extensions
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

/// The first line of a greeting, as much as is kept.
fn banner(text: &str) -> Name {
    let line = text.lines().next().unwrap_or_default().trim();
    Name::from(&line[..line.floor_char_boundary(dialogue::Wire::BANNER_MAX)])
}
