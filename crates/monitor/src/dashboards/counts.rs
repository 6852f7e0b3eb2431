//! Counts, rates, delays and their comparison.

use model::category::Category;
use model::event::EventKind;
use serde::{Deserialize, Serialize};
use store::{Rate, RollupRow, Totals};

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Counts {
    /// Recipients accepted.
    pub received: u64,
    /// delivered + deferred + bounced.
    pub attempts: u64,
    /// Taken by the receiving host.
    pub delivered: u64,
    /// Put off; another attempt follows.
    pub deferred: u64,
    /// Refused for good.
    pub bounced: u64,
    /// Deferred or bounced as spam, for policy or for reputation: what the search
    /// `kind:deferred,bounced category:reputation,spam-related,policy-related` finds.
    pub blocked: u64,
    /// Queued for too long.
    pub expired: u64,
    /// Not attempted: suppressed or cancelled.
    pub suppressed: u64,
    /// Reports of bounces after acceptance.
    pub remote_bounces: u64,
    /// Complaints.
    pub complaints: u64,
    /// Pixels fetched (not persons).
    pub opens: u64,
    /// Links followed (not persons).
    pub clicks: u64,
    /// Unsubscribed.
    pub unsubscribes: u64,
    /// Connections that failed outside of a transaction.
    pub connection_failures: u64,
    /// Bytes delivered.
    pub bytes: u64,
}

/// Shares with n and interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rates {
    /// Of the attempts.
    pub delivered: Compared,
    /// Of the attempts.
    pub deferred: Compared,
    /// Of the attempts.
    pub bounced: Compared,
    /// Of the attempts.
    pub blocked: Compared,
    /// Of the delivered.
    pub complaints: Compared,
    /// Of the delivered; fetches, not persons, and so at times above 1, then given as 1.
    pub opens: Compared,
    /// Of the delivered.
    pub clicks: Compared,
    /// Of the delivered.
    pub unsubscribes: Compared,
}

/// A rate and that of the equal period before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Compared {
    /// In this period.
    pub now: Rate,
    /// In the equal period before.
    pub before: Rate,
    /// What can be said about the difference.
    pub change: Change,
}

/// What can be said about two rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Higher, and their 95 % intervals do not meet.
    Up,
    /// Lower, and their 95 % intervals do not meet.
    Down,
    /// Nothing certain.
    #[default]
    Unclear,
}

/// Time from acceptance to delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Delay {
    /// Of how many deliveries.
    pub n: u64,
    /// Half of them took less, in seconds; within 12 %.
    pub p50_s: Option<f64>,
    /// 95 of 100 took less, in seconds; within 12 %.
    pub p95_s: Option<f64>,
}

impl Counts {
    /// Adds a row of roll-ups that were asked by kind and category.
    pub(super) fn add(&mut self, row: &RollupRow) {
        let Some(kind) = row.kind else { return };
        let count = row.totals.count;
        match kind {
            EventKind::Received => self.received += count,
            EventKind::Delivered => self.delivered += count,
            EventKind::Deferred => self.deferred += count,
            EventKind::Bounced => self.bounced += count,
            EventKind::Expired => self.expired += count,
            EventKind::Suppressed => self.suppressed += count,
            EventKind::RemoteBounce => self.remote_bounces += count,
            EventKind::Complaint => self.complaints += count,
            EventKind::Opened => self.opens += count,
            EventKind::Clicked => self.clicks += count,
            EventKind::Unsubscribed => self.unsubscribes += count,
            EventKind::ConnectionFailed => self.connection_failures += count,
            EventKind::Rejected
            | EventKind::Throttled
            | EventKind::Restored
            | EventKind::Control
            | EventKind::Inbound => {}
        }
        if matches!(kind, EventKind::Delivered | EventKind::Deferred | EventKind::Bounced) {
            self.attempts += count;
        }
        if kind == EventKind::Delivered {
            self.bytes += row.totals.bytes;
        }
        if matches!(kind, EventKind::Deferred | EventKind::Bounced) && row.category.is_some_and(is_block) {
            self.blocked += count;
        }
    }

    /// Both together.
    pub(super) fn plus(&self, other: &Counts) -> Counts {
        Counts {
            received: self.received + other.received,
            attempts: self.attempts + other.attempts,
            delivered: self.delivered + other.delivered,
            deferred: self.deferred + other.deferred,
            bounced: self.bounced + other.bounced,
            blocked: self.blocked + other.blocked,
            expired: self.expired + other.expired,
            suppressed: self.suppressed + other.suppressed,
            remote_bounces: self.remote_bounces + other.remote_bounces,
            complaints: self.complaints + other.complaints,
            opens: self.opens + other.opens,
            clicks: self.clicks + other.clicks,
            unsubscribes: self.unsubscribes + other.unsubscribes,
            connection_failures: self.connection_failures + other.connection_failures,
            bytes: self.bytes + other.bytes,
        }
    }

    /// True when something happened between us and a provider: an attempt, a failure, a report.
    pub(super) fn tells_of_provider(&self) -> bool {
        let Counts { attempts, expired, remote_bounces, complaints, connection_failures, .. } = *self;
        attempts + expired + remote_bounces + complaints + connection_failures > 0
    }
}

/// The search that finds exactly the attempts counted as blocked. Greylisting and rates, which pass by themselves, are in
/// the family `reputation` and not here; spam and policy are here and in the family `content`.
pub const BLOCKED_QUERY: &str = "kind:deferred,bounced category:reputation,spam-related,policy-related";

/// Refusals of the sender rather than of the recipient or the mail's form; [`BLOCKED_QUERY`] says the same.
pub(super) const fn is_block(category: Category) -> bool {
    matches!(category, Category::PolicyRelated | Category::SpamRelated | Category::Reputation)
}

impl Rates {
    /// The rates of two equal periods.
    pub(super) fn of(now: &Counts, before: &Counts) -> Rates {
        let of_attempts = |part: fn(&Counts) -> u64| {
            Compared::of(Rate::of(part(now), now.attempts), Rate::of(part(before), before.attempts))
        };
        let of_delivered = |part: fn(&Counts) -> u64| {
            Compared::of(Rate::of(part(now), now.delivered), Rate::of(part(before), before.delivered))
        };
        Rates {
            delivered: of_attempts(|counts| counts.delivered),
            deferred: of_attempts(|counts| counts.deferred),
            bounced: of_attempts(|counts| counts.bounced),
            blocked: of_attempts(|counts| counts.blocked),
            complaints: of_delivered(|counts| counts.complaints),
            opens: of_delivered(|counts| counts.opens),
            clicks: of_delivered(|counts| counts.clicks),
            unsubscribes: of_delivered(|counts| counts.unsubscribes),
        }
    }
}

impl Compared {
    fn of(now: Rate, before: Rate) -> Compared {
        let change = if now.low > before.high {
            Change::Up
        } else if now.high < before.low {
            Change::Down
        } else {
            Change::Unclear
        };
        Compared { now, before, change }
    }
}

impl Delay {
    /// The delays of deliveries.
    pub(super) fn of(delivered: &Totals) -> Delay {
        let seconds = |p: f64| delivered.queued.percentile_ms(p).map(|ms| (ms / 10.0).round() / 100.0);
        Delay { n: delivered.queued.count(), p50_s: seconds(0.5), p95_s: seconds(0.95) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_claimed_only_when_it_is_certain() {
        let check = |now: (u64, u64), before: (u64, u64), expected: Change| {
            let compared = Compared::of(Rate::of(now.0, now.1), Rate::of(before.0, before.1));
            assert_eq!(compared.change, expected, "{now:?} {before:?}");
        };
        check((300, 1_000), (100, 1_000), Change::Up);
        check((100, 1_000), (300, 1_000), Change::Down);
        check((3, 10), (1, 10), Change::Unclear);
        check((0, 0), (10, 10), Change::Unclear);
        check((0, 0), (0, 0), Change::Unclear);
    }
}
