//! What the handler's answers do to the session.

use model::name::Name;
use model::reply::Reply;

use super::{Asked, Session, State};
use crate::reply;
use crate::server::fixed;
use crate::server::handler::{Answer, Denied};

impl Session {
    /// What the handler says to the question of the last [`Action::Ask`].
    ///
    /// # Panics
    /// When nothing was asked, or AUTH.
    pub fn answer(&mut self, answer: Answer) {
        let State::Asking(asked) = std::mem::replace(&mut self.state, State::Command) else {
            panic!("invariant: an answer without a question")
        };
        match asked {
            Asked::Hello(hello) => {
                if self.settle(answer, |session| session.say_hello(hello.extended)) {
                    self.reset();
                    self.context.hello = Some(hello);
                }
            }
            Asked::StartTls => {
                if self.settle(answer, |session| session.say(fixed::READY_FOR_TLS)) {
                    self.go_to(State::Handshake);
                }
            }
            Asked::Auth(_) => panic!("invariant: AUTH is answered with a name or a denial"),
            Asked::Mail(mail) => {
                if self.settle(answer, |session| session.say(fixed::SENDER_OK)) {
                    self.mail = Some(mail);
                }
            }
            Asked::Rcpt(recipient) => {
                let refused = matches!(&answer, Answer::Reply(reply) if reply.code >= 500);
                if self.settle(answer, |session| session.say(fixed::RECIPIENT_OK)) {
                    self.recipients.push(recipient);
                } else if refused {
                    self.count_refused_recipient();
                }
            }
            Asked::Data => {
                if self.settle(answer, |session| session.say(fixed::SEND_DATA)) {
                    self.collector = Some(self.new_collector());
                    self.go_to(State::Data);
                }
            }
            Asked::Message => {
                self.reset();
                if self.settle(answer, |session| session.say(fixed::OK)) {
                    self.context.messages += 1;
                    self.idle_commands = 0;
                    self.refused_recipients = 0;
                }
            }
        }
    }

    /// What the handler says to [`Question::Auth`]: the user's name, or why he is not known.
    ///
    /// # Panics
    /// When something else was asked, or nothing.
    pub fn answer_auth(&mut self, answer: Result<Name, Denied>) {
        assert!(matches!(self.state, State::Asking(Asked::Auth(_))), "invariant: AUTH was asked");
        self.state = State::Command;
        match answer {
            Ok(user) => {
                self.context.user = Some(user);
                return self.say(fixed::AUTHENTICATED);
            }
            Err(Denied::Wrong) => self.say(fixed::BAD_CREDENTIALS),
            Err(Denied::Reply(reply)) => drop(self.settle(Answer::Reply(reply), |_| {})),
        }
        self.count_auth_failure();
    }

    fn count_refused_recipient(&mut self) {
        self.refused_recipients += 1;
        if self.refused_recipients >= self.policy.limits.refused_recipients_max {
            self.end(fixed::TOO_MANY_ERRORS);
        }
    }

    fn count_auth_failure(&mut self) {
        self.auth_failures += 1;
        if self.auth_failures >= self.policy.limits.auth_failures_max && !matches!(self.state, State::Closing) {
            self.end(fixed::TOO_MANY_ERRORS);
        }
    }

    fn go_to(&mut self, state: State) {
        if !matches!(self.state, State::Closing) {
            self.state = state;
        }
    }

    /// Sends the answer and returns whether it accepts the step. `accept` says the usual positive reply.
    fn settle(&mut self, answer: Answer, accept: impl FnOnce(&mut Self)) -> bool {
        let positive = |reply: &Reply| (200..400).contains(&reply.code);
        match answer {
            Answer::Accept => {
                accept(self);
                true
            }
            Answer::Reply(reply) => {
                reply::write(&reply, &mut self.output);
                if reply.code == 421 {
                    self.state = State::Closing;
                }
                positive(&reply)
            }
            Answer::ReplyAndClose(reply) => {
                reply::write(&reply, &mut self.output);
                self.state = State::Closing;
                positive(&reply)
            }
            Answer::Close => {
                self.abrupt = true;
                self.state = State::Closing;
                false
            }
        }
    }
}
