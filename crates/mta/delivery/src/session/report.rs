//! What the queue is told of each ticket, and of a session that broke.

use mail::bounce::Failure;
use model::event::Attempt;
use model::handoff::{FromDelivery, Outcome, SessionTrouble, Verdict};
use model::id::RecipientId;
use model::reply::{Phase, Reply};
use smtp::client::ClientError;

use super::{Session, opening};
use crate::load::Loaded;
use crate::route;

/// What decided about a ticket.
pub(super) enum What {
    /// A reply, and to what.
    Reply(Phase, Reply),
    /// Something without a reply, in words.
    Error(Phase, String),
}

/// How long things took.
#[derive(Clone, Copy, Default)]
pub(super) struct Times {
    connect_ms: Option<u32>,
    tls_ms: Option<u32>,
    transaction_ms: Option<u32>,
}

impl Session {
    /// Times of a transaction that has just ended; those of the connection go with its first one.
    pub(super) fn times(&self, transaction_ms: u32) -> Times {
        let timings = Some(self.client.timings()).filter(|_| self.transactions == 0);
        Times {
            connect_ms: timings.map(|timings| timings.connect_ms),
            tls_ms: timings.and_then(|timings| timings.tls_ms),
            transaction_ms: Some(transaction_ms),
        }
    }

    /// A ticket that was finished without a transaction.
    pub(super) async fn done(&mut self, loaded: &Loaded, verdict: Verdict, what: What) {
        let attempt = opening::about(&self.path, &verdict);
        self.tell(loaded, verdict, what, attempt).await;
    }

    /// A ticket that was part of the transaction that has just ended.
    pub(super) async fn report(&mut self, loaded: &Loaded, verdict: Verdict, what: What, times: Times) {
        let attempt = Attempt {
            connect_ms: times.connect_ms,
            tls_ms: times.tls_ms,
            transaction_ms: times.transaction_ms,
            transcript: self.transcript(loaded.ticket.recipient, &what),
            ..self.attempt(&verdict)
        };
        self.tell(loaded, verdict, what, attempt).await;
    }

    /// Kept of every failure, and of one in so many deliveries; of which ones depends on the recipient alone.
    fn transcript(&self, recipient: RecipientId, what: &What) -> Option<String> {
        let fine = matches!(what, What::Reply(Phase::Dot, reply) if reply.is_positive());
        let sample = u64::from(self.shared.config.transcript_sample);
        let wanted = !fine || (sample > 0 && route::mix(recipient.0).is_multiple_of(sample));
        wanted.then(|| self.client.transcript())
    }

    /// An attempt over this connection.
    fn attempt(&self, verdict: &Verdict) -> Attempt {
        Attempt {
            mx_host: Some(self.host.clone()),
            mx_address: Some(self.client.peer().ip().to_string()),
            source_address: Some(self.client.local().ip().to_string()),
            tls: self.client.tls().map(ToString::to_string),
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

    /// The server ended the connection with a reply.
    pub(super) fn trouble_of_reply(&self, phase: Phase, reply: Reply) -> Box<SessionTrouble> {
        let verdict = self.shared.judge.reply(phase, &reply, &self.path.site.provider, false);
        let transcript = Some(self.client.transcript());
        let attempt = Attempt { phase: Some(phase), reply: Some(reply), transcript, ..self.attempt(&verdict) };
        Box::new(SessionTrouble { verdict, attempt })
    }
}
