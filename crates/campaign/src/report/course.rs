//! The course of a campaign in equal steps, for a chart on paper: which stretch of time, and how fine. Pure.
//!
//! A campaign is handed out in minutes and its last mail expires days later. So the stretch is the shortest of a few that
//! holds nearly everything, and the step follows from the stretch. Nothing is made up: a step in which nothing happened
//! is a nought, and before the first and behind the last event there is none.

use super::types::MomentReport;

/// Stretches, in seconds; without one of these it is the whole time.
const STRETCHES: [i64; 4] = [600, 7_200, 43_200, 604_800];

/// How much of everything a stretch must hold, in hundredths.
const NEARLY_ALL: u64 = 95;

/// Steps that read well on an axis, in seconds.
const STEPS: [i64; 17] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];

/// A stretch of time in equal steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Course {
    /// When the first step begins, in seconds since 1970.
    pub(super) first_s: i64,
    /// Length of a step.
    pub(super) step_s: i64,
    /// Delivered, deferred, bounced, expired.
    pub(super) points: Vec<[u64; 4]>,
    /// Length of the stretch, when it is not the whole time.
    pub(super) of_s: Option<i64>,
}

/// The course of the delivery in at most `points_max` steps; `None` when nothing happened.
pub(super) fn course(timeline: &[MomentReport], points_max: usize) -> Option<Course> {
    let sums = |moment: &MomentReport| [moment.delivered, moment.deferred, moment.bounced, moment.expired];
    let happened = |moment: &MomentReport| sums(moment).iter().sum::<u64>();
    let moments: Vec<&MomentReport> = timeline.iter().filter(|moment| happened(moment) > 0).collect();
    let begin = |moment: &MomentReport| moment.at.as_unix_s();
    let first = begin(moments.first()?);
    let all: u64 = moments.iter().map(|moment| happened(moment)).sum();
    let whole = begin(moments.last()?) - first;
    let held = |stretch: i64| -> u64 {
        moments.iter().filter(|moment| begin(moment) - first < stretch).map(|moment| happened(moment)).sum()
    };
    let stretch = STRETCHES.into_iter().find(|stretch| held(*stretch) * 100 >= all * NEARLY_ALL);
    let of_s = stretch.filter(|stretch| *stretch <= whole);
    let shown: Vec<&MomentReport> =
        moments.into_iter().filter(|moment| of_s.is_none_or(|stretch| begin(moment) - first < stretch)).collect();
    let last = shown.last().map_or(first, |moment| begin(moment));
    let given = shown.iter().map(|moment| i64::try_from(moment.span_s).unwrap_or(1)).max().unwrap_or(1).max(1);
    let fits = |step: &i64| {
        *step % given == 0 && usize::try_from((last - first) / step).is_ok_and(|points| points + 2 <= points_max)
    };
    let longest = 86_400_i64.max(given);
    let widened = || ((last - first) / (points_max.max(3) as i64 - 2) / longest + 1) * longest;
    let step_s = STEPS.into_iter().find(fits).unwrap_or_else(widened);
    let first_s = first.div_euclid(step_s) * step_s;
    let mut points = vec![[0; 4]; usize::try_from((last - first_s) / step_s).unwrap_or(0) + 1];
    for moment in shown {
        let place = usize::try_from((begin(moment) - first_s) / step_s).unwrap_or(0);
        points[place].iter_mut().zip(sums(moment)).for_each(|(point, sum)| *point += sum);
    }
    Some(Course { first_s, step_s, points, of_s })
}

#[cfg(test)]
mod tests {
    use model::time::Timestamp;

    use super::*;

    const START: i64 = 1_790_000_040;

    fn moment(at: i64, span_s: u64, delivered: u64) -> MomentReport {
        MomentReport { at: Timestamp::from_unix_s(START + at), span_s, delivered, ..MomentReport::default() }
    }

    #[track_caller]
    fn check(timeline: &[MomentReport], expected: (i64, usize, Option<i64>)) -> Course {
        let course = course(timeline, 200).unwrap();
        assert_eq!((course.step_s, course.points.len(), course.of_s), expected);
        course
    }

    #[test]
    fn the_step_follows_from_the_time_it_took() {
        let each = |seconds: i64, span: u64| -> Vec<MomentReport> {
            (0..seconds).step_by(span as usize).map(|at| moment(at, span, 2)).collect()
        };
        check(&each(180, 1), (1, 180, None));
        check(&each(590, 1), (5, 118, None));
        check(&each(7_200, 10), (60, 120, None));
        check(&each(43_200, 60), (300, 145, None));
        let whole = check(&each(60 * 86_400, 86_400), (86_400, 60, None));
        assert_eq!(whole.points.iter().map(|point| point[0]).sum::<u64>(), 120);
        check(&[moment(7, 1, 1)], (1, 1, None));
        check(&[moment(0, 86_400, 1), moment(900 * 86_400, 86_400, 1)], (432_000, 181, None));
        assert_eq!(course(&[], 200), None);
        assert_eq!(course(&[MomentReport { opens: 3, ..moment(0, 1, 0) }], 200), None);
    }

    #[test]
    fn stragglers_do_not_flatten_the_rest() {
        let mut timeline: Vec<MomentReport> = (0..120).map(|at| moment(at, 1, 100)).collect();
        timeline.push(MomentReport { expired: 40, ..moment(3 * 86_400, 600, 0) });
        let early = check(&timeline, (1, 120, Some(600)));
        assert_eq!(early.points[119], [100, 0, 0, 0]);
        timeline.push(MomentReport { expired: 4_000, ..moment(3 * 86_400 + 600, 600, 0) });
        let whole = check(&timeline, (1_800, 145, None));
        assert_eq!(whole.points.iter().flatten().sum::<u64>(), 12_000 + 4_040);
    }
}
