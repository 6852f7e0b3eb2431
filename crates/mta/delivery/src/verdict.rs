//! The one table from what happened to what it means: reply or error × phase → disposition × scope × category.
//!
//! The reply dictionary (`mail::bounce`) names the category, says whom a text concerns and whether it is about a bad
//! address; this module decides what becomes of the recipient. Rules, first match wins:
//!
//! | what happened | disposition |
//! |---|---|
//! | 2xx to the final dot | delivered |
//! | 2xx or 3xx anywhere else where it was not expected | deferred (protocol) |
//! | 4xx | deferred |
//! | 4xx or 5xx to STARTTLS | deferred (TLS) |
//! | 5xx before MAIL (greeting, EHLO, TLS) | deferred: no recipient was named yet |
//! | 5xx that says "slower" or "later" (rate-limited, greylisted) | deferred |
//! | 5xx about syntax (500, 501, 502, 504, 555) at MAIL or later | bounced: the same again will fail again |
//! | 5xx about this connection or host | deferred |
//! | 5xx about the source address | as [`PermanentBlock`] says |
//! | any other 5xx | bounced |
//! | final dot sent, no reply | as [`LostAfterDot`] says |
//! | any other error | bounced when the dictionary calls it hard, otherwise deferred |
//!
//! The scope is the dictionary's, but a reply cannot concern a recipient before one was named, a reply to a message
//! with several recipients concerns the message, and 421 concerns at least the connection. An address is suppressed
//! only by a reply to its RCPT or to a message it was the only recipient of.
//!
//! Standards: RFC 5321 4.2.1, 4.2.4, 4.5.4.1; RFC 7504.   Never looks at texts itself.

use std::io;
use std::sync::Arc;

use mail::bounce::{Dictionary, Failure, ReplyClass};
use model::category::{Category, Disposition, Scope};
use model::handoff::Verdict;
use model::reply::{Phase, Reply};
use smtp::client::{ClientError, ErrorKind};

use crate::config::{Config, LostAfterDot, PermanentBlock};

/// Longest wait before a message that was lost after the dot is sent again.
const LOST_WAIT_MAX_S: u64 = 12 * 3_600;

/// How the names of those entries of the dictionary end that speak of the number of messages on a connection.
const PER_CONNECTION: &str = "per-connection";

/// Why a host takes no more over a connection, which says nothing about the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedUp {
    /// It has carried as many messages as the host allows.
    Messages,
    /// Something else, such as too many connections.
    Other,
}

/// Says what things mean.
#[derive(Clone, Debug)]
pub struct Judge {
    dictionary: Arc<Dictionary>,
    lost_wait_s: u64,
    lost_retries: u32,
    permanent_block: PermanentBlock,
}

impl Judge {
    /// A judge with this dictionary and the policies of the configuration.
    pub fn new(dictionary: Arc<Dictionary>, config: &Config) -> Self {
        Judge {
            dictionary,
            lost_wait_s: config.lost_after_dot_wait.0.as_secs(),
            lost_retries: config.lost_after_dot_retries,
            permanent_block: config.permanent_block,
        }
    }

    /// A reply. `alone`: the transaction had one recipient, so that a reply to the message concerns it.
    pub fn reply(&self, phase: Phase, reply: &Reply, provider: &str, alone: bool) -> Verdict {
        if phase == Phase::Dot && reply.is_positive() {
            return delivered();
        }
        if reply.code < 400 {
            return self.failure(Failure::Protocol);
        }
        // The text to STARTTLS speaks of TLS, whatever the same words mean elsewhere.
        if phase == Phase::Tls && reply.code != 421 {
            return self.failure(Failure::Tls);
        }
        let class = self.dictionary.classify(reply, Some(provider));
        let permanent = reply.is_permanent() && self.is_final(phase, reply, &class);
        let scope = scope(phase, reply, &class, alone, permanent);
        let names_recipient = phase == Phase::RcptTo || (alone && matches!(phase, Phase::Data | Phase::Dot));
        Verdict {
            disposition: if permanent { Disposition::Bounced } else { Disposition::Deferred },
            scope,
            category: Some(class.category),
            suppress: permanent && class.suppress && names_recipient,
            wait_s: class.wait_s.filter(|_| !permanent),
        }
    }

    /// What a reply to MAIL says of the connection, when it is about nothing else; `None` for all other replies.
    ///
    /// Before RCPT no recipient was named, so that "too many recipients" speaks of those before: OpenSMTPD says so of the
    /// messages of a session.
    pub fn used_up(&self, reply: &Reply, provider: &str) -> Option<UsedUp> {
        if !(400..500).contains(&reply.code) {
            return None;
        }
        let class = self.dictionary.classify(reply, Some(provider));
        match class.category {
            _ if class.scope != Scope::Connection => None,
            Category::TooManyRecipients => Some(UsedUp::Messages),
            Category::RateLimited if class.template.ends_with(PER_CONNECTION) => Some(UsedUp::Messages),
            Category::RateLimited => Some(UsedUp::Other),
            _ => None,
        }
    }

    fn is_final(&self, phase: Phase, reply: &Reply, class: &ReplyClass) -> bool {
        if is_before_mail(phase) || matches!(class.category, Category::RateLimited | Category::Greylisted) {
            return false;
        }
        match class.scope {
            Scope::Connection => is_syntax(reply, class),
            Scope::Source => self.permanent_block == PermanentBlock::Bounce,
            Scope::Recipient | Scope::Message | Scope::Domain => true,
        }
    }

    /// A connection that could not be made or broke, but for one that was lost behind the final dot:
    /// [`Judge::lost_after_dot`].
    pub fn error(&self, error: &ClientError, provider: &str, alone: bool) -> Verdict {
        match &error.kind {
            ErrorKind::Refused(reply) => self.reply(error.phase, reply, provider, alone),
            kind => self.failure(failure_of(kind, error.phase)),
        }
    }

    /// The whole message was sent and no reply came, for the `times`th time with this recipient (from 1).
    ///
    /// Sending it again makes a duplicate when the host had taken it, so that the waits grow and the times are counted.
    pub fn lost_after_dot(&self, policy: LostAfterDot, times: u32) -> Verdict {
        if policy == LostAfterDot::AssumeDelivered {
            return delivered();
        }
        if times > self.lost_retries {
            return self.permanent_failure(Failure::LostAfterDot);
        }
        let growth = 3_u64.saturating_pow(times.saturating_sub(1).min(30));
        let wait_s = self.lost_wait_s.saturating_mul(growth).min(LOST_WAIT_MAX_S);
        Verdict { wait_s: u32::try_from(wait_s).ok(), ..self.failure(Failure::LostAfterDot) }
    }

    /// Something that failed without a reply.
    pub fn failure(&self, failure: Failure) -> Verdict {
        let class = self.dictionary.classify_failure(failure);
        let disposition = match failure {
            Failure::Suppressed => Disposition::Suppressed,
            _ if class.hard => Disposition::Bounced,
            _ => Disposition::Deferred,
        };
        Verdict {
            disposition,
            scope: class.scope,
            category: Some(class.category),
            suppress: class.suppress && disposition == Disposition::Bounced,
            wait_s: class.wait_s.filter(|_| disposition == Disposition::Deferred),
        }
    }

    /// Something of this kind that will fail again at every attempt, such as a message that cannot be rendered.
    pub fn permanent_failure(&self, failure: Failure) -> Verdict {
        Verdict { disposition: Disposition::Bounced, suppress: false, wait_s: None, ..self.failure(failure) }
    }
}

fn delivered() -> Verdict {
    Verdict {
        disposition: Disposition::Delivered,
        scope: Scope::Recipient,
        category: None,
        suppress: false,
        wait_s: None,
    }
}

fn is_before_mail(phase: Phase) -> bool {
    match phase {
        Phase::Route | Phase::Connect | Phase::Greeting | Phase::Ehlo | Phase::Tls | Phase::Auth | Phase::Idle => true,
        Phase::MailFrom | Phase::RcptTo | Phase::Data | Phase::Dot => false,
    }
}

/// The server does not understand the command or its arguments. Out of sequence (503) is another matter.
fn is_syntax(reply: &Reply, class: &ReplyClass) -> bool {
    class.category == Category::ProtocolErrors && matches!(reply.code, 500 | 501 | 502 | 504 | 555)
}

fn scope(phase: Phase, reply: &Reply, class: &ReplyClass, alone: bool, permanent: bool) -> Scope {
    let narrow = matches!(class.scope, Scope::Recipient | Scope::Message);
    if narrow && (is_before_mail(phase) || reply.code == 421) {
        return Scope::Connection;
    }
    match (phase, class.scope) {
        // A command that was not understood: the argument is at fault.
        (Phase::RcptTo, Scope::Connection) if permanent => Scope::Recipient,
        (_, Scope::Connection) if permanent => Scope::Message,
        (Phase::MailFrom, Scope::Recipient) => Scope::Message,
        (Phase::Data | Phase::Dot, Scope::Recipient) if !alone => Scope::Message,
        (_, scope) => scope,
    }
}

fn failure_of(kind: &ErrorKind, phase: Phase) -> Failure {
    match (kind, phase) {
        (ErrorKind::Timeout, Phase::Connect) => Failure::ConnectTimeout,
        (ErrorKind::Timeout, Phase::Tls) | (ErrorKind::Tls(_), _) => Failure::Tls,
        (ErrorKind::Timeout, _) => Failure::ReplyTimeout,
        (ErrorKind::Io(error), Phase::Connect) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::ConnectRefused,
            io::ErrorKind::TimedOut => Failure::ConnectTimeout,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Failure::Disconnected,
            _ => Failure::Unreachable,
        },
        (ErrorKind::Io(error), _) if error.kind() == io::ErrorKind::TimedOut => Failure::ReplyTimeout,
        (ErrorKind::Io(_) | ErrorKind::Closed, _) => Failure::Disconnected,
        (ErrorKind::NotOffered(_), Phase::Tls) => Failure::TlsRequired,
        (ErrorKind::NotOffered(_), _) => Failure::NoSmtputf8,
        (ErrorKind::Protocol(_), _) => Failure::Protocol,
        (ErrorKind::Refused(_), _) => unreachable!("invariant: replies are dealt with before"),
    }
}

#[cfg(test)]
mod tests;
