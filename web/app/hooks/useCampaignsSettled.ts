// The live stream tells only of campaigns that are sending or paused. When one that was is told of no more, it has ended:
// what is shown of it is read again.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useTick } from "~/api/live";

export function useCampaignsSettled(): void {
  const client = useQueryClient();
  const tick = useTick();
  const before = useRef<string[] | null>(null);
  useEffect(() => {
    if (!tick) return;
    const now = tick.campaigns.map((campaign) => campaign.id);
    const ended = before.current?.some((id) => !now.includes(id)) ?? false;
    before.current = now;
    if (ended) void client.invalidateQueries({ queryKey: ["campaigns"] });
  }, [tick, client]);
}
