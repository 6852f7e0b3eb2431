// The typed query over events: what to measure, by what, of which events.
import type { Schemas } from "./schema";

export type Filter = Schemas["Filter"];
export type Dimension = Schemas["Dimension"];
export type Measure = Schemas["Measure"];
/** `POST /query`. */
export type TypedQuery = Schemas["Query"];
export type Cell = Schemas["Cell"];
export type QueryResult = Schemas["QueryResult"];
