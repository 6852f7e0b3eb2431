//! Automation rules at work: replies are counted, a rule that fires leaves effects, and these end in time.
//!
//! What an effect does stands where it is asked for (`effect`, `drive`, `gates`); here it begins and ends, and every
//! beginning and end is an event with the reply that caused it. A rule in shadow counts and tells, and does nothing.

use model::event::{Attempt, EventKind};
use model::name::Name;
use model::reply::Reply;
use model::time::Timestamp;

use super::effect::{self, Effect, Hits};
use super::gates::{GateKey, GateKind};
use super::tell::Change;
use super::{Out, QueueCore};
use crate::control::Target;
use crate::providers::{Action, Rule, RuleScope};
use crate::view::RuleCounts;

/// Most rule effects on one path, group or gate.
pub(super) const EFFECTS_MAX: usize = 32;

/// Whose reply it was, as far as rules ask.
#[derive(Clone, Debug, Default)]
pub(super) struct Concerned {
    pub tenant: Name,
    pub campaign: Option<Name>,
}

/// Where the effects of a rule go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Path(u32),
    Group(u32),
    Gate(u32),
}

impl QueueCore {
    /// Counts a reply, and does what the rule says that it fires. True when its recipient is to be given up.
    pub(super) fn apply_rules(
        &mut self,
        now: Timestamp,
        path: u32,
        concerned: &Concerned,
        reply: &Reply,
        attempt: &Attempt,
        out: &mut Out,
    ) -> bool {
        let provider = self.paths[path].spec.site.provider.clone();
        let Some(number) = self.providers.rule_for(&provider, reply, attempt.phase) else { return false };
        let counts = self.rule_counts.entry(number as u32).or_default();
        (counts.hits, counts.last_at, counts.last_reply) = (counts.hits + 1, Some(now), Some(reply.clone()));
        let rule = self.providers.rules()[number].clone();
        let shadow = rule.shadow || self.config.rules_shadow;
        let holder = self.holder_of(now, path, rule.scope, concerned, shadow);
        let fires = match holder {
            Some(holder) => self.hits_of(holder).count(number as u32, &rule, now),
            // In shadow no gate is made; one count for the provider says nearly the same.
            None => self.groups[self.paths[path].group].hits.count(number as u32, &rule, now),
        };
        if !fires {
            return false;
        }
        let counts = self.rule_counts.entry(number as u32).or_default();
        if shadow {
            counts.would_have_fired += 1;
        } else {
            counts.fired += 1;
        }
        let Some(holder) = holder.filter(|_| !shadow) else {
            self.tell_shadow(now, path, &rule, concerned, reply, out);
            return false;
        };
        self.fire(now, path, (number as u32, &rule), holder, (reply, attempt), out)
    }

    fn fire(
        &mut self,
        now: Timestamp,
        path: u32,
        (number, rule): (u32, &Rule),
        holder: Holder,
        (reply, attempt): (&Reply, &Attempt),
        out: &mut Out,
    ) -> bool {
        let until = now.plus(rule.duration);
        let by = self.providers.rule_place(rule);
        for said in &rule.actions {
            let holder = match said {
                Action::DisableSource => self.gate_of_source(now, self.paths[path].source),
                // What changes the way of a path is done to the path, however far the rest reaches.
                Action::SkipMx | Action::BounceQueue | Action::DeferQueue | Action::Reroute(_) => Holder::Path(path),
                _ => holder,
            };
            for action in self.made_absolute(path, said) {
                let host = if action == Action::SkipMx { attempt.mx_host.clone() } else { None };
                if matches!(action, Action::SkipMx) && host.is_none() {
                    continue;
                }
                let effect = Effect { rule: number, action: action.clone(), host, until, reply: reply.clone() };
                if action != Action::Bounce && !effect::put(self.effects_of_mut(holder), effect, EFFECTS_MAX) {
                    continue;
                }
                let ends = (action != Action::Bounce).then_some(until);
                self.tell_action(now, path, holder, (&action, ends), (&by, reply), out);
            }
            self.refresh(now, holder);
        }
        rule.actions.contains(&Action::Bounce)
    }

    /// What an action comes to on this path now.
    fn made_absolute(&self, path: u32, action: &Action) -> Vec<Action> {
        let by = |now: u32, by: i32| now.saturating_add_signed(by).max(1);
        match action {
            Action::ConnectionsBy(change) => vec![Action::Connections(by(self.connections_now(path), *change))],
            Action::MessagesPerConnectionBy(change) => {
                vec![Action::MessagesPerConnection(by(self.messages_per_connection_now(path), *change))]
            }
            Action::Backoff => {
                let limits = &self.paths[path].limits;
                vec![Action::Rate(limits.backoff_rate), Action::Connections(limits.backoff_connections)]
            }
            Action::DisableSource => vec![Action::Suspend],
            other => vec![other.clone()],
        }
    }

    /// Where the effects of a rule of this scope go; `None` when there is no place for them and none is to be made.
    fn holder_of(
        &mut self,
        now: Timestamp,
        path: u32,
        scope: RuleScope,
        concerned: &Concerned,
        shadow: bool,
    ) -> Option<Holder> {
        let provider = self.paths[path].spec.site.provider.clone();
        let key: GateKey = match scope {
            RuleScope::Path => return Some(Holder::Path(path)),
            RuleScope::Provider => return Some(Holder::Group(self.paths[path].group)),
            RuleScope::Source if shadow => return None,
            RuleScope::Source => return Some(self.gate_of_source(now, self.paths[path].source)),
            RuleScope::Tenant => (GateKind::Tenant, vec![concerned.tenant.clone(), provider]),
            RuleScope::Campaign => match &concerned.campaign {
                Some(campaign) => (GateKind::Campaign, vec![campaign.clone(), provider]),
                None => (GateKind::Tenant, vec![concerned.tenant.clone(), provider]),
            },
        };
        if shadow && self.gates.find(&key).is_none() {
            return None;
        }
        Some(Holder::Gate(self.gate_of(now, key)))
    }

    /// The gate of this key, made when it is new.
    pub(super) fn gate_of(&mut self, now: Timestamp, key: GateKey) -> u32 {
        if let Some(gate) = self.gates.find(&key) {
            return gate;
        }
        let gate = self.gates.make(key, now);
        self.forget_flows();
        gate
    }

    /// The gate that everything from a source passes.
    pub(super) fn gate_of_source(&mut self, now: Timestamp, source: u16) -> Holder {
        let state = &self.sources[usize::from(source)];
        let (key, sessions) = ((GateKind::Source, vec![state.spec.name.clone()]), state.sessions);
        if let Some(gate) = self.gates.find(&key) {
            return Holder::Gate(gate);
        }
        let gate = self.gates.make(key, now);
        self.gates.get_mut(gate).sessions = sessions;
        let of_source: Vec<u32> =
            self.paths.iter().filter(|(_, path)| path.source == source).map(|(idx, _)| idx).collect();
        of_source.into_iter().for_each(|path| self.paths[path].gates.push(gate));
        Holder::Gate(gate)
    }

    fn hits_of(&mut self, holder: Holder) -> &mut Hits {
        match holder {
            Holder::Path(path) => &mut self.paths[path].hits,
            Holder::Group(group) => &mut self.groups[group].hits,
            Holder::Gate(gate) => &mut self.gates.get_mut(gate).hits,
        }
    }

    fn effects_of_mut(&mut self, holder: Holder) -> &mut Vec<Effect> {
        match holder {
            Holder::Path(path) => &mut self.paths[path].effects,
            Holder::Group(group) => &mut self.groups[group].effects,
            Holder::Gate(gate) => &mut self.gates.get_mut(gate).effects,
        }
    }

    pub(super) fn refresh(&mut self, now: Timestamp, holder: Holder) {
        match holder {
            Holder::Path(path) => self.refresh_path(now, path),
            Holder::Group(group) => self.refresh_group(now, group),
            Holder::Gate(gate) => {
                self.refresh_gate(now, gate, None);
                let paths: Vec<u32> =
                    self.paths.iter().filter(|(_, path)| path.gates.contains(&gate)).map(|(idx, _)| idx).collect();
                paths.into_iter().for_each(|path| self.mark_path_and_lines(path));
            }
        }
    }

    pub(super) fn holder_name(&self, holder: Holder) -> (&'static str, String) {
        match holder {
            Holder::Path(path) => ("path", self.path_name(path)),
            Holder::Group(group) => ("provider", self.group_name(group)),
            Holder::Gate(gate) => {
                let (kind, names) = &self.gates.get(gate).key;
                let target = match kind {
                    GateKind::Source => "source",
                    GateKind::Campaign => "campaign",
                    GateKind::Tenant => "tenant",
                    _ => "group",
                };
                (target, names.join("/"))
            }
        }
    }

    fn tell_action(
        &mut self,
        now: Timestamp,
        path: u32,
        holder: Holder,
        (action, until): (&Action, Option<Timestamp>),
        (by, reply): (&str, &Reply),
        out: &mut Out,
    ) {
        let (target, name) = self.holder_name(holder);
        let change = Change {
            kind: EventKind::Throttled,
            target,
            name,
            action: if action.stops() { "suspend" } else { "limit" },
            value: (*action != Action::Suspend).then(|| action.words()),
            until,
            by: by.to_owned(),
            reply: Some(reply.clone()),
        };
        self.tell_change(now, change, Some(self.route_names(path)), out);
    }

    /// What a rule in shadow would have done.
    fn tell_shadow(
        &mut self,
        now: Timestamp,
        path: u32,
        rule: &Rule,
        concerned: &Concerned,
        reply: &Reply,
        out: &mut Out,
    ) {
        let words: Vec<String> = rule.actions.iter().map(Action::words).collect();
        let provider = self.paths[path].spec.site.provider.clone();
        let (target, name) = match rule.scope {
            RuleScope::Path => ("path", self.path_name(path)),
            RuleScope::Provider => ("provider", self.group_name(self.paths[path].group)),
            RuleScope::Source => ("source", self.route_names(path).0.to_string()),
            RuleScope::Tenant => ("tenant", format!("{}/{provider}", concerned.tenant)),
            RuleScope::Campaign => {
                ("campaign", format!("{}/{provider}", concerned.campaign.as_deref().unwrap_or_default()))
            }
        };
        let change = Change {
            kind: EventKind::Control,
            target,
            name,
            action: "shadow",
            value: Some(format!("would have been: {}", words.join(", "))),
            until: Some(now.plus(rule.duration)),
            by: self.providers.rule_place(rule),
            reply: Some(reply.clone()),
        };
        self.tell_change(now, change, Some(self.route_names(path)), out);
    }

    pub(super) fn end_gate_effects(&mut self, now: Timestamp, gate: u32, out: &mut Out) {
        let effects = &mut self.gates.get_mut(gate).effects;
        let ended: Vec<Effect> = effects.extract_if(.., |effect| effect.until <= now).collect();
        if ended.is_empty() {
            return;
        }
        let (target, name) = self.holder_name(Holder::Gate(gate));
        let (kind, names) = self.gates.get(gate).key.clone();
        let route = match (kind, names.as_slice()) {
            (GateKind::Source, [source]) => Some((source.clone(), Name::default())),
            (_, [_, provider]) => Some((Name::default(), provider.clone())),
            _ => None,
        };
        let route = route.filter(|(source, provider)| !source.is_empty() && !provider.is_empty());
        self.tell_ended(now, target, &name, route, ended, out);
        self.refresh(now, Holder::Gate(gate));
    }

    /// How often each rule has matched and fired since the program started, by its name.
    pub fn rule_counts(&self) -> Vec<(Name, RuleCounts)> {
        let rules = self.providers.rules();
        let named = |(number, counts): (&u32, &RuleCounts)| (rules[*number as usize].name.clone(), counts.clone());
        self.rule_counts.iter().map(named).collect()
    }

    /// Puts a rule into shadow, or takes it out; its effects end. False when there is no such rule.
    pub fn set_shadow(&mut self, now: Timestamp, rule: &Name, shadow: bool, by: &str, out: &mut Out) -> bool {
        if !self.providers.set_shadow(rule, shadow) {
            return false;
        }
        self.shadows.insert(rule.clone(), shadow);
        let change = Change {
            kind: EventKind::Control,
            target: "rule",
            name: rule.to_string(),
            action: if shadow { "shadow" } else { "act" },
            value: None,
            until: None,
            by: by.to_owned(),
            reply: None,
        };
        self.tell_change(now, change, None, out);
        if shadow {
            self.end_effects_of_rule(now, rule, out);
        }
        true
    }

    /// A person wants a source or a provider to go on: what rules have done to it, or to tenants and campaigns there, ends.
    pub(super) fn end_effects_on_gates(&mut self, now: Timestamp, target: &Target) {
        let fits = |(kind, names): &GateKey| match target {
            Target::Source(source) => *kind == GateKind::Source && names.first() == Some(source),
            Target::Provider(provider) => {
                matches!(kind, GateKind::Tenant | GateKind::Campaign) && names.last() == Some(provider)
            }
            _ => false,
        };
        let fitting: Vec<u32> = self.gates.iter().filter(|(_, gate)| fits(&gate.key)).map(|(idx, _)| idx).collect();
        for gate in fitting {
            self.gates.get_mut(gate).effects.clear();
            self.refresh(now, Holder::Gate(gate));
        }
    }

    fn end_effects_of_rule(&mut self, now: Timestamp, rule: &Name, out: &mut Out) {
        let number = self.providers.rules().iter().position(|known| known.name == *rule).map(|number| number as u32);
        let of_rule = |effect: &Effect| Some(effect.rule) == number;
        let paths: Vec<u32> =
            self.paths.iter().filter(|(_, p)| p.effects.iter().any(of_rule)).map(|(i, _)| i).collect();
        let groups: Vec<u32> =
            self.groups.iter().filter(|(_, g)| g.effects.iter().any(of_rule)).map(|(i, _)| i).collect();
        let gates: Vec<u32> =
            self.gates.iter().filter(|(_, g)| g.effects.iter().any(of_rule)).map(|(i, _)| i).collect();
        let holders = paths.into_iter().map(Holder::Path).chain(groups.into_iter().map(Holder::Group));
        for holder in holders.chain(gates.into_iter().map(Holder::Gate)) {
            let ended: Vec<Effect> = self.effects_of_mut(holder).extract_if(.., |effect| of_rule(effect)).collect();
            let (target, name) = self.holder_name(holder);
            self.tell_ended(now, target, &name, None, ended, out);
            self.refresh(now, holder);
        }
    }
}
