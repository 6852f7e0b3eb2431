// The typed query over events: what to measure, by what, of which events. Shapes: `store::Query`, `store::Filter`;
// only what the UI asks.
import type { Timestamp } from "./common";
import type { Rate } from "./monitoring";

export type Filter =
  | { op: "eq"; field: string; value: string | number | boolean }
  | { op: "in"; field: string; values: (string | number | boolean)[] };

export type Dimension = { by: "field"; field: string } | { by: "bucket"; span: string };

export type Measure = { measure: "count" };

/** `POST /query`. */
export interface TypedQuery {
  from: Timestamp;
  to: Timestamp;
  filter?: Filter;
  measures: Measure[];
  dimensions: Dimension[];
  limit?: number;
}

export type Cell = null | boolean | number | string | Rate;

export interface QueryResult {
  /** First the dimensions, then the measures. */
  columns: { name: string; kind: string }[];
  rows: Cell[][];
  truncated: boolean;
}
