// Dialogues that are recorded on demand. The mock records none of them.
import type { NewRecording } from "../../app/api/types";
import { bodyOf, invalid, notFound, type Routes } from "../http";

/** Shortest and longest, in seconds: `model::recording`. */
const LASTS = { min: 10, max: 7 * 86_400 };
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function seconds(text: string): number {
  const parts = [...text.matchAll(/(\d+)([smhd])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ""] ?? 0), 0);
}

export const recordingRoutes: Routes = {
  "GET /transcripts": ({ db }) => ({ json: { items: db.recordings, next: null } }),
  "POST /transcripts": (call) => {
    const { about, lasts = "30m", count_max = 100, reason = "" } = bodyOf<NewRecording>(call);
    if (Object.keys(about).length === 0) throw invalid("say whose dialogues", "about");
    const span = seconds(lasts);
    if (span < LASTS.min || span > LASTS.max) throw invalid("must lie between 10s and 7d", "lasts");
    const now = Date.now();
    const begun = {
      id: 1 + Math.max(0, ...call.db.recordings.map((recording) => recording.id)),
      about,
      reason,
      by: "mock",
      since: new Date(now).toISOString(),
      until: new Date(now + span * 1_000).toISOString(),
      count_max,
      taken: 0,
      latest: [],
    };
    call.db.recordings.push(begun);
    return { status: 201, json: begun };
  },
  "DELETE /transcripts/:id": ({ db, params }) => {
    const place = db.recordings.findIndex((recording) => String(recording.id) === params.id);
    if (place < 0) throw notFound("recording");
    db.recordings.splice(place, 1);
    return { status: 204 };
  },
};
