//! How much is bound to a path, and how many connections it opens for it.
//!
//! Pure decisions over numbers. What is bound to a path cannot be taken by another source any more and stands before
//! whoever comes later, so a path holds only some seconds of work; the rest waits in the backlog of its site.

use model::units::Rate;

use crate::adapt::per_s;

/// A path holds about as much work as it can do in this time, in seconds.
pub const READY_HORIZON_S: f64 = 10.0;

/// A path holds at least this many, however slow it is.
pub const READY_MIN: u32 = 16;

/// One more connection is wanted for each so many that wait.
pub const WORK_PER_CONNECTION: u32 = 10;

/// How many may be bound to a path of this rate.
pub fn ready_bound(rate: Option<Rate>, ready_max: u32) -> u32 {
    let Some(rate) = rate else { return ready_max };
    ((per_s(rate) * READY_HORIZON_S) as u32).clamp(READY_MIN.min(ready_max), ready_max)
}

/// A session that has finished nothing for this long is not counted on, in seconds.
pub const SLOW_AFTER_S: u64 = 5;

/// What a path has and wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Recipients bound to the path.
    pub ready: u32,
    /// Connections in any state.
    pub sessions: u32,
    /// Of these, not yet able to take work.
    pub opening: u32,
    /// Of these, asked to close.
    pub closing: u32,
    /// Of these, at work on the same mail for long: nobody knows when they are free.
    pub slow: u32,
    /// Most connections allowed.
    pub limit: u32,
    /// The last attempts to connect failed.
    pub failing: bool,
}

/// How many connections to open now.
///
/// Not more than the work is worth, and not all at once: as many as are established already (at least one) may be under
/// way, so a site that does not answer costs one connection and a fast one is doubled with each round trip.
pub fn connections_to_open(demand: Demand) -> u32 {
    let Demand { ready, sessions, opening, closing, slow, limit, failing } = demand;
    if ready == 0 {
        return 0;
    }
    let wanted = ready.div_ceil(WORK_PER_CONNECTION).min(limit);
    let able = sessions.saturating_sub(closing);
    let established = able.saturating_sub(opening);
    let under_way_max = if failing { 1 } else { established.max(1) };
    let by_work = wanted.saturating_sub(able.saturating_sub(slow));
    // Those that are closing still count towards the limit: the provider sees them.
    let by_limit = limit.saturating_sub(sessions);
    by_work.min(by_limit).min(under_way_max.saturating_sub(opening))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slow_path_holds_little() {
        let bound = |rate: &str| ready_bound(rate.parse().ok(), 1_000);
        assert_eq!([bound("1/min"), bound("5/s"), bound("100/s"), bound("5000/s")], [16, 50, 1_000, 1_000]);
        assert_eq!(ready_bound(None, 1_000), 1_000);
        assert_eq!(ready_bound("1/min".parse().ok(), 5), 5);
    }

    #[test]
    fn connections_grow_with_what_is_established() {
        let base = Demand { ready: 500, sessions: 0, opening: 0, closing: 0, slow: 0, limit: 10, failing: false };
        let check = |demand: Demand, expected| assert_eq!(connections_to_open(demand), expected, "{demand:?}");
        check(base, 1);
        check(Demand { sessions: 1, opening: 1, ..base }, 0);
        check(Demand { sessions: 1, ..base }, 1);
        check(Demand { sessions: 4, ..base }, 4);
        check(Demand { sessions: 8, ..base }, 2);
        check(Demand { ready: 15, sessions: 1, ..base }, 1);
        check(Demand { ready: 10, sessions: 1, ..base }, 0);
        check(Demand { ready: 10, sessions: 1, slow: 1, ..base }, 1);
        check(Demand { sessions: 4, failing: true, ..base }, 1);
        check(Demand { sessions: 10, closing: 3, ..base }, 0);
        check(Demand { ready: 0, ..base }, 0);
    }

    proptest! {
        #[test]
        fn never_beyond_the_limit(
            ready in 0_u32..2_000, sessions in 0_u32..20, opening in 0_u32..20, closing in 0_u32..20, limit in 1_u32..20,
            slow in 0_u32..20, failing: bool,
        ) {
            let opening = opening.min(sessions);
            let closing = closing.min(sessions - opening);
            let opened = connections_to_open(Demand { ready, sessions, opening, closing, slow, limit, failing });
            prop_assert!(opened == 0 || sessions + opened <= limit);
            prop_assert!(ready == 0 || sessions > 0 || opened == 1, "work always gets a first connection");
        }
    }
}
