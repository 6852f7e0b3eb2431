//! The limit that was learned: slower at once when the provider asks for it, faster little by little when it does not.
//!
//! Multiplicative decrease on replies that speak of the source or the connection and are about rate or reputation;
//! gradual increase on deliveries, up to just below the rate that was refused last; there it stays, and from time to time
//! tries a little more, ever more seldom. Never back to full at once: when `memory` is over, the limit rises step by step.
//! Works inside the configured limits, never above them. Pure: says what changed, `core` makes the event.
//! Greylisting slows nothing: it is about recipients, and ends by itself.
//!
//! Invariants: at most one decrease in `decrease_interval` (replies to mail that was under way say nothing new); the
//! lowered values never go below `floor` and one connection; a limit rises by at most `increase_percent` (a connection at
//! least) in `increase_interval`.

use std::time::Duration;

use model::category::{Category, Scope};
use model::handoff::Verdict;
use model::reply::{Phase, Reply};
use model::time::Timestamp;
use model::units::Rate;

use crate::config::Adaptive;

/// So near to the refused rate a limit rises by itself.
const PLATEAU: f64 = 0.93;

/// So far beyond the refused rate it tries.
const PROBE: f64 = 1.05;

/// After a trial was refused, the rate that is refused is taken to be a little lower.
const REFUSED_AGAIN: f64 = 0.97;

/// What gets through while the provider refuses the rest is about its limit; a little less is safe.
const SAFE: f64 = 0.85;

/// The first trial comes so many intervals of increase after the refusal; each refused one doubles the wait.
const PROBE_AFTER: u32 = 5;

/// A limit of which less than this is used says nothing of a higher one.
const IN_USE: f64 = 0.6;

/// The learned limits of a path (connections) or of a stream of a source at a provider (rate).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    /// Messages per second.
    pub rate_per_s: Option<f64>,
    /// Connections.
    pub connections: Option<u32>,
    /// From when on it rises by itself.
    pub expires: Timestamp,
    /// The reply that lowered it last.
    pub cause: Option<Reply>,
    /// The rate that was refused last, in messages per second.
    refused_per_s: Option<f64>,
    /// Trials beyond the refused rate that were refused, one after the other.
    failed_probes: u8,
    /// The present rate is beyond the refused one.
    probing: bool,
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

/// What is done and may be done, for the decision how far to go down or up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Present {
    /// Messages per second given lately.
    pub rate_per_s: f64,
    /// Messages per second delivered lately.
    pub delivered_per_s: f64,
    /// Connections that were open lately.
    pub connections: u32,
    /// The configured rate.
    pub rate_max_per_s: Option<f64>,
    /// The configured connections.
    pub connections_max: u32,
}

/// True when the reply asks to slow down.
pub fn asks_to_slow_down(verdict: &Verdict) -> bool {
    let about_us = matches!(verdict.scope, Scope::Source | Scope::Connection);
    about_us && matches!(verdict.category, Some(Category::RateLimited | Category::Reputation))
}

/// True when it came before anything was sent: then the number of connections is what bothers.
pub fn is_about_connections(phase: Option<Phase>) -> bool {
    matches!(phase, Some(Phase::Connect | Phase::Greeting | Phase::Ehlo | Phase::Tls))
}

impl Learned {
    /// True when there is nothing below the configured limits.
    pub fn is_idle(&self) -> bool {
        self.rate_per_s.is_none() && self.connections.is_none()
    }

    /// A reply asked for fewer connections. Nothing changes where there is only one.
    pub fn fewer_connections(
        &mut self,
        config: &Adaptive,
        now: Timestamp,
        present: Present,
        reply: Option<&Reply>,
    ) -> Option<Change> {
        let known = self.connections.unwrap_or(present.connections_max).min(present.connections.max(1));
        if known <= 1 || !self.may_decrease(config, now) {
            return None;
        }
        self.connections = Some(((f64::from(known) * left(config)) as u32).max(1));
        self.decreased(config, now, reply);
        Some(Change::Lowered)
    }

    /// A reply asked for fewer messages.
    pub fn slow_down(
        &mut self,
        config: &Adaptive,
        now: Timestamp,
        present: Present,
        reply: Option<&Reply>,
    ) -> Option<Change> {
        if !self.may_decrease(config, now) {
            return None;
        }
        let before = self.rate_per_s;
        let floor = per_s(config.floor);
        let most = before.or(present.rate_max_per_s).unwrap_or(f64::INFINITY);
        // One message now and then says little of the pace: below one a second only what was learned counts.
        let rate = most.min(present.rate_per_s.max(1.0)).max(floor);
        let lowered = match self.refused_per_s {
            Some(refused) if self.probing => {
                self.refused_per_s = Some(refused * REFUSED_AGAIN);
                self.failed_probes = self.failed_probes.saturating_add(1);
                refused * REFUSED_AGAIN * PLATEAU * PLATEAU
            }
            _ => {
                self.refused_per_s = Some(rate);
                (rate * left(config)).max((present.delivered_per_s * SAFE).min(rate * SAFE))
            }
        };
        self.rate_per_s = Some(lowered.max(floor));
        self.probing = false;
        self.decreased(config, now, reply);
        (before != self.rate_per_s).then_some(Change::Lowered)
    }

    fn may_decrease(&self, config: &Adaptive, now: Timestamp) -> bool {
        config.enabled && now >= self.decreased_at.plus(config.decrease_interval.0)
    }

    fn decreased(&mut self, config: &Adaptive, now: Timestamp, reply: Option<&Reply>) {
        self.decreased_at = now;
        self.increased_at = now;
        self.expires = now.plus(config.memory.0);
        self.cause = reply.cloned();
    }

    /// A message was delivered.
    pub fn succeeded(&mut self, config: &Adaptive, now: Timestamp, present: Present) -> Option<Change> {
        if self.is_idle() || now < self.increased_at.plus(config.increase_interval.0) {
            return None;
        }
        let before = (self.rate_per_s, self.connections);
        if let Some(rate) = self.rate_per_s {
            let raised = self.raised(config, now, rate, present);
            self.rate_per_s = (raised < self.most(config, present)).then_some(raised);
        }
        if let Some(connections) = self.connections {
            self.connections = more(connections, config, present.connections_max);
        }
        self.increased_at = now;
        self.told(before)
    }

    /// The next rate after this one went well.
    fn raised(&mut self, config: &Adaptive, now: Timestamp, rate: f64, present: Present) -> f64 {
        let in_use = present.rate_per_s >= rate * IN_USE;
        let step = rate * (1.0 + f64::from(config.increase_percent) / 100.0);
        let Some(refused) = self.refused_per_s else { return step };
        let plateau = refused * PLATEAU;
        if rate < plateau * 0.999 {
            return step.min(plateau);
        }
        if self.probing && in_use {
            // It went well beyond what was refused: the limit there is higher now.
            (self.refused_per_s, self.probing, self.failed_probes) = (None, false, 0);
            return step;
        }
        let wait = config.increase_interval.0 * PROBE_AFTER * (1 << self.failed_probes.min(6));
        if in_use && !self.probing && now >= self.decreased_at.plus(wait.min(config.memory.0)) {
            self.probing = true;
            return refused * PROBE;
        }
        rate
    }

    /// Time has passed: when the memory is over, the limit rises by itself.
    pub fn passed(&mut self, config: &Adaptive, now: Timestamp, present: Present) -> Option<Change> {
        let at = self.rises_at(config)?;
        if now < at {
            return None;
        }
        let before = (self.rate_per_s, self.connections);
        (self.refused_per_s, self.probing, self.failed_probes) = (None, false, 0);
        let step = 1.0 + f64::from(config.increase_percent) / 100.0;
        self.rate_per_s = self.rate_per_s.map(|rate| rate * step).filter(|rate| *rate < self.most(config, present));
        self.connections = self.connections.and_then(|known| more(known, config, present.connections_max));
        self.increased_at = now;
        self.told(before)
    }

    /// When [`Learned::passed`] has something to do next; `None` when nothing is learned.
    pub fn rises_at(&self, config: &Adaptive) -> Option<Timestamp> {
        let next = self.increased_at.plus(config.increase_interval.0);
        (!self.is_idle()).then(|| self.expires.max(next))
    }

    /// Where a learned rate says nothing any more: as configured, or far above what is needed.
    fn most(&self, config: &Adaptive, present: Present) -> f64 {
        let needed = present.rate_per_s * 4.0 + 10.0;
        present.rate_max_per_s.or(config.ceiling.map(per_s)).unwrap_or(needed)
    }

    fn told(&mut self, before: (Option<f64>, Option<u32>)) -> Option<Change> {
        if self.is_idle() {
            return self.forget();
        }
        (before != (self.rate_per_s, self.connections)).then_some(Change::Raised)
    }

    /// Back to the configured limits: a person wants it so, or nothing is left to learn.
    pub fn forget(&mut self) -> Option<Change> {
        let known = *self != Learned::default();
        *self = Learned { decreased_at: self.decreased_at, ..Learned::default() };
        known.then_some(Change::Restored)
    }

    /// What was learned before a restart.
    pub fn recall(
        &mut self,
        config: &Adaptive,
        rate_per_s: Option<f64>,
        refused_per_s: Option<f64>,
        connections: Option<u32>,
        expires: Timestamp,
        now: Timestamp,
    ) {
        let sound = |rate: f64| rate.is_finite() && rate > 0.0;
        *self = Learned {
            rate_per_s: rate_per_s.filter(|rate| sound(*rate)).map(|rate| rate.max(per_s(config.floor))),
            refused_per_s: refused_per_s.filter(|rate| sound(*rate)),
            connections: connections.map(|connections| connections.max(1)),
            // A file from a clock that was ahead keeps nothing for longer than the memory is.
            expires: expires.min(now.plus(config.memory.0)),
            increased_at: now,
            ..Learned::default()
        };
    }

    /// The rate that was refused last, for the file.
    pub fn refused_per_s(&self) -> Option<f64> {
        self.refused_per_s
    }

    /// The learned rate in the form of a limit.
    pub fn rate(&self) -> Option<Rate> {
        self.rate_per_s.map(rate_of)
    }

    /// The learned limits in words.
    pub fn words(&self) -> String {
        let rate = self.rate().map(|rate| Rate { burst: rate.count, ..rate }.to_string());
        let connections = self.connections.map(|connections| format!("{connections} connections"));
        rate.into_iter().chain(connections).collect::<Vec<_>>().join(", ")
    }
}

/// What is left of a limit after a decrease.
fn left(config: &Adaptive) -> f64 {
    f64::from(config.decrease_percent) / 100.0
}

/// A step up, at least by one; `None` when that is as many as configured.
fn more(connections: u32, config: &Adaptive, most: u32) -> Option<u32> {
    let factor = 1.0 + f64::from(config.increase_percent) / 100.0;
    let raised = ((f64::from(connections) * factor) as u32).max(connections.saturating_add(1));
    (raised < most).then_some(raised)
}

/// A rate of so many per second: a burst of a tenth of a second, so that a learned limit is not overrun at once.
pub fn rate_of(per_s: f64) -> Rate {
    // In so many seconds a whole number is near enough.
    let (seconds, unit) = if per_s >= 20.0 { (1.0, 1) } else { (60.0, 60) };
    let count = ((per_s * seconds).round() as u64).max(1);
    Rate { count, period: Duration::from_secs(unit), burst: ((per_s / 10.0) as u64).clamp(1, count) }
}

/// How many a rate lets through in a second.
pub fn per_s(rate: Rate) -> f64 {
    rate.count as f64 / rate.period.as_secs_f64()
}

#[cfg(test)]
mod tests;
