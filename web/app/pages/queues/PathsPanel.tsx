// The table of paths with its filter.
import { Checkbox, TextInput } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { QueuePath } from "~/api/types";
import { LastReplyText } from "~/components/LastReplyText";
import { TextLink } from "~/components/links";
import { ThrottleNote } from "~/components/ThrottleNote";
import { Time } from "~/components/Time";
import { useFormat } from "~/hooks/useFormat";
import { useProviderInfo } from "~/hooks/useProviderInfo";
import { type Column, DataTable } from "~/table/DataTable";
import { Progress } from "~/ui/Bars";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { Tag } from "~/ui/Tag";
import classes from "./QueuesPage.module.css";

export function PathsPanel({ paths }: { paths: QueuePath[] }) {
  const { t } = useTranslation();
  const { label } = useProviderInfo();
  const { q = "" } = useSearch({ from: "/app/delivery/queues" });
  const navigate = useNavigate({ from: "/delivery/queues" });
  const [troubled, setTroubled] = useState(false);
  const columns = usePathColumns();
  const needle = q.toLowerCase();
  const shown = paths.filter(
    (path) =>
      (!troubled || path.throttle) &&
      `${path.source} ${path.site} ${path.provider} ${label(path.provider)}`.toLowerCase().includes(needle),
  );
  return (
    <Panel
      title={t("delivery.pathsTitle")}
      hint={t("delivery.pathsHint")}
      flush
      actions={
        <>
          <Checkbox
            size="xs"
            label={t("delivery.onlyTroubled")}
            checked={troubled}
            onChange={(event) => setTroubled(event.currentTarget.checked)}
          />
          <TextInput
            size="xs"
            w={230}
            aria-label={t("delivery.filterPaths")}
            placeholder={t("delivery.filterPaths")}
            value={q}
            onChange={(event) => {
              const value = event.currentTarget.value;
              navigate({ search: (before) => ({ ...before, q: value || undefined }), replace: true });
            }}
          />
        </>
      }
    >
      <DataTable
        caption={t("delivery.pathsTitle")}
        columns={columns}
        rows={shown}
        rowKey={(path) => `${path.source}/${path.site}`}
        small="cards"
        initialSort={{ id: "ready", desc: true }}
        empty={
          paths.length === 0 ? (
            <EmptyState icon="queue" title={t("delivery.noPaths")}>
              {t("delivery.noPathsHint")}
            </EmptyState>
          ) : (
            <EmptyState icon="search" title={t("delivery.noMatch")}>
              {t("delivery.noMatchHint")}
            </EmptyState>
          )
        }
      />
    </Panel>
  );
}

function usePathColumns(): Column<QueuePath>[] {
  const { t } = useTranslation();
  const { label, short } = useProviderInfo();
  const format = useFormat();
  return useMemo(
    () => [
      {
        id: "path",
        header: t("delivery.path"),
        primary: true,
        sort: (path) => `${path.provider} ${path.site} ${path.source}`,
        cell: (path) => (
          <span className={classes.path}>
            <TextLink
              to="/delivery/queues/$source/$site"
              params={{ source: path.source, site: path.site }}
              fw={600}
              title={label(path.provider)}
            >
              {short(path.provider)}
            </TextLink>
            <span className={classes.small} title={`${path.source} → ${path.site}`}>
              {path.source} → {path.site}
            </span>
          </span>
        ),
      },
      {
        id: "ready",
        header: t("delivery.ready"),
        align: "right",
        sort: (path) => path.ready,
        cell: (path) => format.number(path.ready),
      },
      {
        id: "backlog",
        header: t("delivery.backlog"),
        align: "right",
        hideBelow: "lg",
        sort: (path) => path.backlog,
        cell: (path) => format.number(path.backlog),
      },
      {
        id: "flight",
        header: t("delivery.inFlight"),
        align: "right",
        sort: (path) => path.in_flight,
        cell: (path) => format.number(path.in_flight),
      },
      {
        id: "connections",
        header: t("delivery.connections"),
        align: "right",
        sort: (path) => path.connections,
        cell: (path) => <Connections path={path} />,
      },
      {
        id: "state",
        header: t("delivery.state"),
        primary: true,
        sort: (path) => (path.throttle ? (path.throttle.stopped ? 0 : 1) : 2),
        cell: (path) =>
          path.throttle ? (
            <ThrottleNote throttle={path.throttle} limits={path.limits} />
          ) : (
            <Tag tone={path.connections > 0 ? "good" : "neutral"} dot>
              {t(path.connections > 0 ? "delivery.flowing" : "delivery.idle")}
            </Tag>
          ),
      },
      {
        id: "reply",
        header: t("delivery.lastReply"),
        primary: true,
        grow: true,
        cell: (path) => (
          <span className={classes.reply}>
            <LastReplyText last={path.last_reply} clamp />
            {path.last_reply ? (
              <span className={classes.small}>
                <Time at={path.last_reply.at} relative />
              </span>
            ) : null}
          </span>
        ),
      },
    ],
    [t, format, label, short],
  );
}

function Connections({ path }: { path: QueuePath }) {
  const { t } = useTranslation();
  const text = t("delivery.ofLimit", { open: path.connections, limit: path.limits.connections_now });
  return (
    <span className={classes.connections}>
      {text}
      <Progress
        value={path.connections}
        max={Math.max(path.limits.connections_now, 1)}
        label={`${t("delivery.connections")}: ${text}`}
      />
      <span className={classes.small}>
        {[path.limits.rate_now, t("delivery.limitPerConnection", { count: path.limits.messages_per_connection })]
          .filter(Boolean)
          .join(" · ")}
      </span>
    </span>
  );
}
