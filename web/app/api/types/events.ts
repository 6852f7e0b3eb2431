// Events: what the log holds. Absent values are left out.
import type { Schemas } from "./schema";

export type EventKind = Schemas["EventKind"];
/** `transcript` has lines `S: …` and `C: …`; it is left out in searches. */
export type Attempt = Schemas["Attempt"];
export type MailEvent = Schemas["Event"];
