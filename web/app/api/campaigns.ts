// Campaigns: settings, content, checks, sending, report.
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { API, get, patch, post, remove } from "./client";
import type {
  Campaign,
  CampaignChange,
  CampaignCheck,
  CampaignInput,
  CampaignRecipient,
  CampaignReport,
  Page,
  Receipt,
  RecipientFilter,
  Rendered,
  RenderRequest,
} from "./types";

export const campaignsQuery = infiniteQueryOptions({
  queryKey: ["campaigns"],
  queryFn: ({ pageParam, signal }) => get<Page<Campaign>>("/campaigns", { after: pageParam, limit: 50 }, signal),
  initialPageParam: null as string | null,
  getNextPageParam: (last) => last.next,
});
/** The newest few, to name the one that went out last. */
export const latestCampaignsQuery = queryOptions({
  queryKey: ["campaigns", "latest"],
  queryFn: ({ signal }) => get<Page<Campaign>>("/campaigns", { limit: 10 }, signal),
  refetchInterval: 30_000,
});
export const campaignQuery = (id: string) =>
  queryOptions({
    queryKey: ["campaigns", id],
    queryFn: ({ signal }) => get<Campaign>(`/campaigns/${id}`, undefined, signal),
  });
export const createCampaign = (input: Partial<CampaignInput>) => post<Campaign>("/campaigns", input);
export const changeCampaign = (id: string, change: CampaignChange) => patch<Campaign>(`/campaigns/${id}`, change);
export const readCampaign = (id: string) => get<Campaign>(`/campaigns/${id}`);
export const deleteCampaign = (id: string) => remove(`/campaigns/${id}`);

export const checkCampaign = (id: string) => post<CampaignCheck>(`/campaigns/${id}/check`);
export const renderQuery = (request: RenderRequest) =>
  queryOptions({
    queryKey: ["render", request],
    queryFn: ({ signal }) => post<Rendered>("/render", request, signal),
    staleTime: 60_000,
    gcTime: 30_000,
    placeholderData: (previous) => previous,
  });
export const sendTest = (id: string, addresses: string[]) => post<Receipt>(`/campaigns/${id}/test`, { addresses });

export type CampaignAction = "send" | "pause" | "resume" | "cancel";
export const actOnCampaign = (id: string, action: CampaignAction) => post<Campaign>(`/campaigns/${id}/${action}`);

export const reportQuery = (id: string, live: boolean) =>
  queryOptions({
    queryKey: ["campaigns", id, "report"],
    queryFn: ({ signal }) => get<CampaignReport>(`/campaigns/${id}/report`, undefined, signal),
    // Opens, clicks and complaints come in long after the last mail has left.
    refetchInterval: live ? 3_000 : 15_000,
  });
export const reportPdfUrl = (id: string) => `${API}/campaigns/${id}/report.pdf`;
export const campaignRecipientsQuery = (id: string, status: RecipientFilter | null) =>
  infiniteQueryOptions({
    queryKey: ["campaigns", id, "recipients", status],
    queryFn: ({ pageParam, signal }) =>
      get<Page<CampaignRecipient>>(`/campaigns/${id}/recipients`, { status, after: pageParam, limit: 50 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  });
