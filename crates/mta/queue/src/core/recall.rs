//! What was learned and what rules did, over a restart: written with the rest of [`super::Memory`], and in force again as
//! soon as the path, the group or the gate is there.

use model::name::Name;
use model::reply::Reply;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::QueueCore;
use super::effect::Effect;
use super::gates::{GateKey, GateKind};
use super::learn::Learner;
use super::memory::PathMemory;
use crate::adapt::Learned;
use crate::providers::Action;

/// Something a rule did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectMemory {
    rule: Name,
    action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<Name>,
    pub(super) until: Timestamp,
    reply: Reply,
}

/// The place of a source at a provider among the sites of [`PathMemory`].
fn provider_key(provider: &Name) -> Name {
    Name::from(format!("provider:{provider}"))
}

/// Likewise of one stream of it.
fn flow_key(provider: &Name, stream: &Name) -> Name {
    Name::from(format!("stream:{stream}@{provider}"))
}

/// Likewise of a gate with effects; `None` for gates that have none.
fn gate_key((kind, names): &GateKey) -> Option<(Name, Name)> {
    match (kind, names.as_slice()) {
        (GateKind::Source, [source]) => Some((source.clone(), Name::from("everywhere:"))),
        (GateKind::Tenant, [tenant, provider]) => Some((tenant.clone(), Name::from(format!("tenant@{provider}")))),
        (GateKind::Campaign, [campaign, provider]) => {
            Some((campaign.clone(), Name::from(format!("campaign@{provider}"))))
        }
        _ => None,
    }
}

/// The gate that [`gate_key`] stands for.
fn gate_of_key(source: &Name, site: &Name) -> Option<GateKey> {
    if &**site == "everywhere:" {
        return Some((GateKind::Source, vec![source.clone()]));
    }
    let (kind, provider) = site.split_once('@')?;
    let kind = match kind {
        "tenant" => GateKind::Tenant,
        "campaign" => GateKind::Campaign,
        _ => return None,
    };
    Some((kind, vec![source.clone(), Name::from(provider)]))
}

impl QueueCore {
    /// Everything learned and done that still holds.
    pub(super) fn paths_memory(&self, now: Timestamp) -> Vec<PathMemory> {
        let none = Learned::default();
        let of_paths = self.paths.iter().map(|(_, path)| {
            let spec = &path.spec.path;
            self.remembered_of(now, (spec.source.clone(), spec.site.clone()), &path.learned, &path.effects)
        });
        let of_groups = self.groups.iter().flat_map(|(idx, group)| {
            let (source, provider) = self.group_names(idx);
            let of_flows: Vec<PathMemory> = group
                .flows
                .iter()
                .map(|flow| {
                    let stream = &self.streams[usize::from(flow.stream)].config.name;
                    self.remembered_of(now, (source.clone(), flow_key(&provider, stream)), &flow.learned, &[])
                })
                .collect();
            let of_group = self.remembered_of(now, (source, provider_key(&provider)), &none, &group.effects);
            of_flows.into_iter().chain([of_group])
        });
        let of_gates = self.gates.iter().filter_map(|(_, gate)| {
            let key = gate_key(&gate.key)?;
            Some(self.remembered_of(now, key, &none, &gate.effects))
        });
        let remembered = self.remembered.values().cloned();
        of_paths.chain(of_groups).chain(of_gates).chain(remembered).filter(|memory| !memory.is_over(now)).collect()
    }

    fn remembered_of(
        &self,
        now: Timestamp,
        (source, site): (Name, Name),
        learned: &Learned,
        effects: &[Effect],
    ) -> PathMemory {
        // What is on its way back up would else be back at once after a restart.
        let expires = match learned.rises_at(&self.config.adaptive) {
            Some(_) => learned.expires.max(now.plus(self.config.adaptive.increase_interval.0)),
            None => learned.expires,
        };
        PathMemory {
            source,
            site,
            rate_per_s: learned.rate_per_s,
            refused_per_s: learned.refused_per_s(),
            connections: learned.connections,
            expires,
            effects: effects.iter().map(|effect| self.effect_memory(effect)).collect(),
        }
    }

    fn effect_memory(&self, effect: &Effect) -> EffectMemory {
        EffectMemory {
            rule: self.providers.rules()[effect.rule as usize].name.clone(),
            action: effect.action.clone(),
            host: effect.host.clone(),
            until: effect.until,
            reply: effect.reply.clone(),
        }
    }

    /// Gates with effects are there before any mail is; the rest waits for its path.
    pub(super) fn remember_paths(&mut self, now: Timestamp, paths: impl Iterator<Item = PathMemory>) {
        for memory in paths {
            match gate_of_key(&memory.source, &memory.site) {
                Some(key) => {
                    let gate = self.gate_of(now, key);
                    let effects = self.effects_again(now, memory.effects);
                    self.gates.get_mut(gate).effects = effects;
                    self.refresh_gate(now, gate, None);
                }
                None => drop(self.remembered.insert((memory.source.clone(), memory.site.clone()), memory)),
            }
        }
    }

    /// A path was made: what was known about it holds again.
    pub(super) fn recall(&mut self, now: Timestamp, path: u32) {
        if self.remembered.is_empty() {
            return;
        }
        let (source, provider) = self.route_names(path);
        let site = self.paths[path].spec.path.site.clone();
        if let Some(memory) = self.remembered.remove(&(source.clone(), site)) {
            self.paths[path].effects = self.effects_again(now, memory.effects.clone());
            let config = &self.config.adaptive;
            self.paths[path].learned.recall(config, None, None, memory.connections, memory.expires, now);
            self.refresh_path(now, path);
        }
        if let Some(memory) = self.remembered.remove(&(source, provider_key(&provider))) {
            let group = self.paths[path].group;
            self.groups[group].effects = self.effects_again(now, memory.effects);
            self.refresh_group(now, group);
        }
    }

    /// A source at a provider was made: what was learned about its streams holds again.
    pub(super) fn recall_flows(&mut self, now: Timestamp, group: u32) {
        if self.remembered.is_empty() {
            return;
        }
        let (source, provider) = self.group_names(group);
        let streams: Vec<Name> = self.streams.iter().map(|stream| stream.config.name.clone()).collect();
        for (number, stream) in streams.iter().enumerate() {
            let Some(memory) = self.remembered.remove(&(source.clone(), flow_key(&provider, stream))) else { continue };
            let (rate, refused) = (memory.rate_per_s, memory.refused_per_s);
            let config = &self.config.adaptive;
            let flow = self.groups[group].flow(number as u16);
            flow.learned.recall(config, rate, refused, None, memory.expires, now);
            self.apply_learned(now, Learner::Flow(group, number as u16));
        }
    }

    /// Effects by the numbers of today's rules; those of rules that are gone or in shadow are dropped.
    fn effects_again(&self, now: Timestamp, memory: Vec<EffectMemory>) -> Vec<Effect> {
        let effect = |memory: EffectMemory| {
            let rule = self.providers.rules().iter().position(|rule| rule.name == memory.rule && !rule.shadow)?;
            let EffectMemory { action, host, until, reply, .. } = memory;
            let holds = until > now && !self.config.rules_shadow;
            holds.then_some(Effect { rule: rule as u32, action, host, until, reply })
        };
        memory.into_iter().filter_map(effect).collect()
    }
}
