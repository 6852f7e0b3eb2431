//! How long a group waits for company before it is written.
//!
//! A sync costs as much processor time as taking a message in, so a group for each few appends is a waste when many are
//! on their way. How many can be expected is seen from how many shared the last group, and how many came while it was
//! written: that many writers are at work, each waiting for its own append before it comes with the next. A group waits
//! until as many are there, though never longer than twice what the last one took, nor than [`GATHER_MAX`]. A lone writer
//! therefore never waits, and a disk that syncs at once is not waited for.

use std::time::Duration;

/// The longest that a group waits for company.
const GATHER_MAX: Duration = Duration::from_millis(1);

/// The longest that acks, for which nobody waits, wait for an append that takes them along.
const ACKS_WAIT: Duration = Duration::from_millis(2);

/// What the last group tells about the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Appends that shared it.
    appends: usize,
    /// How long writing it took.
    took: Duration,
}

/// What a group waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gathering {
    /// So many appends are enough.
    pub enough: usize,
    pub at_most: Duration,
}

impl Pace {
    pub fn after(appends: usize, took: Duration) -> Self {
        Pace { appends, took }
    }

    /// What the next group waits for, when so many appends came while the last one was written, and so many are there
    /// now. Nothing, when it is to be written at once.
    pub fn gathering(&self, came_meanwhile: usize, there: usize) -> Option<Gathering> {
        if there == 0 {
            return Some(Gathering { enough: 1, at_most: ACKS_WAIT });
        }
        let enough = self.appends + came_meanwhile;
        let at_most = GATHER_MAX.min(self.took * 2);
        (there < enough && !at_most.is_zero()).then_some(Gathering { enough, at_most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: fn(u64) -> Duration = Duration::from_micros;

    #[test]
    fn a_group_waits_for_those_who_are_at_work() {
        #[track_caller]
        fn check(last: (usize, u64), meanwhile: usize, there: usize, expected: Option<(usize, u64)>) {
            let found = Pace::after(last.0, US(last.1)).gathering(meanwhile, there);
            assert_eq!(found, expected.map(|(enough, us)| Gathering { enough, at_most: US(us) }));
        }
        check((0, 0), 0, 1, None);
        check((1, 300), 0, 1, None);
        check((2, 300), 2, 2, Some((4, 600)));
        check((2, 300), 2, 4, None);
        check((20, 4_000), 20, 5, Some((40, 1_000)));
        check((20, 0), 20, 5, None);
        check((20, 300), 3, 0, Some((1, 2_000)));
    }
}
