// The course of a campaign in equal steps, for a chart: which stretch of time, and how fine a step.
// The program keeps seconds while a campaign is young and longer steps later on. Nothing is made up: a step without events
// is a nought, and before the first and behind the last event there is none.

/** Stretches to choose from, in seconds, beside the whole time. */
const STRETCHES = [600, 7_200, 43_200, 604_800];
/** How much of everything a stretch must hold to be shown first. */
const NEARLY_ALL = 0.95;
/** Steps that read well on an axis, in seconds. */
const STEPS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];
const POINTS_MAX = 150;

export type Moment<K extends string> = { at: string; span_s: number } & Record<K, number>;
/** Seconds from the first event on; "all" is the whole time. */
export type Stretch = number | "all";

/** Moments in which one of these happened. */
function busy<K extends string>(moments: readonly Moment<K>[], fields: readonly K[]): Moment<K>[] {
  return moments.filter((moment) => fields.some((field) => moment[field] > 0));
}

const begin = (moment: { at: string }) => Math.floor(new Date(moment.at).getTime() / 1000);

export interface Stretches {
  /** Those shorter than the whole time, and the whole. */
  choices: Stretch[];
  /** The shortest that holds nearly everything. */
  first: Stretch;
}

/** Which stretches there are to choose from, and which one shows most. */
export function stretches<K extends string>(all: readonly Moment<K>[], fields: readonly K[]): Stretches {
  const moments = busy(all, fields);
  const [start] = moments;
  if (!start) return { choices: ["all"], first: "all" };
  const since = begin(start);
  const sum = (list: Moment<K>[]) => list.reduce((n, moment) => fields.reduce((m, field) => m + moment[field], n), 0);
  const total = sum(moments);
  const length = Math.max(...moments.map((moment) => begin(moment) - since));
  const shorter = STRETCHES.filter((stretch) => stretch <= length);
  const first = shorter.find(
    (stretch) => sum(moments.filter((moment) => begin(moment) - since < stretch)) >= total * NEARLY_ALL,
  );
  return { choices: [...shorter, "all"], first: first ?? "all" };
}

export interface Course<K extends string> {
  points: Moment<K>[];
  stepSeconds: number;
}

/** Sums of the named fields for each step of a stretch. */
export function course<K extends string>(
  all: readonly Moment<K>[],
  fields: readonly K[],
  stretch: Stretch = "all",
): Course<K> {
  const moments = busy(all, fields);
  const since = moments[0] ? begin(moments[0]) : 0;
  const shown = moments.filter((moment) => stretch === "all" || begin(moment) - since < stretch);
  if (shown.length === 0) return { points: [], stepSeconds: 60 };
  const last = Math.max(...shown.map(begin));
  const given = Math.max(1, ...shown.map((moment) => moment.span_s));
  const longest = Math.max(86_400, given);
  const step =
    // One that the given steps fit into: else some points would hold more of them than others.
    STEPS.find((size) => size % given === 0 && (last - since) / size + 2 <= POINTS_MAX) ??
    longest * (Math.floor((last - since) / longest / (POINTS_MAX - 2)) + 1);
  const start = Math.floor(since / step) * step;
  const points = Array.from({ length: Math.floor((last - start) / step) + 1 }, (_, index) => {
    const point: Record<string, number | string> = {
      at: new Date((start + index * step) * 1000).toISOString(),
      span_s: step,
    };
    for (const field of fields) point[field] = 0;
    return point as Moment<K>;
  });
  for (const moment of shown) {
    const point: Record<K, number> | undefined = points[Math.floor((begin(moment) - start) / step)];
    if (point) for (const field of fields) point[field] += moment[field];
  }
  return { points, stepSeconds: step };
}
