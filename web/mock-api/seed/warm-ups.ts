// One source that warms up: at Gmail on its way after a day that was repeated, stopped at Orange, all others behind.
import type { WarmUp, WarmUpDay, WarmUpTrack } from "../../app/api/types";

const DAY = 86_400_000;

/** 50 a day, growing by 1.4 from day to day, as the plan `30-days` does. */
const VOLUMES = Array.from({ length: 31 }, (_, day) => Math.min(1_000_000, Math.round(50 * 1.4 ** day)));

const isoDate = (at: number) => new Date(at).toISOString().slice(0, 10);

/** The days until yesterday; a verdict for each that did not go well, by day of the plan. */
function past(now: number, length: number, trouble: Record<number, Partial<WarmUpDay>>): WarmUpDay[] {
  const days: WarmUpDay[] = [];
  let day = 1;
  for (let index = 0; index < length; index += 1) {
    const volume = VOLUMES[day - 1] ?? 0;
    const troubled = trouble[index];
    const fine: WarmUpDay = {
      date: isoDate(now - (length - index) * DAY),
      day,
      volume,
      delivered: volume,
      deferred: Math.round(volume / 60),
      refused: Math.round(volume / 200),
      complaints: 0,
      reply: null,
      verdict: "advance",
      reason: `${volume} of ${volume} accepted, all within limits`,
    };
    const made = { ...fine, ...troubled };
    days.push(made);
    if (made.verdict === "advance") day += 1;
    if (made.verdict === "step-back") day = Math.max(1, day - 1);
  }
  return days;
}

function track(now: number, provider: string, history: WarmUpDay[], rest: Partial<WarmUpTrack>): WarmUpTrack {
  const last = history.at(-1);
  const day = last ? last.day + (last.verdict === "advance" ? 1 : last.verdict === "step-back" ? -1 : 0) : 1;
  const volume = VOLUMES[day - 1] ?? 0;
  const delivered = Math.round(volume * 0.62);
  return {
    provider,
    state: "warming",
    day,
    date: isoDate(now),
    volume,
    today: { delivered, deferred: 4, refused: 2, complaints: 0, reply: null },
    in_flight: 3,
    left: volume - delivered - 3,
    next_volume: VOLUMES[day] ?? null,
    next_at: new Date(Math.ceil(now / DAY) * DAY).toISOString(),
    trouble: null,
    volumes: VOLUMES,
    history,
    ...rest,
  };
}

export function makeWarmUps(now: number): WarmUp[] {
  const slowed = "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail";
  const gmail = past(now, 12, {
    8: {
      verdict: "repeat",
      deferred: 132,
      reply: slowed,
      reason: "132 of 875 attempts were deferred (15.1 %, the limit is 10 %)",
    },
  });
  const orange = past(now, 6, {
    3: { verdict: "too-little", delivered: 40, reason: "40 of 137 accepted: less than 50 %" },
  });
  return [
    {
      source: "mkt-2",
      plan: "30-days",
      set_by: "queue.warm_ups[0]",
      hours: "08:00-20:00 Europe/Paris",
      overflow: "pool",
      streams: ["bulk"],
      tenants: [],
      traffic_percent: 50,
      refusals_percent: 3,
      deferrals_percent: 10,
      complaints_percent: 0.1,
      paused_by: null,
      finished: false,
      tracks: [
        track(now, "gmail", gmail, {}),
        track(now, "orange", orange, {
          state: "stopped",
          left: 0,
          today: { delivered: 61, deferred: 0, refused: 9, complaints: 0, reply: "550 5.2.0 Mail rejetee. OFR_506" },
          trouble: "9 of 70 attempts were refused (12.9 %, the limit is 3 %)",
        }),
        track(now, "*", past(now, 9, {}), {}),
      ],
    },
  ];
}
