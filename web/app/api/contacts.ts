// Lists, contacts, fields, imports, suppressions.
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { API, get, patch, post, postCsv, remove } from "./client";
import type {
  Contact,
  ContactInput,
  Field,
  Import,
  ImportPreview,
  List,
  NewList,
  NewSuppressions,
  Page,
  Suppression,
  SuppressionsAdded,
} from "./types";

export const listsQuery = queryOptions({
  queryKey: ["lists"],
  queryFn: ({ signal }) => get<Page<List>>("/lists", { limit: 200 }, signal),
});
export const listQuery = (id: string) =>
  queryOptions({ queryKey: ["lists", id], queryFn: ({ signal }) => get<List>(`/lists/${id}`, undefined, signal) });
export const createList = (list: NewList) => post<List>("/lists", list);
export const changeList = (id: string, change: Partial<NewList> & { version: number }) =>
  patch<List>(`/lists/${id}`, change);
export const readList = (id: string) => get<List>(`/lists/${id}`);
export const deleteList = (id: string) => remove(`/lists/${id}`);

export interface ContactFilter {
  list?: string | undefined;
  q?: string | undefined;
}

export const contactsQuery = (filter: ContactFilter) =>
  infiniteQueryOptions({
    queryKey: ["contacts", filter],
    queryFn: ({ pageParam, signal }) =>
      get<Page<Contact>>("/contacts", { list: filter.list, q: filter.q, after: pageParam, limit: 50 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  });
/** A few contacts for pickers. */
export const contactSuggestionsQuery = (q: string, list: string | null) =>
  queryOptions({
    queryKey: ["contacts", "suggest", q, list],
    queryFn: ({ signal }) => get<Page<Contact>>("/contacts", { q, list, limit: 8 }, signal),
    staleTime: 30_000,
  });
export const contactQuery = (id: string) =>
  queryOptions({
    queryKey: ["contacts", id],
    queryFn: ({ signal }) => get<Contact>(`/contacts/${id}`, undefined, signal),
  });
export const createContact = (contact: ContactInput) => post<Contact>("/contacts", contact);
export const changeContact = (id: string, change: Partial<ContactInput> & { version: number }) =>
  patch<Contact>(`/contacts/${id}`, change);
export const readContact = (id: string) => get<Contact>(`/contacts/${id}`);
export const deleteContact = (id: string) => remove(`/contacts/${id}`);

export const fieldsQuery = queryOptions({
  queryKey: ["fields"],
  queryFn: ({ signal }) => get<Page<Field>>("/fields", { limit: 200 }, signal),
  staleTime: 60_000,
});
export const createField = (field: Field) => post<Field>("/fields", field);

/** Enough of a file for the program to see its columns and to show its first rows. */
const PREVIEW_BYTES = 256 * 1024;

export const previewImport = (list: string, file: Blob) =>
  postCsv<ImportPreview>(`/lists/${list}/import/preview`, file.slice(0, PREVIEW_BYTES));
/** `targets[column]` is where a column goes; null leaves it out. */
export const startImport = (list: string, file: Blob, targets: (string | null)[]) =>
  postCsv<Import>(`/lists/${list}/import`, file, {
    map: targets.flatMap((target, column) => (target ? [`${column}:${target}`] : [])).join(","),
  });
export const importQuery = (id: string) =>
  queryOptions({
    queryKey: ["imports", id],
    queryFn: ({ signal }) => get<Import>(`/imports/${id}`, undefined, signal),
    refetchInterval: (query) => (query.state.data?.state === "running" ? 500 : false),
  });
export const importErrorsUrl = (entry: Import) => entry.errors_url ?? `${API}/imports/${entry.id}/errors.csv`;

export const suppressionsQuery = (q: string) =>
  infiniteQueryOptions({
    queryKey: ["suppressions", q],
    queryFn: ({ pageParam, signal }) =>
      get<Page<Suppression>>("/suppressions", { q, after: pageParam, limit: 50 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  });
export const addSuppressions = (entries: NewSuppressions) => post<SuppressionsAdded>("/suppressions", entries);
export const removeSuppression = (address: string) => remove(`/suppressions/${encodeURIComponent(address)}`);
