// Queues, paths, sources, pools, providers, control.
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { QueueSort } from "~/util/states";
import { get, post, remove } from "./client";
import type {
  BulkEntry,
  BulkOrder,
  BulkResult,
  Control,
  ControlResult,
  DkimKey,
  Explanation,
  NewDkimKey,
  NewRecording,
  Page,
  Pool,
  ProviderRules,
  QueuePath,
  QueueSearch,
  Queues,
  Recording,
  Resolution,
  RuleDetail,
  RuleFinding,
  Shaping,
  Source,
  WarmUp,
  WarmUpOrder,
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
/** Sources that raise their volume by a plan. */
export const warmUpsQuery = queryOptions({
  queryKey: ["warm-ups"],
  queryFn: ({ signal }) => get<Page<WarmUp>>("/warm-ups", undefined, signal),
  refetchInterval: 10_000,
});
export const orderWarmUp = (source: string, order: WarmUpOrder) =>
  post<WarmUp>(`/warm-ups/${encodeURIComponent(source)}`, order);
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

/** Recipients that match, in pages; the groups of the first page count all of them. */
export const queueMailQuery = (filter: string, sort: QueueSort) =>
  infiniteQueryOptions({
    queryKey: ["queues", "recipients", filter, sort],
    queryFn: ({ pageParam, signal }) =>
      get<QueueSearch>("/queues/recipients", { filter, sort, after: pageParam, limit: 50 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    retry: false,
  });
export const bulkOrdersQuery = queryOptions({
  queryKey: ["queues", "orders"],
  queryFn: ({ signal }) => get<Page<BulkEntry>>("/queues/orders", undefined, signal),
  refetchInterval: 3_000,
});
export const giveBulkOrder = (order: BulkOrder) => post<BulkResult>("/queues/orders", order);

/** All rules about replies, with their counts. */
export const rulesQuery = queryOptions({
  queryKey: ["rules"],
  queryFn: ({ signal }) => get<Page<RuleDetail>>("/rules", undefined, signal),
});
export const findingsQuery = queryOptions({
  queryKey: ["rules-findings"],
  queryFn: ({ signal }) => get<Page<RuleFinding>>("/rules-findings", undefined, signal),
});
export const shapingQuery = queryOptions({
  queryKey: ["shaping"],
  queryFn: ({ signal }) => get<Shaping>("/shaping", undefined, signal),
});
export const setShadow = (name: string, shadow: boolean) =>
  post<RuleDetail>(`/rules/${encodeURIComponent(name)}/shadow`, { shadow });

export const resolveQuery = (domain: string, source: string) =>
  queryOptions({
    queryKey: ["resolve", domain, source],
    queryFn: ({ signal }) => get<Resolution>("/resolve", { domain, source }, signal),
    retry: false,
  });

export const dkimQuery = queryOptions({
  queryKey: ["dkim"],
  queryFn: ({ signal }) => get<Page<DkimKey>>("/dkim", undefined, signal),
});
const dkimPath = (domain: string, ...rest: string[]) =>
  ["/dkim", ...[domain, ...rest].map((part) => encodeURIComponent(part))].join("/");
export const makeDkimKey = (key: NewDkimKey) => post<Page<DkimKey>>("/dkim", key);
export const checkDkim = (domain: string) => post<Page<DkimKey>>(dkimPath(domain, "check"));
export const rotateDkim = (domain: string) => post<Page<DkimKey>>(dkimPath(domain, "rotate"));
export const activateDkim = (domain: string, selector: string) =>
  post<Page<DkimKey>>(dkimPath(domain, selector, "activate"));
export const eraseDkim = (domain: string, selector: string) => remove(dkimPath(domain, selector));

export const recordingsQuery = queryOptions({
  queryKey: ["transcripts"],
  queryFn: ({ signal }) => get<Page<Recording>>("/transcripts", undefined, signal),
  refetchInterval: 10_000,
});
export const beginRecording = (wanted: NewRecording) => post<Recording>("/transcripts", wanted);
export const endRecording = (id: number) => remove(`/transcripts/${id}`);
