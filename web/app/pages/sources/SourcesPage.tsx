// Virtual MTAs and the pools they belong to.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { poolsQuery, sourcesQuery, warmUpsQuery } from "~/api/delivery";
import type { Pool, Source } from "~/api/types";
import { ControlButton } from "~/components/ControlButton";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { StackBar } from "~/ui/Bars";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { Tag } from "~/ui/Tag";
import type { Tone } from "~/ui/tones";
import { DownPanel } from "./DownPanel";
import classes from "./Sources.module.css";
import { WarmUpPanel } from "./WarmUpPanel";

export function SourcesPage() {
  const { t } = useTranslation();
  const sources = useQuery({ ...sourcesQuery, refetchInterval: 5_000 });
  const pools = useQuery(poolsQuery);
  const warmUps = useQuery(warmUpsQuery);
  return (
    <Page title={t("delivery.sourcesTitle")} meta={t("delivery.sourcesHint")}>
      <DownPanel sources={sources.data?.items ?? []} />
      <Panel flush>
        <Loaded query={sources}>{(data) => <SourcesTable rows={data.items} />}</Loaded>
      </Panel>
      {/* Below the other: comes when that one has its height. */}
      {sources.isPending ? null : (
        <Panel title={t("delivery.poolsTitle")} hint={t("delivery.poolsHint")} flush>
          <Loaded query={pools}>{(data) => <PoolsTable rows={data.items} />}</Loaded>
        </Panel>
      )}
      {sources.isPending || pools.isPending
        ? null
        : (warmUps.data?.items ?? []).map((plan) => <WarmUpPanel key={plan.source} plan={plan} />)}
    </Page>
  );
}

function SourcesTable({ rows }: { rows: Source[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<Source>[]>(
    () => [
      {
        id: "name",
        header: t("numbers.source"),
        primary: true,
        sort: (row) => row.name,
        cell: (row) => (
          <TextLink to="/delivery/queues" search={{ q: row.name }} fw={600}>
            {row.name}
          </TextLink>
        ),
      },
      {
        id: "address",
        header: t("delivery.address"),
        wide: true,
        sort: (row) => row.address ?? "",
        cell: (row) => <Addresses source={row} />,
      },
      {
        id: "ehlo",
        header: t("delivery.ehlo"),
        grow: true,
        cell: (row) => <span className="mono">{row.ehlo_name}</span>,
      },
      { id: "pools", header: t("delivery.pools"), cell: (row) => row.pools.join(", ") || "–" },
      {
        id: "ready",
        header: t("delivery.ready"),
        align: "right",
        sort: (row) => row.ready,
        cell: (row) => format.number(row.ready),
      },
      {
        id: "flight",
        header: t("delivery.inFlight"),
        align: "right",
        sort: (row) => row.in_flight,
        cell: (row) => format.number(row.in_flight),
      },
      {
        id: "connections",
        header: t("delivery.connections"),
        align: "right",
        sort: (row) => row.connections,
        cell: (row) => format.number(row.connections),
      },
      {
        id: "state",
        header: t("delivery.state"),
        // What is down stands first when sorted.
        sort: (row) => (row.down ? 0 : row.suspended ? 1 : 2),
        cell: (row) => <SourceState source={row} />,
      },
      {
        id: "action",
        header: t("table.actions"),
        primary: true,
        cell: (row) => <ControlButton kind="source" name={row.name} action={row.suspended ? "resume" : "suspend"} />,
      },
    ],
    [t, format],
  );
  return (
    <DataTable
      caption={t("delivery.sourcesTitle")}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.name}
      initialSort={{ id: "state", desc: false }}
      small="cards"
      empty={
        <EmptyState icon="source" title={t("delivery.noSources")}>
          {t("delivery.noSourcesHint")}
        </EmptyState>
      }
    />
  );
}

function Addresses({ source }: { source: Source }) {
  const { t } = useTranslation();
  return (
    <span className={classes.addresses}>
      <span className="mono">{source.address ?? t("delivery.anyAddress")}</span>
      {source.address_v6 ? <span className="mono">{source.address_v6}</span> : null}
      {source.egress.map((proxy) => (
        <span key={proxy} className={classes.via}>
          {t("delivery.via", { proxy })}
        </span>
      ))}
    </span>
  );
}

function SourceState({ source }: { source: Source }) {
  const { t } = useTranslation();
  const tone: Tone = source.down || source.suspended ? "bad" : "good";
  return (
    <Tag tone={tone} dot title={source.down?.reason ?? (source.suspension?.reason || undefined)}>
      {t(source.down ? "delivery.down" : source.suspended ? "delivery.suspended" : "delivery.flowing")}
    </Tag>
  );
}

const MEMBER_TONES: Tone[] = ["accent", "info", "block", "warn", "good"];

function PoolsTable({ rows }: { rows: Pool[] }) {
  const { t } = useTranslation();
  const columns = useMemo<Column<Pool>[]>(
    () => [
      {
        id: "name",
        header: t("delivery.pool"),
        primary: true,
        sort: (row) => row.name,
        cell: (row) => <b>{row.name}</b>,
      },
      {
        id: "members",
        header: t("delivery.members"),
        grow: true,
        primary: true,
        cell: (row) => {
          const sharing = row.members.filter((member) => !member.standby);
          const standby = row.members.filter((member) => member.standby);
          const words = sharing.map((member) => `${member.source} × ${member.weight}`).join(", ");
          return (
            <span style={{ display: "block", maxWidth: 520 }}>
              <StackBar
                label={words}
                total={sharing.reduce((sum, member) => sum + member.weight, 0)}
                parts={sharing.map((member, index) => ({
                  label: member.source,
                  value: member.weight,
                  tone: MEMBER_TONES[index % MEMBER_TONES.length] ?? "accent",
                }))}
              />
              <span style={{ fontSize: "0.75rem" }} className="muted">
                {words}
                {standby.length > 0 ? (
                  <>
                    {" · "}
                    {t("delivery.standby", { names: standby.map((member) => member.source).join(", ") })}
                  </>
                ) : null}
              </span>
            </span>
          );
        },
      },
      {
        id: "fallback",
        header: t("delivery.fallback"),
        wide: true,
        cell: (row) =>
          row.fallback ? <b>{row.fallback}</b> : <span className="muted">{t("delivery.noFallback")}</span>,
      },
    ],
    [t],
  );
  return (
    <DataTable
      caption={t("delivery.poolsTitle")}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.name}
      small="cards"
      empty={
        <EmptyState icon="source" title={t("delivery.noPools")}>
          {t("delivery.noPoolsHint")}
        </EmptyState>
      }
    />
  );
}
