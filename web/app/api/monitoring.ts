// Dashboards, search, histories.
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { pivotCurves } from "~/util/pivot";
import { get, post } from "./client";
import type {
  EventPage,
  MessageHistory,
  NowDashboard,
  Page,
  ProviderDashboard,
  ProvidersSummary,
  QueryResult,
  RecipientHistory,
  RecipientSummary,
  TypedQuery,
} from "./types";

export const nowQuery = (minutes: number) =>
  queryOptions({
    queryKey: ["now", minutes],
    queryFn: ({ signal }) => get<NowDashboard>("/dashboards/now", { minutes }, signal),
    refetchInterval: 4_000,
    placeholderData: keepPreviousData,
  });
/** Steps of the small curves beside the providers, in seconds. */
const CURVE_STEPS = [5, 10, 30, 60, 120, 300, 600, 1800];
/** Most steps of a small curve: it is hardly wider than that. */
const CURVE_POINTS_MAX = 48;

/** Attempts of each provider over time: since the first of the period, where it is known. */
export const curvesQuery = (minutes: number, since: string | undefined) =>
  queryOptions({
    queryKey: ["curves", minutes, since],
    queryFn: async ({ signal }) => {
      const to = Date.now();
      const from = Math.min(since ? new Date(since).getTime() : to - minutes * 60_000, to - 60_000);
      const span = (to - from) / 1000;
      const step = CURVE_STEPS.find((seconds) => span / seconds <= CURVE_POINTS_MAX) ?? 1800;
      const query: TypedQuery = {
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
        filter: { op: "in", field: "kind", values: ["delivered", "deferred", "bounced"] },
        measures: [{ measure: "count" }],
        dimensions: [
          { by: "field", field: "provider" },
          { by: "bucket", span: `${step}s` },
        ],
        limit: 5_000,
      };
      const result = await post<QueryResult>("/query", query, signal);
      return pivotCurves(result.rows, { from, to, stepMs: step * 1000 });
    },
    refetchInterval: 20_000,
    placeholderData: keepPreviousData,
    retry: false,
  });

export const providerQuery = (name: string, hours: number) =>
  queryOptions({
    queryKey: ["provider", name, hours],
    queryFn: ({ signal }) =>
      get<ProviderDashboard>(`/dashboards/provider/${encodeURIComponent(name)}`, { hours }, signal),
    refetchInterval: 15_000,
    placeholderData: keepPreviousData,
  });
export const providersSummaryQuery = queryOptions({
  queryKey: ["providers-summary"],
  queryFn: ({ signal }) => get<ProvidersSummary>("/providers-summary", undefined, signal),
  staleTime: 30_000,
});

export interface EventSearch {
  q: string;
  from?: string | undefined;
  to?: string | undefined;
}

export const eventsQuery = (search: EventSearch) =>
  infiniteQueryOptions({
    queryKey: ["events", search],
    queryFn: ({ pageParam, signal }) =>
      get<EventPage>("/events", { q: search.q, from: search.from, to: search.to, after: pageParam, limit: 50 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    retry: false,
  });
/** The latest recipient of the last day that a search finds. */
export async function latestRecipient(q: string): Promise<string | null> {
  const found = await get<EventPage>("/events", { q, limit: 5 });
  return found.items.find((event) => event.recipient)?.recipient ?? null;
}
export const recipientQuery = (id: string) =>
  queryOptions({
    queryKey: ["recipients", id],
    queryFn: ({ signal }) => get<RecipientHistory>(`/recipients/${id}`, undefined, signal),
    refetchInterval: (query) => {
      const state = query.state.data?.state;
      return state === "queued" || state === "deferred" ? 3_000 : false;
    },
  });
export const recipientsOfAddressQuery = (address: string) =>
  queryOptions({
    queryKey: ["recipients", "of", address],
    queryFn: ({ signal }) => get<Page<RecipientSummary>>("/recipients", { address }, signal),
  });
export const messageQuery = (id: string) =>
  queryOptions({
    queryKey: ["messages", id],
    queryFn: ({ signal }) => get<MessageHistory>(`/messages/${id}`, undefined, signal),
  });
