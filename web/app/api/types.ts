// Every JSON shape the UI reads or writes, in one place. Hand-written from the HTTP contract; each file of `types/` can be
// replaced by aliases of the generated schema (`export type List = components["schemas"]["List"]`) without touching a page.
// Ids are the 13-letter text form, times RFC 3339, rates 0..1 only where said, durations carry their unit in the name.
export type * from "./types/campaigns";
export type * from "./types/common";
export type * from "./types/contacts";
export type * from "./types/delivery";
export type * from "./types/events";
export type * from "./types/monitoring";
export type * from "./types/query";
export type * from "./types/settings";
