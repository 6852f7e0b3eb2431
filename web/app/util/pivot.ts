// Rows of (name, time, count) as one curve per name, with zeros where nothing was counted.
import type { Cell } from "~/api/types";

export interface Span {
  from: number;
  to: number;
  /** Length of a step; steps begin at its multiples since 1970. */
  stepMs: number;
}

export function pivotCurves(rows: readonly Cell[][], { from, to, stepMs }: Span): Map<string, number[]> {
  const start = Math.floor(from / stepMs) * stepMs;
  const steps = Math.max(1, Math.ceil((to - start) / stepMs));
  const curves = new Map<string, number[]>();
  for (const [name, at, count] of rows) {
    if (typeof name !== "string" || typeof at !== "string" || typeof count !== "number") continue;
    const place = Math.floor((new Date(at).getTime() - start) / stepMs);
    if (place < 0 || place >= steps) continue;
    let curve = curves.get(name);
    if (!curve) {
      curve = new Array<number>(steps).fill(0);
      curves.set(name, curve);
    }
    curve[place] = count;
  }
  return curves;
}
