// Shapes shared by all wings: pages of lists, errors, replies.

/** Thirteen letters and digits; opaque. */
export type Id = string;
/** RFC 3339, UTC. */
export type Timestamp = string;

export interface Page<T> {
  items: T[];
  /** Cursor for `?after=`; null on the last page. */
  next: string | null;
}

export interface ErrorBody {
  error: {
    code: string;
    /** A sentence that says how to mend it, in English. */
    message: string;
    /** Path of the field concerned, e.g. `from_address` or `variables.0.name`. */
    field?: string;
    /** Search and templates: where the trouble starts, in characters from 0, and how long it is (at least 1). */
    position?: number;
    length?: number;
    /** Search: what was probably meant, to put in place of these characters. */
    suggestion?: string;
  };
}

/** An SMTP reply; several lines are joined by line feeds. */
export interface Reply {
  code: number;
  enhanced?: string | null;
  text: string;
}

/** Answer of the submission endpoints (`POST /messages`, `POST /campaigns/{id}/test`). */
export interface Receipt {
  message: Id;
  first_recipient: Id;
  recipients: number;
  rejected: { address: string; reason: string }[];
}

/** What a query cost. */
export interface Cost {
  rows: number;
  ms: number;
}
