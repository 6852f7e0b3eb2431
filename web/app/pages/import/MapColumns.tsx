// Step two: where each column goes, beside its first values.
import { Button, Group, Select } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { fieldsQuery, startImport } from "~/api/contacts";
import type { ImportPreview } from "~/api/types";
import { Problem } from "~/components/Problem";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Icon } from "~/ui/Icon";
import classes from "./ImportPage.module.css";
import { mappingTrouble } from "./mapping";

interface MapColumnsProps {
  listId: string;
  file: File;
  preview: ImportPreview;
  onBack: () => void;
  onStarted: (id: string) => void;
}

interface Row {
  index: number;
  name: string;
  values: string;
}

/** Values shown of each column. */
const EXAMPLES = 4;

export function MapColumns({ listId, file, preview, onBack, onStarted }: MapColumnsProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const fields = useQuery(fieldsQuery);
  const [targets, setTargets] = useState<(string | null)[]>(() => preview.columns.map((column) => column.suggested));
  const start = useMutation({
    mutationFn: () => startImport(listId, file, targets),
    onSuccess: (entry) => onStarted(entry.id),
  });
  const options = useMemo(
    () => [
      { value: "address", label: t("contacts.address") },
      { value: "name", label: t("contacts.name") },
      ...(fields.data?.items ?? []).map((field) => ({ value: field.name, label: field.label })),
    ],
    [fields.data, t],
  );
  const trouble = mappingTrouble(targets);
  const delimiter = preview.delimiter as "," | ";" | "\t" | "|";
  const rows: Row[] = preview.columns.map((column, index) => ({
    index,
    name: column.name,
    values: preview.rows
      .slice(0, EXAMPLES)
      .map((row) => row[index] ?? "")
      .filter(Boolean)
      .join(" · "),
  }));
  const columns: Column<Row>[] = [
    { id: "column", header: t("contacts.column"), primary: true, cell: (row) => <b>{row.name}</b> },
    {
      id: "target",
      header: t("contacts.goesTo"),
      primary: true,
      cell: (row) => (
        <Select
          size="xs"
          w={210}
          aria-label={`${t("contacts.goesTo")}: ${row.name}`}
          placeholder={t("contacts.leaveOut")}
          clearable
          data={options}
          value={targets[row.index] ?? null}
          onChange={(value) => setTargets(targets.map((before, index) => (index === row.index ? value : before)))}
          clearButtonProps={{ "aria-label": t("contacts.leaveOut") }}
        />
      ),
    },
    {
      id: "values",
      header: t("contacts.examples"),
      grow: true,
      primary: true,
      cell: (row) => (
        <>
          <span className={classes.values}>{row.values}</span>
          {preview.columns[row.index]?.month_first ? <b> {t("contacts.monthFirst")}</b> : null}
        </>
      ),
    },
  ];
  return (
    <>
      <p className="muted" style={{ margin: "0 0 12px" }}>
        {t("contacts.mappingHint", { file: file.name, size: format.bytes(file.size) })}
      </p>
      <p style={{ margin: "0 0 12px" }}>
        {t("contacts.found", {
          encoding: preview.encoding,
          delimiter: t(`contacts.delimiters.${delimiter}`),
          header: t(preview.header ? "contacts.withHeader" : "contacts.withoutHeader"),
        })}
      </p>
      <DataTable
        caption={t("contacts.steps.columns")}
        columns={columns}
        rows={rows}
        rowKey={(row) => String(row.index)}
        small="cards"
      />
      <Group mt="md" gap="xs">
        <Button
          size="sm"
          leftSection={<Icon name="upload" size={14} />}
          disabled={trouble !== null}
          loading={start.isPending}
          onClick={() => start.mutate()}
        >
          {t("contacts.start")}
        </Button>
        <Button size="sm" variant="default" onClick={onBack}>
          {t("contacts.otherFile")}
        </Button>
        {trouble ? (
          <span role="status" style={{ color: "var(--bad-text)" }}>
            {trouble.kind === "no-address" ? t("contacts.needAddress") : t("contacts.twice", { name: trouble.target })}
          </span>
        ) : null}
      </Group>
      {start.isError ? <Problem error={start.error} /> : null}
    </>
  );
}
