// What the failures at a provider mean, by category.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ProviderDashboard } from "~/api/types";
import { useCategoryName } from "~/components/useCategoryName";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { EmptyState } from "~/ui/States";

type Row = ProviderDashboard["by_category"][number];

export function CategoriesTable({ rows }: { rows: Row[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const categoryName = useCategoryName();
  const columns = useMemo<Column<Row>[]>(
    () => [
      {
        id: "category",
        header: t("monitoring.category"),
        grow: true,
        sort: (row) => row.category ?? "",
        cell: (row) => categoryName(row.category),
      },
      {
        id: "deferred",
        header: t("numbers.deferred"),
        align: "right",
        sort: (row) => row.deferred,
        cell: (row) => format.number(row.deferred),
      },
      {
        id: "bounced",
        header: t("numbers.bounced"),
        align: "right",
        sort: (row) => row.bounced,
        cell: (row) => format.number(row.bounced),
      },
    ],
    [t, format, categoryName],
  );
  return (
    <DataTable
      caption={t("monitoring.categoriesTitle")}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.category ?? ""}
      empty={<EmptyState icon="check" title={t("monitoring.noReplies")} />}
    />
  );
}
