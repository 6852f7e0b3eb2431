// Step three: how far the import is, then what came of it.
import { Button, Group } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { importErrorsUrl, importQuery } from "~/api/contacts";
import type { Import } from "~/api/types";
import { Loaded } from "~/components/Loaded";
import { LinkButton } from "~/components/links";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Progress } from "~/ui/Bars";
import { Icon } from "~/ui/Icon";
import { ErrorState } from "~/ui/States";
import classes from "./ImportPage.module.css";

interface ImportProgressProps {
  id: string;
  listId: string;
  onAgain: () => void;
}

export function ImportProgress({ id, listId, onAgain }: ImportProgressProps) {
  const query = useQuery(importQuery(id));
  const client = useQueryClient();
  const finished = query.data !== undefined && query.data.state !== "running";
  useEffect(() => {
    if (!finished) return;
    void client.invalidateQueries({ queryKey: ["lists"] });
    void client.invalidateQueries({ queryKey: ["contacts"] });
  }, [finished, client]);
  return <Loaded query={query}>{(entry) => <Shown entry={entry} listId={listId} onAgain={onAgain} />}</Loaded>;
}

function Shown({ entry, listId, onAgain }: { entry: Import; listId: string; onAgain: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const running = entry.state === "running";
  const figures: [string, number][] = [
    [t("contacts.rows"), entry.rows],
    [t("contacts.accepted"), entry.accepted],
    [t("contacts.updated"), entry.updated],
    [t("contacts.rejected"), entry.rejected],
    [t("contacts.heldBack"), entry.held_back],
  ];
  return (
    <>
      <div role="status">
        <b>{t(running ? "contacts.running" : entry.state === "done" ? "contacts.done" : "contacts.failed")}</b>
      </div>
      {running ? (
        <div style={{ marginTop: 10 }}>
          <Progress value={entry.bytes_done} max={entry.bytes_total} label={t("contacts.running")} active />
        </div>
      ) : null}
      {entry.state === "failed" ? (
        <ErrorState title={entry.error ?? t("contacts.failed")}>{t("contacts.failedHint")}</ErrorState>
      ) : null}
      <dl className={classes.figures}>
        {figures.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd className="num">{format.number(value)}</dd>
          </div>
        ))}
      </dl>
      {entry.held_back > 0 ? <p className="muted">{t("contacts.heldBackHint")}</p> : null}
      {!running && entry.rejected > 0 ? <Rejected entry={entry} /> : null}
      {running ? null : (
        <Group gap="xs" mt="md">
          <LinkButton to="/lists/$listId" params={{ listId }} size="sm">
            {t("contacts.toList")}
          </LinkButton>
          <Button variant="default" size="sm" onClick={onAgain}>
            {t("contacts.again")}
          </Button>
        </Group>
      )}
    </>
  );
}

type Reason = Import["reasons"][number];

function Rejected({ entry }: { entry: Import }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<Reason>[]>(
    () => [
      { id: "reason", header: t("contacts.reason"), grow: true, cell: (row) => row.reason },
      {
        id: "rows",
        header: t("contacts.rows"),
        align: "right",
        sort: (row) => row.rows,
        cell: (row) => format.number(row.rows),
      },
    ],
    [t, format],
  );
  return (
    <>
      <Button
        component="a"
        href={importErrorsUrl(entry)}
        download
        variant="default"
        leftSection={<Icon name="download" size={14} />}
      >
        {t("contacts.errorFile")}
      </Button>
      <p className="muted" style={{ fontSize: "0.75rem", margin: "4px 0 12px" }}>
        {t("contacts.errorFileHint")}
      </p>
      <DataTable caption={t("contacts.reasons")} columns={columns} rows={entry.reasons} rowKey={(row) => row.reason} />
    </>
  );
}
