// All campaigns: what is a draft, what is going out now, how the sent ones did.
import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { campaignsQuery } from "~/api/campaigns";
import { useTick } from "~/api/live";
import type { Campaign, Tick } from "~/api/types";
import { Loaded } from "~/components/Loaded";
import { usePermissions } from "~/components/usePermission";
import { useCampaignsSettled } from "~/hooks/useCampaignsSettled";
import { LoadMore } from "~/table/LoadMore";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { plainPieces } from "~/ui/Pieces";
import { EmptyState } from "~/ui/States";
import { CAMPAIGN_FILTERS } from "~/util/states";
import classes from "./CampaignsPage.module.css";
import { CampaignTable } from "./CampaignTable";
import { CreateCampaign } from "./CreateCampaign";

export function CampaignsPage() {
  const { t } = useTranslation();
  const { state, q = "" } = useSearch({ from: "/app/campaigns" });
  const navigate = useNavigate({ from: "/campaigns" });
  const query = useInfiniteQuery(campaignsQuery);
  const tick = useTick();
  useCampaignsSettled();
  const [creating, creation] = useDisclosure(false);
  const { campaigns: mayWrite } = usePermissions();
  const all = useMemo(
    () => withProgress(query.data?.pages.flatMap((page) => page.items) ?? [], tick),
    [query.data, tick],
  );
  const needle = q.toLowerCase();
  const shown = all.filter(
    (campaign) =>
      (!state || campaign.state === state) &&
      `${campaign.name} ${campaign.subject} ${plainPieces(campaign.subject_pieces)}`.toLowerCase().includes(needle),
  );
  const create = mayWrite ? (
    <Button leftSection={<Icon name="plus" size={14} />} onClick={creation.open}>
      {t("campaigns.create")}
    </Button>
  ) : undefined;

  return (
    <Page title={t("campaigns.title")} actions={create}>
      <div className={classes.filters}>
        <SegmentedControl
          size="xs"
          aria-label={t("campaigns.filterState")}
          value={state ?? "all"}
          onChange={(value) =>
            navigate({
              search: (before) => ({ ...before, state: CAMPAIGN_FILTERS.find((known) => known === value) }),
              replace: true,
            })
          }
          data={[
            { value: "all", label: t("states.all") },
            ...CAMPAIGN_FILTERS.map((value) => ({ value, label: t(`campaignState.${value}`) })),
          ]}
        />
        <TextInput
          size="xs"
          className={classes.search}
          aria-label={t("campaigns.filterName")}
          placeholder={t("campaigns.filterName")}
          leftSection={<Icon name="search" size={14} />}
          value={q}
          onChange={(event) => {
            const value = event.currentTarget.value;
            navigate({ search: (before) => ({ ...before, q: value || undefined }), replace: true });
          }}
        />
      </div>
      <Panel flush>
        <Loaded query={query} lines={10}>
          {() =>
            all.length === 0 ? (
              <EmptyState icon="campaign" title={t("campaigns.emptyTitle")} action={create}>
                {t("campaigns.emptyHint")}
              </EmptyState>
            ) : shown.length === 0 ? (
              <EmptyState icon="search" title={t("campaigns.noMatchTitle")}>
                {t("campaigns.noMatchHint")}
              </EmptyState>
            ) : (
              <>
                <CampaignTable campaigns={shown} />
                {query.hasNextPage ? (
                  <LoadMore
                    shown={t("states.shown", { count: shown.length })}
                    label={t("actions.more")}
                    hasMore
                    loading={query.isFetchingNextPage}
                    onMore={() => query.fetchNextPage()}
                  />
                ) : null}
              </>
            )
          }
        </Loaded>
      </Panel>
      {creating ? <CreateCampaign onClose={creation.close} /> : null}
    </Page>
  );
}

/** Campaigns with what the last tick tells of those that are sending. */
export function withProgress(campaigns: Campaign[], tick: Tick | null): Campaign[] {
  if (!tick || tick.campaigns.length === 0) return campaigns;
  const live = new Map(tick.campaigns.map((entry) => [entry.id, entry]));
  return campaigns.map((campaign) => {
    const entry = live.get(campaign.id);
    return entry ? { ...campaign, state: entry.state, counts: entry.counts } : campaign;
  });
}
