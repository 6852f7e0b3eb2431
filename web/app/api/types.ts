// Every JSON shape the UI reads or writes, in one place: names of the UI for the schemas of docs/generated/openapi.json. When the
// program answers something else, the document changes, and what no longer fits does not compile (`npm run contract`).
// Ids are the 13-letter text form, times RFC 3339, rates 0..1 only where said, durations carry their unit in the name.
export type * from "./types/campaigns";
export type * from "./types/common";
export type * from "./types/contacts";
export type * from "./types/delivery";
export type * from "./types/events";
export type * from "./types/monitoring";
export type * from "./types/query";
export type * from "./types/schema";
export type * from "./types/settings";
