// What the rules say about providers: the name for people, the postmaster page. Without rules the plain name stands.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { providersQuery } from "~/api/delivery";
import { shortName } from "~/util/provider-name";

export interface ProviderInfo {
  /** All that people call it: for titles and tooltips. */
  label: (name: string) => string;
  /** For tables and sentences. */
  short: (name: string) => string;
  postmaster: (name: string) => string | null;
}

export function useProviderInfo(): ProviderInfo {
  const { data } = useQuery({ ...providersQuery, staleTime: 300_000, retry: false });
  return useMemo(() => {
    const known = new Map((data?.items ?? []).map((item) => [item.name, item]));
    return {
      label: (name) => known.get(name)?.label ?? name,
      short: (name) => shortName(known.get(name)?.label ?? name),
      postmaster: (name) => known.get(name)?.postmaster_url ?? null,
    };
  }, [data]);
}
