//! The limit that was learned: slower at once when the provider asks for it, faster little by little when it does not.
//!
//! Multiplicative decrease on replies that speak of the source or the connection and are about rate or reputation,
//! gradual increase on deliveries, forgotten after a time. Works inside the configured limits, never above them. Pure:
//! says what changed, `core` makes the event. A greylisted recipient alone does not slow a path: its scope is the
//! recipient.
//!
//! Invariants: at most one decrease in `decrease_interval` (replies to mail that was under way say nothing new); the
//! lowered values never reach zero; without new complaints everything is back to normal after `memory`.

use std::time::Duration;

use model::category::{Category, Scope};
use model::handoff::Verdict;
use model::reply::{Phase, Reply};
use model::time::Timestamp;
use model::units::Rate;

use crate::config::Adaptive;

/// Slowest learned rate.
const FLOOR_PER_S: f64 = 1.0 / 60.0;

/// The learned limits of one path; both absent when nothing was learned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    /// Messages per second.
    pub rate_per_s: Option<f64>,
    /// Connections.
    pub connections: Option<u32>,
    /// When it is forgotten.
    pub expires: Timestamp,
    /// The reply that lowered it last.
    pub cause: Option<Reply>,
    decreased_at: Timestamp,
    increased_at: Timestamp,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Slower than before.
    Lowered,
    /// Faster than before, not yet as configured.
    Raised,
    /// As configured again.
    Restored,
}

/// What a path does and may do, for the decision how far to go down or up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Present {
    /// Messages per second given lately.
    pub rate_per_s: f64,
    /// Connections that were open lately.
    pub connections: u32,
    /// The configured rate.
    pub rate_max_per_s: Option<f64>,
    /// The configured connections.
    pub connections_max: u32,
}

/// True when the reply asks the whole path to slow down.
pub fn asks_to_slow_down(verdict: &Verdict) -> bool {
    let about_us = matches!(verdict.scope, Scope::Source | Scope::Connection);
    let rate_like =
        matches!(verdict.category, Some(Category::RateLimited | Category::Greylisted | Category::Reputation));
    about_us && rate_like
}

impl Learned {
    /// True when there is nothing below the configured limits.
    pub fn is_idle(&self) -> bool {
        self.rate_per_s.is_none() && self.connections.is_none()
    }

    /// A reply asked to slow down, in this phase of the dialogue.
    pub fn slow_down(
        &mut self,
        config: &Adaptive,
        now: Timestamp,
        present: Present,
        phase: Option<Phase>,
        reply: Option<&Reply>,
    ) -> Option<Change> {
        if !config.enabled || now < self.decreased_at.plus(config.decrease_interval.0) {
            return None;
        }
        let left = f64::from(config.decrease_percent) / 100.0;
        // Before anything is sent the number of connections is what bothers; later the number of messages.
        let about_connections = matches!(phase, Some(Phase::Connect | Phase::Greeting | Phase::Ehlo | Phase::Tls));
        let connections = self.connections.unwrap_or(present.connections_max).min(present.connections.max(1));
        let rate = self.rate_per_s.or(present.rate_max_per_s).unwrap_or(f64::INFINITY).min(present.rate_per_s.max(1.0));
        let before = (self.rate_per_s, self.connections);
        if about_connections && connections > 1 {
            self.connections = Some(((f64::from(connections) * left) as u32).max(1));
        } else {
            self.rate_per_s = Some((rate * left).max(FLOOR_PER_S));
        }
        self.decreased_at = now;
        self.increased_at = now;
        self.expires = now.plus(config.memory.0);
        self.cause = reply.cloned();
        (before != (self.rate_per_s, self.connections)).then_some(Change::Lowered)
    }

    /// A message was delivered.
    pub fn succeeded(&mut self, config: &Adaptive, now: Timestamp, present: Present) -> Option<Change> {
        if self.is_idle() || now < self.increased_at.plus(config.increase_interval.0) {
            return None;
        }
        self.increased_at = now;
        let factor = 1.0 + f64::from(config.increase_percent) / 100.0;
        if let Some(rate) = self.rate_per_s {
            let raised = rate * factor;
            // Without a configured rate, one that is far above what is needed says nothing any more.
            let most = present.rate_max_per_s.unwrap_or(present.rate_per_s * 4.0 + 10.0);
            self.rate_per_s = (raised < most).then_some(raised);
        }
        if let Some(connections) = self.connections {
            let raised = ((f64::from(connections) * factor) as u32).max(connections + 1);
            self.connections = (raised < present.connections_max).then_some(raised);
        }
        if self.is_idle() { self.forget() } else { Some(Change::Raised) }
    }

    /// Time has passed.
    pub fn passed(&mut self, now: Timestamp) -> Option<Change> {
        if self.is_idle() || now < self.expires { None } else { self.forget() }
    }

    /// Back to the configured limits.
    pub fn forget(&mut self) -> Option<Change> {
        let known = *self != Learned::default();
        *self = Learned { decreased_at: self.decreased_at, ..Learned::default() };
        known.then_some(Change::Restored)
    }

    /// What was learned before a restart.
    pub fn recall(&mut self, rate_per_s: Option<f64>, connections: Option<u32>, expires: Timestamp, now: Timestamp) {
        let rate_per_s = rate_per_s.filter(|rate| rate.is_finite()).map(|rate| rate.max(FLOOR_PER_S));
        *self = Learned {
            rate_per_s,
            connections: connections.map(|connections| connections.max(1)),
            expires,
            increased_at: now,
            ..Learned::default()
        };
    }

    /// The learned rate in the form of a limit.
    pub fn rate(&self) -> Option<Rate> {
        self.rate_per_s.map(rate_of)
    }

    /// The learned limits in words.
    pub fn words(&self) -> String {
        let rate = self.rate().map(|rate| rate.to_string());
        let connections = self.connections.map(|connections| format!("{connections} connections"));
        rate.into_iter().chain(connections).collect::<Vec<_>>().join(", ")
    }
}

/// A rate of so many per second: by the second with its burst, or by the minute one at a time.
pub fn rate_of(per_s: f64) -> Rate {
    if per_s >= 2.0 {
        let count = per_s as u64;
        Rate { count, period: Duration::from_secs(1), burst: count }
    } else {
        let count = ((per_s * 60.0).round() as u64).max(1);
        Rate { count, period: Duration::from_secs(60), burst: 1 }
    }
}

/// How many a rate lets through in a second.
pub fn per_s(rate: Rate) -> f64 {
    rate.count as f64 / rate.period.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::category::Disposition;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_unix_s(1_790_000_000);

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    fn present() -> Present {
        Present { rate_per_s: 40.0, connections: 8, rate_max_per_s: Some(100.0), connections_max: 10 }
    }

    #[test]
    fn only_replies_about_us_and_our_rate_count() {
        let check = |scope, category, expected| {
            let category = Some(category);
            let verdict =
                Verdict { disposition: Disposition::Deferred, scope, category, suppress: false, wait_s: None };
            assert_eq!(asks_to_slow_down(&verdict), expected, "{scope} {category:?}");
        };
        check(Scope::Source, Category::RateLimited, true);
        check(Scope::Connection, Category::RateLimited, true);
        check(Scope::Source, Category::Reputation, true);
        check(Scope::Recipient, Category::Greylisted, false);
        check(Scope::Recipient, Category::RateLimited, false);
        check(Scope::Source, Category::BadConfiguration, false);
    }

    #[test]
    fn down_at_once_and_up_step_by_step() {
        let (config, mut learned) = (Adaptive::default(), Learned::default());
        let slow = |learned: &mut Learned, s| learned.slow_down(&config, at(s), present(), Some(Phase::RcptTo), None);
        assert_eq!(slow(&mut learned, 0), Some(Change::Lowered));
        assert_eq!(learned.words(), "20/s", "half of what was really sent, not of what was allowed");
        assert_eq!(slow(&mut learned, 5), None, "answers mail sent before");
        assert_eq!(slow(&mut learned, 30), Some(Change::Lowered));
        assert_eq!(learned.words(), "10/s");
        assert_eq!(learned.succeeded(&config, at(40), present()), None);
        let ups: Vec<Change> = (2..)
            .map_while(|n| {
                if learned.is_idle() {
                    return None;
                }
                learned.succeeded(&config, at(30 + n * 61), present())
            })
            .collect();
        assert_eq!(ups.last(), Some(&Change::Restored));
        assert_eq!(ups.len(), 11, "10/s to 100/s by a quarter at a time");
    }

    #[test]
    fn refused_connections_lower_the_connections() {
        let (config, mut learned) = (Adaptive::default(), Learned::default());
        learned.slow_down(&config, at(0), present(), Some(Phase::Greeting), None);
        assert_eq!((learned.connections, learned.rate_per_s), (Some(4), None));
        assert_eq!(learned.passed(at(10)), None);
        assert_eq!(learned.passed(at(3_600)), Some(Change::Restored));
        assert!(learned.is_idle());
    }

    proptest! {
        #[test]
        fn stays_between_the_floor_and_the_configuration(
            steps in prop::collection::vec((any::<bool>(), any::<bool>(), 0_u64..500, 0.0_f64..1_000.0), 1..100),
        ) {
            let (config, mut learned, mut now_s) = (Adaptive::default(), Learned::default(), 0);
            for (down, early, pass_s, rate_per_s) in steps {
                now_s += pass_s;
                let now = Present { rate_per_s, ..present() };
                if down {
                    let phase = if early { Phase::Connect } else { Phase::Dot };
                    learned.slow_down(&config, at(now_s), now, Some(phase), None);
                } else {
                    learned.succeeded(&config, at(now_s), now);
                }
                learned.passed(at(now_s));
                prop_assert!(learned.rate_per_s.is_none_or(|rate| (FLOOR_PER_S..100.0).contains(&rate)));
                prop_assert!(learned.connections.is_none_or(|connections| (1..10).contains(&connections)));
            }
            prop_assert_eq!(learned.passed(at(now_s + 3_600)).is_some() || learned.is_idle(), true);
        }
    }
}
