//! The beginning of a connection: greeting, EHLO (or HELO), STARTTLS, EHLO again.

use model::reply::Phase;
use model::route::TlsPolicy;

use crate::client::capabilities::Capabilities;
use crate::client::error::{ClientError, ErrorKind};
use crate::reply::WireReply;

/// What the driver has to do.
#[derive(Debug)]
pub enum OpeningStep {
    /// Send this line and give the reply to it.
    Send(String),
    /// Make the TLS handshake, then say [`Opening::tls_started`].
    StartTls,
    /// Transactions may begin.
    Done,
    /// The server cannot be used.
    Fail(ClientError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Done,
}

/// State machine of a connection until its first transaction.
#[derive(Debug)]
pub struct Opening {
    ehlo_name: String,
    /// EHLO, or LHLO over LMTP (RFC 2033 4.1).
    verb: &'static str,
    tls: TlsPolicy,
    encrypted: bool,
    state: State,
    capabilities: Capabilities,
}

impl Opening {
    /// A connection that was just made; the first reply is the greeting.
    pub fn new(ehlo_name: &str, tls: TlsPolicy) -> Self {
        let ehlo_name = ehlo_name.to_owned();
        Opening {
            ehlo_name,
            verb: "EHLO",
            tls,
            encrypted: false,
            state: State::Greeting,
            capabilities: Capabilities::default(),
        }
    }

    /// LMTP in place of SMTP.
    pub fn over_lmtp(mut self, lmtp: bool) -> Self {
        if lmtp {
            self.verb = "LHLO";
        }
        self
    }

    /// Where the next reply belongs.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Greeting => Phase::Greeting,
            State::Ehlo | State::Helo => Phase::Ehlo,
            State::StartTls => Phase::Tls,
            State::Done => Phase::Idle,
        }
    }

    /// What the server offers, once it is [`OpeningStep::Done`].
    pub fn into_capabilities(self) -> Capabilities {
        self.capabilities
    }

    /// The reply to what was sent last.
    pub fn reply(&mut self, reply: &WireReply) -> OpeningStep {
        let positive = (200..300).contains(&reply.code);
        match self.state {
            State::Greeting if positive => self.ehlo(),
            State::Ehlo if positive => {
                self.capabilities = Capabilities::parse(&reply.text);
                self.greeted()
            }
            // Old servers know only HELO. 4xx is no answer to that question.
            State::Ehlo if (500..600).contains(&reply.code) && !self.encrypted && self.verb == "EHLO" => {
                self.state = State::Helo;
                OpeningStep::Send(format!("HELO {}", self.ehlo_name))
            }
            State::Helo if positive => {
                self.capabilities = Capabilities::default();
                self.greeted()
            }
            State::StartTls if positive => OpeningStep::StartTls,
            State::StartTls if self.tls == TlsPolicy::Opportunistic && reply.code != 421 => self.done(),
            _ => self.fail(ErrorKind::Refused(reply.to_reply())),
        }
    }

    /// The handshake is done; what the server offered before counts no more.
    pub fn tls_started(&mut self) -> OpeningStep {
        self.encrypted = true;
        self.capabilities = Capabilities::default();
        self.ehlo()
    }

    fn ehlo(&mut self) -> OpeningStep {
        self.state = State::Ehlo;
        OpeningStep::Send(format!("{} {}", self.verb, self.ehlo_name))
    }

    fn greeted(&mut self) -> OpeningStep {
        if self.encrypted || self.tls == TlsPolicy::None {
            return self.done();
        }
        match (self.capabilities.starttls, self.tls) {
            (true, _) => {
                self.state = State::StartTls;
                OpeningStep::Send("STARTTLS".to_owned())
            }
            (false, TlsPolicy::Required | TlsPolicy::Verified) => {
                self.state = State::StartTls;
                self.fail(ErrorKind::NotOffered("STARTTLS"))
            }
            (false, _) => self.done(),
        }
    }

    fn done(&mut self) -> OpeningStep {
        self.state = State::Done;
        OpeningStep::Done
    }

    fn fail(&self, kind: ErrorKind) -> OpeningStep {
        OpeningStep::Fail(ClientError { phase: self.phase(), dot_sent: false, kind })
    }
}
