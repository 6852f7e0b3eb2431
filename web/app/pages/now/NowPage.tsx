// Is mail flowing? Rates by provider, queue, delays and replies of the last minutes, live.
import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useLive } from "~/api/live";
import { curvesQuery, nowQuery } from "~/api/monitoring";
import type { NowDashboard, Queues } from "~/api/types";
import { ChartPanel } from "~/charts/ChartPanel";
import { Loaded } from "~/components/Loaded";
import { LinkButton } from "~/components/links";
import { RepliesTable } from "~/components/RepliesTable";
import { useOutcomeCharts } from "~/components/useOutcomeCharts";
import { useFormat } from "~/hooks/useFormat";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { Tag } from "~/ui/Tag";
import { MINUTES } from "~/util/states";
import { NowCampaigns } from "./NowCampaigns";
import { NowFigures } from "./NowFigures";
import { NowTroubles, useQueues } from "./NowTroubles";
import { ProviderTable } from "./ProviderTable";
import { ProviderTiles } from "./ProviderTiles";

export function NowPage() {
  const { t } = useTranslation();
  const { minutes = 60 } = useSearch({ from: "/app/monitoring/now" });
  const navigate = useNavigate({ from: "/monitoring/now" });
  const query = useQuery(nowQuery(minutes));
  const { connected } = useLive();
  const queues = useQueues();
  return (
    <Page
      title={t("monitoring.nowTitle")}
      badge={
        <Tag
          tone={connected ? "good" : "warn"}
          dot={connected ? "live" : true}
          title={connected ? undefined : t("states.offlineHint")}
        >
          {t(connected ? "states.live" : "states.offline")}
        </Tag>
      }
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t("monitoring.window")}
          value={String(minutes)}
          onChange={(value) => navigate({ search: (before) => ({ ...before, minutes: Number(value) }), replace: true })}
          data={MINUTES.map((value) => ({ value: String(value), label: t(`monitoring.minutes.${value}`) }))}
        />
      }
    >
      <NowCampaigns />
      <Loaded query={queues === undefined ? { ...query, data: undefined, isPending: true } : query} lines={14}>
        {(data) => <NowContent data={data} queues={queues ?? null} />}
      </Loaded>
    </Page>
  );
}

const NO_CURVES: ReadonlyMap<string, number[]> = new Map();

function NowContent({ data, queues }: { data: NowDashboard; queues: Queues | null }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { view = "table", minutes = 60 } = useSearch({ from: "/app/monitoring/now" });
  const curves = useQuery(curvesQuery(minutes, data.series[0]?.at)).data ?? NO_CURVES;
  const navigate = useNavigate({ from: "/monitoring/now" });
  const { volume } = useOutcomeCharts(data.series, data.step_seconds);
  return (
    <>
      <NowFigures data={data} />
      {data.totals.attempts === 0 ? (
        <Panel>
          <EmptyState
            icon="now"
            title={t("monitoring.quietTitle")}
            action={
              <LinkButton to="/campaigns" variant="default">
                {t("monitoring.quietAction")}
              </LinkButton>
            }
          >
            {t("monitoring.quietHint")}
          </EmptyState>
        </Panel>
      ) : (
        <>
          <NowTroubles data={data} queues={queues} />
          <ChartPanel
            title={t("monitoring.seriesTitle")}
            hint={t("monitoring.seriesHint", { bucket: format.duration(data.step_seconds) })}
            axis={t("monitoring.seriesAxis")}
            data={volume}
            form="bars"
            height={200}
          />
          <Panel
            title={t("monitoring.providersTitle")}
            hint={t("monitoring.providersHint")}
            flush={view === "table"}
            actions={
              <SegmentedControl
                size="xs"
                aria-label={t("monitoring.viewAs")}
                value={view}
                onChange={(value) =>
                  navigate({ search: (before) => ({ ...before, view: value as "table" | "tiles" }), replace: true })
                }
                data={[
                  { value: "table", label: t("monitoring.viewTable") },
                  { value: "tiles", label: t("monitoring.viewTiles") },
                ]}
              />
            }
          >
            {view === "table" ? (
              <ProviderTable rows={data.by_provider} curves={curves} />
            ) : (
              <ProviderTiles rows={data.by_provider} curves={curves} />
            )}
          </Panel>
          <Panel title={t("monitoring.repliesTitle")} hint={t("monitoring.repliesHint")} flush>
            <RepliesTable replies={data.top_replies} withProvider />
          </Panel>
        </>
      )}
    </>
  );
}
