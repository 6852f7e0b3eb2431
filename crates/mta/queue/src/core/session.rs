//! Sessions come, have room, and go; a site that cannot be reached gives its path a rest.

use std::time::Duration;

use model::category::{Category, Disposition, Scope};
use model::event::{Attempt, Event, EventKind};
use model::handoff::{SessionTrouble, Verdict};
use model::id::SessionId;
use model::time::Timestamp;

use super::end::Failed;
use super::tables::SessionPhase;
use super::tell::Change;
use super::{Out, QueueCore, Told};
use crate::view::LastReply;

/// First rest of a path whose site cannot be reached; doubled each time.
const REST_FIRST: Duration = Duration::from_secs(60);

/// Longest rest.
const REST_MAX: Duration = Duration::from_secs(30 * 60);

/// Pause after a session that ended in good order without having done anything.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// How many messages the hosts of a path take on one connection, as far as they showed it by hanging up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HostLimit {
    last: u32,
    learned: Option<u32>,
}

impl HostLimit {
    /// Notes after how many messages a host hung up. The same number twice in a row is a limit. True when it is new.
    fn note(&mut self, messages: u32) -> bool {
        let again = std::mem::replace(&mut self.last, messages) == messages;
        again && self.learned.replace(messages) != Some(messages)
    }

    /// The limit that was learned.
    pub fn messages(&self) -> Option<u32> {
        self.learned
    }
}

impl QueueCore {
    /// A host hung up without a word after so many messages: its limit, which the next connections keep.
    pub(super) fn host_limit(&mut self, now: Timestamp, id: SessionId, messages: u32, out: &mut Out) {
        let Some(&idx) = self.session_ids.get(&id) else { return };
        let path = self.sessions[idx].path;
        if messages == 0 || !self.paths[path].host_limit.note(messages) {
            return;
        }
        let change = Change {
            kind: EventKind::Throttled,
            target: "path",
            name: self.path_name(path),
            action: "limit",
            value: Some(format!("{messages} messages per connection")),
            until: None,
            by: "the host, by closing connections".to_owned(),
            reply: None,
        };
        let route = Some(self.route_names(path));
        self.tell_change(now, change, route, out);
    }

    /// A session can take work.
    pub(super) fn session_ready(&mut self, id: SessionId, room: u32) {
        let Some(&idx) = self.session_ids.get(&id) else { return };
        let session = &mut self.sessions[idx];
        let path = session.path;
        session.established = true;
        if session.phase != SessionPhase::Closing {
            (session.phase, session.credit) = (SessionPhase::Idle, room.max(1));
        }
        self.mark_path(path);
    }

    /// A session is gone; what it had not attempted goes back to the head of its path.
    pub(super) fn session_closed(
        &mut self,
        now: Timestamp,
        id: SessionId,
        trouble: Option<Box<SessionTrouble>>,
        out: &mut Out,
    ) {
        let Some(idx) = self.session_ids.remove(&id) else { return };
        let path = self.sessions[idx].path;
        let mut back = Vec::new();
        while let Some(recipient) = self.sessions[idx].in_flight.head() {
            self.take_out(recipient);
            back.push(recipient);
        }
        let session = self.sessions.remove(idx);
        self.forget_session(path, idx);
        self.count_at_gates(now, path, false);
        self.leave_gates(session.gates);
        let in_order = session.worked || session.phase == SessionPhase::Closing;
        let trouble = match trouble {
            Some(trouble) => Some(*trouble),
            None if session.given > 0 && !in_order => Some(without_a_word()),
            None => {
                if !in_order {
                    let state = &mut self.paths[path];
                    state.open_after = state.open_after.max(now.plus(IDLE_PAUSE));
                }
                None
            }
        };
        let fatal = trouble.and_then(|trouble| self.session_failed(now, path, trouble, session.worked, out));
        match fatal {
            Some(trouble) => self.rest(now, path, trouble, back, out),
            None => {
                for recipient in back.into_iter().rev() {
                    if self.may_proceed(now, recipient, out) {
                        self.put_back(now, recipient, path);
                    }
                }
            }
        }
        self.mark_group(self.paths[path].group);
        self.mark_path_and_lines(path);
    }

    fn forget_session(&mut self, path: u32, idx: u32) {
        let state = &mut self.paths[path];
        state.sessions.retain(|&other| other != idx);
        self.groups[state.group].sessions.retain(|&other| other != idx);
        self.sources[usize::from(state.source)].sessions -= 1;
    }

    /// Counts a failure; gives the trouble back when it is one too many and the path has to rest.
    fn session_failed(
        &mut self,
        now: Timestamp,
        path: u32,
        trouble: SessionTrouble,
        worked: bool,
        out: &mut Out,
    ) -> Option<SessionTrouble> {
        self.tell_failure(now, path, &trouble, out);
        self.note_reply(now, path, &trouble.attempt);
        self.learn(now, path, None, &trouble.verdict, &trouble.attempt, out);
        if worked {
            // The loss of one connection that did its work says nothing about the next.
            return None;
        }
        let state = &mut self.paths[path];
        state.failures = state.failures.saturating_add(1);
        state.open_after = now.plus(Self::pause(state.failures));
        let others = state.sessions.iter().any(|&idx| self.sessions[idx].worked);
        let enough = state.failures >= state.limits.connection_failures || state.rests > 0;
        (enough && !others).then_some(trouble)
    }

    /// The site cannot be reached: whoever is bound to the path, and whoever comes back from the session, has had an
    /// attempt, and the path rests.
    fn rest(&mut self, now: Timestamp, path: u32, trouble: SessionTrouble, back: Vec<u32>, out: &mut Out) {
        let state = &mut self.paths[path];
        let length = REST_FIRST.saturating_mul(1 << state.rests.min(16)).min(REST_MAX);
        state.rests = state.rests.saturating_add(1);
        state.rest_until = Some(now.plus(length));
        let bound: Vec<u32> = state.ready.indices(&self.entries).collect();
        let final_for_all = trouble.verdict.disposition == Disposition::Bounced
            && !matches!(trouble.verdict.scope, Scope::Source | Scope::Connection);
        for idx in back.into_iter().chain(bound) {
            self.take_out(idx);
            if !self.may_proceed(now, idx, out) {
                continue;
            }
            let attempt = self.count_attempt(idx, path, &trouble);
            if final_for_all {
                let row = self.entries.get(idx).row();
                self.paths[path].counts.bounced += 1;
                let event = self.attempt_event(idx, EventKind::Bounced, now, attempt, Some(path));
                self.note_warm_up(now, Some(path), &event, out);
                out.events.push(self.told(idx, event, row));
                self.finish(idx, EventKind::Bounced, out);
            } else {
                self.paths[path].counts.deferred += 1;
                let wait_s = trouble.verdict.wait_s;
                self.defer(now, idx, Failed { attempt, path: Some(path), at: now, address: None, wait_s }, out);
            }
        }
        self.paths[path].trouble = Some(Box::new(trouble));
    }

    /// The attempt of one recipient that came to nothing because no connection could be made.
    fn count_attempt(&mut self, idx: u32, path: u32, trouble: &SessionTrouble) -> Attempt {
        let entry = self.entries.get_mut(idx);
        entry.attempts = entry.attempts.saturating_add(1);
        Attempt {
            number: entry.attempts,
            site: Some(self.paths[path].spec.path.site.clone()),
            category: trouble.verdict.category,
            scope: Some(trouble.verdict.scope),
            suppress: false,
            // Told once, with the connection.
            transcript: None,
            ..trouble.attempt.clone()
        }
    }

    fn tell_failure(&mut self, now: Timestamp, path: u32, trouble: &SessionTrouble, out: &mut Out) {
        let mut event = Event::of_engine(EventKind::ConnectionFailed, self.generator.next(now), now);
        let (source, provider) = self.route_names(path);
        (event.source, event.provider) = (Some(source), Some(provider));
        event.attempt = Some(Attempt {
            site: Some(self.paths[path].spec.path.site.clone()),
            category: trouble.verdict.category,
            scope: Some(trouble.verdict.scope),
            ..trouble.attempt.clone()
        });
        out.events.push(Told { event: Box::new(event), row: None });
    }

    pub(super) fn note_reply(&mut self, now: Timestamp, path: u32, attempt: &Attempt) {
        self.paths[path].last_reply = Some(LastReply {
            at: now,
            phase: attempt.phase,
            reply: attempt.reply.clone(),
            error: attempt.error.clone(),
            category: attempt.category,
        });
    }
}

/// A session took tickets and ended without attempting one or saying why: a fault of ours rather than of the site, but
/// the tickets must not go round for ever.
fn without_a_word() -> SessionTrouble {
    SessionTrouble {
        verdict: Verdict {
            disposition: Disposition::Deferred,
            scope: Scope::Connection,
            category: Some(Category::Other),
            suppress: false,
            wait_s: None,
        },
        attempt: Attempt { error: Some("the session ended without a word".to_owned()), ..Attempt::default() },
    }
}
