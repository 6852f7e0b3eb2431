// A panel with a chart, and the same numbers as a table for those who cannot or will not read a picture.
import { SegmentedControl, Skeleton } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";
import { Legend } from "./Legend";
import type { ChartData, ChartForm } from "./types";

const Chart = lazy(() => import("./Chart"));

export interface ChartPanelProps {
  title: string;
  hint?: ReactNode;
  data: ChartData;
  form: ChartForm;
  height?: number;
  /** Heading of the first column of the table. */
  axis: string;
  percent?: boolean;
  actions?: ReactNode;
  className?: string | undefined;
}

export function ChartPanel({
  title,
  hint,
  data,
  form,
  height = 240,
  axis,
  percent,
  actions,
  className,
}: ChartPanelProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const [shape, setShape] = useState<string>("chart");
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const toggle = (name: string) =>
    setHidden((before) => {
      const after = new Set(before);
      if (!after.delete(name)) after.add(name);
      return after;
    });
  const visible = useMemo(
    () => ({ labels: data.labels, series: data.series.filter((entry) => !hidden.has(entry.name)) }),
    [data, hidden],
  );
  const formatValue = percent ? format.percent : format.number;
  const formatAxis = percent ? format.percentAxis : format.compact;
  return (
    <Panel
      title={title}
      hint={hint}
      flush={shape === "table"}
      className={className}
      actions={
        <>
          {actions}
          <SegmentedControl
            size="xs"
            aria-label={t("chart.as", { name: title })}
            value={shape}
            onChange={setShape}
            data={[
              { value: "chart", label: <Choice icon="chart" text={t("table.chart")} /> },
              { value: "table", label: <Choice icon="table" text={t("table.table")} /> },
            ]}
          />
        </>
      }
    >
      {shape === "chart" ? (
        <>
          <Legend series={data.series} form={form} hidden={hidden} onToggle={toggle} />
          <Suspense
            fallback={
              <div aria-busy="true">
                <Skeleton height={height} />
              </div>
            }
          >
            <Chart
              data={visible}
              form={form}
              height={height}
              percent={percent ?? false}
              formatValue={formatValue}
              formatAxis={formatAxis}
            />
          </Suspense>
        </>
      ) : (
        <ChartTable title={title} axis={axis} data={data} formatValue={formatValue} height={height} />
      )}
    </Panel>
  );
}

function Choice({ icon, text }: { icon: "chart" | "table"; text: string }) {
  return (
    <span style={{ display: "inline-flex" }} title={text}>
      <Icon name={icon} size={14} />
      <span className="visually-hidden">{text}</span>
    </span>
  );
}

function told(value: number | null | undefined, formatValue: (value: number) => string): string {
  return typeof value === "number" ? formatValue(value) : "–";
}

interface TableRow {
  index: number;
  label: string;
}

interface ChartTableProps {
  title: string;
  axis: string;
  data: ChartData;
  formatValue: (value: number) => string;
  height: number;
}

function ChartTable({ title, axis, data, formatValue, height }: ChartTableProps) {
  const rows = useMemo(() => data.labels.map((label, index) => ({ index, label })), [data]);
  const columns = useMemo<Column<TableRow>[]>(
    () => [
      { id: "label", header: axis, cell: (row) => row.label, sort: (row) => row.index },
      ...data.series.map((series, place) => ({
        id: `s${place}`,
        header: series.name,
        align: "right" as const,
        cell: (row: TableRow) => told(series.values[row.index], formatValue),
        sort: (row: TableRow) => series.values[row.index] ?? -1,
      })),
    ],
    [data, axis, formatValue],
  );
  return (
    <DataTable
      caption={title}
      columns={columns}
      rows={rows}
      rowKey={(row) => String(row.index)}
      maxHeight={height + 40}
    />
  );
}
