//! What outlives a restart beside the recipients: holds, suspensions, cancellations, learned limits, effects of rules.
//!
//! The driver writes it to a file and gives it back; losing it loses no mail, but forgets what persons have ordered.

use model::name::Name;
use model::reply::Reply;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::cancel::Cancel;
use super::effect::Effect;
use super::{Out, QueueCore};
use crate::providers::Action;
use crate::view::ControlView;

/// Most paths remembered; those with the longest memory go first.
const PATHS_MAX: usize = 20_000;

/// What outlives a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Holds and suspensions by persons.
    pub controls: Vec<ControlView>,
    /// Cancellations that a crash could undo.
    pub cancels: Vec<Cancel>,
    /// What was learned about paths.
    pub paths: Vec<PathMemory>,
}

/// What was learned about one path, or about a source at a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathMemory {
    /// The source.
    pub source: Name,
    /// The site, or `provider:` and the provider's name.
    pub site: Name,
    /// Learned messages per second.
    #[serde(default)]
    pub rate_per_s: Option<f64>,
    /// Learned connections.
    #[serde(default)]
    pub connections: Option<u32>,
    /// Until when the learned values hold.
    #[serde(default)]
    pub expires: Timestamp,
    /// Effects of rules.
    #[serde(default)]
    pub effects: Vec<EffectMemory>,
}

/// Something a rule did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectMemory {
    rule: Name,
    action: Action,
    until: Timestamp,
    reply: Reply,
}

impl PathMemory {
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.expires <= now && self.effects.iter().all(|effect| effect.until <= now)
    }
}

fn provider_key(provider: &Name) -> Name {
    Name::from(format!("provider:{provider}"))
}

impl QueueCore {
    /// What is to outlive a restart.
    pub fn memory(&self, now: Timestamp) -> Memory {
        let of_paths = self.paths.iter().map(|(_, path)| PathMemory {
            source: path.spec.path.source.clone(),
            site: path.spec.path.site.clone(),
            rate_per_s: path.learned.rate_per_s,
            connections: path.learned.connections,
            expires: path.learned.expires,
            effects: self.effects_memory(&path.effects),
        });
        let of_groups = self.groups.iter().map(|(_, group)| PathMemory {
            source: self.sources[usize::from(group.source)].spec.name.clone(),
            site: provider_key(&group.provider),
            rate_per_s: None,
            connections: None,
            expires: Timestamp::default(),
            effects: self.effects_memory(&group.effects),
        });
        let remembered = self.remembered.values().cloned();
        let mut paths: Vec<PathMemory> =
            of_paths.chain(of_groups).chain(remembered).filter(|memory| !memory.is_over(now)).collect();
        paths.truncate(PATHS_MAX);
        Memory { controls: self.controls.values().cloned().collect(), cancels: self.cancels_memory(), paths }
    }

    fn effects_memory(&self, effects: &[Effect]) -> Vec<EffectMemory> {
        let rule_name = |effect: &Effect| self.providers.rules()[effect.rule as usize].name.clone();
        let memory = |effect: &Effect| EffectMemory {
            rule: rule_name(effect),
            action: effect.action,
            until: effect.until,
            reply: effect.reply.clone(),
        };
        effects.iter().map(memory).collect()
    }

    /// Takes up what a queue before a restart remembered. Call before anything is admitted.
    pub fn restore(&mut self, now: Timestamp, memory: Memory, out: &mut Out) {
        for control in memory.controls {
            if control.until.is_none_or(|until| until > now)
                && let Err(error) = self.add_control(control)
            {
                tracing::warn!(%error, "a remembered hold or suspension was dropped");
            }
        }
        for cancel in memory.cancels {
            if let Err(error) = self.add_cancel(cancel) {
                tracing::warn!(%error, "a remembered cancellation was dropped");
            }
        }
        for path in memory.paths.into_iter().take(PATHS_MAX).filter(|path| !path.is_over(now)) {
            self.remembered.insert((path.source.clone(), path.site.clone()), path);
        }
        self.settle(now, out);
    }

    /// A path was made: what was known about it holds again.
    pub(super) fn recall(&mut self, now: Timestamp, path: u32) {
        if self.remembered.is_empty() {
            return;
        }
        let (source, provider) = self.route_names(path);
        let site = self.paths[path].spec.path.site.clone();
        if let Some(memory) = self.remembered.remove(&(source.clone(), site)) {
            let effects = self.effects_of(now, memory.effects);
            let state = &mut self.paths[path];
            state.effects = effects;
            if memory.expires > now {
                state.learned.recall(memory.rate_per_s, memory.connections, memory.expires, now);
            }
            self.refresh_path(now, path);
        }
        if let Some(memory) = self.remembered.remove(&(source, provider_key(&provider))) {
            let group = self.paths[path].group;
            self.groups[group].effects = self.effects_of(now, memory.effects);
            self.refresh_group(now, group);
        }
    }

    /// Effects by the numbers of today's rules; those of rules that are gone are dropped.
    fn effects_of(&self, now: Timestamp, memory: Vec<EffectMemory>) -> Vec<Effect> {
        let effect = |memory: EffectMemory| {
            let rule = self.providers.rules().iter().position(|rule| rule.name == memory.rule)? as u32;
            let EffectMemory { action, until, reply, .. } = memory;
            (until > now).then_some(Effect { rule, action, until, reply })
        };
        memory.into_iter().filter_map(effect).collect()
    }
}
