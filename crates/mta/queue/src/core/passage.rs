//! How mail passes the gates: which gates a route and a job have, who stands in line, and whose turn it is.
//!
//! Which gates a job has on a path is found out once and remembered by number ([`QueueCore::flow_of`]); nothing is hashed
//! by name while mail moves. Paths stand in line at a gate, one turn each ([`QueueCore::serve_gate`]), and whoever comes
//! later stands behind. A recipient that its tenant's gate keeps makes its lane on the path wait, not the path; and only
//! some seconds of its work are bound to paths ([`QueueCore::may_bind`]), so that what is kept never fills a path that
//! others could use.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use model::name::Name;
use model::time::Timestamp;
use model::units::Rate;

use super::effect;
use super::gates::{Flow, Gate, GateKind};
use super::{Out, QueueCore};
use crate::entries::NONE;
use crate::groups::Facts;
use crate::providers::PathLimits;
use crate::timers::Part;

/// Most jobs and domains whose gates a path remembers; beyond them it finds them out anew.
const FLOWS_MAX: usize = 4_096;

/// A gate that nobody has passed for this long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3_600);

/// In which connection mail would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Whatever connection there is.
    Any,
    /// One that would have to be opened.
    New,
    /// This one.
    Session(u32),
}

/// What keeps a message from passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shut {
    /// Until it opens, or until those before have had their turn.
    Message(u32),
    /// Until a connection with its mail is done.
    Connection(u32),
}

impl QueueCore {
    /// The gates of a route, made where they are new.
    pub(super) fn gates_of_route(&mut self, now: Timestamp, source: u16, site: u32, limits: &PathLimits) -> Vec<u32> {
        let source = self.sources[usize::from(source)].spec.name.clone();
        let (site, provider) = (self.sites[site].spec.name.clone(), self.sites[site].spec.provider.clone());
        let facts = Facts { values: [Some(&source), Some(&provider), Some(&site), None, None, None, None] };
        let mut found: Vec<u32> = Vec::new();
        let by_scope = [
            (GateKind::Provider, vec![provider.clone()], limits.of_provider()),
            (GateKind::SourceProvider, vec![source.clone(), provider.clone()], limits.of_source_at_provider()),
            (GateKind::Path, vec![source.clone(), site.clone()], limits.of_path()),
        ];
        for (kind, names, limits) in by_scope {
            if !limits.is_empty() {
                found.push(self.gates.find_or_make((kind, names), || limits, now));
            }
        }
        for (place, key) in self.gates.fitting(&facts, false) {
            found.push(self.gates.of_group(place, key, now));
        }
        found.extend(self.gates.find(&(GateKind::Source, vec![source.clone()])));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The gates that a recipient passes beside those of its path; `None` when there are none at all.
    pub(super) fn flow_of(&mut self, now: Timestamp, path: u32, idx: u32) -> Option<Arc<[u32]>> {
        if !self.gates.by_message {
            return None;
        }
        let (message, own_domain) = (self.entries.get(idx).message, self.entries.get(idx).domain);
        let domain = if self.gates.by_domain { own_domain } else { NONE };
        let key = (self.jobs[self.messages.series_of(message).job].flow, domain);
        if let Some(flow) = self.paths[path].flows.get(&key)
            && (domain == NONE || flow.domain == self.domains[domain].name)
        {
            return Some(flow.gates.clone());
        }
        let gates: Arc<[u32]> = self.find_flow(now, path, idx).into();
        let flow = Flow { domain: self.domains[own_domain].name.clone(), gates: gates.clone() };
        let flows = &mut self.paths[path].flows;
        if flows.len() >= FLOWS_MAX {
            flows.clear();
        }
        flows.insert(key, flow);
        Some(gates)
    }

    fn find_flow(&mut self, now: Timestamp, path: u32, idx: u32) -> Vec<u32> {
        let entry = self.entries.get(idx);
        let (domain, series) = (self.domains[entry.domain].name.clone(), self.messages.series_of(entry.message));
        let stream = self.streams[usize::from(series.stream)].config.name.clone();
        let routing = series.common.routing.clone();
        let (source, provider) = self.route_names(path);
        let site = self.paths[path].spec.path.site.clone();
        let facts = Facts {
            values: [
                Some(&source),
                Some(&provider),
                Some(&site),
                Some(&domain),
                Some(&routing.stream),
                Some(&routing.tenant),
                Some(&routing.job),
            ],
        };
        let mut found = Vec::new();
        for (place, key) in self.gates.fitting(&facts, true) {
            found.push(self.gates.of_group(place, key, now));
        }
        if let Some(limits) =
            crate::providers::domain_limits(&self.config.overrides, &source, &provider, &site, &domain)
        {
            found.push(self.gates.find_or_make((GateKind::Domain, vec![source.clone(), domain]), || limits, now));
        }
        let campaign = routing.campaign.map(|id| Name::from(id.to_string()));
        let made = [
            Some((GateKind::Tenant, vec![routing.tenant.clone(), provider.clone()])),
            campaign.map(|campaign| (GateKind::Campaign, vec![campaign, provider.clone()])),
            Some((GateKind::Learned, vec![source, provider, stream])),
        ];
        found.extend(made.iter().flatten().filter_map(|key| self.gates.find(key)));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The gates that a recipient passes on a path, as far as they are known; for whoever asks.
    pub(super) fn known_gates(&self, path: u32, idx: u32) -> Vec<u32> {
        let entry = self.entries.get(idx);
        let domain = if self.gates.by_domain { entry.domain } else { NONE };
        let flow = self.jobs[self.series_of(idx).job].flow;
        let of_mail = self.paths[path].flows.get(&(flow, domain)).map(|flow| flow.gates.to_vec());
        self.paths[path].gates.iter().copied().chain(of_mail.into_iter().flatten()).collect()
    }

    /// A gate was made or is gone: which gates whom is found out anew.
    pub(super) fn forget_flows(&mut self) {
        let paths: Vec<u32> = self.paths.iter().map(|(idx, _)| idx).collect();
        paths.into_iter().for_each(|path| self.paths[path].flows.clear());
    }

    /// True when one more recipient may be bound to the path; else the line is told when it may.
    pub(super) fn may_bind(&mut self, now: Timestamp, path: u32, idx: u32, line: u32) -> bool {
        let ready_max = self.config.limits.ready_max;
        let Some(flow) = self.flow_of(now, path, idx) else { return true };
        for &gate in flow.iter() {
            let state = self.gates.get_mut(gate);
            let closed = state.closed_until.is_some_and(|until| until > now);
            if closed || state.ready >= state.bound(ready_max) {
                state.lines.insert(line);
                self.set_gate_timer(now, gate);
                return false;
            }
        }
        true
    }

    /// A recipient was bound to a path.
    pub(super) fn bound_to(&mut self, now: Timestamp, path: u32, idx: u32) {
        self.warm_ups.bound(self.groups[self.paths[path].group].track, true);
        let Some(flow) = self.flow_of(now, path, idx) else { return };
        for &gate in flow.iter() {
            let state = self.gates.get_mut(gate);
            (state.ready, state.used_at) = (state.ready.saturating_add(1), now);
        }
    }

    /// A recipient has left the ready queue of a path.
    pub(super) fn unbound_from(&mut self, path: u32, idx: u32) {
        self.warm_ups.bound(self.groups[self.paths[path].group].track, false);
        let Some(flow) = self.flow_of(self.clock, path, idx) else { return };
        let ready_max = self.config.limits.ready_max;
        for &gate in flow.iter() {
            let state = self.gates.get_mut(gate);
            state.ready = state.ready.saturating_sub(1);
            if !state.lines.is_empty() && state.ready <= state.bound(ready_max) / 2 {
                self.gates.mark(gate);
            }
        }
    }

    /// What keeps this path, or this mail on it, from being sent now.
    fn shut(&self, now: Timestamp, path: u32, gates: &[u32], by: By) -> Option<Shut> {
        let served = self.gates.serving == Some(path);
        for &gate in gates {
            let state = self.gates.get(gate);
            if state.opens_at(now) > now || (!served && !state.message_line.is_empty()) {
                return Some(Shut::Message(gate));
            }
            let counted = match by {
                // Those of a path were counted when they were opened.
                By::Any => true,
                By::New => false,
                By::Session(session) => self.sessions[session].gates.iter().any(|&(known, _)| known == gate),
            };
            if !counted && state.connections_now().is_some_and(|most| state.sessions >= most) {
                return Some(Shut::Connection(gate));
            }
        }
        None
    }

    fn stand_in_line(&mut self, now: Timestamp, path: u32, shut: Shut) {
        let (gate, of_connection) = match shut {
            Shut::Message(gate) => (gate, false),
            Shut::Connection(gate) => (gate, true),
        };
        if !self.paths[path].waits.contains(&(gate, of_connection)) {
            self.paths[path].waits.push((gate, of_connection));
            let state = self.gates.get_mut(gate);
            let line = if of_connection { &mut state.connection_line } else { &mut state.message_line };
            line.push_back(path);
        }
        self.set_gate_timer(now, gate);
    }

    /// True when the gates of the route let a message through now; else the path stands in line.
    pub(super) fn route_is_open(&mut self, now: Timestamp, path: u32) -> bool {
        if self.paths[path].gates.is_empty() {
            return true;
        }
        let gates = std::mem::take(&mut self.paths[path].gates);
        let shut = self.shut(now, path, &gates, By::Any);
        self.paths[path].gates = gates;
        if let Some(shut) = shut {
            self.stand_in_line(now, path, shut);
        }
        shut.is_none()
    }

    /// True when the gates of a recipient's mail let it go in this session now; else the path stands in line.
    pub(super) fn mail_may_pass(&mut self, now: Timestamp, path: u32, idx: u32, by: By) -> bool {
        let Some(flow) = self.flow_of(now, path, idx) else { return true };
        let shut = self.shut(now, path, &flow, by);
        if let Some(shut) = shut {
            self.stand_in_line(now, path, shut);
        }
        shut.is_none()
    }

    /// Lanes of the path whose mail may not go now in such a connection are passed over until `unpark`.
    pub(super) fn park_shut(&mut self, now: Timestamp, path: u32, by: By) {
        if !self.gates.by_message {
            return;
        }
        let mut ready = std::mem::take(&mut self.paths[path].ready);
        ready.park_where(|idx| !self.mail_may_pass(now, path, idx, by));
        self.paths[path].ready = ready;
    }

    /// A recipient goes out: its gates are charged.
    pub(super) fn pass(&mut self, now: Timestamp, path: u32, idx: u32, session: u32) {
        let bytes = self.size_of(idx);
        for place in 0..self.paths[path].gates.len() {
            let gate = self.paths[path].gates[place];
            self.charge(now, gate, bytes);
        }
        let Some(flow) = self.flow_of(now, path, idx) else { return };
        for &gate in flow.iter() {
            self.charge(now, gate, bytes);
            if self.gates.get(gate).limits.connections.is_none() && self.gates.get(gate).effects.is_empty() {
                continue;
            }
            let counted = &mut self.sessions[session].gates;
            match counted.iter_mut().find(|(known, _)| *known == gate) {
                Some((_, count)) => *count += 1,
                None => {
                    counted.push((gate, 1));
                    self.gates.get_mut(gate).sessions += 1;
                }
            }
        }
    }

    fn charge(&mut self, now: Timestamp, gate: u32, bytes: u64) {
        let state = self.gates.get_mut(gate);
        state.used_at = now;
        if let Some(rate) = &mut state.rate {
            rate.take(now, 1);
        }
        if let Some(limit) = &mut state.bytes {
            limit.take(now, bytes);
        }
    }

    /// A recipient is no longer under way in a session.
    pub(super) fn passed(&mut self, path: u32, idx: u32, session: u32) {
        if self.sessions[session].gates.is_empty() {
            return;
        }
        let Some(flow) = self.flow_of(self.clock, path, idx) else { return };
        for &gate in flow.iter() {
            let counted = &mut self.sessions[session].gates;
            let Some(place) = counted.iter().position(|(known, _)| *known == gate) else { continue };
            counted[place].1 -= 1;
            if counted[place].1 == 0 {
                counted.swap_remove(place);
                let state = self.gates.get_mut(gate);
                state.sessions = state.sessions.saturating_sub(1);
                self.gates.mark(gate);
            }
        }
    }

    /// True when the path has to stand in line for a connection at a gate of its route.
    pub(super) fn queue_at_gates(&mut self, now: Timestamp, path: u32) -> bool {
        let served = self.gates.serving == Some(path);
        let keeps = |&gate: &u32| {
            let state = self.gates.get(gate);
            !state.has_connection(now) || (!served && !state.connection_line.is_empty())
        };
        let Some(gate) = self.paths[path].gates.iter().copied().find(keeps) else { return false };
        let first = self.gates.get(gate).connection_line.is_empty();
        self.stand_in_line(now, path, Shut::Connection(gate));
        if first {
            let through = |(_, session): &(u32, &super::tables::Session)| {
                self.paths.get(session.path).is_some_and(|path| path.gates.contains(&gate))
            };
            let sessions: Vec<u32> = self.sessions.iter().filter(through).map(|(idx, _)| idx).collect();
            self.look_for_unused(sessions.into_iter());
        }
        true
    }

    /// Others wait at a gate for a connection that this path could give up.
    pub(super) fn wanted_at_gates(&self, path: u32) -> bool {
        self.paths[path].gates.iter().any(|&gate| !self.gates.get(gate).connection_line.is_empty())
    }

    /// A session of the path was opened, or is gone.
    pub(super) fn count_at_gates(&mut self, now: Timestamp, path: u32, opened: bool) {
        for place in 0..self.paths[path].gates.len() {
            let gate = self.paths[path].gates[place];
            let state = self.gates.get_mut(gate);
            if opened {
                (state.sessions, state.used_at) = (state.sessions + 1, now);
                if let Some(rate) = &mut state.connection_rate {
                    rate.take(now, 1);
                }
            } else {
                state.sessions = state.sessions.saturating_sub(1);
                self.gates.mark(gate);
            }
        }
    }

    /// A session is gone: whatever it still counted for at gates of mail is free.
    pub(super) fn leave_gates(&mut self, counted: Vec<(u32, u32)>) {
        for (gate, _) in counted {
            let state = self.gates.get_mut(gate);
            state.sessions = state.sessions.saturating_sub(1);
            self.gates.mark(gate);
        }
    }

    /// A gate may have opened: each path in line has its turn, as long as it is open.
    pub(super) fn serve_gate(&mut self, now: Timestamp, gate: u32, out: &mut Out) {
        let Some(state) = self.gates.slab.get_mut(gate) else { return };
        state.dirty = false;
        if state.closed_until.is_some_and(|until| until <= now) {
            state.closed_until = None;
        }
        self.end_gate_effects(now, gate, out);
        let ready_max = self.config.limits.ready_max;
        let state = self.gates.get_mut(gate);
        if state.closed_until.is_none() && state.ready <= state.bound(ready_max) / 2 {
            std::mem::take(&mut state.lines).into_iter().for_each(|line| self.mark_line_if_there(line));
        }
        for _ in 0..self.gates.get(gate).message_line.len() {
            if self.gates.get(gate).opens_at(now) > now {
                break;
            }
            let Some(path) = self.gates.get_mut(gate).message_line.pop_front() else { break };
            self.serve(now, path, (gate, false), out);
        }
        for _ in 0..self.gates.get(gate).connection_line.len() {
            if !self.gates.get(gate).has_connection(now) {
                break;
            }
            let Some(path) = self.gates.get_mut(gate).connection_line.pop_front() else { break };
            self.serve(now, path, (gate, true), out);
        }
        self.set_gate_timer(now, gate);
    }

    fn serve(&mut self, now: Timestamp, path: u32, waited: (u32, bool), out: &mut Out) {
        let Some(state) = self.paths.get_mut(path) else { return };
        state.waits.retain(|wait| *wait != waited);
        self.gates.serving = Some(path);
        self.drive(now, path, out);
        self.gates.serving = None;
    }

    fn mark_line_if_there(&mut self, line: u32) {
        if self.lines.get(line).is_some() {
            self.mark_line(line);
        }
    }

    /// When the gate wants to be looked at: those in line are let through then, and effects end.
    pub(super) fn set_gate_timer(&mut self, now: Timestamp, gate: u32) {
        let state = self.gates.get(gate);
        let mut at: Option<Timestamp> = state.effects.iter().map(|effect| effect.until).min();
        let mut by = |time: Timestamp| at = Some(at.map_or(time, |known| known.min(time)));
        if !state.message_line.is_empty() {
            by(state.opens_at(now).max(now));
        }
        if !state.lines.is_empty()
            && let Some(until) = state.closed_until
        {
            by(until);
        }
        if let Some(rate) = state.connection_rate.filter(|_| !state.connection_line.is_empty())
            && state.connections_now().is_none_or(|most| state.sessions < most)
        {
            by(rate.ready_at(now).max(now));
        }
        self.timers.set(Part::Gate(gate), at);
    }

    /// The effects on a gate have changed: its rate is set anew, and those in line are looked at.
    pub(super) fn refresh_gate(&mut self, now: Timestamp, gate: u32, learned: Option<Rate>) {
        let state = self.gates.get_mut(gate);
        let configured = state.limits.rate.as_ref().map(|rate| rate.value);
        let rate = effect::slowest(&state.effects, configured.into_iter().chain(learned));
        if rate != state.rate_now {
            state.rate_now = rate;
            super::learn::set_throttle(&mut state.rate, rate, now);
        }
        state.closed_until = effect::suspension(&state.effects).map(|effect| effect.until);
        self.gates.mark(gate);
        self.set_gate_timer(now, gate);
    }

    /// Forgets gates that nobody has passed for long and that hold nothing back.
    pub(super) fn forget_gates(&mut self, now: Timestamp) {
        let of_paths: HashSet<u32> = self.paths.iter().flat_map(|(_, path)| path.gates.iter().copied()).collect();
        let unused = |(idx, gate): &(u32, &Gate)| {
            gate.sessions == 0
                && gate.ready == 0
                && gate.effects.is_empty()
                && gate.message_line.is_empty()
                && gate.connection_line.is_empty()
                && now >= gate.used_at.plus(FORGET_AFTER)
                && gate.opens_at(now) <= now
                // A budget that is not full again would be forgiven.
                && gate.rate_now.is_none_or(|rate| now >= gate.used_at.plus(rate.period))
                && gate.limits.byte_rate.as_ref().is_none_or(|rate| now >= gate.used_at.plus(rate.value.period))
                && (gate.key.0 != GateKind::Learned || gate.rate_now.is_none())
                && !of_paths.contains(idx)
        };
        let unused: Vec<u32> = self.gates.iter().filter(unused).map(|(idx, _)| idx).collect();
        if unused.is_empty() {
            return;
        }
        for gate in unused {
            let lines = std::mem::take(&mut self.gates.get_mut(gate).lines);
            lines.into_iter().for_each(|line| self.mark_line_if_there(line));
            let gone = self.gates.slab.remove(gate);
            self.gates.keys.remove(&gone.key);
            self.timers.set(Part::Gate(gate), None);
        }
        self.forget_flows();
    }
}
