//! One transaction: MAIL, RCPT for each recipient, DATA, the message.
//!
//! With PIPELINING commands go out together, at most [`WINDOW`] without an answer; without, one after another. Each
//! recipient gets the reply that decided about it. A 421 at any place decides about everybody who is still undecided:
//! the server is about to close.

use std::fmt::Write as _;

use model::reply::{Phase, Reply};
use model::submission::{DsnOptions, Ret};

use crate::client::capabilities::Capabilities;
use crate::client::error::{ClientError, ErrorKind};
use crate::lines;
use crate::path;

/// Most commands on the way without an answer, so that neither side's socket buffers fill up.
pub const WINDOW: usize = 100;

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
    /// From the first command to the last reply, in milliseconds.
    pub transaction_ms: u32,
}

/// What the driver has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send the commands that were written, then give one reply; it belongs to this phase.
    Reply(Phase),
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
    /// RSET, MAIL, RCPT ..., DATA, dot; RSET is number 0 and counts as answered when it is not needed.
    written: usize,
    answered: usize,
    fates: Vec<Option<Fate>>,
    mail_refused: bool,
    any_reply: bool,
    go_ahead: bool,
    closing: bool,
    trouble: Option<ClientError>,
}

const RSET: usize = 0;
const MAIL: usize = 1;
const FIRST_RCPT: usize = 2;

impl<'a> Exchange<'a> {
    /// A transaction on a connection whose server offers these `capabilities`; with `reset` RSET is said first.
    pub fn new(transaction: &'a OutboundTransaction<'a>, capabilities: &'a Capabilities, reset: bool) -> Self {
        let begin = if reset { RSET } else { MAIL };
        let mut exchange = Exchange {
            transaction,
            capabilities,
            written: begin,
            answered: begin,
            fates: vec![None; transaction.recipients.len()],
            mail_refused: false,
            any_reply: false,
            go_ahead: false,
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

    fn data_number(&self) -> usize {
        FIRST_RCPT + self.fates.len()
    }

    fn phase_of(&self, number: usize) -> Phase {
        match number {
            RSET => Phase::Idle,
            MAIL => Phase::MailFrom,
            _ if number < self.data_number() => Phase::RcptTo,
            _ if number == self.data_number() => Phase::Data,
            _ => Phase::Dot,
        }
    }

    /// Appends the commands that may be sent now and says what is to be done.
    pub fn next(&mut self, commands: &mut Vec<u8>) -> Next {
        if self.closing || self.answered > self.data_number() + 1 {
            return Next::Finished;
        }
        if self.answered == self.data_number() + 1 {
            return match (self.go_ahead, self.fates.iter().any(Option::is_none)) {
                (true, true) => Next::Message,
                (true, false) => Next::EmptyMessage,
                (false, _) => Next::Finished,
            };
        }
        let window = if self.capabilities.pipelining { WINDOW } else { 1 };
        while self.may_write() && self.written - self.answered < window {
            self.write(self.written, commands);
            self.written += 1;
        }
        if self.answered == self.written { Next::Finished } else { Next::Reply(self.phase_of(self.answered)) }
    }

    /// A refused MAIL, or no recipient that could still be taken, makes the rest pointless.
    fn may_write(&self) -> bool {
        let pointless = self.mail_refused || self.fates.iter().all(Option::is_some);
        self.written <= self.data_number() && !pointless
    }

    fn write(&self, number: usize, out: &mut Vec<u8>) {
        match number {
            RSET => out.extend_from_slice(b"RSET\r\n"),
            MAIL => self.write_mail(out),
            _ if number == self.data_number() => out.extend_from_slice(b"DATA\r\n"),
            _ => self.write_rcpt(&self.transaction.recipients[number - FIRST_RCPT], out),
        }
    }

    fn write_mail(&self, out: &mut Vec<u8>) {
        let (mail, offered) = (self.transaction, self.capabilities);
        out.extend_from_slice(b"MAIL FROM:<");
        out.extend_from_slice(mail.sender.as_bytes());
        out.push(b'>');
        if offered.size {
            let mut size = String::new();
            let _ = write!(size, " SIZE={}", lines::size(mail.data));
            out.extend_from_slice(size.as_bytes());
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
                self.closing = true;
                self.trouble = Some(ClientError { phase, dot_sent: false, kind: ErrorKind::Refused(reply) });
            }
            Phase::MailFrom if !reply.is_positive() => {
                self.mail_refused = true;
                self.decide(phase, &reply);
            }
            Phase::RcptTo if !reply.is_positive() => {
                self.fates[number - FIRST_RCPT].get_or_insert(Fate { phase, reply });
            }
            Phase::Data if (300..400).contains(&reply.code) => self.go_ahead = true,
            Phase::Data | Phase::Dot => self.decide(phase, &reply),
            _ => {}
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
    pub fn fail(&mut self, error: ClientError) {
        self.closing = true;
        self.trouble = Some(error);
    }

    /// True when the server may still be inside of the transaction, so that RSET is needed before the next one.
    pub fn needs_reset(&self) -> bool {
        let in_transaction = self.answered > MAIL && !self.mail_refused && self.answered <= self.data_number() + 1;
        self.answered == RSET || in_transaction
    }

    /// True when the connection can be used for another transaction.
    pub fn is_reusable(&self) -> bool {
        !self.closing
            || matches!(self.trouble, Some(ClientError { kind: ErrorKind::NotOffered(_), phase: Phase::MailFrom, .. }))
    }

    /// How it ended.
    pub fn finish(self, transaction_ms: u32) -> Sent {
        Sent { fates: self.fates, trouble: self.trouble, answered: self.any_reply, transaction_ms }
    }
}
