//! How fine the course of a campaign is kept: by the second while it is young, by the day when it is old. Pure.
//!
//! Each step is a multiple of the finer ones, so that steps can be put together without splitting any. All together a
//! campaign has about 4,100 of them in its first two months, and one a day from then on.

/// Up to which age of the campaign events are counted in steps of which length, in seconds.
const STEPS: [(i64, i64); 5] = [(600, 1), (7_200, 10), (43_200, 60), (604_800, 600), (5_184_000, 3_600)];

/// Length of a step beyond those: a day.
const LONGEST: i64 = 86_400;

/// Where an event of this second is counted, as begin and length, when the campaign was sent off at `started`.
pub(crate) fn slot(second: i64, started: i64) -> (i64, i64) {
    let age = second.saturating_sub(started);
    let span = STEPS.iter().find(|(until, _)| age < *until).map_or(LONGEST, |(_, span)| *span);
    (second.div_euclid(span) * span, span)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_790_000_007;

    #[track_caller]
    fn check(age: i64, expected: (i64, i64)) {
        let (begins, span) = slot(START + age, START);
        assert_eq!((START + age - begins, span), expected, "age {age}");
    }

    #[test]
    fn the_younger_the_finer() {
        check(0, (0, 1));
        check(-5, (0, 1));
        check(599, (0, 1));
        check(600, (7, 10));
        check(7_199, (6, 10));
        check(7_200, (27, 60));
        check(43_200, (207, 600));
        check(604_800, (807, 3_600));
        check(5_184_000, ((START + 5_184_000).rem_euclid(86_400), 86_400));
    }

    #[test]
    fn each_step_is_a_multiple_of_the_finer_ones() {
        let spans: Vec<i64> = STEPS.iter().map(|(_, span)| *span).chain([LONGEST]).collect();
        assert!(spans.windows(2).all(|pair| pair[0] < pair[1] && pair[1] % pair[0] == 0), "{spans:?}");
    }
}
