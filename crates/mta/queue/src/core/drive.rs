//! A path at work: gives what is bound to it to sessions that can take it, opens and closes connections, and says when
//! it wants to be looked at again.

use std::sync::Arc;
use std::time::Duration;

use model::category::{Category, Scope};
use model::event::{Attempt, EventKind};
use model::handoff::{Ticket, ToDelivery};
use model::id::SessionId;
use model::name::Name;
use model::route::{MxHost, PathSpec, Site};
use model::time::Timestamp;

use super::distribute::OVERDUE_INTERVAL;
use super::effect::{self, Effect};
use super::passage::By;
use super::tables::{Session, SessionPhase, SourceState};
use super::{Out, QueueCore, STEP_MAX};
use crate::entries::{Chain, DueBy, List, Place};
use crate::fair::NEVER;
use crate::providers::Action;
use crate::ready::{Demand, SLOW_AFTER_S, connections_to_open};
use crate::timers::Part;

/// Longest pause between two attempts to connect before a path rests.
const PAUSE_MAX: Duration = Duration::from_secs(60);

impl QueueCore {
    /// Does on a path what can be done now.
    pub(super) fn drive(&mut self, now: Timestamp, path: u32, out: &mut Out) {
        let Some(state) = self.paths.get_mut(path) else { return };
        state.dirty = false;
        self.end_path_effects(now, path, out);
        if self.stopped {
            return;
        }
        if self.blocked(now, path).is_some() {
            self.unbind(now, path, 0);
            self.close_idle(path, usize::MAX, out);
        } else {
            self.expire_ready(now, path, out);
            self.unbind_beyond_plan(now, path);
            self.unbind_surplus(now, path);
            if self.divert(now, path, out) {
                // The rest in the next step: a whole backlog at once would hold up everything else.
                self.timers.set(Part::Path(path), Some(now));
                return;
            }
            self.yield_connections(now, path, out);
            self.park_shut(now, path, By::Any);
            self.give(now, path, out);
            self.close_surplus(path, out);
            self.park_shut(now, path, By::New);
            self.open(now, path, out);
            self.paths[path].ready.unpark();
            self.unbind_beyond_plan(now, path);
            self.call_for_more(path);
        }
        self.set_path_timer(now, path);
    }

    /// Gives to idle sessions what rates allow, evenly.
    fn give(&mut self, now: Timestamp, path: u32, out: &mut Out) {
        let idle: Vec<u32> = self.paths[path]
            .sessions
            .iter()
            .copied()
            .filter(|&idx| self.sessions[idx].phase == SessionPhase::Idle)
            .collect();
        for session in idle {
            let state = &self.paths[path];
            let ready = state.ready.len() - state.ready.parked_len();
            if ready == 0 {
                return;
            }
            let share = ready.div_ceil(state.sessions.len().max(1) as u32);
            let left = self.sessions[session].messages_max.saturating_sub(self.sessions[session].given);
            if left == 0 {
                self.close_session(session, out);
                continue;
            }
            let wanted = self.sessions[session].credit.min(left).min(share.max(1));
            let count = self.allowed(now, path, wanted);
            if count == 0 || !self.route_is_open(now, path) {
                return;
            }
            self.give_to(now, path, session, count, out);
        }
    }

    /// How many of `wanted` the rates of path and provider, and a warm-up plan, let through now.
    fn allowed(&self, now: Timestamp, path: u32, wanted: u32) -> u32 {
        let wanted = self.warm_up_allows(now, path, wanted);
        let path = &self.paths[path];
        let by_path = path.rate.map_or(wanted, |rate| rate.available(now, wanted));
        self.groups[path.group].rate.map_or(by_path, |rate| rate.available(now, by_path))
    }

    fn give_to(&mut self, now: Timestamp, path: u32, session: u32, count: u32, out: &mut Out) {
        let mut tickets = Vec::with_capacity(count as usize);
        while tickets.len() < count as usize {
            let Some((idx, _)) = self.paths[path].ready.peek() else { break };
            if !self.route_is_open(now, path) {
                break;
            }
            if !self.mail_may_pass(now, path, idx, By::Session(session)) {
                self.paths[path].ready.park();
                continue;
            }
            self.paths[path].ready.pop(&mut self.entries);
            self.count(idx, Place::Ready, -1);
            self.entries.get_mut(idx).place = Place::Nowhere;
            self.unbound_from(path, idx);
            if !self.may_proceed(now, idx, out) {
                continue;
            }
            self.pass(now, path, idx, session);
            let stream = self.series_of(idx).stream;
            self.groups[self.paths[path].group].flow(stream).given.add(now, 1);
            self.entries.push_back(Chain::Place, &mut self.sessions[session].in_flight, idx);
            self.put(idx, Place::InFlight, session);
            let entry = self.entries.get(idx);
            tickets.push(Ticket {
                recipient: entry.id,
                row: entry.row(),
                message: self.messages.head(entry.message),
                contact: self.entries.contact(idx),
                attempt: entry.attempts.saturating_add(1),
            });
        }
        let given = tickets.len() as u32;
        if given == 0 {
            return;
        }
        self.warm_up_gives(now, path, given, out);
        let state = &mut self.paths[path];
        (state.in_flight, state.used_at) = (state.in_flight + given, now);
        state.given.add(now, given);
        if let Some(rate) = &mut state.rate {
            rate.take(now, given);
        }
        if let Some(rate) = &mut self.groups[state.group].rate {
            rate.take(now, given);
        }
        let session = &mut self.sessions[session];
        (session.phase, session.credit) = (SessionPhase::Busy, 0);
        (session.given, session.moved_at) = (session.given + given, now);
        out.to_delivery.push(ToDelivery::Give { session: session.id, tickets });
    }

    /// Opens the connections that the work is worth, within all limits.
    fn open(&mut self, now: Timestamp, path: u32, out: &mut Out) {
        let state = &self.paths[path];
        let in_phase = |phase| state.sessions.iter().filter(|&&idx| self.sessions[idx].phase == phase).count() as u32;
        let ready = state.ready.len() - state.ready.parked_len();
        if in_phase(SessionPhase::Idle) > 0 || ready == 0 || self.allowed(now, path, 1) == 0 {
            return;
        }
        let demand = Demand {
            ready,
            sessions: state.sessions.len() as u32,
            opening: in_phase(SessionPhase::Opening),
            closing: in_phase(SessionPhase::Closing),
            slow: state.sessions.iter().filter(|&&idx| self.slow_at(idx).is_some_and(|at| at <= now)).count() as u32,
            limit: self.connections_now(path),
            failing: state.failures > 0 || state.rests > 0,
        };
        if !self.route_is_open(now, path) {
            return;
        }
        for _ in 0..connections_to_open(demand) {
            let state = &self.paths[path];
            let by_rate = state.connection_rate.is_none_or(|rate| rate.available(now, 1) > 0);
            let waits = now < state.open_after || !by_rate;
            if waits || self.queue_for_connection(path) || self.queue_at_gates(now, path) {
                return;
            }
            self.open_one(now, path, out);
        }
    }

    /// Where provider or program have no connection left, the path gets in line for one. True when it had to.
    fn queue_for_connection(&mut self, path: u32) -> bool {
        let group = self.paths[path].group;
        if self.groups[group].sessions.len() >= self.group_connections_now(group) as usize {
            if !std::mem::replace(&mut self.paths[path].waits_for_group, true) {
                self.groups[group].waiting.push_back(path);
                if self.groups[group].waiting.len() == 1 {
                    let sessions = self.groups[group].sessions.clone();
                    self.look_for_unused(sessions.into_iter());
                }
            }
            return true;
        }
        if self.sessions.len() >= self.config.limits.connections_max as usize {
            if !std::mem::replace(&mut self.paths[path].waits_for_total, true) {
                self.total_waiting.push_back(path);
                if self.total_waiting.len() == 1 {
                    let sessions: Vec<u32> = self.sessions.iter().map(|(idx, _)| idx).collect();
                    self.look_for_unused(sessions.into_iter());
                }
            }
            return true;
        }
        false
    }

    /// The first one in line: paths that have idle connections and nothing to send give them up. Later ones see the line
    /// when they become idle.
    pub(super) fn look_for_unused(&mut self, sessions: impl Iterator<Item = u32>) {
        for idx in sessions {
            let session = &self.sessions[idx];
            let path = session.path;
            if session.phase == SessionPhase::Idle && self.paths[path].ready.is_empty() {
                self.mark_path(path);
            }
        }
    }

    fn open_one(&mut self, now: Timestamp, path: u32, out: &mut Out) {
        let messages_max = self.messages_per_connection_now(path);
        let id = SessionId(self.generator.next(now));
        let state = &mut self.paths[path];
        if state.spec.messages_per_connection != messages_max {
            state.spec = Arc::new(PathSpec { messages_per_connection: messages_max, ..(*state.spec).clone() });
        }
        let idx = self.sessions.insert(Session {
            id,
            path,
            phase: SessionPhase::Opening,
            in_flight: List::default(),
            credit: 0,
            given: 0,
            gates: Vec::new(),
            messages_max,
            moved_at: now,
            opened_at: now,
            established: false,
            worked: false,
        });
        self.session_ids.insert(id, idx);
        state.sessions.push(idx);
        state.used_at = now;
        if let Some(rate) = &mut state.connection_rate {
            rate.take(now, 1);
        }
        self.groups[state.group].sessions.push(idx);
        let SourceState { sessions, .. } = &mut self.sources[usize::from(state.source)];
        *sessions += 1;
        let spec = self.spec_now(now, path);
        self.count_at_gates(now, path, true);
        out.to_delivery.push(ToDelivery::Open { session: id, path: spec });
    }

    /// The path as a session gets it: without the hosts that a rule skips, as long as others are left.
    fn spec_now(&self, now: Timestamp, path: u32) -> Arc<PathSpec> {
        let spec = &self.paths[path].spec;
        let skipped = effect::skipped_hosts(&self.paths[path].effects, now);
        if skipped.is_empty() {
            return spec.clone();
        }
        let left: Vec<MxHost> = spec.site.hosts.iter().filter(|host| !skipped.contains(&host.name)).cloned().collect();
        if left.is_empty() {
            return spec.clone();
        }
        Arc::new(PathSpec { site: Arc::new(Site { hosts: left, ..(*spec.site).clone() }), ..(**spec).clone() })
    }

    /// Where a rule says so, whoever is due on the path is given up, waits, or goes another way. True when there was
    /// somebody.
    fn divert(&mut self, now: Timestamp, path: u32, out: &mut Out) -> bool {
        if self.paths[path].ready.is_empty() {
            return false;
        }
        let Some(diversion) = effect::diversion(&self.paths[path].effects, now).cloned() else { return false };
        let pool = match &diversion.action {
            Action::Reroute(name) => match self.pool_to_reroute(now, path, name) {
                Some(pool) => Some(pool),
                None => return false,
            },
            _ => None,
        };
        let due: Vec<u32> = self.paths[path].ready.indices(&self.entries).collect();
        for idx in due {
            self.take_out(idx);
            if !self.may_proceed(now, idx, out) {
                continue;
            }
            match (&diversion.action, pool) {
                (_, Some(pool)) => {
                    let line = self.line_of(now, self.paths[path].site, pool);
                    let seat = self.seat(idx);
                    self.lines[line].backlog.push_back(&mut self.entries, idx, seat);
                    self.put(idx, Place::Backlog, line);
                    self.mark_line(line);
                }
                (Action::BounceQueue, _) => self.bounce_by_rule(now, idx, path, &diversion, out),
                _ => {
                    let entry = self.entries.get_mut(idx);
                    entry.set_due(diversion.until);
                    entry.due_by = DueBy::Reply;
                    self.put_on_wheel(idx);
                }
            }
        }
        true
    }

    /// The pool that takes what is due on a path; `None` when it does not exist, or has no source that would not pass it
    /// on again.
    fn pool_to_reroute(&self, now: Timestamp, path: u32, name: &Name) -> Option<u16> {
        let pool = self.pools.iter().position(|pool| pool.name == *name)?;
        let site = self.paths[path].site;
        let keeps = |&source: &u16| match self.path_keys.get(&(source, site)) {
            Some(&other) => {
                let effects = &self.paths[other].effects;
                other != path && effect::diversion(effects, now).is_none_or(|d| !matches!(d.action, Action::Reroute(_)))
            }
            None => true,
        };
        self.pools[pool].sources.iter().any(keeps).then_some(pool as u16)
    }

    fn bounce_by_rule(&mut self, now: Timestamp, idx: u32, path: u32, effect: &Effect, out: &mut Out) {
        let entry = self.entries.get(idx);
        let (number, row) = (entry.attempts, entry.row());
        let attempt = Attempt {
            number,
            reply: Some(effect.reply.clone()),
            category: Some(Category::PolicyRelated),
            scope: Some(Scope::Source),
            error: Some(format!("given up by {}", self.rule_of(effect))),
            ..Attempt::default()
        };
        self.paths[path].counts.bounced += 1;
        let event = self.attempt_event(idx, EventKind::Bounced, now, attempt, Some(path));
        out.events.push(self.told(idx, event, row));
        self.finish(idx, EventKind::Bounced, out);
    }

    /// Closes idle connections that others of the provider or of the program wait for: at once where there is nothing to
    /// send, else when they have been kept for their share of time.
    fn yield_connections(&mut self, now: Timestamp, path: u32, out: &mut Out) {
        if !self.shares_connections(path) {
            return;
        }
        let share = self.config.limits.connection_share.0;
        let state = &self.paths[path];
        let done_or_long = |idx: &u32| {
            let session = &self.sessions[*idx];
            session.phase == SessionPhase::Idle && (state.ready.is_empty() || now >= session.opened_at.plus(share))
        };
        let leaving: Vec<u32> = state.sessions.iter().copied().filter(done_or_long).collect();
        leaving.into_iter().for_each(|idx| self.close_session(idx, out));
    }

    /// Closes what is beyond the limit, as far as it is idle; busy sessions follow when they have finished.
    fn close_surplus(&mut self, path: u32, out: &mut Out) {
        let state = &self.paths[path];
        let open = state.sessions.iter().filter(|&&idx| self.sessions[idx].phase != SessionPhase::Closing).count();
        let surplus = open.saturating_sub(self.connections_now(path) as usize);
        if surplus > 0 {
            self.close_idle(path, surplus, out);
        }
    }

    /// Closes up to `count` idle sessions of a path.
    fn close_idle(&mut self, path: u32, count: usize, out: &mut Out) {
        let sessions = self.paths[path].sessions.iter().copied();
        let idle: Vec<u32> =
            sessions.filter(|&idx| self.sessions[idx].phase == SessionPhase::Idle).take(count).collect();
        idle.into_iter().for_each(|idx| self.close_session(idx, out));
    }

    pub(super) fn close_session(&mut self, idx: u32, out: &mut Out) {
        let session = &mut self.sessions[idx];
        if session.phase != SessionPhase::Closing {
            (session.phase, session.credit) = (SessionPhase::Closing, 0);
            out.to_delivery.push(ToDelivery::Close { session: session.id });
        }
    }

    /// A connection of the provider or of the program has become free: the next paths in line get it.
    pub(super) fn serve_waiting(&mut self, now: Timestamp, group: u32, out: &mut Out) {
        if let Some(state) = self.groups.get_mut(group) {
            state.dirty = false;
            while self.groups[group].sessions.len() < self.group_connections_now(group) as usize {
                let Some(path) = self.groups[group].waiting.pop_front() else { break };
                if let Some(state) = self.paths.get_mut(path) {
                    state.waits_for_group = false;
                    self.drive(now, path, out);
                }
            }
        }
        while self.sessions.len() < self.config.limits.connections_max as usize {
            let Some(path) = self.total_waiting.pop_front() else { break };
            if let Some(state) = self.paths.get_mut(path) {
                state.waits_for_total = false;
                self.drive(now, path, out);
            }
        }
    }

    fn expire_ready(&mut self, now: Timestamp, path: u32, out: &mut Out) {
        let state = &mut self.paths[path];
        if state.ready.deadline_min() > now || now < state.swept_at.plus(OVERDUE_INTERVAL) {
            return;
        }
        let overdue = state.ready.overdue(&self.entries, now, STEP_MAX);
        state.swept_at = if overdue.len() == STEP_MAX { Timestamp::default() } else { now };
        for idx in overdue {
            self.take_out(idx);
            if self.may_proceed(now, idx, out) {
                debug_assert!(false, "overdue ones never proceed");
                self.put_on_wheel(idx);
            }
        }
    }

    /// A path that became slow has more than it will send for long: other sources of the pool may be free.
    fn unbind_surplus(&mut self, now: Timestamp, path: u32) {
        let bound = self.ready_bound(path);
        if self.paths[path].ready.len() > bound.saturating_mul(2) {
            self.unbind(now, path, bound as usize);
        }
    }

    /// Gives what is bound to a path, but for the first `kept`, back to its lines, in its order, so that other sources
    /// can take it.
    pub(super) fn unbind(&mut self, now: Timestamp, path: u32, kept: usize) {
        if self.paths[path].ready.is_empty() {
            return;
        }
        let order: Vec<u32> = self.paths[path].ready.indices(&self.entries).skip(kept).collect();
        for idx in order.into_iter().rev() {
            self.take_out(idx);
            self.put_back(now, idx, path);
        }
    }

    /// Puts a recipient, taken out of its place, before the others that are due for its site.
    pub(super) fn put_back(&mut self, now: Timestamp, idx: u32, path: u32) {
        let pool = self.pool_of(idx).expect("invariant: what was bound to a path has a pool");
        let line = self.line_of(now, self.paths[path].site, pool);
        let seat = self.seat(idx);
        self.lines[line].backlog.push_front(&mut self.entries, idx, seat);
        self.put(idx, Place::Backlog, line);
        self.mark_line(line);
    }

    /// Room has become free: the lines of the site may bind more.
    fn call_for_more(&mut self, path: u32) {
        let state = &self.paths[path];
        if state.ready.len() > self.ready_bound(path) / 2 {
            return;
        }
        for line in self.sites[state.site].lines.clone() {
            if !self.lines[line].backlog.is_empty() {
                self.mark_line(line);
            }
        }
    }

    /// When the path wants to be looked at again without anything else happening.
    fn set_path_timer(&mut self, now: Timestamp, path: u32) {
        let state = &self.paths[path];
        let mut at = NEVER;
        let mut by = |time: Timestamp| at = at.min(time);
        state.effects.iter().for_each(|effect| by(effect.until));
        state.learned.rises_at(&self.config.adaptive).into_iter().for_each(&mut by);
        if let Some(until) = state.rest_until {
            by(until);
        }
        if !state.ready.is_empty() {
            by(state.ready.deadline_min().max(state.swept_at.plus(OVERDUE_INTERVAL)));
            let rates = state.rate.iter().chain(&self.groups[state.group].rate);
            let connecting = [state.open_after].into_iter().chain(state.connection_rate.map(|rate| rate.ready_at(now)));
            rates.map(|rate| rate.ready_at(now)).chain(connecting).filter(|&time| time > now).for_each(&mut by);
            let slow = state.sessions.iter().filter_map(|&idx| self.slow_at(idx));
            slow.filter(|&time| time > now).for_each(&mut by);
            if self.shares_connections(path) {
                by(now.plus(self.config.limits.connection_share.0));
            }
        }
        self.timers.set(Part::Path(path), (at != NEVER).then_some(at));
    }

    /// When a busy session counts as slow.
    fn slow_at(&self, session: u32) -> Option<Timestamp> {
        let session = &self.sessions[session];
        (session.phase == SessionPhase::Busy).then(|| session.moved_at.plus(Duration::from_secs(SLOW_AFTER_S)))
    }

    /// Others wait for a connection that this path could give up.
    fn shares_connections(&self, path: u32) -> bool {
        let state = &self.paths[path];
        let wanted = !self.groups[state.group].waiting.is_empty() || !self.total_waiting.is_empty();
        (wanted || self.wanted_at_gates(path)) && !state.sessions.is_empty()
    }

    /// The pause after so many failures to connect in a row.
    pub(super) fn pause(failures: u32) -> Duration {
        Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(PAUSE_MAX)
    }

    pub(super) fn connections_now(&self, path: u32) -> u32 {
        let state = &self.paths[path];
        let lowered = effect::connections(&state.effects).into_iter().chain(state.learned.connections);
        lowered.fold(state.limits.connections.value, u32::min).max(1)
    }

    pub(super) fn group_connections_now(&self, group: u32) -> u32 {
        let state = &self.groups[group];
        let configured = state.limits.provider_connections.as_ref().map(|limit| limit.value);
        effect::connections(&state.effects).into_iter().chain(configured).min().unwrap_or(u32::MAX)
    }

    pub(super) fn messages_per_connection_now(&self, path: u32) -> u32 {
        let state = &self.paths[path];
        let of_path = effect::messages_per_connection(&state.effects);
        let of_group = effect::messages_per_connection(&self.groups[state.group].effects);
        let of_host = state.host_limit.messages();
        of_path
            .into_iter()
            .chain(of_group)
            .chain(of_host)
            .fold(state.limits.messages_per_connection.value, u32::min)
            .max(1)
    }
}
