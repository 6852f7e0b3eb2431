// Queues, paths, sources, pools, providers, control.
import { queryOptions } from "@tanstack/react-query";
import { get, post } from "./client";
import type {
  Control,
  ControlResult,
  Explanation,
  Page,
  Pool,
  ProviderRules,
  QueuePath,
  Queues,
  Source,
} from "./types";

export const queuesQuery = queryOptions({
  queryKey: ["queues"],
  queryFn: ({ signal }) => get<Queues>("/queues", undefined, signal),
  refetchInterval: 3_000,
});
export const pathQuery = (source: string, site: string) =>
  queryOptions({
    queryKey: ["queues", source, site],
    queryFn: ({ signal }) =>
      get<QueuePath>(`/queues/paths/${encodeURIComponent(source)}/${encodeURIComponent(site)}`, undefined, signal),
    refetchInterval: 3_000,
  });
export const sourcesQuery = queryOptions({
  queryKey: ["sources"],
  queryFn: ({ signal }) => get<Page<Source>>("/sources", { limit: 200 }, signal),
});
export const poolsQuery = queryOptions({
  queryKey: ["pools"],
  queryFn: ({ signal }) => get<Page<Pool>>("/pools", { limit: 200 }, signal),
});
export const providersQuery = queryOptions({
  queryKey: ["providers"],
  queryFn: ({ signal }) => get<Page<ProviderRules>>("/providers", { limit: 200 }, signal),
});
export const explainQuery = (recipient: string) =>
  queryOptions({
    queryKey: ["explain", recipient],
    queryFn: ({ signal }) => get<Explanation>(`/recipients/${recipient}/explain`, undefined, signal),
    retry: false,
  });
export const control = (request: Control) => post<ControlResult>("/control", request);
