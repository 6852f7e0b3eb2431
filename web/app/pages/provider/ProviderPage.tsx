// How does one provider treat us? Rates over time, by virtual MTA, replies, what is in force.
import { Anchor, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { queuesQuery } from "~/api/delivery";
import { providerQuery } from "~/api/monitoring";
import type { ProviderDashboard } from "~/api/types";
import { ChartPanel } from "~/charts/ChartPanel";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { RateStat } from "~/components/RateStat";
import { RepliesTable } from "~/components/RepliesTable";
import { TroubleList } from "~/components/TroubleList";
import { useOutcomeCharts } from "~/components/useOutcomeCharts";
import { useFormat } from "~/hooks/useFormat";
import { useProviderInfo } from "~/hooks/useProviderInfo";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { Stat, StatStrip } from "~/ui/Stat";
import { BLOCKED_QUERY } from "~/util/blocked";
import { termOf } from "~/util/query-text";
import { HOURS } from "~/util/states";
import { linesOf } from "~/util/trouble";
import { CategoriesTable } from "./CategoriesTable";
import { MatrixPanel } from "./MatrixPanel";
import { SourceTable } from "./SourceTable";

export function ProviderPage() {
  const { t } = useTranslation();
  const { provider } = useParams({ from: "/app/monitoring/providers/$provider" });
  const { hours = 24 } = useSearch({ from: "/app/monitoring/providers/$provider" });
  const navigate = useNavigate({ from: "/monitoring/providers/$provider" });
  const query = useQuery(providerQuery(provider, hours));
  const info = useProviderInfo();
  const label = info.label(provider);
  const name = info.short(provider);
  const postmaster = info.postmaster(provider);
  return (
    <Page
      title={label}
      trail={<TextLink to="/monitoring/providers">{t("monitoring.providerTrail")}</TextLink>}
      meta={
        <>
          <TextLink to="/delivery/providers" search={{ name: provider }}>
            {t("monitoring.rules", { name })}
          </TextLink>
          <TextLink to="/monitoring/search" search={{ q: `provider:${provider}`, range: "24h" }}>
            {t("monitoring.eventsOf", { name })}
          </TextLink>
          {postmaster ? (
            <Anchor href={postmaster} target="_blank" rel="noreferrer noopener">
              {t("monitoring.postmaster", { name })}{" "}
              <Icon name="external" size={12} style={{ verticalAlign: "-1px" }} />
            </Anchor>
          ) : null}
        </>
      }
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t("monitoring.window")}
          value={String(hours)}
          onChange={(value) => navigate({ search: (before) => ({ ...before, hours: Number(value) }), replace: true })}
          data={HOURS.map((value) => ({ value: String(value), label: t(`monitoring.hours.${value}`) }))}
        />
      }
    >
      <Loaded query={query} lines={12}>
        {(data) => <ProviderContent data={data} />}
      </Loaded>
    </Page>
  );
}

/** Why this provider slows mail down or refuses it, when it does or did. */
function ProviderTrouble({ data }: { data: ProviderDashboard }) {
  const { data: queues } = useQuery(queuesQuery);
  const own = (queues?.paths ?? []).filter((path) => path.provider === data.provider);
  const lines = linesOf(data.troubles, own);
  if (lines.length === 0) return null;
  return (
    <Panel flush>
      <TroubleList lines={lines} totals={queues?.totals ?? null} alone />
    </Panel>
  );
}

function ProviderContent({ data }: { data: ProviderDashboard }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { rates, volume } = useOutcomeCharts(data.series, data.step_seconds);
  const bucket = format.duration(data.step_seconds);
  return (
    <>
      <StatStrip label={t("monitoring.figures")}>
        <Stat
          label={t("numbers.attempts")}
          value={format.number(data.totals.attempts)}
          note={t("rate.before", { before: format.number(data.previous.attempts) })}
        />
        <RateStat label={t("numbers.accepted")} name="delivered" rate={data.rates.delivered} />
        <RateStat label={t("numbers.deferred")} name="deferred" rate={data.rates.deferred} />
        <RateStat label={t("numbers.bounced")} name="bounced" rate={data.rates.bounced} />
        <RateStat
          label={t("numbers.blocked")}
          name="blocked"
          rate={data.rates.blocked}
          hint={t("monitoring.blockedHint")}
          events={{ q: `${termOf("provider", data.provider)} ${BLOCKED_QUERY}`, from: data.from, to: data.to }}
        />
        <Stat
          label={t("numbers.complaints")}
          value={format.number(data.totals.complaints)}
          note={format.share(data.totals.complaints, data.totals.delivered)}
        />
        <Stat
          label={t("monitoring.delayMedian")}
          value={format.duration(data.delay.p50_s)}
          note={t("monitoring.delayP95", { time: format.duration(data.delay.p95_s) })}
        />
      </StatStrip>
      <ProviderTrouble data={data} />
      <div className="two-columns">
        <ChartPanel
          title={t("monitoring.ratesTitle")}
          hint={t("monitoring.ratesHint", { bucket })}
          axis={t("monitoring.seriesAxis")}
          data={rates}
          form="lines"
          percent
          height={220}
        />
        <ChartPanel
          title={t("monitoring.volumeTitle")}
          hint={t("monitoring.seriesHint", { bucket })}
          axis={t("monitoring.seriesAxis")}
          data={volume}
          form="bars"
          height={220}
        />
      </div>
      <Panel title={t("monitoring.bySource")} hint={t("monitoring.bySourceHint")} flush>
        <SourceTable provider={data.provider} rows={data.by_source} />
      </Panel>
      <MatrixPanel cells={data.matrix} />
      <Panel title={t("monitoring.repliesTitle")} hint={t("monitoring.repliesHint")} flush>
        <RepliesTable replies={data.top_replies} withProvider={false} />
      </Panel>
      <Panel title={t("monitoring.categoriesTitle")} flush>
        <CategoriesTable rows={data.by_category} />
      </Panel>
    </>
  );
}
