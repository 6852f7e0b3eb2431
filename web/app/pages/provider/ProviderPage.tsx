// How does one provider treat us? Rates over time, by source, replies, limits in force.
import { Anchor, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { providerQuery } from "~/api/monitoring";
import type { ProviderDashboard } from "~/api/types";
import { ChartPanel } from "~/charts/ChartPanel";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { type OutcomeName, useRateText } from "~/components/OutcomeRate";
import { RepliesTable } from "~/components/RepliesTable";
import { seriesLabels } from "~/components/seriesLabels";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { Stat, StatStrip } from "~/ui/Stat";
import { HOURS } from "~/util/states";
import { SourceTable } from "./SourceTable";

export function ProviderPage() {
  const { t } = useTranslation();
  const { provider } = useParams({ from: "/app/monitoring/providers/$provider" });
  const { hours = 24 } = useSearch({ from: "/app/monitoring/providers/$provider" });
  const navigate = useNavigate({ from: "/monitoring/providers/$provider" });
  const query = useQuery(providerQuery(provider, hours));
  const label = query.data?.label ?? provider;
  return (
    <Page
      title={label}
      trail={<TextLink to="/monitoring/providers">{t("monitoring.providerTrail")}</TextLink>}
      meta={
        <>
          <TextLink to="/delivery/providers" search={{ name: provider }}>
            {t("monitoring.rules", { name: label })}
          </TextLink>
          <TextLink to="/monitoring/search" search={{ q: `provider:${provider}`, range: "24h" }}>
            {t("monitoring.eventsOf", { name: label })}
          </TextLink>
          {query.data?.postmaster_url ? (
            <Anchor href={query.data.postmaster_url} target="_blank" rel="noreferrer noopener">
              {t("monitoring.postmaster", { name: label })}{" "}
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

function ProviderContent({ data }: { data: ProviderDashboard }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rateText = useRateText();
  const labels = useMemo(() => seriesLabels(data.series, format, data.bucket_s), [data, format]);
  const rates = useMemo(() => {
    const share = (pick: (point: ProviderDashboard["series"][number]) => number) =>
      data.series.map((point) => {
        const all = point.delivered + point.deferred + point.bounced;
        return all > 0 ? pick(point) / all : 0;
      });
    return {
      labels,
      series: [
        { name: t("numbers.accepted"), tone: "good" as const, values: share((point) => point.delivered) },
        { name: t("numbers.deferred"), tone: "warn" as const, values: share((point) => point.deferred) },
        { name: t("numbers.bounced"), tone: "bad" as const, values: share((point) => point.bounced) },
        { name: t("numbers.blocked"), tone: "block" as const, values: share((point) => point.blocked) },
      ],
    };
  }, [data, labels, t]);
  const volume = useMemo(
    () => ({
      labels,
      series: [
        { name: t("numbers.delivered"), tone: "good" as const, values: data.series.map((point) => point.delivered) },
        { name: t("numbers.deferred"), tone: "warn" as const, values: data.series.map((point) => point.deferred) },
        { name: t("numbers.bounced"), tone: "bad" as const, values: data.series.map((point) => point.bounced) },
      ],
    }),
    [data, labels, t],
  );
  const rate = (name: OutcomeName, label: string) => {
    const { interval, shown, between } = rateText(data.totals[name], data.totals.attempts);
    return <Stat label={label} value={shown} note={interval ? between : t("states.none")} />;
  };
  const bucket = format.duration(data.bucket_s);
  return (
    <>
      <StatStrip label={t("monitoring.figures")}>
        <Stat
          label={t("numbers.attempts")}
          value={format.number(data.totals.attempts)}
          note={t(`monitoring.hours.${data.hours as 1 | 6 | 24 | 168}`)}
        />
        {rate("delivered", t("numbers.accepted"))}
        {rate("deferred", t("numbers.deferred"))}
        {rate("bounced", t("numbers.bounced"))}
        {rate("blocked", t("numbers.blocked"))}
        <Stat
          label={t("numbers.complaints")}
          value={format.number(data.complaints)}
          note={format.share(data.complaints, data.totals.delivered)}
        />
        <Stat
          label={t("monitoring.delayMedian")}
          value={format.duration(data.delay.p50_s)}
          note={t("monitoring.delayP95", { time: format.duration(data.delay.p95_s) })}
        />
      </StatStrip>
      <div className="two-columns">
        <ChartPanel
          title={t("monitoring.ratesTitle")}
          hint={t("monitoring.ratesHint", { bucket })}
          axis={t("monitoring.seriesAxis")}
          data={rates}
          form="lines"
          percent
          height={230}
        />
        <ChartPanel
          title={t("monitoring.volumeTitle")}
          hint={t("monitoring.seriesHint", { bucket })}
          axis={t("monitoring.seriesAxis")}
          data={volume}
          form="bars"
          height={230}
        />
      </div>
      <Panel title={t("monitoring.bySource")} hint={t("monitoring.bySourceHint")} flush>
        <SourceTable rows={data.by_source} />
      </Panel>
      <Panel title={t("monitoring.repliesTitle")} hint={t("monitoring.repliesHint")} flush>
        <RepliesTable replies={data.top_replies} withProvider={false} />
      </Panel>
    </>
  );
}
