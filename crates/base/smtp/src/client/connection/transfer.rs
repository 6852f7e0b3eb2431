//! Transactions over an open connection, and the bytes on their way.

use std::io::IoSlice;
use std::time::Duration;

use futures::FutureExt as _;
use model::reply::Phase;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::{Ahead, Client, READ_BYTES, in_time, ms_since};
use crate::client::auth;
use crate::client::error::{ClientError, ErrorKind};
use crate::client::exchange::{Exchange, Manner, Next, OutboundTransaction, Sent, StepTimes};
use crate::lines;
use crate::reply::WireReply;

/// After a write that failed: how long to look for the reply that explains it.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Client {
    /// Sends one message. When [`Sent::trouble`] is set or [`Client::is_usable`] turns false, the connection is done.
    pub async fn send(&mut self, transaction: &OutboundTransaction<'_>) -> Sent {
        self.send_before(transaction, None).await
    }

    /// As [`Client::send`]; the commands of `next` go out in one group with the final dot, where the server takes
    /// that. The transaction that is sent behind this one must then be `next`: nothing else can be said any more.
    pub async fn send_before(
        &mut self,
        transaction: &OutboundTransaction<'_>,
        next: Option<&OutboundTransaction<'_>>,
    ) -> Sent {
        let began = Instant::now();
        let before = self.written_bytes;
        self.transcript.begin_transaction();
        self.transaction_ends = Some(began + self.timeouts.transaction);
        let capabilities = std::mem::take(&mut self.capabilities);
        let ahead = self.ahead.take();
        let foreign = ahead.as_ref().is_some_and(|ahead| !ahead.is_of(transaction));
        let manner = Manner {
            reset: self.needs_reset && ahead.is_none(),
            ahead: ahead.map_or(0, |ahead| ahead.commands),
            ..self.manner()
        };
        let mut exchange = Exchange::new(transaction, &capabilities, manner);
        let mut run = Run { transaction, next, ahead: None, steps: StepTimes::default() };
        // A server that hung up meanwhile is found out before a byte is sent.
        let gone = if manner.ahead == 0 { self.idle_end_now() } else { None };
        let ended = match (gone, foreign) {
            (Some(error), _) => Err(error),
            (None, true) => Err(ClientError {
                phase: Phase::Idle,
                dot_sent: false,
                kind: ErrorKind::Protocol("another transaction was begun on this connection"),
            }),
            (None, false) => self.run(&mut exchange, &mut run, &capabilities).await,
        };
        if let Err(error) = ended {
            self.transcript.note(&error.to_string());
            exchange.fail(error);
        }
        self.transaction_ends = None;
        self.chunk_is_out = false;
        self.needs_reset = exchange.needs_reset();
        self.usable = exchange.is_reusable();
        self.ahead = run.ahead;
        let mut sent = exchange.finish();
        sent.transaction_ms = ms_since(began);
        sent.steps = run.steps;
        sent.sent_bytes = self.written_bytes - before;
        self.capabilities = capabilities;
        sent
    }

    /// Whether messages go by BDAT where CHUNKING is offered.
    pub fn use_chunking(&mut self, chunking: bool) {
        self.chunking = chunking;
    }

    /// True when the commands of the next transaction were sent already: it has to follow.
    pub fn has_begun_next(&self) -> bool {
        self.ahead.is_some()
    }

    fn idle_end_now(&mut self) -> Option<ClientError> {
        let usable = self.usable;
        let ended = self.idle_end().now_or_never();
        if ended.is_none() {
            self.usable = usable;
        }
        ended
    }

    fn manner(&self) -> Manner {
        Manner { lmtp: self.lmtp, chunking: self.chunking, reset: false, ahead: 0 }
    }

    async fn run(
        &mut self,
        exchange: &mut Exchange<'_>,
        run: &mut Run<'_>,
        capabilities: &crate::client::Capabilities,
    ) -> Result<(), ClientError> {
        let data = run.transaction.data;
        let mut mark = Instant::now();
        loop {
            self.output.clear();
            let next = exchange.next(&mut self.output);
            let (phase, written) = match next {
                Next::Finished => return Ok(()),
                Next::Reply(phase) => (phase, self.write_commands(phase).await),
                Next::Chunk => (Phase::Data, self.write_chunk(data).await),
                Next::Message => {
                    run.ahead = run.next.and_then(|next| self.write_ahead(next, capabilities));
                    (Phase::Dot, self.write_message(data).await)
                }
                Next::EmptyMessage => (Phase::Dot, self.write_message(&[]).await),
            };
            if let Err(error) = written {
                if next == Next::Chunk {
                    exchange.chunk_broke();
                }
                return self.hear_out(exchange, error).await;
            }
            if next == Next::Chunk {
                self.chunk_is_out = true;
                continue;
            }
            let reply = self.read_reply(phase).await?;
            let now = Instant::now();
            run.steps.add(phase, u32::try_from((now - mark).as_millis()).unwrap_or(u32::MAX));
            mark = now;
            exchange.reply(reply.to_reply());
        }
    }

    /// Puts the commands of the next transaction into the output.
    fn write_ahead(
        &mut self,
        next: &OutboundTransaction<'_>,
        capabilities: &crate::client::Capabilities,
    ) -> Option<Ahead> {
        let commands = Exchange::write_ahead(next, capabilities, self.manner(), &mut self.output);
        let recipients = next.recipients.len();
        (commands > 0).then(|| Ahead { sender: next.sender.to_owned(), recipients, commands })
    }

    /// When waiting for something of this phase has to end. Behind the final dot the transaction's end does not count:
    /// the server may have taken the message.
    fn deadline(&self, phase: Phase) -> Instant {
        // Behind BDAT a server may keep all its replies until it has dealt with the message.
        let phase = if self.chunk_is_out { Phase::Dot } else { phase };
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

    /// The commands of the output.
    pub(super) async fn write_commands(&mut self, phase: Phase) -> Result<(), ClientError> {
        if self.output.is_empty() {
            return Ok(());
        }
        self.transcript.client(&self.output);
        self.write_output(phase).await
    }

    async fn write_output(&mut self, phase: Phase) -> Result<(), ClientError> {
        self.written_bytes += self.output.len() as u64;
        let deadline = self.deadline(phase);
        let write = async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        };
        in_time(deadline, write).await.map_err(|kind| ClientError { phase, dot_sent: false, kind })
    }

    /// A line that must not stand in the transcript as it is.
    pub(super) async fn write_secret(&mut self, step: &auth::Step) -> Result<(), ClientError> {
        self.transcript.secret(&step.shown, &step.line);
        self.output.clear();
        self.output.extend_from_slice(step.line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
        self.write_output(Phase::Auth).await
    }

    /// The commands of the output, the last of which is BDAT, and the message.
    async fn write_chunk(&mut self, data: &[&[u8]]) -> Result<(), ClientError> {
        let commands = std::mem::take(&mut self.output);
        let mut pieces = Vec::with_capacity(data.len() + 2);
        pieces.push(IoSlice::new(&commands));
        lines::plain(data, &mut pieces);
        self.transcript.client(&commands);
        self.transcript.chunk(lines::chunk_size(data));
        let written = self.write_pieces(&mut pieces, None).await;
        self.output = commands;
        written
    }

    /// The message and the final dot, then the commands of the output, which belong to the next transaction.
    async fn write_message(&mut self, data: &[&[u8]]) -> Result<(), ClientError> {
        let ahead = std::mem::take(&mut self.output);
        let mut pieces = Vec::with_capacity(data.len() + 4);
        lines::stuffed(data, &mut pieces);
        let message = pieces.iter().map(|piece| piece.len()).sum();
        self.transcript.message(lines::size(data));
        if !ahead.is_empty() {
            pieces.push(IoSlice::new(&ahead));
            self.transcript.client(&ahead);
        }
        let followed = (!ahead.is_empty()).then_some(message);
        let written = self.write_pieces(&mut pieces, followed).await;
        self.output = ahead;
        written
    }

    /// Pieces one behind the other, not copied on the way unless TLS has to. `message` is for a message that something
    /// follows: so many bytes are its own, and when they are out, it may be taken although the rest could not be written.
    async fn write_pieces(&mut self, pieces: &mut [IoSlice<'_>], message: Option<usize>) -> Result<(), ClientError> {
        let mut rest: &mut [IoSlice<'_>] = pieces;
        let mut written = 0;
        let fail = |kind, written| {
            let dot_sent = message.is_some_and(|message| written >= message);
            ClientError { phase: if dot_sent { Phase::Dot } else { Phase::Data }, dot_sent, kind }
        };
        while !rest.is_empty() {
            let deadline = self.block_deadline();
            let count = in_time(deadline, self.stream.write_vectored(rest)).await;
            let count = count.map_err(|kind| fail(kind, written))?;
            if count == 0 {
                return Err(fail(ErrorKind::Closed, written));
            }
            written += count;
            self.written_bytes += count as u64;
            IoSlice::advance_slices(&mut rest, count);
        }
        let deadline = self.block_deadline();
        in_time(deadline, self.stream.flush()).await.map_err(|kind| fail(kind, written))
    }

    /// When writing a part of the message has to be done.
    fn block_deadline(&self) -> Instant {
        let deadline = Instant::now() + self.timeouts.block;
        self.transaction_ends.map_or(deadline, |ends| deadline.min(ends))
    }

    /// The next reply, which belongs to this phase.
    pub(super) async fn read_reply(&mut self, phase: Phase) -> Result<WireReply, ClientError> {
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

    /// A write failed: the server may have said something before it closed.
    async fn hear_out(&mut self, exchange: &mut Exchange<'_>, error: ClientError) -> Result<(), ClientError> {
        let until = Instant::now() + LAST_WORDS;
        if !error.dot_sent {
            let Some(reply) = self.last_words(Phase::Data, until).await.filter(|reply| reply.code >= 400) else {
                return Err(error);
            };
            // It said why: that reply stands for the whole rest.
            exchange.closing_reply(error.phase, reply.to_reply());
            return Ok(());
        }
        // The message is out and only the commands behind it are not: what comes is said of the message.
        while let Some(reply) = self.last_words(Phase::Dot, until).await {
            exchange.reply(reply.to_reply());
            if exchange.next(&mut self.output) == Next::Finished {
                break;
            }
        }
        Err(error)
    }

    async fn last_words(&mut self, phase: Phase, until: Instant) -> Option<WireReply> {
        timeout_at(until, self.read_reply(phase)).await.ok()?.ok()
    }
}

/// What one transaction is made of, and what became of it.
struct Run<'a> {
    transaction: &'a OutboundTransaction<'a>,
    next: Option<&'a OutboundTransaction<'a>>,
    ahead: Option<Ahead>,
    steps: StepTimes,
}

impl Ahead {
    fn is_of(&self, transaction: &OutboundTransaction<'_>) -> bool {
        self.sender == transaction.sender && self.recipients == transaction.recipients.len()
    }
}
