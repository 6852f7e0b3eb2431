//! What the gates that keep a recipient say for themselves: the limit, who set it, and when it lets the next one through.

use model::time::Timestamp;

use super::QueueCore;
use super::gates::{Gate, GateKind};
use super::learn::CONTROLLER;
use crate::providers::{Action, Setting};
use crate::view::{Limiter, LimiterKind};

impl QueueCore {
    /// The gates, of its route and of its mail, that do not let a recipient of this path through now.
    pub(super) fn gate_limiters(&self, now: Timestamp, path: u32, idx: u32) -> Vec<Limiter> {
        let gates = self.known_gates(path, idx);
        gates.into_iter().flat_map(|gate| self.limiters_of_gate(now, self.gates.get(gate))).collect()
    }

    fn limiters_of_gate(&self, now: Timestamp, gate: &Gate) -> Vec<Limiter> {
        let whose = whose(gate);
        let mut limiters = Vec::new();
        let mut say = |kind, text: String, value: String, set_by: String, until| {
            limiters.push(Limiter { kind, text, value: Some(value), set_by, until });
        };
        if let Some(effect) = super::effect::suspension(&gate.effects).filter(|effect| effect.until > now) {
            let text = format!("Nothing is sent {whose} now: suspended by a rule.");
            say(LimiterKind::Suspended, text, effect.reply.to_string(), self.rule_of(effect), Some(effect.until));
        }
        if let (Some(throttle), Some(rate)) = (gate.rate, gate.rate_now)
            && throttle.available(now, 1) == 0
        {
            let by_rule = gate.effects.iter().find(|effect| effect.action == Action::Rate(rate));
            let (kind, set_by) = match (by_rule, gate.key.0) {
                (Some(effect), _) => (LimiterKind::SharedRate, self.rule_of(effect)),
                (None, GateKind::Learned) => (LimiterKind::LearnedRate, CONTROLLER.to_owned()),
                (None, GateKind::SourceProvider) => (LimiterKind::ProviderRate, set_by(&gate.limits.rate)),
                (None, _) => (LimiterKind::SharedRate, set_by(&gate.limits.rate)),
            };
            say(kind, format!("Messages {whose} are limited."), rate.to_string(), set_by, Some(throttle.ready_at(now)));
        }
        if let (Some(throttle), Some(rate)) = (gate.bytes, &gate.limits.byte_rate)
            && !throttle.is_open(now)
        {
            let text = format!("Bytes {whose} are limited.");
            let until = Some(throttle.ready_at(now));
            say(LimiterKind::SharedRate, text, rate.value.to_string(), rate.set_by.to_string(), until);
        }
        if let Some(most) = gate.connections_now().filter(|most| gate.sessions >= *most) {
            let by_rule = gate.effects.iter().find(|effect| effect.action == Action::Connections(most));
            let set_by = by_rule.map_or_else(|| set_by(&gate.limits.connections), |effect| self.rule_of(effect));
            let text = format!("All connections {whose} are in use.");
            say(LimiterKind::SharedConnections, text, Action::Connections(most).words(), set_by, None);
        }
        if let (Some(throttle), Some(rate)) = (gate.connection_rate, &gate.limits.connection_rate)
            && throttle.available(now, 1) == 0
        {
            let text = format!("New connections {whose} are limited.");
            let until = Some(throttle.ready_at(now));
            say(LimiterKind::ConnectionRate, text, rate.value.to_string(), rate.set_by.to_string(), until);
        }
        limiters
    }
}

fn set_by<T>(setting: &Option<Setting<T>>) -> String {
    setting.as_ref().map_or_else(String::new, |setting| setting.set_by.to_string())
}

/// What a gate counts, to be put behind "messages".
pub(super) fn whose(gate: &Gate) -> String {
    let (kind, names) = &gate.key;
    match (kind, names.as_slice()) {
        (GateKind::Provider, [provider]) => format!("from all sources to {provider}"),
        (GateKind::SourceProvider, [source, provider]) => format!("from {source} to all sites of {provider}"),
        (GateKind::Path, [source, site]) => format!("from {source} to {site}"),
        (GateKind::Source, [source]) => format!("from {source}"),
        (GateKind::Domain, [source, domain]) => format!("from {source} to {domain}"),
        (GateKind::Tenant, [tenant, provider]) => format!("of tenant {tenant} to {provider}"),
        (GateKind::Campaign, [campaign, provider]) => format!("of campaign {campaign} to {provider}"),
        (GateKind::Learned, [source, provider, stream]) => format!("of stream {stream} from {source} to {provider}"),
        (GateKind::Group(_), []) => "of its group".to_owned(),
        (_, names) => format!("of {}", names.join(", ")),
    }
}
