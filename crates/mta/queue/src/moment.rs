//! A time in six bytes, for records of which there are millions: eight microseconds exact, from 2020 to 2091.

use model::time::Timestamp;

/// 2020-01-01, in microseconds since 1970.
const BEGIN_US: i64 = 1_577_836_800_000_000;

/// Of a time, so many bits are left out at the end.
const LEFT_OUT_BITS: u32 = 3;

/// The last time there is; it stands for all later ones.
const LAST: u64 = (1 << 48) - 1;

/// A time, at most eight microseconds before the one it was made of. Before 2020 is 2020; behind 2091 is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment([u16; 3]);

impl Moment {
    pub fn new(at: Timestamp) -> Self {
        let since = u64::try_from(at.0.saturating_sub(BEGIN_US)).unwrap_or(0);
        let units = (since >> LEFT_OUT_BITS).min(LAST);
        Moment([units as u16, (units >> 16) as u16, (units >> 32) as u16])
    }

    pub fn timestamp(self) -> Timestamp {
        let [low, middle, high] = self.0.map(u64::from);
        let units = low | middle << 16 | high << 32;
        if units == LAST { Timestamp(i64::MAX) } else { Timestamp(BEGIN_US + (units << LEFT_OUT_BITS) as i64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_milliseconds_are_exact_and_the_ends_hold() {
        let check = |at: i64, expected: i64| assert_eq!(Moment::new(Timestamp(at)).timestamp().0, expected, "{at}");
        check(1_790_000_000_123_000, 1_790_000_000_123_000);
        check(1_790_000_000_123_007, 1_790_000_000_123_000);
        check(0, BEGIN_US);
        check(i64::MIN, BEGIN_US);
        check(i64::MAX, i64::MAX);
        // 2090-01-01 is still exact.
        check(3_786_912_000_000_000, 3_786_912_000_000_000);
    }

    proptest! {
        #[test]
        fn a_moment_is_never_late_and_hardly_early(at in BEGIN_US..3_786_912_000_000_000) {
            let kept = Moment::new(Timestamp(at)).timestamp().0;
            prop_assert!(kept <= at && at - kept < 8);
        }
    }
}
