// The generated side (`npm run api`), by the names of the OpenAPI document. Rule of the API: an answer names every field, null
// when it has no value; events, replies and errors leave such fields out; requests may do either.
import type { components, operations } from "../__generated__/schema";

export type Schemas = components["schemas"];
export type Operations = operations;

/** What a form holds before it is sent: every field of a request, with a value. */
export type Filled<T> = { [Key in keyof T]-?: NonNullable<T[Key]> };
