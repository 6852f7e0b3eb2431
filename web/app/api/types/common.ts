// Shapes shared by all wings: pages of lists, errors, replies.
import type { Schemas } from "./schema";

/** Thirteen letters and digits; opaque. */
export type Id = string;
/** RFC 3339, UTC. */
export type Timestamp = Schemas["Timestamp"];

/** `Page_…` and `Items_…` of the document. */
export interface Page<T> {
  items: T[];
  /** Cursor for `?after=`; null on the last page. */
  next: string | null;
}

export type ErrorBody = Schemas["ErrorBody"];
/** Several lines are joined by line feeds. */
export type Reply = Schemas["Reply"];
/** Answer of the submission endpoints. */
export type Receipt = Schemas["TestReceipt"];
