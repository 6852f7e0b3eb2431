// Plans of sources that raise their volume, and orders about them.
import type { WarmUp, WarmUpOrder } from "../../app/api/types";
import { bodyOf, invalid, notFound, type Routes } from "../http";

export const warmUpRoutes: Routes = {
  "GET /warm-ups": ({ db }) => ({ json: { items: db.warmUps, next: null } }),
  "POST /warm-ups/:source": (call) => {
    const { db, params } = call;
    const plan = db.warmUps.find((entry) => entry.source === params.source);
    if (!plan) throw notFound("warm-up plan of this source; write one under [[queue.warm_ups]]");
    obey(plan, bodyOf<WarmUpOrder>(call), db.loggedIn?.email ?? "");
    return { json: plan };
  },
};

function obey(plan: WarmUp, order: WarmUpOrder, by: string) {
  const last = Math.max(...plan.tracks.map((track) => track.volumes.length));
  if (order.action === "set-day" && !(order.day && order.day >= 1 && order.day <= last)) {
    throw invalid(`\`set-day\` needs a day from 1 to ${last}, the last one of the plan`, "day");
  }
  if (order.action === "pause") plan.paused_by = by;
  if (order.action === "resume") plan.paused_by = null;
  plan.finished = order.action === "finish";
  for (const track of plan.tracks) {
    if (order.action === "set-day" && order.day) {
      track.day = order.day;
      track.volume = track.volumes[order.day - 1] ?? track.volume;
      track.next_volume = track.volumes[order.day] ?? null;
      track.left = Math.max(0, track.volume - track.today.delivered - track.in_flight);
    }
    track.state = plan.finished ? "finished" : plan.paused_by ? "paused" : "warming";
  }
}
