// Whether a path is stopped altogether, or only slowed.
import type { PathLimits, Throttle } from "~/api/types";

/** `queue::core` says it in the reason: "suspended by a rule", "the path is suspended", "resting: the site …". */
const STOPPED = /\bsuspended\b|^resting\b/;

export function isStopped(throttle: Throttle | null, limits?: Pick<PathLimits, "connections_now">): boolean {
  if (!throttle) return false;
  return limits?.connections_now === 0 || STOPPED.test(throttle.reason);
}
