// A campaign by its name, leading to its report. A campaign that is gone keeps its id.
import { useQuery } from "@tanstack/react-query";
import { campaignQuery } from "~/api/campaigns";
import { TextLink } from "./links";

export function CampaignName({ id }: { id: string }) {
  return (
    <TextLink to="/campaigns/$campaignId" params={{ campaignId: id }}>
      <CampaignTitle id={id} />
    </TextLink>
  );
}

/** The name alone. */
export function CampaignTitle({ id }: { id: string }) {
  const query = useQuery({ ...campaignQuery(id), retry: false, staleTime: 60_000 });
  return query.data?.name ?? id;
}
