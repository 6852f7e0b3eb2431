//! What replies change: rules fire, the adaptive controller slows down and speeds up, and both end in time.
//!
//! Every change is an event with the reply that caused it.

use model::category::Disposition;
use model::event::{Attempt, EventKind};
use model::handoff::Verdict;
use model::name::Name;
use model::reply::Reply;
use model::time::Timestamp;

use super::effect::{self, Effect};
use super::tell::Change as Told;
use super::{Out, QueueCore};
use crate::adapt::{Change, Present, asks_to_slow_down, per_s};
use crate::control::{PathName, Target};
use crate::providers::{Action, RuleScope};
use crate::throttle::Throttle;
use crate::timers::Part;
use crate::view::{ControlView, ThrottleView};

/// Most rule effects on one path or group.
const EFFECTS_MAX: usize = 32;

/// Who lowers and raises by itself.
pub(super) const CONTROLLER: &str = "adaptive controller";

impl QueueCore {
    /// Learns from one finished attempt, or from a connection that failed.
    pub(super) fn learn(&mut self, now: Timestamp, path: u32, verdict: &Verdict, attempt: &Attempt, out: &mut Out) {
        let present = self.present(now, path);
        if verdict.disposition == Disposition::Delivered {
            let change = self.paths[path].learned.succeeded(&self.config.adaptive, now, present);
            self.tell_learned(now, path, change, None, out);
            return;
        }
        if let Some(reply) = &attempt.reply {
            self.apply_rules(now, path, reply, attempt, out);
        }
        if asks_to_slow_down(verdict) {
            let reply = attempt.reply.as_ref();
            let learned = &mut self.paths[path].learned;
            let change = learned.slow_down(&self.config.adaptive, now, present, attempt.phase, reply);
            self.tell_learned(now, path, change, attempt.reply.clone(), out);
        }
    }

    fn present(&self, now: Timestamp, path: u32) -> Present {
        let state = &self.paths[path];
        Present {
            rate_per_s: state.given.per_s(now),
            connections: state.sessions.len() as u32,
            rate_max_per_s: state.limits.rate.as_ref().map(|rate| per_s(rate.value)),
            connections_max: state.limits.connections.value,
        }
    }

    fn apply_rules(&mut self, now: Timestamp, path: u32, reply: &Reply, attempt: &Attempt, out: &mut Out) {
        let provider = self.paths[path].spec.site.provider.clone();
        let Some(number) = self.providers.rule_for(&provider, reply, attempt.phase) else { return };
        let rule = &self.providers.rules()[number];
        let (number, state) = (number as u32, &mut self.paths[path]);
        let group = state.group;
        let (hits, effects) = match rule.scope {
            RuleScope::Path => (&mut state.hits, &mut state.effects),
            RuleScope::Provider => {
                let state = &mut self.groups[group];
                (&mut state.hits, &mut state.effects)
            }
        };
        if !hits.count(number, rule, now) {
            return;
        }
        let until = now.plus(rule.duration);
        for &action in &rule.actions {
            effects.retain(|effect| effect.rule != number || effect.action != action);
            if effects.len() < EFFECTS_MAX {
                effects.push(Effect { rule: number, action, until, reply: reply.clone() });
            }
        }
        let (scope, actions, by) = (rule.scope, rule.actions.clone(), self.providers.rule_place(rule));
        let (target, name) = match scope {
            RuleScope::Path => ("path", self.path_name(path)),
            RuleScope::Provider => ("provider", self.group_name(group)),
        };
        for action in actions {
            let change = Told {
                kind: EventKind::Throttled,
                target,
                name: name.clone(),
                action: if action == Action::Suspend { "suspend" } else { "limit" },
                value: (action != Action::Suspend).then(|| effect::words(action)),
                until: Some(until),
                by: by.clone(),
                reply: Some(reply.clone()),
            };
            self.tell_change(now, change, Some(self.route_names(path)), out);
        }
        match scope {
            RuleScope::Path => self.refresh_path(now, path),
            RuleScope::Provider => self.refresh_group(now, group),
        }
    }

    /// Ends the effects on a path whose time is over, and forgets what was learned too long ago.
    pub(super) fn end_path_effects(&mut self, now: Timestamp, path: u32, out: &mut Out) {
        let state = &mut self.paths[path];
        if state.rest_until.is_some_and(|until| until <= now) {
            state.rest_until = None;
        }
        let change = state.learned.passed(now);
        let ended: Vec<Effect> = state.effects.extract_if(.., |effect| effect.until <= now).collect();
        if !ended.is_empty() {
            self.refresh_path(now, path);
            let name = self.path_name(path);
            self.tell_ended(now, "path", &name, self.route_names(path), ended, out);
        }
        self.tell_learned(now, path, change, None, out);
    }

    pub(super) fn end_group_effects(&mut self, now: Timestamp, group: u32, out: &mut Out) {
        let Some(state) = self.groups.get_mut(group) else { return };
        let ended: Vec<Effect> = state.effects.extract_if(.., |effect| effect.until <= now).collect();
        if !ended.is_empty() {
            let route = (
                self.sources[usize::from(self.groups[group].source)].spec.name.clone(),
                self.groups[group].provider.clone(),
            );
            let name = self.group_name(group);
            self.tell_ended(now, "provider", &name, route, ended, out);
        }
        self.refresh_group(now, group);
    }

    fn tell_ended(
        &mut self,
        now: Timestamp,
        target: &str,
        name: &str,
        route: (Name, Name),
        ended: Vec<Effect>,
        out: &mut Out,
    ) {
        for effect in ended {
            let rule = &self.providers.rules()[effect.rule as usize];
            let change = Told {
                kind: EventKind::Restored,
                target,
                name: name.to_owned(),
                action: "restore",
                value: None,
                until: None,
                by: self.providers.rule_place(rule),
                reply: Some(effect.reply),
            };
            self.tell_change(now, change, Some(route.clone()), out);
        }
    }

    pub(super) fn tell_learned(
        &mut self,
        now: Timestamp,
        path: u32,
        change: Option<Change>,
        reply: Option<Reply>,
        out: &mut Out,
    ) {
        let Some(change) = change else { return };
        self.refresh_path(now, path);
        let learned = &self.paths[path].learned;
        let (value, until) = match change {
            Change::Restored => (None, None),
            Change::Lowered | Change::Raised => (Some(learned.words()), Some(learned.expires)),
        };
        let told = Told {
            kind: match change {
                Change::Lowered => EventKind::Throttled,
                Change::Raised => EventKind::Control,
                Change::Restored => EventKind::Restored,
            },
            target: "path",
            name: self.path_name(path),
            action: match change {
                Change::Lowered => "limit",
                Change::Raised => "raise",
                Change::Restored => "restore",
            },
            value,
            until,
            by: CONTROLLER.to_owned(),
            reply,
        };
        self.tell_change(now, told, Some(self.route_names(path)), out);
    }

    /// The limits of a path have changed: its rate is set anew, and it is looked at.
    pub(super) fn refresh_path(&mut self, now: Timestamp, path: u32) {
        let state = &mut self.paths[path];
        let configured = state.limits.rate.as_ref().map(|rate| rate.value);
        let rate = effect::slowest(&state.effects, configured.into_iter().chain(state.learned.rate()));
        if rate != state.rate_now {
            state.rate_now = rate;
            set_throttle(&mut state.rate, rate, now);
        }
        self.mark_path_and_lines(path);
    }

    pub(super) fn refresh_group(&mut self, now: Timestamp, group: u32) {
        let state = &mut self.groups[group];
        let configured = state.limits.provider_rate.as_ref().map(|rate| rate.value);
        let rate = effect::slowest(&state.effects, configured);
        if rate != state.rate_now {
            state.rate_now = rate;
            set_throttle(&mut state.rate, rate, now);
        }
        let next = state.effects.iter().map(|effect| effect.until).min();
        self.timers.set(Part::Group(group), next);
        for path in self.groups[group].paths.clone() {
            self.mark_path_and_lines(path);
        }
        self.mark_group(group);
    }

    pub(super) fn group_name(&self, group: u32) -> String {
        let state = &self.groups[group];
        format!("{}/{}", self.sources[usize::from(state.source)].spec.name, state.provider)
    }

    /// What keeps a path from sending anything now; `None` when it may send.
    pub(super) fn blocked(&self, now: Timestamp, path: u32) -> Option<Block<'_>> {
        let state = &self.paths[path];
        if let Some(control) = self.suspended_by_person(state.source, state.site) {
            return Some(Block::Person(control));
        }
        let group = &self.groups[state.group];
        let by_rule = effect::suspension(&state.effects).filter(|effect| effect.until > now);
        let by_rule = by_rule.or_else(|| effect::suspension(&group.effects).filter(|effect| effect.until > now));
        let resting = || state.rest_until.filter(|until| *until > now).map(Block::Rest);
        by_rule.map(Block::Rule).or_else(resting)
    }

    /// A block in words.
    pub(super) fn block_view(&self, path: u32, block: Block<'_>) -> ThrottleView {
        match block {
            Block::Person(control) => suspended_view(control),
            Block::Rule(effect) => ThrottleView {
                stopped: true,
                reason: "suspended by a rule".to_owned(),
                until: Some(effect.until),
                by: self.providers.rule_place(&self.providers.rules()[effect.rule as usize]),
                reply: Some(effect.reply.clone()),
            },
            Block::Rest(until) => {
                let attempt = self.paths[path].trouble.as_ref().map(|trouble| &trouble.attempt);
                let error = attempt.and_then(|attempt| attempt.error.as_deref());
                ThrottleView {
                    stopped: true,
                    reason: match error {
                        Some(error) => format!("resting: the site cannot be reached ({error})"),
                        None => "resting: the site cannot be reached".to_owned(),
                    },
                    until: Some(until),
                    by: "connection failures".to_owned(),
                    reply: attempt.and_then(|attempt| attempt.reply.clone()),
                }
            }
        }
    }

    /// True when persons or rules have stopped a route on which no path was made yet.
    pub(super) fn route_suspended(&self, now: Timestamp, source: u16, site: u32) -> bool {
        if self.suspended_by_person(source, site).is_some() {
            return true;
        }
        let key = (source, self.sites[site].spec.provider.clone());
        let effects = self.group_keys.get(&key).map(|&group| &self.groups[group].effects);
        effects.and_then(|effects| effect::suspension(effects)).is_some_and(|effect| effect.until > now)
    }

    pub(super) fn suspended_by_person(&self, source: u16, site: u32) -> Option<&ControlView> {
        if let Some(down) = &self.sources[usize::from(source)].down {
            return Some(down);
        }
        if self.suspensions == 0 {
            return None;
        }
        let source = self.sources[usize::from(source)].spec.name.clone();
        let site = &self.sites[site].spec;
        let targets = [
            Target::Path(PathName { source: source.clone(), site: site.name.clone() }),
            Target::Site(site.name.clone()),
            Target::Source(source),
            Target::Provider(site.provider.clone()),
        ];
        targets.iter().find_map(|target| self.controls.get(target))
    }
}

/// A suspension by a person in words.
pub(super) fn suspended_view(control: &ControlView) -> ThrottleView {
    ThrottleView {
        stopped: true,
        reason: format!("the {} is suspended", control.target.kind()),
        until: control.until,
        by: control.by.clone(),
        reply: None,
    }
}

/// What keeps a path from sending anything.
#[derive(Clone, Copy, Debug)]
pub(super) enum Block<'a> {
    Person(&'a ControlView),
    Rule(&'a Effect),
    Rest(Timestamp),
}

fn set_throttle(throttle: &mut Option<Throttle>, rate: Option<model::units::Rate>, now: Timestamp) {
    match (throttle.as_mut(), rate) {
        (Some(throttle), Some(rate)) => throttle.set_rate(now, rate),
        (None, Some(rate)) => *throttle = Some(Throttle::new(rate)),
        (_, None) => *throttle = None,
    }
}
