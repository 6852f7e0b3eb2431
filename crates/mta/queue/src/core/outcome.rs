//! What became of an attempt: the end of a recipient, or another attempt later.

use model::category::Disposition;
use model::event::{Attempt, EventKind};
use model::handoff::Outcome;
use model::time::Timestamp;

use super::end::Failed;
use super::{Out, QueueCore};
use crate::entries::Place;

impl QueueCore {
    /// Delivery has finished a ticket.
    pub(super) fn done(&mut self, now: Timestamp, outcome: Outcome, out: &mut Out) {
        let Some(idx) = self.ids.get(&self.entries, outcome.recipient) else {
            tracing::warn!(recipient = %outcome.recipient, "an outcome for nobody in the queue");
            return;
        };
        let entry = self.entries.get(idx);
        let of_session = entry.place == Place::InFlight && self.sessions[entry.holder].id == outcome.session;
        if !of_session {
            tracing::warn!(recipient = %outcome.recipient, "an outcome from a session that does not have the recipient");
            return;
        }
        let session = &mut self.sessions[entry.holder];
        (session.worked, session.moved_at) = (true, now);
        let path = session.path;
        let state = &mut self.paths[path];
        (state.failures, state.rests, state.rest_until) = (0, 0, None);
        self.take_out(idx);
        let entry = self.entries.get_mut(idx);
        entry.attempts = entry.attempts.saturating_add(1);
        let number = entry.attempts;
        let mut verdict = outcome.verdict;
        let delivered = verdict.disposition == Disposition::Delivered;
        let attempt = Attempt {
            number,
            category: if delivered { None } else { verdict.category },
            scope: (!delivered).then_some(verdict.scope),
            suppress: verdict.suppress,
            ..outcome.attempt
        };
        if delivered {
            let bytes = self.size_of(idx);
            self.traffic.delivered(now, bytes);
        }
        self.count_outcome(now, path, verdict.disposition, &attempt);
        if self.learn(now, path, Some(idx), &verdict, &attempt, out) && verdict.disposition == Disposition::Deferred {
            // A rule of the operator knows better than the reply.
            verdict.disposition = Disposition::Bounced;
        }
        match verdict.disposition {
            Disposition::Delivered | Disposition::Bounced | Disposition::Suppressed => {
                let kind = EventKind::of_disposition(verdict.disposition);
                let row = self.entries.get(idx).row();
                let mut event = self.attempt_event(idx, kind, outcome.at, attempt, Some(path));
                event.address = Some(outcome.address);
                self.note_warm_up(now, Some(path), &event, out);
                out.events.push(self.told(idx, event, row));
                self.finish(idx, kind, out);
            }
            // That its time is up is for the queue to say.
            Disposition::Deferred | Disposition::Expired => {
                let (address, wait_s) = (Some(outcome.address), verdict.wait_s);
                self.defer(now, idx, Failed { attempt, path: Some(path), at: outcome.at, address, wait_s }, out);
            }
        }
    }

    fn count_outcome(&mut self, now: Timestamp, path: u32, disposition: Disposition, attempt: &Attempt) {
        let state = &mut self.paths[path];
        match disposition {
            Disposition::Delivered => {
                state.counts.delivered += 1;
                state.delivered.add(now, 1);
            }
            Disposition::Deferred | Disposition::Expired => state.counts.deferred += 1,
            Disposition::Bounced => state.counts.bounced += 1,
            Disposition::Suppressed => return,
        }
        if disposition != Disposition::Delivered {
            self.note_reply(now, path, attempt);
        }
    }
}
