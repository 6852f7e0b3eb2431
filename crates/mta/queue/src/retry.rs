//! When is a deferred recipient tried again.
//!
//! Exponential with a cap, and a small jitter that is drawn from the recipient's number: the same recipient always gets
//! the same delay (so that a run can be repeated), while a campaign deferred in one second does not come back in one.
//! RFC 5321 4.5.4.1 leaves the schedule to the sender and suggests some tens of minutes.

use std::time::Duration;

use model::config::{Fault, Faults};
use model::hash::mix;
use model::id::RecipientId;
use model::units::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Share of the delay that jitter may add, in per cent.
pub const JITTER_PERCENT: u64 = 10;

/// The waits between attempts: the first one doubles with each attempt until it reaches the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Wait after the first attempt.
    pub first: Span,
    /// Longest wait.
    pub longest: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { first: Span::s(900), longest: Span::s(4 * 3_600) }
    }
}

impl Retry {
    /// Checks what the form alone cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.at_least("first", self.first, Span::s(1));
        faults.unless(self.longest >= self.first, || Fault::new("longest", "must not be shorter than").than("first"));
        faults.result()
    }

    /// Wait before the next attempt when `attempts` (from 1) have failed: doubled each time, at most `longest`, and up
    /// to [`JITTER_PERCENT`] more, the same for the same recipient and attempt.
    pub fn delay(&self, attempts: u16, recipient: RecipientId) -> Duration {
        let doublings = u32::from(attempts.saturating_sub(1)).min(32);
        let plain = self.first.0.saturating_mul(1 << doublings.min(31)).min(self.longest.0);
        with_jitter(plain, recipient, attempts)
    }
}

/// `plain` with up to [`JITTER_PERCENT`] on top.
pub fn with_jitter(plain: Duration, recipient: RecipientId, attempts: u16) -> Duration {
    with_jitter_of(JITTER_PERCENT, plain, recipient, attempts)
}

/// `plain` with up to so many per cent on top, the same for the same recipient and attempt.
pub fn with_jitter_of(percent: u64, plain: Duration, recipient: RecipientId, attempts: u16) -> Duration {
    let permille = mix(recipient.0 ^ (u64::from(attempts) << 48)) % (percent * 10 + 1);
    plain.saturating_add(Duration::from_micros(
        u64::try_from(plain.as_micros()).unwrap_or(u64::MAX / 1_000).saturating_mul(permille) / 1_000,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_up_to_the_longest() {
        let retry = Retry { first: Span::s(60), longest: Span::s(600) };
        let plain = |attempts| retry.delay(attempts, RecipientId(7)).as_secs() / 60;
        assert_eq!([1, 2, 3, 4, 5, 60, u16::MAX].map(plain), [1, 2, 4, 8, 10, 10, 10]);
    }

    proptest! {
        #[test]
        fn jitter_is_small_and_repeatable(first_s in 1_u64..10_000, times in 1_u64..100, attempts: u16, id: u64) {
            let retry = Retry { first: Span::s(first_s), longest: Span::s(first_s * times) };
            let delay = retry.delay(attempts, RecipientId(id));
            prop_assert_eq!(delay, retry.delay(attempts, RecipientId(id)));
            prop_assert!(delay >= retry.first.0);
            prop_assert!(delay <= retry.longest.0.mul_f64(1.1001));
        }
    }
}
