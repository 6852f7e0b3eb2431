//! What replies change: rules fire (`automation`), the adaptive controller slows down and speeds up, and both end in time.
//!
//! The controller learns connections for a path, and the rate for a stream of a source at a provider: bulk mail that is
//! too much there does not slow transactional mail down. When a reply to one stream asks to slow down while mail of lower
//! priority makes up a good part of what goes there, that mail is slowed first. Every change is an event with the reply
//! that caused it.

use model::category::{Disposition, Scope};
use model::event::{Attempt, EventKind};
use model::handoff::Verdict;
use model::name::Name;
use model::reply::{Phase, Reply};
use model::time::Timestamp;
use model::units::Rate;

use super::automation::Concerned;
use super::effect::{self, Effect};
use super::gates::GateKind;
use super::tables::StreamFlow;
use super::tell::Change as Told;
use super::{Out, QueueCore};
use crate::adapt::{self, Change, Learned, Present, asks_to_slow_down, is_about_connections, per_s};
use crate::control::{PathName, Target};
use crate::throttle::Throttle;
use crate::timers::Part;
use crate::view::{ControlView, ThrottleView};

/// Who lowers and raises by itself.
pub(super) const CONTROLLER: &str = "adaptive controller";

/// Mail of lower priority that makes up this part of what goes to a provider is slowed in the place of other mail.
const BLAMED_FROM: f64 = 0.2;

/// Whom the controller has something to say about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learner {
    /// The connections of a path.
    Path(u32),
    /// The rate of a stream, by group and number of the stream.
    Flow(u32, u16),
}

/// A connection that has carried mail ended at MAIL for its own sake: after so many messages, most often. The next one
/// takes the rest; a lower rate would help nobody.
fn is_used_up(recipient: Option<u32>, verdict: &Verdict, attempt: &Attempt) -> bool {
    let before_mail = matches!(attempt.phase, Some(Phase::Idle | Phase::MailFrom));
    recipient.is_none() && verdict.scope == Scope::Connection && before_mail
}

impl QueueCore {
    /// Learns from one finished attempt, or from a connection that failed (then there is no recipient). True when a rule
    /// says that the recipient is to be given up.
    pub(super) fn learn(
        &mut self,
        now: Timestamp,
        path: u32,
        recipient: Option<u32>,
        verdict: &Verdict,
        attempt: &Attempt,
        out: &mut Out,
    ) -> bool {
        let stream = recipient.map(|idx| self.series_of(idx).stream);
        if verdict.disposition == Disposition::Delivered {
            self.learn_success(now, path, stream, out);
            return false;
        }
        let mut give_up = false;
        if let Some(reply) = &attempt.reply {
            let concerned = self.concerned(recipient);
            give_up = self.apply_rules(now, path, &concerned, reply, attempt, out);
        }
        if asks_to_slow_down(verdict) && !is_used_up(recipient, verdict, attempt) {
            self.slow_down(now, path, stream, attempt, out);
        }
        give_up && recipient.is_some()
    }

    fn concerned(&self, recipient: Option<u32>) -> Concerned {
        let Some(idx) = recipient else { return Concerned::default() };
        let routing = &self.series_of(idx).common.routing;
        Concerned { tenant: routing.tenant.clone(), campaign: routing.campaign.map(|id| Name::from(id.to_string())) }
    }

    fn learn_success(&mut self, now: Timestamp, path: u32, stream: Option<u16>, out: &mut Out) {
        let config = self.config.adaptive.clone();
        let present = self.present_of_path(now, path);
        let change = self.paths[path].learned.succeeded(&config, now, present);
        self.tell_learned(now, Learner::Path(path), change, None, out);
        let Some(stream) = stream else { return };
        let group = self.paths[path].group;
        self.groups[group].flow(stream).delivered.add(now, 1);
        let present = self.present_of_flow(now, group, stream);
        let change = self.groups[group].flow(stream).learned.succeeded(&config, now, present);
        self.tell_learned(now, Learner::Flow(group, stream), change, None, out);
    }

    fn slow_down(&mut self, now: Timestamp, path: u32, stream: Option<u16>, attempt: &Attempt, out: &mut Out) {
        let config = self.config.adaptive.clone();
        let (reply, group) = (attempt.reply.as_ref(), self.paths[path].group);
        let connecting = is_about_connections(attempt.phase);
        let learner = match self.blamed(now, group, stream) {
            _ if connecting && self.paths[path].sessions.len() > 1 => Learner::Path(path),
            Some(stream) => Learner::Flow(group, stream),
            None => return,
        };
        let mut learned = self.learned_mut(learner).clone();
        let change = match learner {
            Learner::Path(_) => learned.fewer_connections(&config, now, self.present_of_path(now, path), reply),
            Learner::Flow(_, stream) => {
                learned.slow_down(&config, now, self.present_of_flow(now, group, stream), reply)
            }
        };
        if config.shadow {
            if change.is_some() {
                self.tell_shadow_of_controller(now, learner, &learned, attempt.reply.clone(), out);
            }
            return;
        }
        *self.learned_mut(learner) = learned;
        self.tell_learned(now, learner, change, attempt.reply.clone(), out);
    }

    /// The stream that is slowed: the one that was answered, unless mail of lower priority makes up a good part of what
    /// goes there.
    fn blamed(&self, now: Timestamp, group: u32, answered: Option<u16>) -> Option<u16> {
        let flows = &self.groups[group].flows;
        let paces: Vec<(u16, f64)> = flows.iter().map(|flow| (flow.stream, flow.given.per_s(now))).collect();
        let sum: f64 = paces.iter().map(|(_, pace)| pace).sum();
        let class = |stream: u16| self.streams[usize::from(stream)].class;
        let known = answered.map(class);
        let lower = paces.iter().filter(|(stream, pace)| {
            *pace > 0.0 && *pace >= sum * BLAMED_FROM && known.is_none_or(|known| class(*stream) > known)
        });
        lower.max_by_key(|(stream, _)| class(*stream)).map(|(stream, _)| *stream).or(answered)
    }

    pub(super) fn learned_mut(&mut self, learner: Learner) -> &mut Learned {
        match learner {
            Learner::Path(path) => &mut self.paths[path].learned,
            Learner::Flow(group, stream) => &mut self.groups[group].flow(stream).learned,
        }
    }

    fn present_of_path(&self, now: Timestamp, path: u32) -> Present {
        let state = &self.paths[path];
        Present {
            rate_per_s: state.given.per_s(now),
            delivered_per_s: state.delivered.per_s(now),
            connections: state.sessions.len() as u32,
            rate_max_per_s: state.limits.rate.as_ref().map(|rate| per_s(rate.value)),
            connections_max: state.limits.connections.value,
        }
    }

    fn present_of_flow(&self, now: Timestamp, group: u32, stream: u16) -> Present {
        let state = &self.groups[group];
        let flow = state.flows.iter().find(|flow| flow.stream == stream);
        let provider_rate = state.limits.provider_rate.as_ref().map(|rate| per_s(rate.value));
        // The rate of a path bounds that of the provider as long as there is one path.
        let path_rate = state.limits.rate.as_ref().map(|rate| per_s(rate.value) * state.paths.len().max(1) as f64);
        Present {
            rate_per_s: flow.map_or(0.0, |flow| flow.given.per_s(now)),
            delivered_per_s: flow.map_or(0.0, |flow| flow.delivered.per_s(now)),
            connections: 0,
            rate_max_per_s: provider_rate.into_iter().chain(path_rate).reduce(f64::min),
            connections_max: 0,
        }
    }

    /// Ends the effects on a path whose time is over; what was learned about connections long ago rises.
    pub(super) fn end_path_effects(&mut self, now: Timestamp, path: u32, out: &mut Out) {
        let present = self.present_of_path(now, path);
        let config = self.config.adaptive.clone();
        let state = &mut self.paths[path];
        if state.rest_until.is_some_and(|until| until <= now) {
            state.rest_until = None;
        }
        let change = state.learned.passed(&config, now, present);
        let ended: Vec<Effect> = state.effects.extract_if(.., |effect| effect.until <= now).collect();
        if !ended.is_empty() {
            self.refresh_path(now, path);
            let name = self.path_name(path);
            self.tell_ended(now, "path", &name, Some(self.route_names(path)), ended, out);
        }
        self.tell_learned(now, Learner::Path(path), change, None, out);
    }

    /// Likewise for a source at a provider, and the rates of its streams.
    pub(super) fn end_group_effects(&mut self, now: Timestamp, group: u32, out: &mut Out) {
        let Some(state) = self.groups.get_mut(group) else { return };
        let ended: Vec<Effect> = state.effects.extract_if(.., |effect| effect.until <= now).collect();
        if !ended.is_empty() {
            let name = self.group_name(group);
            self.tell_ended(now, "provider", &name, Some(self.group_names(group)), ended, out);
        }
        let config = self.config.adaptive.clone();
        let streams: Vec<u16> = self.groups[group].flows.iter().map(|flow| flow.stream).collect();
        for stream in streams {
            let present = self.present_of_flow(now, group, stream);
            let change = self.groups[group].flow(stream).learned.passed(&config, now, present);
            self.tell_learned(now, Learner::Flow(group, stream), change, None, out);
        }
        self.refresh_group(now, group);
    }

    pub(super) fn tell_ended(
        &mut self,
        now: Timestamp,
        target: &str,
        name: &str,
        route: Option<(Name, Name)>,
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
            self.tell_change(now, change, route.clone(), out);
        }
    }

    /// What was learned is put in force, and told.
    pub(super) fn tell_learned(
        &mut self,
        now: Timestamp,
        learner: Learner,
        change: Option<Change>,
        reply: Option<Reply>,
        out: &mut Out,
    ) {
        let Some(change) = change else { return };
        self.apply_learned(now, learner);
        let learned = self.learned_mut(learner).clone();
        let (value, until) = match change {
            Change::Restored => (None, None),
            Change::Lowered | Change::Raised => (Some(learned.words()), Some(learned.expires)),
        };
        let (target, name, route) = self.learner_name(learner);
        let told = Told {
            kind: match change {
                Change::Lowered => EventKind::Throttled,
                Change::Raised => EventKind::Control,
                Change::Restored => EventKind::Restored,
            },
            target,
            name,
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
        self.tell_change(now, told, Some(route), out);
    }

    /// What the controller would have done, were it not in shadow. Told as seldom as it would have been done.
    fn tell_shadow_of_controller(
        &mut self,
        now: Timestamp,
        learner: Learner,
        learned: &Learned,
        reply: Option<Reply>,
        out: &mut Out,
    ) {
        let last = match learner {
            Learner::Path(path) => &mut self.groups[self.paths[path].group].shadow_told,
            Learner::Flow(group, _) => &mut self.groups[group].shadow_told,
        };
        if now < last.plus(self.config.adaptive.decrease_interval.0) {
            return;
        }
        *last = now;
        let (target, name, route) = self.learner_name(learner);
        let told = Told {
            kind: EventKind::Control,
            target,
            name,
            action: "shadow",
            value: Some(format!("would have been: {}", learned.words())),
            until: None,
            by: CONTROLLER.to_owned(),
            reply,
        };
        self.tell_change(now, told, Some(route), out);
    }

    fn learner_name(&self, learner: Learner) -> (&'static str, String, (Name, Name)) {
        match learner {
            Learner::Path(path) => ("path", self.path_name(path), self.route_names(path)),
            Learner::Flow(group, stream) => {
                let stream = &self.streams[usize::from(stream)].config.name;
                let name = format!("{}/{stream}", self.group_name(group));
                ("provider", name, self.group_names(group))
            }
        }
    }

    pub(super) fn apply_learned(&mut self, now: Timestamp, learner: Learner) {
        match learner {
            Learner::Path(path) => self.refresh_path(now, path),
            Learner::Flow(group, stream) => {
                let rate = self.groups[group].flow(stream).learned.rate();
                let (source, provider) = self.group_names(group);
                let stream = self.streams[usize::from(stream)].config.name.clone();
                let key = (GateKind::Learned, vec![source, provider, stream]);
                let gate = match rate {
                    Some(_) => Some(self.gate_of(now, key)),
                    None => self.gates.find(&key),
                };
                if let Some(gate) = gate {
                    self.refresh_gate(now, gate, rate);
                }
                self.set_group_timer(group);
            }
        }
    }

    /// A person wants what was learned of a source at a provider forgotten.
    pub(super) fn forget_learned_rates(&mut self, now: Timestamp, group: u32) {
        let streams: Vec<u16> = self.groups[group].flows.iter().map(|flow| flow.stream).collect();
        for stream in streams {
            if self.groups[group].flow(stream).learned.forget().is_some() {
                self.apply_learned(now, Learner::Flow(group, stream));
            }
        }
    }

    /// The limits of a path have changed: its rates are set anew, and it is looked at.
    pub(super) fn refresh_path(&mut self, now: Timestamp, path: u32) {
        let state = &mut self.paths[path];
        let configured = state.limits.rate.as_ref().map(|rate| rate.value);
        let rate = effect::slowest(&state.effects, configured.into_iter().chain(state.learned.rate()));
        if rate != state.rate_now {
            state.rate_now = rate;
            set_throttle(&mut state.rate, rate, now);
        }
        let connecting = state.limits.connection_rate.as_ref().map(|rate| rate.value);
        let effects = state.effects.iter().chain(&self.groups[state.group].effects);
        let connecting = effect::connection_rate(effects, connecting);
        set_throttle(&mut state.connection_rate, connecting, now);
        self.mark_path_and_lines(path);
    }

    pub(super) fn refresh_group(&mut self, now: Timestamp, group: u32) {
        let state = &mut self.groups[group];
        let rate = effect::slowest(&state.effects, None);
        if rate != state.rate_now {
            state.rate_now = rate;
            set_throttle(&mut state.rate, rate, now);
        }
        self.set_group_timer(group);
        for path in self.groups[group].paths.clone() {
            self.refresh_path(now, path);
        }
        self.mark_group(group);
    }

    fn set_group_timer(&mut self, group: u32) {
        let state = &self.groups[group];
        let ends = state.effects.iter().map(|effect| effect.until);
        let rises = state.flows.iter().filter_map(|flow| flow.learned.rises_at(&self.config.adaptive));
        let next = ends.chain(rises).min();
        self.timers.set(Part::Group(group), next);
    }

    pub(super) fn group_name(&self, group: u32) -> String {
        let state = &self.groups[group];
        format!("{}/{}", self.sources[usize::from(state.source)].spec.name, state.provider)
    }

    /// Source and provider of a group.
    pub(super) fn group_names(&self, group: u32) -> (Name, Name) {
        let state = &self.groups[group];
        (self.sources[usize::from(state.source)].spec.name.clone(), state.provider.clone())
    }

    /// The rate that was learned for the slowest stream on a path.
    pub(super) fn learned_rate(&self, path: u32) -> Option<(&StreamFlow, Rate)> {
        let flows = self.groups[self.paths[path].group].flows.iter();
        let learned = flows.filter_map(|flow| Some((flow, flow.learned.rate()?)));
        learned.min_by(|(_, a), (_, b)| adapt::per_s(*a).total_cmp(&adapt::per_s(*b)))
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
        let of_gates = || state.gates.iter().find_map(|&gate| effect::suspension(&self.gates.get(gate).effects));
        let by_rule = by_rule.or_else(|| of_gates().filter(|effect| effect.until > now));
        let resting = || state.rest_until.filter(|until| *until > now).map(Block::Rest);
        by_rule.map(Block::Rule).or_else(resting)
    }

    /// A block of persons or rules in words.
    pub(super) fn route_block_view(&self, block: Block<'_>) -> ThrottleView {
        let (reason, until, by, reply) = match block {
            Block::Person(control) => return suspended_view(control),
            Block::Rule(effect) => {
                ("suspended by a rule", effect.until, self.rule_of(effect), Some(effect.reply.clone()))
            }
            Block::Rest(until) => {
                ("resting: the site cannot be reached", until, "connection failures".to_owned(), None)
            }
        };
        ThrottleView { stopped: true, reason: reason.to_owned(), until: Some(until), by, reply }
    }

    /// A block in words.
    pub(super) fn block_view(&self, path: u32, block: Block<'_>) -> ThrottleView {
        match block {
            Block::Person(_) | Block::Rule(_) => self.route_block_view(block),
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
        self.route_block(now, source, site).is_some()
    }

    /// What keeps a route on which no path was made yet.
    pub(super) fn route_block(&self, now: Timestamp, source: u16, site: u32) -> Option<Block<'_>> {
        if let Some(control) = self.suspended_by_person(source, site) {
            return Some(Block::Person(control));
        }
        let key = (source, self.sites[site].spec.provider.clone());
        let of_group = self.group_keys.get(&key).map(|&group| &self.groups[group].effects);
        let everywhere = (GateKind::Source, vec![self.sources[usize::from(source)].spec.name.clone()]);
        let of_source = self.gates.find(&everywhere).map(|gate| &self.gates.get(gate).effects);
        let suspensions = of_group.into_iter().chain(of_source).filter_map(|effects| effect::suspension(effects));
        suspensions.into_iter().find(|effect| effect.until > now).map(Block::Rule)
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

/// What the person said who ordered it, to be put behind something.
pub(super) fn because(control: &ControlView) -> String {
    if control.reason.is_empty() { String::new() } else { format!(": {}", control.reason) }
}

/// A suspension by a person in words.
pub(super) fn suspended_view(control: &ControlView) -> ThrottleView {
    ThrottleView {
        stopped: true,
        reason: format!("the {} is suspended{}", control.target.kind(), because(control)),
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

pub(super) fn set_throttle(throttle: &mut Option<Throttle>, rate: Option<Rate>, now: Timestamp) {
    match (throttle.as_mut(), rate) {
        (Some(throttle), Some(rate)) => throttle.set_rate(now, rate),
        (None, Some(rate)) => *throttle = Some(Throttle::new(rate)),
        (_, None) => *throttle = None,
    }
}
