//! From a line to paths: the pool chooses the source for each recipient, as long as paths have room.

use std::sync::Arc;
use std::time::Duration;

use model::route::{Path as RoutePath, PathSpec};
use model::time::Timestamp;

use super::effect::{self, Hits};
use super::meter::Meter;
use super::tables::{Group, Path};
use super::{Out, QueueCore, STEP_MAX};
use crate::adapt::Learned;
use crate::entries::Place;
use crate::fair::{FairQueue, NEVER};
use crate::ready::ready_bound;
use crate::throttle::Throttle;
use crate::timers::Part;

/// Deadlines of those who wait in a backlog or on a path are looked through at most this often.
pub(super) const OVERDUE_INTERVAL: Duration = Duration::from_secs(5);

/// Most recipients bound to paths before others are looked at.
const BIND_MAX: usize = 10_000;

impl QueueCore {
    /// Binds what is due for a site to paths that can take it.
    pub(super) fn distribute(&mut self, now: Timestamp, line_idx: u32, out: &mut Out) {
        let Some(line) = self.lines.get_mut(line_idx) else { return };
        line.dirty = false;
        if line.backlog.is_empty() {
            self.timers.set(Part::Line(line_idx), None);
            return;
        }
        line.used_at = now;
        self.expire_backlog(now, line_idx, out);
        let (site, pool) = (self.lines[line_idx].site, usize::from(self.lines[line_idx].pool));
        let (sources, weights) = self.members_now(now, pool, site);
        let warming = self.warming(now, &sources, site);
        let mut rooms: Vec<u32> = Vec::new();
        let mut rooms_class = None;
        let mut rotation = std::mem::take(&mut self.lines[line_idx].rotation);
        for bound in 0.. {
            let Some((head, seat)) = self.lines[line_idx].backlog.peek() else { break };
            let class = seat.class;
            if bound >= BIND_MAX {
                self.mark_line(line_idx);
                break;
            }
            if rooms_class != Some(class) {
                rooms = sources.iter().map(|&source| self.room(now, source, site, class)).collect();
                self.narrow_rooms(now, &warming, &mut rooms);
                rooms_class = Some(class);
            }
            let own = (!warming.is_empty()).then(|| self.rooms_for(head, &warming, &weights, &rooms));
            let open: &[u32] = own.as_deref().unwrap_or(&rooms);
            let preferred = Self::preferred(&warming, &weights, open);
            let Some(member) = preferred.or_else(|| rotation.pick(&weights, |member| open[member] > 0)) else {
                if open != rooms {
                    // Its mail may not go where there is room, or has to wait for a source that warms up; others may go.
                    self.lines[line_idx].backlog.park();
                    continue;
                }
                // Paths that are full of mail of a lower priority take one of a higher.
                if self.lines[line_idx].backlog.waive_lower_turn() {
                    continue;
                }
                break;
            };
            let Some(member) = self.member_for(now, (head, line_idx), site, member, (&sources, &weights, open)) else {
                // Nothing of its tenant, stream or job may be bound now; others may.
                self.lines[line_idx].backlog.park();
                continue;
            };
            let idx = self.lines[line_idx].backlog.pop(&mut self.entries).expect("invariant: its class is not empty");
            self.count(idx, Place::Backlog, -1);
            self.entries.get_mut(idx).place = Place::Nowhere;
            if self.may_proceed(now, idx, out) {
                rooms[member] -= 1;
                let path = self.path_of(now, sources[member], site);
                self.bind(now, idx, path);
            }
        }
        if let Some(line) = self.lines.get_mut(line_idx) {
            line.rotation = rotation;
            line.backlog.unpark();
        }
        self.set_line_timer(now, line_idx);
    }

    /// The source for the next recipient of a line, as far as the gates of its mail decide: the one whose turn it is, or
    /// else the next one in the pool. `None` when its mail may be bound nowhere.
    fn member_for(
        &mut self,
        now: Timestamp,
        (idx, line): (u32, u32),
        site: u32,
        turn: usize,
        (sources, weights, rooms): (&[u16], &[u32], &[u32]),
    ) -> Option<usize> {
        if !self.gates.by_message {
            return Some(turn);
        }
        let all = (turn..sources.len()).chain(0..turn);
        for member in all.filter(|&member| member == turn || weights[member] > 0 && rooms[member] > 0) {
            let path = self.path_of(now, sources[member], site);
            if self.may_bind(now, path, idx, line) {
                return Some(member);
            }
            // Gates that do not look at the source say the same of all.
            if !self.gates.by_source {
                return None;
            }
        }
        None
    }

    /// How many more of this class a path takes; 0 while it is blocked.
    fn room(&self, now: Timestamp, source: u16, site: u32, class: u8) -> u32 {
        let ready_max = self.config.limits.ready_max;
        match self.path_keys.get(&(source, site)) {
            None if self.route_suspended(now, source, site) => 0,
            None => ready_max.min(crate::ready::READY_MIN),
            Some(&path) if self.blocked(now, path).is_some() => 0,
            Some(&path) => self.ready_bound(path).saturating_sub(self.paths[path].ready.len_up_to(class)),
        }
    }

    pub(super) fn ready_bound(&self, path: u32) -> u32 {
        let path = &self.paths[path];
        let of_gates = path.gates.iter().filter_map(|&gate| self.gates.get(gate).rate_now);
        let rates = path.rate_now.into_iter().chain(self.groups[path.group].rate_now).chain(of_gates);
        let rate = effect::slowest(&[], rates);
        ready_bound(rate, self.config.limits.ready_max)
    }

    /// Binds a recipient, taken out of its place, to a path.
    fn bind(&mut self, now: Timestamp, idx: u32, path: u32) {
        let seat = self.seat(idx);
        self.paths[path].ready.push_back(&mut self.entries, idx, seat);
        self.put(idx, Place::Ready, path);
        self.bound_to(now, path, idx);
        self.mark_path(path);
    }

    fn expire_backlog(&mut self, now: Timestamp, line_idx: u32, out: &mut Out) {
        let line = &mut self.lines[line_idx];
        if line.backlog.deadline_min() > now || now < line.swept_at.plus(OVERDUE_INTERVAL) {
            return;
        }
        let overdue = line.backlog.overdue(&self.entries, now, STEP_MAX);
        // A full portion: there may be more, look again at once.
        line.swept_at = if overdue.len() == STEP_MAX { Timestamp::default() } else { now };
        for idx in overdue {
            self.take_out(idx);
            if self.may_proceed(now, idx, out) {
                debug_assert!(false, "overdue ones never proceed");
                self.put_on_wheel(idx);
            }
        }
    }

    fn set_line_timer(&mut self, now: Timestamp, line_idx: u32) {
        let Some(line) = self.lines.get(line_idx) else { return };
        let at = line.backlog.deadline_min();
        let at = (at != NEVER).then(|| at.max(line.swept_at.plus(OVERDUE_INTERVAL)));
        let reopens = if line.backlog.is_empty() { None } else { self.warm_up_reopens(now, line_idx) };
        let at = at.into_iter().chain(reopens).min();
        self.timers.set(Part::Line(line_idx), at);
    }

    /// The path of a source to a site, made when it is new.
    pub(super) fn path_of(&mut self, now: Timestamp, source: u16, site: u32) -> u32 {
        if let Some(&path) = self.path_keys.get(&(source, site)) {
            return path;
        }
        let group = self.group_of(now, source, site);
        let limits = self.limits_of_path(source, site, group);
        let gates = self.gates_of_route(now, source, site, &limits);
        let spec = &self.sites[site].spec;
        let source_spec = self.sources[usize::from(source)].spec.clone();
        let spec = Arc::new(PathSpec {
            path: RoutePath { source: source_spec.name.clone(), site: spec.name.clone() },
            source: source_spec,
            site: spec.clone(),
            messages_per_connection: limits.messages_per_connection.value,
            recipients_per_transaction: limits.recipients_per_transaction.value,
            tls: limits.tls,
            idle_timeout: limits.idle_timeout,
            connections_per_address: limits.address_connections.as_ref().map(|limit| limit.value),
        });
        let rate_now = limits.rate.as_ref().map(|rate| rate.value);
        let path = self.paths.insert(Path {
            source,
            site,
            group,
            spec,
            ready: FairQueue::default(),
            sessions: Vec::new(),
            in_flight: 0,
            rate_now,
            rate: rate_now.map(Throttle::new),
            connection_rate: limits.connection_rate.as_ref().map(|rate| Throttle::new(rate.value)),
            limits,
            learned: Learned::default(),
            effects: Vec::new(),
            hits: Hits::default(),
            gates,
            flows: Default::default(),
            waits: Vec::new(),
            host_limit: Default::default(),
            failures: 0,
            rests: 0,
            rest_until: None,
            trouble: None,
            open_after: Timestamp::default(),
            last_reply: None,
            counts: Default::default(),
            given: Meter::default(),
            delivered: Meter::default(),
            dirty: false,
            waits_for_group: false,
            waits_for_total: false,
            swept_at: Timestamp::default(),
            used_at: now,
        });
        self.path_keys.insert((source, site), path);
        self.sites[site].paths.push(path);
        self.groups[group].paths.push(path);
        self.recall(now, path);
        path
    }

    /// The limits of a path: those of its source at the provider, unless something is said of sites.
    fn limits_of_path(&self, source: u16, site: u32, group: u32) -> Arc<crate::providers::PathLimits> {
        let overrides = &self.config.overrides;
        if overrides.iter().all(|entry| entry.site.is_none()) {
            return self.groups[group].limits.clone();
        }
        let (source, site) = (&self.sources[usize::from(source)].spec.name, &self.sites[site].spec);
        Arc::new(self.providers.limits(source, &site.provider, Some(&site.name), overrides))
    }

    fn group_of(&mut self, now: Timestamp, source: u16, site: u32) -> u32 {
        let provider = self.sites[site].spec.provider.clone();
        let key = (source, provider);
        if let Some(&group) = self.group_keys.get(&key) {
            return group;
        }
        let source_name = &self.sources[usize::from(source)].spec.name;
        let limits = Arc::new(self.providers.limits(source_name, &key.1, None, &self.config.overrides));
        let group = self.groups.insert(Group {
            source,
            provider: key.1.clone(),
            track: self.warm_ups.track_of(source, &key.1),
            limits,
            paths: Vec::new(),
            sessions: Vec::new(),
            rate_now: None,
            rate: None,
            effects: Vec::new(),
            hits: Hits::default(),
            flows: Vec::new(),
            shadow_told: Timestamp::default(),
            waiting: Default::default(),
            dirty: false,
        });
        self.group_keys.insert(key, group);
        self.recall_flows(now, group);
        group
    }
}
