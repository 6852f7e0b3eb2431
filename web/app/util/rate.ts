// Statistics of shown rates. A rate without its number of observations misleads; so each comes with an interval.

export interface Interval {
  rate: number;
  low: number;
  high: number;
  n: number;
}

/** Wilson score interval of a share, 95 % unless said otherwise. Null when nothing was observed. */
export function wilson(hits: number, n: number, z = 1.96): Interval | null {
  if (n <= 0) return null;
  const rate = Math.min(1, Math.max(0, hits / n));
  const z2 = z * z;
  const centre = (rate + z2 / (2 * n)) / (1 + z2 / n);
  const half = (z / (1 + z2 / n)) * Math.sqrt((rate * (1 - rate)) / n + z2 / (4 * n * n));
  return { rate, low: Math.max(0, centre - half), high: Math.min(1, centre + half), n };
}
