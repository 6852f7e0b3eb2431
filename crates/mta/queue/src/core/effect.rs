//! What automation rules have done: effects with an end, and the replies counted towards the next one.

use std::collections::VecDeque;

use model::reply::Reply;
use model::time::Timestamp;
use model::units::Rate;

use crate::adapt::per_s;
use crate::providers::{Action, Rule};

/// Most rules whose replies are counted at a time for one path; the longest unused count is dropped.
const COUNTED_MAX: usize = 32;

/// Something a rule did to a path or to a group, until a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Effect {
    /// Number of the rule.
    pub rule: u32,
    pub action: Action,
    pub until: Timestamp,
    pub reply: Reply,
}

/// Replies counted towards the thresholds of rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Hits(Vec<(u32, VecDeque<Timestamp>)>);

impl Hits {
    /// Counts one reply; true when the rule fires, which starts the count anew.
    pub fn count(&mut self, number: u32, rule: &Rule, now: Timestamp) -> bool {
        let Some(threshold) = rule.threshold else { return true };
        let at = self.0.iter().position(|(known, _)| *known == number);
        let mut entry = match at {
            Some(at) => self.0.remove(at),
            None => (number, VecDeque::new()),
        };
        let needed = usize::try_from(threshold.count).unwrap_or(usize::MAX);
        entry.1.push_back(now);
        while entry.1.front().is_some_and(|first| now.since(*first) > threshold.period) || entry.1.len() > needed {
            entry.1.pop_front();
        }
        let fires = entry.1.len() >= needed;
        if !fires {
            if self.0.len() >= COUNTED_MAX {
                self.0.remove(0);
            }
            self.0.push(entry);
        }
        fires
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

/// What an action does, in words.
pub(super) fn words(action: Action) -> String {
    match action {
        Action::Suspend => "suspended".to_owned(),
        Action::Rate(rate) => rate.to_string(),
        Action::Connections(1) => "1 connection".to_owned(),
        Action::Connections(n) => format!("{n} connections"),
        Action::MessagesPerConnection(n) => format!("{n} messages per connection"),
    }
}
