//! What the queue is told of each ticket, and of a session that broke.

use mail::bounce::Failure;
use model::category::Disposition;
use model::dialogue::{TlsUse, Wire};
use model::event::Attempt;
use model::handoff::{FromDelivery, Outcome, SessionTrouble, Verdict};
use model::name::Name;
use model::reply::{Phase, Reply};
use smtp::client::{Client, ClientError, Sent};

use super::{Session, opening};
use crate::load::Loaded;
use crate::recordings;
use crate::route;

/// What decided about a ticket.
pub(super) enum What {
    /// A reply, and to what.
    Reply(Phase, Reply),
    /// Something without a reply, in words.
    Error(Phase, String),
    /// The message was sent whole, and there was no reply to it.
    Lost(String),
}

/// A transaction that has just ended, in numbers.
#[derive(Clone, Default)]
pub(super) struct Dialogue {
    connect_ms: Option<u32>,
    tls_ms: Option<u32>,
    transaction_ms: Option<u32>,
    wire: Wire,
}

impl Session {
    /// Of a transaction that has just ended; times of the connection go with its first one.
    pub(super) fn dialogue(&self, sent: &Sent, converted: bool) -> Dialogue {
        let timings = Some(self.client.timings()).filter(|_| self.transactions == 0);
        let steps = sent.steps;
        Dialogue {
            connect_ms: timings.map(|timings| timings.connect_ms),
            tls_ms: timings.and_then(|timings| timings.tls_ms),
            transaction_ms: Some(sent.transaction_ms),
            wire: Wire {
                message_number: Some(self.transactions.saturating_add(1)),
                sent_bytes: Some(sent.sent_bytes),
                dns_ms: timings.and(self.dns_ms),
                greeting_ms: timings.map(|timings| timings.greeting_ms),
                ehlo_ms: timings.map(|timings| timings.ehlo_ms),
                mail_ms: steps.mail_ms,
                rcpt_ms: steps.rcpt_ms,
                data_ms: steps.data_ms,
                dot_ms: steps.dot_ms,
                chunked: sent.chunked,
                converted,
                ..self.wire()
            },
        }
    }

    /// What of the record is the same for the whole connection.
    fn wire(&self) -> Wire {
        let some = |text: &Name| Some(text.clone()).filter(|text| !text.is_empty());
        Wire {
            session: Some(self.name.clone()),
            banner: some(self.client.banner()),
            extensions: some(self.client.extensions()),
            ..Wire::default()
        }
    }

    /// A ticket that was finished without a transaction.
    pub(super) async fn done(&mut self, loaded: &Loaded, verdict: Verdict, what: What) {
        let attempt = opening::about(&self.path, &verdict);
        self.tell(loaded, verdict, what, attempt).await;
    }

    /// A ticket that was part of the transaction that has just ended.
    pub(super) async fn report(&mut self, loaded: &Loaded, verdict: Verdict, what: What, dialogue: &Dialogue) {
        let mut wire = dialogue.wire.clone();
        wire.lost_after_dot = matches!(what, What::Lost(_));
        let delivered = verdict.disposition == Disposition::Delivered;
        wire.without_dsn = delivered && !self.client.capabilities().dsn && asks_for_news(loaded);
        let attempt = Attempt {
            connect_ms: dialogue.connect_ms,
            tls_ms: dialogue.tls_ms,
            transaction_ms: dialogue.transaction_ms,
            transcript: self.transcript(loaded, &what),
            wire: Some(wire),
            tls_use: self.tls_use_of(loaded.ticket.recipient),
            ..self.attempt(&verdict)
        };
        self.tell(loaded, verdict, what, attempt).await;
    }

    /// Kept of every failure, of what somebody asked for, and of one in so many deliveries; of which ones depends on the
    /// recipient alone.
    fn transcript(&self, loaded: &Loaded, what: &What) -> Option<String> {
        let recipient = loaded.ticket.recipient;
        let fine = matches!(what, What::Reply(Phase::Dot, reply) if reply.is_positive());
        let sample = u64::from(self.shared.config.transcript_sample);
        let sampled = sample > 0 && route::mix(recipient.0).is_multiple_of(sample);
        let mail = recordings::Sent {
            ticket: &loaded.ticket,
            address: &loaded.recipient.address,
            provider: &self.path.site.provider,
            source: &self.path.source.name,
        };
        let recorded = self.shared.recordings.wants(mail, || self.shared.clock.now());
        let wanted = recorded || sampled || !fine;
        wanted.then(|| self.client.transcript())
    }

    /// An attempt over this connection.
    fn attempt(&self, verdict: &Verdict) -> Attempt {
        Attempt {
            mx_host: Some(self.host.clone()),
            mx_address: Some(self.client.peer().ip().to_string()),
            source_address: Some(self.client.local().ip().to_string()),
            tls: self.client.tls().map(ToString::to_string),
            tls_use: self.tls_use.clone(),
            wire: Some(self.wire()),
            ..opening::about(&self.path, verdict)
        }
    }

    async fn tell(&mut self, loaded: &Loaded, verdict: Verdict, what: What, mut attempt: Attempt) {
        let ticket = &loaded.ticket;
        let at = self.shared.clock.now();
        attempt.number = ticket.attempt;
        let queued = at.since(ticket.message.received_at).as_millis();
        attempt.queued_ms = Some(u64::try_from(queued).unwrap_or(u64::MAX));
        match what {
            What::Reply(phase, reply) => (attempt.phase, attempt.reply) = (Some(phase), Some(reply)),
            What::Error(phase, sentence) => (attempt.phase, attempt.error) = (Some(phase), Some(sentence)),
            What::Lost(sentence) => (attempt.phase, attempt.error) = (Some(Phase::Dot), Some(sentence)),
        }
        let outcome = Outcome {
            recipient: ticket.recipient,
            session: self.id,
            at,
            address: loaded.recipient.address.clone(),
            verdict,
            attempt,
        };
        // When the queue is gone, the event log tells at the next start what was sent; there is nobody to tell it to.
        let _ = self.shared.to_queue.send(FromDelivery::Done(Box::new(outcome))).await;
    }

    /// The connection broke.
    pub(super) fn trouble(&self, error: &ClientError) -> Box<SessionTrouble> {
        if let Some(reply) = error.reply() {
            return self.trouble_of_reply(error.phase, reply.clone());
        }
        let verdict = match error.dot_sent {
            // What became of the message is said of its recipients; the session has only lost its connection.
            true => self.shared.judge.failure(Failure::Disconnected),
            false => self.shared.judge.error(error, &self.path.site.provider, false),
        };
        let what = (Some(error.phase), Some(error.to_string()));
        let attempt = Attempt {
            phase: what.0,
            error: what.1,
            transcript: Some(self.client.transcript()),
            ..self.attempt(&verdict)
        };
        Box::new(SessionTrouble { verdict, attempt })
    }

    /// The host offers CHUNKING and does not know BDAT: it is sent DATA from now on, and not over this connection.
    pub(super) fn no_chunking(&self) -> Box<SessionTrouble> {
        self.shared.lessons.note_no_chunking(&self.host, self.shared.clock.now());
        let verdict = self.shared.judge.failure(Failure::Protocol);
        let error = Some("the host offers CHUNKING and refuses BDAT: sent by DATA from now on".to_owned());
        let transcript = Some(self.client.transcript());
        let attempt = Attempt { phase: Some(Phase::Data), error, transcript, ..self.attempt(&verdict) };
        Box::new(SessionTrouble { verdict, attempt })
    }

    /// The server ended the connection with a reply.
    pub(super) fn trouble_of_reply(&self, phase: Phase, reply: Reply) -> Box<SessionTrouble> {
        let verdict = self.shared.judge.reply(phase, &reply, &self.path.site.provider, false);
        let transcript = Some(self.client.transcript());
        let attempt = Attempt { phase: Some(phase), reply: Some(reply), transcript, ..self.attempt(&verdict) };
        Box::new(SessionTrouble { verdict, attempt })
    }
}

/// How the connection is encrypted; `policy` asked for it.
pub(super) fn tls_use(client: &Client, policy: &'static str) -> Option<TlsUse> {
    let secured = client.secured()?;
    Some(TlsUse {
        version: Name::from(secured.info.version),
        cipher: Name::from(secured.info.cipher.as_str()),
        policy: Some(Name::from(policy)),
        verified: secured.is_verified(),
        failure: None,
    })
}

/// Whether the sender asked for more than news of failure, which we give ourselves (RFC 3461 4.1).
fn asks_for_news(loaded: &Loaded) -> bool {
    loaded.recipient.dsn.as_ref().is_some_and(|dsn| dsn.success || dsn.delay)
}
