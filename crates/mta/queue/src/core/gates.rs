//! Limits that several paths, streams, tenants or jobs share: the gates. Who passes which, and who is next when one opens,
//! is told in `passage`.
//!
//! A gate is one budget: connections, new connections, messages, bytes, or closed altogether for a time. Every path has
//! the gates of its route (provider, source, site, groups of these); every recipient passes, beside those, the gates of
//! its mail (tenant, stream, job, domain, groups of these, the adaptive controller's). All hold together.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use model::name::Name;
use model::time::Timestamp;
use model::units::Rate;

use super::effect::{self, Effect, Hits};
use crate::groups::{Dimension, Facts, Group, fits};
use crate::overrides::Override;
use crate::providers::{GateLimits, Setting};
use crate::ready::ready_bound;
use crate::slab::Slab;
use crate::throttle::{ByteThrottle, Throttle};

/// For each connection that a gate allows, so many recipients may be bound to paths.
const BOUND_PER_CONNECTION: u32 = 64;

/// What a gate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum GateKind {
    /// One provider, all sources together.
    Provider,
    /// One source at one provider.
    SourceProvider,
    /// One source at one site.
    Path,
    /// One source.
    Source,
    /// A group of the configuration, by its place there.
    Group(u16),
    /// A domain from one source, by an override.
    Domain,
    /// One tenant at one provider.
    Tenant,
    /// One campaign at one provider.
    Campaign,
    /// What the adaptive controller has learned for one source at one provider and one stream.
    Learned,
}

pub(super) type GateKey = (GateKind, Vec<Name>);

/// One budget.
#[derive(Debug)]
pub(super) struct Gate {
    pub key: GateKey,
    pub limits: GateLimits,
    /// The rate that holds now.
    pub rate_now: Option<Rate>,
    pub rate: Option<Throttle>,
    pub bytes: Option<ByteThrottle>,
    pub connection_rate: Option<Throttle>,
    pub closed_until: Option<Timestamp>,
    /// Connections that count: of its paths, or with its mail on them.
    pub sessions: u32,
    /// Recipients bound to paths that pass it as mail.
    pub ready: u32,
    /// Paths that wait until it lets a message through.
    pub message_line: VecDeque<u32>,
    /// Paths that wait for a connection.
    pub connection_line: VecDeque<u32>,
    /// Lines that have work which it does not let be bound.
    pub lines: BTreeSet<u32>,
    pub effects: Vec<Effect>,
    pub hits: Hits,
    pub dirty: bool,
    pub used_at: Timestamp,
}

impl Gate {
    fn new(key: GateKey, limits: GateLimits, now: Timestamp) -> Self {
        let rate_now = limits.rate.as_ref().map(|rate| rate.value);
        Gate {
            key,
            rate_now,
            rate: rate_now.map(Throttle::new),
            bytes: limits.byte_rate.as_ref().map(|rate| ByteThrottle::new(rate.value)),
            connection_rate: limits.connection_rate.as_ref().map(|rate| Throttle::new(rate.value)),
            limits,
            closed_until: None,
            sessions: 0,
            ready: 0,
            message_line: VecDeque::new(),
            connection_line: VecDeque::new(),
            lines: BTreeSet::new(),
            effects: Vec::new(),
            hits: Hits::default(),
            dirty: false,
            used_at: now,
        }
    }

    /// When it lets the next message through, as far as time alone decides; `now` or earlier when it is open.
    pub fn opens_at(&self, now: Timestamp) -> Timestamp {
        let rate = self.rate.map(|rate| rate.ready_at(now));
        let bytes = self.bytes.map(|bytes| bytes.ready_at(now));
        rate.into_iter().chain(bytes).chain(self.closed_until).max().unwrap_or_default()
    }

    pub fn connections_now(&self) -> Option<u32> {
        let configured = self.limits.connections.as_ref().map(|limit| limit.value);
        effect::connections(&self.effects).into_iter().chain(configured).min()
    }

    pub fn has_connection(&self, now: Timestamp) -> bool {
        self.connections_now().is_none_or(|most| self.sessions < most)
            && self.connection_rate.is_none_or(|rate| rate.available(now, 1) > 0)
    }

    /// How many recipients may be bound to paths.
    pub fn bound(&self, ready_max: u32) -> u32 {
        let by_rate = ready_bound(self.rate_now, ready_max);
        let by_connections = self.connections_now().map(|most| most.saturating_mul(BOUND_PER_CONNECTION));
        let by_bytes = self.bytes.map(|_| crate::ready::READY_MIN.saturating_mul(4));
        by_connections.into_iter().chain(by_bytes).fold(by_rate, u32::min)
    }
}

/// All gates.
#[derive(Debug, Default)]
pub(super) struct Gates {
    pub slab: Slab<Gate>,
    pub keys: HashMap<GateKey, u32>,
    groups: Vec<Group>,
    pub dirty: Vec<u32>,
    /// Some gates depend on the mail, not only on the path.
    pub by_message: bool,
    /// Some of these depend on the recipient's domain.
    pub by_domain: bool,
    /// Some of these depend on the source.
    pub by_source: bool,
    /// The path whose turn it is at a gate.
    pub serving: Option<u32>,
    /// Number of the next job.
    flows: u64,
}

/// The gates of a job, or of a job's mail to a domain, on a path.
#[derive(Debug)]
pub(super) struct Flow {
    /// The number of the domain may be another's by now.
    pub domain: Name,
    pub gates: Arc<[u32]>,
}

/// By number of the job and number of the domain.
pub(super) type Flows = HashMap<(u64, u32), Flow>;

impl Gates {
    pub fn new(config: &crate::config::Config) -> Self {
        let by_override = config.overrides.iter().any(|entry| entry.domain.is_some());
        Gates {
            by_message: by_override || config.groups.iter().any(Group::is_of_message),
            by_source: by_override
                || config.groups.iter().any(|group| group.is_of_message() && group.looks_at(Dimension::Source)),
            by_domain: by_override || config.groups.iter().any(|group| group.looks_at(Dimension::Domain)),
            groups: config.groups.clone(),
            ..Gates::default()
        }
    }

    /// True when an override or a group may limit mail to this domain beside other mail of the same job.
    pub fn may_limit_domain(&self, overrides: &[Override], domain: &Name) -> bool {
        self.by_domain
            && (overrides.iter().any(|entry| entry.domain.as_ref().is_some_and(|pattern| fits(pattern, domain)))
                || self.groups.iter().any(|group| group.may_single_out(domain)))
    }

    /// A number for a job that no other job ever has.
    pub fn next_flow(&mut self) -> u64 {
        self.flows += 1;
        self.flows
    }

    pub fn get(&self, gate: u32) -> &Gate {
        &self.slab[gate]
    }

    pub fn get_mut(&mut self, gate: u32) -> &mut Gate {
        &mut self.slab[gate]
    }

    pub fn find(&self, key: &GateKey) -> Option<u32> {
        self.keys.get(key).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &Gate)> {
        self.slab.iter()
    }

    pub fn find_or_make(&mut self, key: GateKey, limits: impl FnOnce() -> GateLimits, now: Timestamp) -> u32 {
        if let Some(&gate) = self.keys.get(&key) {
            return gate;
        }
        let gate = self.slab.insert(Gate::new(key.clone(), limits(), now));
        self.keys.insert(key, gate);
        gate
    }

    /// A gate that people or rules made; whatever is remembered of flows has to be found out anew.
    pub fn make(&mut self, key: GateKey, now: Timestamp) -> u32 {
        self.by_message |= !matches!(key.0, GateKind::Source | GateKind::Provider);
        self.by_source |= key.0 == GateKind::Learned;
        self.find_or_make(key, GateLimits::default, now)
    }

    pub fn mark(&mut self, gate: u32) {
        if let Some(state) = self.slab.get_mut(gate)
            && !std::mem::replace(&mut state.dirty, true)
        {
            self.dirty.push(gate);
        }
    }

    fn group_limits(group: &Group, place: u16) -> GateLimits {
        let name = |field: &str| Name::from(format!("queue.groups[{place}].{field} ({})", group.name));
        GateLimits {
            connections: group.connections.map(|value| Setting { value, set_by: name("connections") }),
            connection_rate: group.connection_rate.map(|value| Setting { value, set_by: name("connection_rate") }),
            rate: group.rate.map(|value| Setting { value, set_by: name("rate") }),
            byte_rate: group.byte_rate.map(|value| Setting { value, set_by: name("byte_rate") }),
        }
    }

    /// Keys of the groups that fit; of those about mail, or of those about paths alone.
    pub fn fitting(&self, facts: &Facts<'_>, of_message: bool) -> Vec<(u16, GateKey)> {
        let fits = |(place, group): (usize, &Group)| {
            let key = (group.is_of_message() == of_message).then(|| group.key(facts))??;
            Some((place as u16, (GateKind::Group(place as u16), key)))
        };
        self.groups.iter().enumerate().filter_map(fits).collect()
    }

    pub fn of_group(&mut self, place: u16, key: GateKey, now: Timestamp) -> u32 {
        let limits = Self::group_limits(&self.groups[usize::from(place)], place);
        self.find_or_make(key, || limits, now)
    }
}
