//! What automation rules have done: effects with an end.

use model::name::Name;
use model::reply::Reply;
use model::time::Timestamp;
use model::units::Rate;

use crate::adapt::per_s;
use crate::providers::Action;
pub(super) use crate::providers::Hits;

/// Something a rule did to a path, a group or a gate, until a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Effect {
    /// Number of the rule.
    pub rule: u32,
    /// What was done; what a rule says relatively or in general is made absolute when it fires.
    pub action: Action,
    /// The host that is not connected to.
    pub host: Option<Name>,
    pub until: Timestamp,
    pub reply: Reply,
}

impl Effect {
    fn is_at_work(&self, now: Timestamp) -> bool {
        self.until > now
    }
}

/// The lowest connections that effects leave.
pub(super) fn connections(effects: &[Effect]) -> Option<u32> {
    effects.iter().filter_map(|effect| if let Action::Connections(n) = effect.action { Some(n) } else { None }).min()
}

/// The fewest messages on a connection that effects leave.
pub(super) fn messages_per_connection(effects: &[Effect]) -> Option<u32> {
    let fewest = |effect: &Effect| if let Action::MessagesPerConnection(n) = effect.action { Some(n) } else { None };
    effects.iter().filter_map(fewest).min()
}

/// The slowest of the rates that effects leave and another one.
pub(super) fn slowest(effects: &[Effect], other: impl IntoIterator<Item = Rate>) -> Option<Rate> {
    let of_effects =
        effects.iter().filter_map(|effect| if let Action::Rate(rate) = effect.action { Some(rate) } else { None });
    of_effects.chain(other).min_by(|a, b| per_s(*a).total_cmp(&per_s(*b)))
}

/// The suspension that lasts longest.
pub(super) fn suspension(effects: &[Effect]) -> Option<&Effect> {
    effects.iter().filter(|effect| effect.action == Action::Suspend).max_by_key(|effect| effect.until)
}

/// The slowest rate of new connections that effects leave, and another one.
pub(super) fn connection_rate<'a>(
    effects: impl IntoIterator<Item = &'a Effect>,
    other: impl IntoIterator<Item = Rate>,
) -> Option<Rate> {
    let of_effects = effects.into_iter().filter_map(|effect| match effect.action {
        Action::ConnectionRate(rate) => Some(rate),
        _ => None,
    });
    of_effects.chain(other).min_by(|a, b| per_s(*a).total_cmp(&per_s(*b)))
}

/// What is to become of those who are due on a path, where a rule says so.
pub(super) fn diversion(effects: &[Effect], now: Timestamp) -> Option<&Effect> {
    let diverts = |effect: &&Effect| {
        matches!(effect.action, Action::BounceQueue | Action::DeferQueue | Action::Reroute(_)) && effect.is_at_work(now)
    };
    effects.iter().find(diverts)
}

/// Hosts that are not connected to.
pub(super) fn skipped_hosts(effects: &[Effect], now: Timestamp) -> Vec<Name> {
    let skipped = effects.iter().filter(|effect| effect.action == Action::SkipMx && effect.is_at_work(now));
    skipped.filter_map(|effect| effect.host.clone()).collect()
}

/// Puts an effect in the place of the one of its rule that does the same; false when there is no room for another one.
pub(super) fn put(effects: &mut Vec<Effect>, effect: Effect, max: usize) -> bool {
    let same =
        |known: &Effect| known.rule == effect.rule && known.action.is_like(&effect.action) && known.host == effect.host;
    effects.retain(|known| !same(known));
    let room = effects.len() < max;
    if room {
        effects.push(effect);
    }
    room
}
