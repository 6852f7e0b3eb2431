// Dashboards, search, histories.
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get } from "./client";
import type {
  EventPage,
  MessageHistory,
  NowDashboard,
  Page,
  ProviderDashboard,
  ProvidersSummary,
  RecipientHistory,
  RecipientSummary,
} from "./types";

export const nowQuery = (minutes: number) =>
  queryOptions({
    queryKey: ["now", minutes],
    queryFn: ({ signal }) => get<NowDashboard>("/dashboards/now", { minutes }, signal),
    refetchInterval: 10_000,
    placeholderData: keepPreviousData,
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
  infiniteQueryOptions({
    queryKey: ["recipients", "of", address],
    queryFn: ({ pageParam, signal }) =>
      get<Page<RecipientSummary>>("/recipients", { address, after: pageParam, limit: 50 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  });
export const messageQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["messages", id],
    queryFn: ({ pageParam, signal }) => get<MessageHistory>(`/messages/${id}`, { after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.recipients.next,
  });
