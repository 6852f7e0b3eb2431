// What rules have done that still holds, and what the adaptive controller has learned. Each absent when there is nothing.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { shapingQuery } from "~/api/delivery";
import type { ActiveEffect, Learned } from "~/api/types";
import { TextLink } from "~/components/links";
import { ProviderName } from "~/components/ProviderName";
import { ReplyText } from "~/components/ReplyText";
import { Time } from "~/components/Time";
import { useActionWords } from "~/components/useThrottleWords";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Dash } from "~/ui/Dash";
import { Panel } from "~/ui/Panel";
import { Tag } from "~/ui/Tag";
import classes from "./Rules.module.css";

export function ShapingPanels({ needle }: { needle: string }) {
  const { t } = useTranslation();
  const { data } = useQuery({ ...shapingQuery, refetchInterval: 10_000 });
  const active = data?.active.filter((entry) => `${entry.rule} ${entry.name}`.toLowerCase().includes(needle)) ?? [];
  const learned =
    data?.learned.filter((entry) => `${entry.source} ${entry.provider}`.toLowerCase().includes(needle)) ?? [];
  return (
    <>
      {active.length > 0 ? (
        <Panel title={t("delivery.activeTitle")} hint={t("rules.activeHint")} flush>
          <ActiveTable rows={active} />
        </Panel>
      ) : null}
      {learned.length > 0 ? (
        <Panel title={t("rules.learned")} hint={t("rules.learnedHint")} flush>
          <LearnedTable rows={learned} />
        </Panel>
      ) : null}
    </>
  );
}

function ActiveTable({ rows }: { rows: ActiveEffect[] }) {
  const { t } = useTranslation();
  const action = useActionWords();
  const columns = useMemo<Column<ActiveEffect>[]>(
    () => [
      {
        id: "name",
        header: t("rules.where"),
        primary: true,
        sort: (row) => row.name,
        cell: (row) => (
          <>
            <b className="nowrap">{row.name}</b>
            <span className={classes.below}>{t(`rules.scopes.${scopeOf(row.target)}`)}</span>
            {row.host ? <span className="mono muted"> {row.host}</span> : null}
          </>
        ),
      },
      {
        id: "action",
        header: t("rules.done"),
        cell: (row) => (
          <Tag tone={row.action.includes("suspend") ? "bad" : "warn"}>
            {row.action.split(", ").map(action).join(", ")}
          </Tag>
        ),
      },
      {
        id: "rule",
        header: t("rules.rule"),
        sort: (row) => row.rule,
        cell: (row) => <span className="nowrap">{row.rule}</span>,
      },
      {
        id: "reply",
        header: t("rules.because"),
        grow: true,
        wide: true,
        cell: (row) => <ReplyText reply={row.reply} clamp />,
      },
      { id: "until", header: t("rules.untilHead"), sort: (row) => row.until, cell: (row) => <Time at={row.until} /> },
    ],
    [t, action],
  );
  return (
    <DataTable
      caption={t("delivery.activeTitle")}
      columns={columns}
      rows={rows}
      rowKey={(row) => `${row.rule} ${row.target} ${row.name} ${row.host} ${row.action}`}
      small="cards"
    />
  );
}

const SCOPES = ["path", "provider", "source", "tenant", "campaign"] as const;
const scopeOf = (target: string) => SCOPES.find((scope) => scope === target) ?? "path";

function LearnedTable({ rows }: { rows: Learned[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const action = useActionWords();
  const columns = useMemo<Column<Learned>[]>(
    () => [
      {
        id: "provider",
        header: t("numbers.provider"),
        primary: true,
        sort: (row) => row.provider,
        cell: (row) => <ProviderName name={row.provider} />,
      },
      {
        id: "source",
        header: t("numbers.source"),
        sort: (row) => row.source,
        cell: (row) =>
          row.site ? (
            <TextLink to="/delivery/queues/$source/$site" params={{ source: row.source, site: row.site }}>
              {row.source} → {row.site}
            </TextLink>
          ) : (
            [row.source, row.stream].filter(Boolean).join(" · ")
          ),
      },
      { id: "value", header: t("rules.learnedValue"), cell: (row) => <b className="nowrap">{action(row.value)}</b> },
      {
        id: "refused",
        header: t("rules.refusedAt"),
        align: "right",
        cell: (row) =>
          row.refused_per_s === null ? <Dash /> : t("rules.perSecond", { rate: format.number(row.refused_per_s, 1) }),
      },
      {
        id: "reply",
        header: t("rules.because"),
        grow: true,
        wide: true,
        cell: (row) => (row.reply ? <ReplyText reply={row.reply} clamp /> : <Dash />),
      },
      { id: "until", header: t("rules.rises"), cell: (row) => <Time at={row.until} /> },
    ],
    [t, format, action],
  );
  return (
    <DataTable
      caption={t("rules.learned")}
      columns={columns}
      rows={rows}
      rowKey={(row) => `${row.source} ${row.provider} ${row.site} ${row.stream}`}
      small="cards"
    />
  );
}
