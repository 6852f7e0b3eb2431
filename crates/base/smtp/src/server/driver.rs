//! Moves the bytes of one connection between its socket and its [`Session`], and puts the session's questions to the
//! handler. Keeps the timeouts.
//!
//! One task for a connection; a message of a client that does not pipeline costs one read and one write for each of its
//! steps. Timers are armed once and only looked at when they fire. Handlers are never cancelled by a timeout.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls_pki_types::UnixTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::WaitForCancellationFuture;

use crate::proxy::{self, Proxied};
use crate::reply;
use crate::server::certificates::ClientCertificate;
use crate::server::fixed::{self, Fixed};
use crate::server::handler::{Answer, Conversation, Denied, Peer};
use crate::server::listener::Shared;
use crate::server::places::{Admission, Place};
use crate::server::session::{Action, Question, Session};
use crate::stream::Stream;
use crate::tls::TlsInfo;

/// Room for one read between messages. Thousands of clients may be connected and silent.
const READ_BYTES_IDLE: usize = 1024;

/// Room for one read of a message, to begin with.
const READ_BYTES: usize = 16 * 1024;

/// Room for one read of a large message.
const READ_BYTES_MAX: usize = 128 * 1024;

/// After the last reply the client's bytes are read and dropped for so long, so that the reply is not lost by a reset.
const LINGER: Duration = Duration::from_secs(1);

/// At most so many bytes are dropped while lingering.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// Serves one connection to its end, and gives its place back then.
pub(crate) async fn run(
    mut stream: TcpStream,
    mut peer: Peer,
    shared: &Shared,
    mut place: Place,
    ends_at: Instant,
) -> io::Result<()> {
    if shared.config.proxy_protocol {
        match Box::pin(behind_proxy(&mut stream, peer, shared)).await {
            Ok(client) => peer = client,
            Err(why) => {
                shared.handler.closed(&peer, &why);
                return Ok(());
            }
        }
    }
    let admission = place.of_client(peer.address.ip());
    // A handshake only to say no is not worth it.
    let hopeless = admission == Admission::TurnedAway && shared.config.implicit_tls;
    if hopeless || admission == Admission::Closed {
        return Ok(());
    }
    // Kept until the end of the connection.
    let _place = place;
    let mut stream = Stream::from(stream);
    let mut tls = None;
    if shared.config.implicit_tls {
        // On the heap, here and below: what is needed once must not take room in every connection for good.
        tls = Some(Box::pin(handshake(&mut stream, shared)).await?);
    }
    let opened = if admission == Admission::Served {
        shared.handler.connect(&peer).await
    } else {
        let full = fixed::TOO_MANY_CONNECTIONS;
        Err(Answer::Reply(model::reply::Reply { code: full.code, enhanced: full.enhanced, text: full.text.to_owned() }))
    };
    let conversation = match opened {
        Ok(conversation) => conversation,
        Err(answer) => {
            return Box::pin(turn_away(&mut stream, answer, shared.config.idle_timeout)).await;
        }
    };
    let mut session = Session::new(Arc::clone(&shared.policy), peer, Some(Arc::clone(&shared.config.budget)));
    if let Some((tls, certificate)) = tls {
        session.tls_started(tls, certificate);
    }
    // Borrowed, not moved: a future has room for every place where a value has been.
    let mut connection = Connection { stream, session, conversation, shared, busy_until: None };
    connection.serve(ends_at).await
}

/// Reads the PROXY header; the client for whom the proxy speaks, or why the connection is closed.
async fn behind_proxy(stream: &mut TcpStream, peer: Peer, shared: &Shared) -> Result<Peer, String> {
    if !shared.handler.believes(peer.address.ip()) {
        return Err("it came from an address that is no trusted proxy".to_owned());
    }
    let read = timeout(shared.config.handshake_timeout, proxy::read(stream)).await;
    let proxied = read.map_err(|_| "no PROXY header in time".to_owned())?.map_err(|fault| fault.to_string())?;
    Ok(match proxied {
        Proxied::Client { address, local } => Peer { address, local, proxy: Some(peer.address) },
        Proxied::Proxy => Peer { proxy: Some(peer.address), ..peer },
    })
}

async fn turn_away(stream: &mut Stream, answer: Answer, idle_timeout: Duration) -> io::Result<()> {
    let (Answer::Reply(refusal) | Answer::ReplyAndClose(refusal)) = answer else { return Ok(()) };
    let mut bytes = Vec::new();
    reply::write(&refusal, &mut bytes);
    in_time(idle_timeout, stream.write_all(&bytes)).await?;
    linger(stream).await;
    Ok(())
}

async fn handshake(stream: &mut Stream, shared: &Shared) -> io::Result<(TlsInfo, Option<ClientCertificate>)> {
    let config = shared.tls.as_ref().ok_or(io::ErrorKind::Unsupported)?;
    let plain = stream.take_plain()?;
    let encrypted =
        in_time(shared.config.handshake_timeout, TlsAcceptor::from(Arc::clone(config)).accept(plain)).await?;
    let (_, connection) = encrypted.get_ref();
    let now = config.time_provider.current_time().unwrap_or_else(|| UnixTime::since_unix_epoch(Duration::ZERO));
    let authorities = shared.config.client_authorities.as_ref();
    let certificate = ClientCertificate::of(connection.peer_certificates(), authorities, now);
    let info = TlsInfo::of(connection);
    *stream = Stream::Server(Box::new(encrypted));
    Ok((info, certificate))
}

async fn in_time<T>(limit: Duration, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, future).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}

/// Says that nothing more follows and waits a little for the client to close.
async fn linger(stream: &mut Stream) {
    let drain = async {
        stream.shutdown().await?;
        let mut dropped = 0;
        let mut room = vec![0; 8 * 1024];
        while dropped < LINGER_BYTES_MAX {
            match stream.read(&mut room).await? {
                0 => break,
                count => dropped += count,
            }
        }
        io::Result::Ok(())
    };
    let _ = timeout(LINGER, drain).await;
}

/// Why reading ended.
enum Read {
    Bytes,
    ClosedByPeer,
    /// The session is to end with this reply.
    End(Fixed),
}

struct Connection<'a> {
    stream: Stream,
    session: Session,
    conversation: Box<dyn Conversation>,
    shared: &'a Shared,
    /// When the transaction that has begun must be over, and how many messages were taken before it.
    busy_until: Option<(Instant, u32)>,
}

impl Connection<'_> {
    async fn serve(&mut self, ends_at: Instant) -> io::Result<()> {
        let idle = self.shared.config.idle_timeout;
        let mut timer = pin!(sleep_until(ends_at.min(Instant::now() + idle)));
        let mut shutdown = pin!(self.shared.shutdown.cancelled());
        let mut room = READ_BYTES_IDLE;
        loop {
            match self.session.proceed() {
                Action::Ask(context, question) => {
                    // The answer is borrowed from nothing: the session is free again to take it.
                    let answered = ask(&mut *self.conversation, context, question).await;
                    match answered {
                        Answered::Step(answer) => self.session.answer(answer),
                        Answered::Auth(answer) => self.session.answer_auth(answer),
                    }
                }
                Action::Read => {
                    self.flush().await?;
                    let deadline = Instant::now() + idle;
                    match self.read(&mut room, deadline, ends_at, timer.as_mut(), shutdown.as_mut()).await? {
                        Read::Bytes => {}
                        Read::ClosedByPeer => return Ok(()),
                        Read::End(reply) => self.session.end(reply),
                    }
                }
                Action::StartTls => {
                    self.flush().await?;
                    let (info, certificate) = Box::pin(handshake(&mut self.stream, self.shared)).await?;
                    self.session.tls_started(info, certificate);
                }
                Action::Close => {
                    self.flush().await?;
                    if !self.session.is_abrupt() {
                        Box::pin(linger(&mut self.stream)).await;
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Sends what the session has to say.
    async fn flush(&mut self) -> io::Result<()> {
        let output = self.session.output();
        if output.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all(output).await?;
            self.stream.flush().await
        };
        in_time(self.shared.config.idle_timeout, write).await?;
        output.clear();
        Ok(())
    }

    /// When the transaction of now must be over.
    fn transaction_deadline(&mut self, busy: bool) -> Instant {
        let taken = self.session.context().messages;
        match self.busy_until {
            Some((over, before)) if busy && before == taken => over,
            _ => {
                let over = Instant::now() + self.shared.config.transaction_time_max;
                self.busy_until = busy.then_some((over, taken));
                over
            }
        }
    }

    /// Waits for bytes of the client, or for a reason to end.
    async fn read(
        &mut self,
        room: &mut usize,
        deadline: Instant,
        ends_at: Instant,
        mut timer: Pin<&mut Sleep>,
        mut shutdown: Pin<&mut WaitForCancellationFuture<'_>>,
    ) -> io::Result<Read> {
        let busy = self.session.in_transaction();
        let over = self.transaction_deadline(busy);
        let (ends_at, too_long) =
            if busy { (over, fixed::MESSAGE_TOO_SLOW) } else { (ends_at, fixed::SESSION_TOO_LONG) };
        // Looked at here as well: a client that never pauses leaves the timer no time to fire.
        if Instant::now() >= ends_at {
            return Ok(Read::End(too_long));
        }
        let input = self.session.input();
        if busy {
            *room = (*room).max(READ_BYTES);
        } else {
            *room = READ_BYTES_IDLE;
            input.shrink_to(READ_BYTES_IDLE * 2);
        }
        let wanted = deadline.min(ends_at);
        if timer.deadline() > wanted {
            timer.as_mut().reset(wanted);
        }
        let before = input.len();
        input.reserve(*room);
        let mut bytes = pin!(self.stream.read_buf(input));
        let ended = poll_fn(|cx| {
            if !busy && shutdown.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(Some(fixed::SHUTTING_DOWN)));
            }
            if let Poll::Ready(result) = bytes.as_mut().poll(cx) {
                return Poll::Ready(result.map(|_| None));
            }
            // The timer is left where it stands until it fires; then it is set to the deadline of this read.
            while timer.as_mut().poll(cx).is_ready() {
                let now = Instant::now();
                if now >= deadline {
                    return Poll::Ready(Ok(Some(fixed::IDLE)));
                }
                if now >= ends_at {
                    return Poll::Ready(Ok(Some(too_long)));
                }
                timer.as_mut().reset(wanted);
            }
            Poll::Pending
        })
        .await;
        let count = self.session.input().len() - before;
        if count >= *room {
            *room = (*room * 2).min(READ_BYTES_MAX);
        }
        match ended? {
            Some(reply) => Ok(Read::End(reply)),
            None if count == 0 => Ok(Read::ClosedByPeer),
            None => Ok(Read::Bytes),
        }
    }
}

enum Answered {
    Step(Answer),
    Auth(Result<model::name::Name, Denied>),
}

async fn ask(
    conversation: &mut dyn Conversation,
    context: &crate::server::Context,
    question: Question<'_>,
) -> Answered {
    Answered::Step(match question {
        Question::Hello(hello) => conversation.hello(context, hello).await,
        Question::StartTls => conversation.starttls(context).await,
        Question::Auth(credentials) => return Answered::Auth(conversation.auth(context, credentials).await),
        Question::Mail(mail) => conversation.mail(context, mail).await,
        Question::Rcpt(mail, recipient) => conversation.rcpt(context, mail, recipient).await,
        Question::Data => conversation.data(context).await,
        Question::Message(transaction) => conversation.message(context, transaction).await,
    })
}
