//! MAIL, RCPT, DATA and BDAT: what may follow what, and the bytes of the message.

use super::{Asked, Session, State};
use crate::envelope::{Mail, Recipient};
use crate::server::collector::Collector;
use crate::server::fixed::{self, Fixed};

impl Session {
    pub(super) fn mail(&mut self, mail: Mail) {
        let offered = &self.policy.extensions;
        let limits = &self.policy.limits;
        if self.context.hello.is_none() {
            self.refuse(fixed::HELLO_FIRST);
        } else if self.in_transaction() {
            self.refuse(fixed::NESTED_MAIL);
        } else if (mail.size.is_some() && !offered.size)
            || (mail.eight_bit && !offered.eight_bit_mime)
            || (mail.smtputf8 && !offered.smtputf8)
            || ((mail.ret.is_some() || mail.envid.is_some()) && !offered.dsn)
        {
            self.refuse(fixed::UNKNOWN_PARAMETER);
        } else if !mail.smtputf8 && !mail.sender.is_ascii() {
            self.refuse(fixed::NEEDS_SMTPUTF8);
        } else if mail.size.is_some_and(|size| size > limits.message_bytes_max) {
            self.say(fixed::TOO_BIG);
        } else if limits.messages_max > 0 && self.context.messages >= limits.messages_max {
            self.end(fixed::TOO_MANY_MESSAGES);
        } else {
            self.ask_for(Asked::Mail(mail));
        }
    }

    pub(super) fn rcpt(&mut self, recipient: Recipient) {
        match &self.mail {
            None => self.refuse(fixed::MAIL_FIRST),
            Some(_) if self.chunks => self.refuse(fixed::CHUNKS_BEGUN),
            Some(_) if recipient.dsn.is_some() && !self.policy.extensions.dsn => {
                self.refuse(fixed::UNKNOWN_PARAMETER);
            }
            Some(mail) if !mail.smtputf8 && !recipient.address.is_ascii() => self.refuse(fixed::NEEDS_SMTPUTF8),
            Some(_) if self.recipients.len() >= self.policy.limits.recipients_max => {
                self.say(fixed::TOO_MANY_RECIPIENTS);
            }
            Some(_) => self.ask_for(Asked::Rcpt(recipient)),
        }
    }

    pub(super) fn new_collector(&self) -> Collector {
        let limits = &self.policy.limits;
        let announced = self.mail.as_ref().and_then(|mail| mail.size);
        Collector::new(limits.data_line_bytes_max, limits.message_bytes_max, announced, self.budget.clone())
    }

    fn not_ready_for_data(&self) -> Option<Fixed> {
        match (&self.mail, self.recipients.is_empty()) {
            (None, _) => Some(fixed::MAIL_FIRST),
            (Some(_), true) => Some(fixed::NO_RECIPIENTS),
            (Some(_), false) => None,
        }
    }

    pub(super) fn data(&mut self) {
        if let Some(reply) = self.not_ready_for_data() {
            self.refuse(reply);
        } else if self.chunks {
            self.refuse(fixed::CHUNKS_BEGUN);
        } else {
            self.ask_for(Asked::Data);
        }
    }

    /// Returns false when more input is needed.
    pub(super) fn read_data(&mut self) -> bool {
        let collector = self.collector.as_mut().expect("invariant: there is a collector behind 354");
        let progress = collector.push(self.lines.rest());
        self.lines.consume(progress.consumed);
        if progress.complete {
            self.message_complete();
        }
        progress.complete
    }

    fn message_complete(&mut self) {
        match self.collector.as_ref().and_then(Collector::fault) {
            None => self.ask_for(Asked::Message),
            Some(reply) => self.refuse_message(reply),
        }
    }

    /// With line ends that hosts read differently, what follows may be commands that somebody has smuggled in (RFC 5321
    /// 2.3.8 forbids them): nothing more is read then.
    fn refuse_message(&mut self, reply: Fixed) {
        self.reset();
        if [fixed::BARE_LF_IN_DATA, fixed::BARE_CR_IN_DATA].contains(&reply) {
            self.end(reply);
        } else {
            self.refuse(reply);
        }
    }

    /// The octets of a chunk follow in any case, wanted or not.
    pub(super) fn bdat(&mut self, size: u64, last: bool) {
        let refused =
            if self.policy.extensions.chunking { self.not_ready_for_data() } else { Some(fixed::NOT_OFFERED) };
        if refused.is_none() && self.collector.is_none() {
            self.collector = Some(self.new_collector());
            self.chunks = true;
        }
        self.state = State::Chunk { left: size, last, refused };
    }

    /// Returns false when more input is needed.
    pub(super) fn read_chunk(&mut self) -> bool {
        let State::Chunk { left, last, refused } = &mut self.state else {
            unreachable!("invariant: only called inside of a chunk")
        };
        let rest = self.lines.rest();
        let count = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        if let (None, Some(collector)) = (*refused, self.collector.as_mut()) {
            collector.push_chunk(&rest[..count]);
        }
        self.lines.consume(count);
        *left -= count as u64;
        if *left > 0 {
            return false;
        }
        let (last, refused) = (*last, *refused);
        self.state = State::Command;
        self.chunk_complete(last, refused);
        true
    }

    fn chunk_complete(&mut self, last: bool, refused: Option<Fixed>) {
        if let Some(reply) = refused {
            return self.refuse(reply);
        }
        let collector = self.collector.as_mut().expect("invariant: a chunk that is not refused is collected");
        if last {
            collector.end_chunks();
            return self.message_complete();
        }
        match collector.fault() {
            None => self.say(fixed::CHUNK_OK),
            Some(reply) => self.refuse_message(reply),
        }
    }
}
