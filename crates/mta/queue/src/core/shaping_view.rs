//! What slows mail now, in one view: effects of rules, learned limits, shared budgets.

use model::time::Timestamp;

use super::QueueCore;
use super::automation::Holder;
use super::effect::Effect;
use super::gate_view::whose;
use super::gates::{Gate, GateKind};
use super::learn::CONTROLLER;
use crate::shaping::{ACTIVE_MAX, ActiveEffect, CountedRule, GATES_MAX, LearnedView, ShapingView, SharedLimit};

impl QueueCore {
    /// What slows mail now.
    pub fn shaping(&self, now: Timestamp) -> ShapingView {
        let counts = self.rule_counts().into_iter().map(|(name, counts)| CountedRule { name, counts });
        ShapingView {
            counts: counts.collect(),
            active: self.active_effects(now),
            learned: self.learned_views(),
            shared: self.shared_limits(now),
            shadows: self.shadows.clone(),
        }
    }

    fn active_effects(&self, now: Timestamp) -> Vec<ActiveEffect> {
        let of_paths = self.paths.iter().map(|(idx, path)| (Holder::Path(idx), &path.effects));
        let of_groups = self.groups.iter().map(|(idx, group)| (Holder::Group(idx), &group.effects));
        let of_gates = self.gates.iter().map(|(idx, gate)| (Holder::Gate(idx), &gate.effects));
        let all = of_paths.chain(of_groups).chain(of_gates);
        let each = all.flat_map(|(holder, effects)| effects.iter().map(move |effect| (holder, effect)));
        each.filter(|(_, effect)| effect.until > now)
            .take(ACTIVE_MAX)
            .map(|(holder, effect)| self.active_effect(holder, effect))
            .collect()
    }

    fn active_effect(&self, holder: Holder, effect: &Effect) -> ActiveEffect {
        let (target, name) = self.holder_name(holder);
        ActiveEffect {
            target: target.to_owned(),
            name,
            rule: self.providers.rules()[effect.rule as usize].name.clone(),
            action: effect.action.words(),
            host: effect.host.clone(),
            until: effect.until,
            reply: effect.reply.clone(),
        }
    }

    fn learned_views(&self) -> Vec<LearnedView> {
        let of_paths = self.paths.iter().filter(|(_, path)| !path.learned.is_idle()).map(|(idx, path)| {
            let (source, provider) = self.route_names(idx);
            let site = Some(path.spec.path.site.clone());
            (source, provider, None, site, &path.learned)
        });
        let of_flows = self.groups.iter().flat_map(|(idx, group)| {
            let learned = group.flows.iter().filter(|flow| !flow.learned.is_idle());
            learned.map(move |flow| {
                let (source, provider) = self.group_names(idx);
                let stream = self.streams[usize::from(flow.stream)].config.name.clone();
                (source, provider, Some(stream), None, &flow.learned)
            })
        });
        let view = |(source, provider, stream, site, learned): (_, _, _, _, &crate::adapt::Learned)| LearnedView {
            source,
            provider,
            stream,
            site,
            value: learned.words(),
            refused_per_s: learned.refused_per_s(),
            until: learned.expires,
            reply: learned.cause.clone(),
        };
        of_flows.chain(of_paths).take(ACTIVE_MAX).map(view).collect()
    }

    fn shared_limits(&self, now: Timestamp) -> Vec<SharedLimit> {
        let mut gates: Vec<&Gate> = self.gates.iter().map(|(_, gate)| gate).collect();
        let order = |gate: &Gate| (gate.message_line.len() + gate.connection_line.len(), gate.sessions + gate.ready);
        gates.sort_by_key(|gate| std::cmp::Reverse(order(gate)));
        gates.into_iter().take(GATES_MAX).map(|gate| shared_limit(now, gate)).collect()
    }
}

fn shared_limit(now: Timestamp, gate: &Gate) -> SharedLimit {
    let limits = &gate.limits;
    let by = [
        limits.rate.as_ref().map(|setting| &setting.set_by),
        limits.byte_rate.as_ref().map(|setting| &setting.set_by),
        limits.connections.as_ref().map(|setting| &setting.set_by),
        limits.connection_rate.as_ref().map(|setting| &setting.set_by),
    ];
    let set_by = by.into_iter().flatten().next().map(ToString::to_string);
    let opens_at = gate.opens_at(now);
    SharedLimit {
        of: whose(gate),
        set_by: match (set_by, gate.key.0) {
            (Some(set_by), _) => set_by,
            (None, GateKind::Learned) => CONTROLLER.to_owned(),
            (None, _) => "a rule".to_owned(),
        },
        rate: gate.rate_now,
        byte_rate: limits.byte_rate.as_ref().map(|setting| setting.value),
        connections_max: gate.connections_now(),
        connections: gate.sessions,
        waiting: (gate.message_line.len() + gate.connection_line.len()) as u64,
        opens_at: (opens_at > now).then_some(opens_at),
    }
}
