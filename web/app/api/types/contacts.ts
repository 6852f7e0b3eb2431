// Lists, contacts, their fields, imports, suppressions.
import type { Id, Timestamp } from "./common";

export interface List {
  id: Id;
  name: string;
  description: string;
  /** Number of contacts on it. */
  contacts: number;
  created_at: Timestamp;
}

export interface NewList {
  name: string;
  description: string;
}

export type ContactStatus = "active" | "unsubscribed" | "bounced" | "complained" | "suppressed";
export type FieldValue = string | number | boolean | null;

export interface Membership {
  id: Id;
  name: string;
  state: "subscribed" | "unsubscribed";
  since: Timestamp;
}

export interface Contact {
  id: Id;
  address: string;
  name: string;
  fields: Record<string, FieldValue>;
  status: ContactStatus;
  lists: Membership[];
  created_at: Timestamp;
}

/** `POST /contacts` and, all parts optional, `PATCH /contacts/{id}`. `lists` are the ids of all lists it is to be on. */
export interface ContactInput {
  address: string;
  name: string;
  fields: Record<string, FieldValue>;
  lists: Id[];
}

export type FieldType = "text" | "number" | "boolean" | "date" | "choice";

/** An entry of the registry of contact fields. */
export interface Field {
  name: string;
  label: string;
  type: FieldType;
  /** Only for `choice`. */
  choices?: string[];
}

/** `POST /lists/{id}/import/preview` (body text/csv; the first 256 KiB are enough). */
export interface ImportPreview {
  columns: ImportColumn[];
  /** The first rows, without the header. */
  rows: string[][];
  delimiter: string;
  encoding: string;
  /** Whether the first row is a header. */
  header: boolean;
}

export interface ImportColumn {
  /** Text of the header cell. */
  name: string;
  /** `address`, `name`, the name of a field, or null for "leave out". */
  suggested: string | null;
}

/** `POST /lists/{id}/import?map=0:address,1:name,4:city` (column from 0 : target); `GET /imports/{id}`. */
export interface Import {
  id: Id;
  list: Id;
  state: "running" | "done" | "failed";
  /** Rows read so far, header not counted. */
  rows: number;
  accepted: number;
  updated: number;
  rejected: number;
  /** Of the accepted and updated: not subscribed, because they unsubscribed or complained before. */
  held_back: number;
  /** Path of the error file; null when nothing was rejected. */
  errors_url: string | null;
  /** For the progress bar. */
  bytes_done: number;
  bytes_total: number;
  /** Why it failed as a whole (`failed`). */
  error: string | null;
  /** Why rows were rejected, most frequent first. */
  reasons: { reason: string; rows: number }[];
  created_at: Timestamp;
}

export type SuppressionReason = "bounce" | "complaint" | "unsubscribe" | "manual";

export interface Suppression {
  address: string;
  reason: SuppressionReason;
  /** To which mail it applies: null for all, `marketing` for every stream but `transactional`. */
  stream: string | null;
  note: string;
  /** The campaign whose mail led to it. */
  campaign: Id | null;
  created_at: Timestamp;
}

/** `POST /suppressions`; `DELETE /suppressions/{address}` takes all entries of one address away. */
export interface NewSuppressions {
  addresses: string[];
  note: string;
}

/** Answer of `POST /suppressions`. */
export interface SuppressionsAdded {
  added: number;
  already: number;
  rejected: { address: string; reason: string }[];
}
