//! The state machine of one connection.
//!
//! Bytes of the client go into [`Session::input`]; [`Session::proceed`] says what to do: read more, ask the handler and
//! give its [`Session::answer`], begin TLS, close. What is to be sent collects in [`Session::output`]. However the
//! client's bytes are cut into reads, actions and output are the same.
//!
//! Sequence, syntax, parameters of extensions that were not offered, and limits are dealt with here. Handlers' refusals
//! do not count as errors of the client.

mod answers;
mod greeting;
mod transaction;

use std::sync::Arc;

use crate::envelope::{Mail, Recipient, Transaction};
use crate::reply;
use crate::server::auth::{self, Credentials, Expect};
use crate::server::collector::{Budget, Collector, Permit};
use crate::server::command::{self, Command};
use crate::server::fixed::{self, Fixed};
use crate::server::handler::{Context, Hello, Peer};
use crate::server::line_buffer::{Line, LineBuffer};
use crate::server::policy::Policy;

/// What the driver has to do.
#[derive(Debug)]
pub enum Action<'a> {
    /// Send the output, then read more of the client into the input.
    Read,
    /// Put this to the handler and give its answer ([`Session::answer`], for AUTH [`Session::answer_auth`]).
    Ask(&'a Context, Question<'a>),
    /// Send the output, make the TLS handshake, then say [`Session::tls_started`].
    StartTls,
    /// Send the output and close the connection.
    Close,
}

/// A step of the dialogue, put to the handler.
#[derive(Debug)]
pub enum Question<'a> {
    /// EHLO or HELO.
    Hello(&'a Hello),
    /// STARTTLS.
    StartTls,
    /// AUTH.
    Auth(&'a Credentials),
    /// MAIL.
    Mail(&'a Mail),
    /// RCPT, with the MAIL it belongs to.
    Rcpt(&'a Mail, &'a Recipient),
    /// DATA.
    Data,
    /// The complete message.
    Message(Transaction),
}

/// What was put to the handler and is not answered yet.
#[derive(Debug)]
enum Asked {
    Hello(Hello),
    StartTls,
    Auth(Credentials),
    Mail(Mail),
    Rcpt(Recipient),
    Data,
    Message,
}

#[derive(Debug)]
enum State {
    Command,
    Auth(Expect),
    Data,
    /// So many bytes of a BDAT chunk are to come; `refused` ones are read and dropped.
    Chunk {
        left: u64,
        last: bool,
        refused: Option<Fixed>,
    },
    /// The question has to be put (or was put, and waits for its answer).
    Asking(Asked),
    Handshake,
    Closing,
}

/// One connection, from the greeting to the end.
#[derive(Debug)]
pub struct Session {
    policy: Arc<Policy>,
    budget: Option<Arc<Budget>>,
    context: Context,
    lines: LineBuffer,
    output: Vec<u8>,
    state: State,
    mail: Option<Mail>,
    recipients: Vec<Recipient>,
    /// The message that is being received.
    collector: Option<Collector>,
    /// Room for the message that was given to the handler, until it has answered: a slow disk must not let in more than
    /// there is memory for.
    handed_over: Option<Permit>,
    /// The message came in chunks, of which at least one was read.
    chunks: bool,
    errors: u32,
    refused_recipients: u32,
    auth_failures: u32,
    idle_commands: u32,
    /// Close without sending what is left of the output and without lingering.
    abrupt: bool,
}

impl Session {
    /// A connection that was just accepted; the greeting stands in the output. `budget` bounds the memory of all
    /// connections that share it.
    pub fn new(policy: Arc<Policy>, peer: Peer, budget: Option<Arc<Budget>>) -> Self {
        let mut output = Vec::with_capacity(512);
        let greeting = format!("{} {}", policy.host_name, policy.greeting);
        reply::write_parts(220, None, greeting.trim_end(), &mut output);
        Session {
            policy,
            budget,
            context: Context { peer, hello: None, tls: None, certificate: None, user: None, messages: 0 },
            lines: LineBuffer::default(),
            output,
            state: State::Command,
            mail: None,
            recipients: Vec::new(),
            collector: None,
            handed_over: None,
            chunks: false,
            errors: 0,
            refused_recipients: 0,
            auth_failures: 0,
            idle_commands: 0,
            abrupt: false,
        }
    }

    /// Where bytes from the client are appended. To be called only after [`Action::Read`].
    pub fn input(&mut self) -> &mut Vec<u8> {
        self.lines.input()
    }

    /// What is to be sent to the client; the driver clears it when it was sent.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// What is known of the connection.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// True between MAIL and the reply to its message: a good moment to close is when this is false.
    pub fn in_transaction(&self) -> bool {
        self.mail.is_some()
    }

    /// True when the handler wanted the connection closed without another word.
    pub fn is_abrupt(&self) -> bool {
        self.abrupt
    }

    /// The driver ends the connection (idle for too long, shutting down): the reply for the client is appended.
    pub(crate) fn end(&mut self, reply: Fixed) {
        self.say(reply);
        self.state = State::Closing;
    }

    /// What to do next. Works through the input until something is needed from outside.
    ///
    /// # Panics
    /// When an answer is due: every [`Action::Ask`] must be answered first.
    pub fn proceed(&mut self) -> Action<'_> {
        loop {
            match self.state {
                State::Asking(_) => return self.ask(),
                State::Handshake => return Action::StartTls,
                State::Closing => return Action::Close,
                State::Data => {
                    if !self.read_data() {
                        return Action::Read;
                    }
                }
                State::Chunk { .. } => {
                    if !self.read_chunk() {
                        return Action::Read;
                    }
                }
                State::Command | State::Auth(_) => match self.lines.next(self.policy.limits.command_bytes_max) {
                    None => return Action::Read,
                    Some(line) => self.line(line),
                },
            }
        }
    }

    fn ask(&mut self) -> Action<'_> {
        if let State::Asking(Asked::Message) = self.state {
            let collector = self.collector.take().expect("invariant: proceed() was called again before answer()");
            let (data, permit) = collector.finish();
            self.handed_over = Some(permit);
            let recipients = std::mem::take(&mut self.recipients);
            let transaction = Transaction { mail: self.mail.clone().unwrap_or_default(), recipients, data };
            return Action::Ask(&self.context, Question::Message(transaction));
        }
        let State::Asking(asked) = &self.state else { unreachable!("invariant: only called while asking") };
        let question = match asked {
            Asked::Hello(hello) => Question::Hello(hello),
            Asked::StartTls => Question::StartTls,
            Asked::Auth(credentials) => Question::Auth(credentials),
            Asked::Mail(mail) => Question::Mail(mail),
            Asked::Rcpt(recipient) => {
                Question::Rcpt(self.mail.as_ref().expect("invariant: RCPT is asked behind MAIL"), recipient)
            }
            Asked::Data => Question::Data,
            Asked::Message => unreachable!("invariant: dealt with above"),
        };
        Action::Ask(&self.context, question)
    }

    fn line(&mut self, line: Line) {
        let range = match line {
            Line::Complete(range) => range,
            Line::TooLong => return self.refuse(fixed::LINE_TOO_LONG),
            Line::BareCr => return self.end(fixed::BARE_CR),
            Line::BareLf => return self.end(fixed::BARE_LF),
        };
        if let State::Auth(_) = self.state {
            let State::Auth(expect) = std::mem::replace(&mut self.state, State::Command) else {
                unreachable!("invariant: looked at one line above")
            };
            let step = match std::str::from_utf8(&self.lines.bytes()[range]) {
                Ok(line) => auth::go_on(expect, line),
                Err(_) => auth::Step::Refuse(fixed::BAD_BASE64),
            };
            return self.auth_step(step);
        }
        match command::parse(&self.lines.bytes()[range]) {
            Ok(command) => self.command(command),
            Err(reply) => self.refuse(reply),
        }
    }

    fn command(&mut self, command: Command) {
        if !matches!(command, Command::Rcpt(_) | Command::Bdat { .. } | Command::Quit) {
            self.idle_commands += 1;
            if self.idle_commands > self.policy.limits.idle_commands_max {
                return self.end(fixed::TOO_MANY_COMMANDS);
            }
        }
        match command {
            Command::Hello(hello) => self.ask_for(Asked::Hello(hello)),
            Command::Quit => self.end(fixed::BYE),
            Command::Noop => self.say(fixed::OK),
            Command::Help => self.say(fixed::HELP),
            Command::Vrfy => self.say(fixed::CANNOT_VERIFY),
            Command::Rset => {
                self.reset();
                self.say(fixed::OK);
            }
            Command::StartTls => self.starttls(),
            Command::Auth { mechanism, initial } => self.auth(&mechanism, initial.as_deref()),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(recipient) => self.rcpt(recipient),
            Command::Data => self.data(),
            Command::Bdat { size, last } => self.bdat(size, last),
        }
    }

    fn ask_for(&mut self, asked: Asked) {
        self.state = State::Asking(asked);
    }

    fn say(&mut self, reply: Fixed) {
        let enhanced = reply.enhanced.filter(|_| self.policy.extensions.enhanced_status_codes);
        reply::write_parts(reply.code, enhanced, reply.text, &mut self.output);
    }

    /// An error of the client.
    fn refuse(&mut self, reply: Fixed) {
        self.say(reply);
        self.state = State::Command;
        // DATA or BDAT sent together with recipients that were all refused is no mistake (RFC 2920 3.1).
        self.errors += u32::from(reply.code >= 500 && reply != fixed::NO_RECIPIENTS);
        if reply == fixed::BAD_CHUNK {
            self.state = State::Closing;
        } else if self.errors >= self.policy.limits.errors_max {
            self.end(fixed::TOO_MANY_ERRORS);
        }
    }

    fn reset(&mut self) {
        self.mail = None;
        self.recipients.clear();
        self.collector = None;
        self.handed_over = None;
        self.chunks = false;
    }
}
