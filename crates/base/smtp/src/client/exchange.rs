//! One transaction: MAIL, RCPT for each recipient, then the message by DATA or by BDAT.
//!
//! With PIPELINING (RFC 2920) commands go out together, at most [`WINDOW`] without an answer; without, one after
//! another. With CHUNKING (RFC 3030) a message that is not too large goes out right behind them, without waiting for
//! 354 and without stuffed dots. The commands of the next transaction may follow the final dot in the same group
//! ([`Exchange::write_ahead`]). Over LMTP (RFC 2033) the final dot has one reply for each recipient that was taken.
//!
//! Each recipient gets the reply that decided about it. A 421 at any place decides about everybody who is still
//! undecided: the server is about to close.

use std::io::Write as _;

use model::reply::{Phase, Reply};
use model::submission::{DsnOptions, Ret};

use crate::client::capabilities::Capabilities;
use crate::client::error::{ClientError, ErrorKind};
use crate::lines;
use crate::path;

/// Most commands on the way without an answer, so that neither side's socket buffers fill up.
pub const WINDOW: usize = 100;

/// A message up to this size goes out by BDAT before the replies to MAIL and RCPT are known: a larger one would be too
/// much to throw away when nobody is taken.
pub const EARLY_CHUNK_BYTES_MAX: u64 = 256 << 10;

/// A message to be sent.
#[derive(Clone, Copy, Debug)]
pub struct OutboundTransaction<'a> {
    /// The return path without angle brackets; empty for `<>`.
    pub sender: &'a str,
    /// The message holds bytes beyond ASCII; BODY=8BITMIME is said when the server offers it.
    pub eight_bit: bool,
    /// An address or a header holds letters beyond ASCII: sent only to servers that offer SMTPUTF8.
    pub smtputf8: bool,
    /// RET, for servers that offer DSN.
    pub ret: Option<Ret>,
    /// ENVID, for servers that offer DSN.
    pub envid: Option<&'a str>,
    /// At least one.
    pub recipients: &'a [OutboundRecipient<'a>],
    /// Consecutive pieces of the message: lines end in CRLF, no bare CR or LF, dots not stuffed (see [`crate::lines`]).
    pub data: &'a [&'a [u8]],
}

/// A recipient of a message to be sent.
#[derive(Clone, Copy, Debug)]
pub struct OutboundRecipient<'a> {
    /// The address without angle brackets.
    pub address: &'a str,
    /// NOTIFY and ORCPT, for servers that offer DSN.
    pub dsn: Option<&'a DsnOptions>,
}

/// What decided about a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// To which command the reply was given.
    pub phase: Phase,
    /// The reply.
    pub reply: Reply,
}

/// How a transaction ended.
#[derive(Debug)]
pub struct Sent {
    /// For each recipient, in their order, what decided about it. `None`: the connection broke before; see `trouble`.
    pub fates: Vec<Option<Fate>>,
    /// Why the connection cannot be used any more, when it broke.
    pub trouble: Option<ClientError>,
    /// The server answered at least one command of the transaction.
    pub answered: bool,
    /// The message went out by BDAT.
    pub chunked: bool,
    /// The server offers CHUNKING and does not know BDAT: nobody who is undecided has been attempted, and the message
    /// has to be sent again, by DATA and over another connection.
    pub chunking_refused: bool,
    /// From the first command to the last reply, in milliseconds.
    pub transaction_ms: u32,
    /// How long its steps took.
    pub steps: StepTimes,
    /// Bytes written, commands and message.
    pub sent_bytes: u64,
}

/// How long the steps of a transaction took, in milliseconds; each counts from the reply before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTimes {
    /// Until the reply to MAIL.
    pub mail_ms: Option<u32>,
    /// Until the last reply to RCPT.
    pub rcpt_ms: Option<u32>,
    /// Until the reply to DATA.
    pub data_ms: Option<u32>,
    /// Writing the message and waiting for the last reply to it.
    pub dot_ms: Option<u32>,
}

impl StepTimes {
    /// Adds to the step that this phase belongs to.
    pub(crate) fn add(&mut self, phase: Phase, ms: u32) {
        let step = match phase {
            Phase::MailFrom => &mut self.mail_ms,
            Phase::RcptTo => &mut self.rcpt_ms,
            Phase::Data => &mut self.data_ms,
            Phase::Dot => &mut self.dot_ms,
            _ => return,
        };
        *step = Some(step.unwrap_or(0).saturating_add(ms));
    }
}

/// How a transaction is to be made on this connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// RFC 2033: one reply for each recipient behind the final dot.
    pub lmtp: bool,
    /// By BDAT where CHUNKING is offered; not over LMTP.
    pub chunking: bool,
    /// RSET first: the server may still be inside of an earlier transaction.
    pub reset: bool,
    /// How many commands [`Exchange::write_ahead`] has sent already.
    pub ahead: usize,
}

/// What the driver has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send the commands that were written, then give one reply; it belongs to this phase.
    Reply(Phase),
    /// Send the commands that were written, the last of which is BDAT, and the message as it is; then ask again.
    Chunk,
    /// Send the message and the final dot, then give the reply.
    Message,
    /// Send only the final dot, then give the reply: the server said 354 although it took no recipient.
    EmptyMessage,
    /// The transaction is over: [`Exchange::finish`].
    Finished,
}

/// State machine of one transaction.
#[derive(Debug)]
pub struct Exchange<'a> {
    transaction: &'a OutboundTransaction<'a>,
    capabilities: &'a Capabilities,
    lmtp: bool,
    /// The message goes out by BDAT, and in the same group as MAIL.
    chunk: Option<Chunk>,
    /// RSET, MAIL, RCPT ..., DATA, dot; RSET is number 0 and counts as answered when it is not needed. BDAT has the
    /// number of DATA and no dot behind it.
    written: usize,
    answered: usize,
    fates: Vec<Option<Fate>>,
    mail_refused: bool,
    any_reply: bool,
    go_ahead: bool,
    /// The message was handed to the driver.
    message_sent: bool,
    /// The reply to the message has come, and with it the server's transaction has ended.
    ended: bool,
    chunking_refused: bool,
    closing: bool,
    trouble: Option<ClientError>,
}

#[derive(Clone, Copy, Debug)]
struct Chunk {
    early: bool,
    /// It could not be written in whole.
    broken: bool,
}

const RSET: usize = 0;
const MAIL: usize = 1;
const FIRST_RCPT: usize = 2;

impl<'a> Exchange<'a> {
    /// A transaction on a connection whose server offers these `capabilities`.
    pub fn new(transaction: &'a OutboundTransaction<'a>, capabilities: &'a Capabilities, manner: Manner) -> Self {
        let begin = if manner.reset { RSET } else { MAIL };
        let chunk = Exchange::is_chunked(capabilities, manner).then(|| Chunk {
            early: capabilities.pipelining && lines::size(transaction.data) <= EARLY_CHUNK_BYTES_MAX,
            broken: false,
        });
        let mut exchange = Exchange {
            transaction,
            capabilities,
            lmtp: manner.lmtp,
            chunk,
            written: begin + manner.ahead,
            answered: begin,
            fates: vec![None; transaction.recipients.len()],
            mail_refused: false,
            any_reply: false,
            go_ahead: false,
            message_sent: false,
            ended: false,
            chunking_refused: false,
            closing: false,
            trouble: None,
        };
        if transaction.smtputf8 && !capabilities.smtputf8 {
            exchange.closing = true;
            exchange.trouble =
                Some(ClientError { phase: Phase::MailFrom, dot_sent: false, kind: ErrorKind::NotOffered("SMTPUTF8") });
        }
        exchange
    }

    fn is_chunked(capabilities: &Capabilities, manner: Manner) -> bool {
        manner.chunking && capabilities.chunking && !manner.lmtp && manner.ahead == 0
    }

    /// Writes the commands of the next transaction, to be sent in one group with the final dot of the one before
    /// (RFC 2920 3.1 allows it). Returns their number for [`Manner::ahead`]; 0 where it cannot be done.
    ///
    /// Behind them the server waits for the message: whoever sent them sends that transaction next, or closes.
    pub fn write_ahead(
        transaction: &'a OutboundTransaction<'a>,
        capabilities: &'a Capabilities,
        manner: Manner,
        out: &mut Vec<u8>,
    ) -> usize {
        let fits = transaction.recipients.len() + FIRST_RCPT < WINDOW;
        let utf8 = transaction.smtputf8 && !capabilities.smtputf8;
        if !capabilities.pipelining || Exchange::is_chunked(capabilities, manner) || !fits || utf8 {
            return 0;
        }
        let exchange = Exchange::new(transaction, capabilities, Manner { reset: false, ahead: 0, ..manner });
        for number in MAIL..=exchange.data_number() {
            exchange.write(number, out);
        }
        exchange.data_number()
    }

    fn data_number(&self) -> usize {
        FIRST_RCPT + self.fates.len()
    }

    fn phase_of(&self, number: usize) -> Phase {
        match number {
            RSET => Phase::Idle,
            MAIL => Phase::MailFrom,
            _ if number < self.data_number() => Phase::RcptTo,
            _ if number == self.data_number() && self.chunk.is_none() => Phase::Data,
            _ => Phase::Dot,
        }
    }

    fn any_undecided(&self) -> bool {
        self.fates.iter().any(Option::is_none)
    }

    /// Appends the commands that may be sent now and says what is to be done.
    pub fn next(&mut self, commands: &mut Vec<u8>) -> Next {
        if self.closing || self.ended {
            return Next::Finished;
        }
        if self.chunk.is_none() && self.message_sent {
            return Next::Reply(Phase::Dot);
        }
        if self.chunk.is_none() && self.answered == self.data_number() + 1 {
            return self.message();
        }
        let window = if self.capabilities.pipelining { WINDOW } else { 1 };
        while self.may_write() && self.written - self.answered < window {
            self.write(self.written, commands);
            self.written += 1;
            if self.chunk.is_some() && self.written > self.data_number() {
                self.message_sent = true;
                return Next::Chunk;
            }
        }
        if self.answered == self.written { Next::Finished } else { Next::Reply(self.phase_of(self.answered)) }
    }

    /// DATA was answered.
    fn message(&mut self) -> Next {
        match (self.go_ahead, self.any_undecided()) {
            (false, _) => Next::Finished,
            (true, true) => {
                self.message_sent = true;
                Next::Message
            }
            // How many replies an empty message has over LMTP, nobody knows.
            (true, false) if self.lmtp => {
                self.closing = true;
                Next::Finished
            }
            (true, false) => {
                self.message_sent = true;
                Next::EmptyMessage
            }
        }
    }

    /// A refused MAIL, or no recipient that could still be taken, makes the rest pointless.
    fn may_write(&self) -> bool {
        let pointless = self.mail_refused || !self.any_undecided();
        let early = match self.chunk {
            Some(chunk) if self.written == self.data_number() => chunk.early || self.answered == self.written,
            _ => true,
        };
        self.written <= self.data_number() && !pointless && early
    }

    fn write(&self, number: usize, out: &mut Vec<u8>) {
        match number {
            RSET => out.extend_from_slice(b"RSET\r\n"),
            MAIL => self.write_mail(out),
            _ if number < self.data_number() => {
                self.write_rcpt(&self.transaction.recipients[number - FIRST_RCPT], out);
            }
            _ if self.chunk.is_some() => {
                let _ = write!(out, "BDAT {} LAST\r\n", lines::chunk_size(self.transaction.data));
            }
            _ => out.extend_from_slice(b"DATA\r\n"),
        }
    }

    fn write_mail(&self, out: &mut Vec<u8>) {
        let (mail, offered) = (self.transaction, self.capabilities);
        out.extend_from_slice(b"MAIL FROM:<");
        out.extend_from_slice(mail.sender.as_bytes());
        out.push(b'>');
        if offered.size {
            let _ = write!(out, " SIZE={}", lines::size(mail.data));
        }
        if mail.eight_bit && offered.eight_bit_mime {
            out.extend_from_slice(b" BODY=8BITMIME");
        }
        if mail.smtputf8 {
            out.extend_from_slice(b" SMTPUTF8");
        }
        if offered.dsn {
            if let Some(ret) = mail.ret {
                out.extend_from_slice(b" RET=");
                out.extend_from_slice(ret.as_str().as_bytes());
            }
            if let Some(envid) = mail.envid {
                out.extend_from_slice(b" ENVID=");
                path::push_xtext(envid, out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    fn write_rcpt(&self, recipient: &OutboundRecipient<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"RCPT TO:<");
        out.extend_from_slice(recipient.address.as_bytes());
        out.push(b'>');
        if let Some(dsn) = recipient.dsn.filter(|_| self.capabilities.dsn) {
            path::push_dsn(dsn, out);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// The reply that [`Next`] asked for.
    pub fn reply(&mut self, reply: Reply) {
        let number = self.answered;
        let phase = self.phase_of(number);
        self.answered += 1;
        self.written = self.written.max(self.answered);
        self.any_reply |= number != RSET;
        if reply.code == 421 {
            self.closing = true;
            return self.decide(phase, &reply);
        }
        match phase {
            Phase::Idle if !reply.is_positive() => {
                // Behind it the server may still take a message that is out already.
                let dot_sent = self.chunk_is_out();
                self.closing = true;
                self.trouble = Some(ClientError { phase, dot_sent, kind: ErrorKind::Refused(reply) });
            }
            Phase::MailFrom if !reply.is_positive() => {
                self.mail_refused = true;
                self.decide(phase, &reply);
            }
            Phase::RcptTo if !reply.is_positive() => {
                self.fates[number - FIRST_RCPT].get_or_insert(Fate { phase, reply });
            }
            Phase::Data if (300..400).contains(&reply.code) => self.go_ahead = true,
            Phase::Data => self.decide(phase, &reply),
            Phase::Dot => self.message_reply(reply),
            _ => {}
        }
    }

    fn message_reply(&mut self, reply: Reply) {
        if self.lmtp {
            if let Some(fate) = self.fates.iter_mut().find(|fate| fate.is_none()) {
                *fate = Some(Fate { phase: Phase::Dot, reply });
            }
            self.ended = !self.any_undecided();
            return;
        }
        // BDAT was not understood: what came behind it was taken for commands, so that this connection is lost.
        let unknown = matches!(reply.code, 500..=504 | 555);
        if self.chunk.is_some() && unknown && self.any_undecided() {
            (self.chunking_refused, self.closing) = (true, true);
            return;
        }
        // A chunk that failed leaves the transaction open (RFC 3030 section 2).
        self.ended = self.chunk.is_none() || reply.is_positive();
        self.closing |= self.chunk.is_some() && !self.ended && reply.code < 400;
        self.decide(Phase::Dot, &reply);
        if !self.ended && !self.closing {
            self.written = self.answered;
        }
    }

    /// Everybody who is still undecided.
    fn decide(&mut self, phase: Phase, reply: &Reply) {
        for fate in self.fates.iter_mut().filter(|fate| fate.is_none()) {
            *fate = Some(Fate { phase, reply: reply.clone() });
        }
    }

    /// The server said this out of turn and closes: it decides about everybody who is still undecided.
    pub fn closing_reply(&mut self, phase: Phase, reply: Reply) {
        self.any_reply = true;
        self.closing = true;
        self.decide(phase, &reply);
    }

    /// The connection broke; no further reply will come.
    ///
    /// A message that went out by BDAT together with MAIL counts as sent when the server answered anything of it, or
    /// was silent for too long: a server that hangs up in place of its first reply does not look at the rest.
    pub fn fail(&mut self, error: ClientError) {
        self.closing = true;
        let may_be_taken = self.any_reply || matches!(error.kind, ErrorKind::Timeout);
        self.trouble = Some(ClientError { dot_sent: error.dot_sent || (self.chunk_is_out() && may_be_taken), ..error });
    }

    /// The message could not be written in whole: nobody can have taken it.
    pub fn chunk_broke(&mut self) {
        if let Some(chunk) = &mut self.chunk {
            chunk.broken = true;
        }
    }

    /// True when the message was written in whole by BDAT while replies to earlier commands are still awaited.
    pub fn chunk_is_out(&self) -> bool {
        self.message_sent && self.chunk.is_some_and(|chunk| !chunk.broken)
    }

    /// True when the server may still be inside of the transaction, so that RSET is needed before the next one.
    pub fn needs_reset(&self) -> bool {
        let in_transaction = self.answered > MAIL && !self.mail_refused && !self.ended;
        self.answered == RSET || in_transaction || (self.chunk_is_out() && !self.ended)
    }

    /// True when the connection can be used for another transaction.
    pub fn is_reusable(&self) -> bool {
        !self.closing
            || matches!(self.trouble, Some(ClientError { kind: ErrorKind::NotOffered(_), phase: Phase::MailFrom, .. }))
    }

    /// How it ended; times and bytes are the driver's to fill in.
    pub fn finish(self) -> Sent {
        Sent {
            chunked: self.chunk_is_out(),
            chunking_refused: self.chunking_refused,
            fates: self.fates,
            trouble: self.trouble,
            answered: self.any_reply,
            transaction_ms: 0,
            steps: StepTimes::default(),
            sent_bytes: 0,
        }
    }
}
