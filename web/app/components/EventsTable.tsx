// Events as a table; each row opens to everything that is known, each value can be searched for or excluded.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { MailEvent } from "~/api/types";
import { type Column, DataTable } from "~/table/DataTable";
import { Dash } from "~/ui/Dash";
import { EmptyState } from "~/ui/States";
import { summaryOf } from "~/util/event-fields";
import { EventDetail, type OnTerm } from "./EventDetail";
import { TextLink } from "./links";
import { ProviderName } from "./ProviderName";
import { KindTag } from "./StateTags";
import { Time } from "./Time";

export function EventsTable({ events, onTerm }: { events: MailEvent[]; onTerm?: OnTerm }) {
  const { t } = useTranslation();
  const columns = useMemo<Column<MailEvent>[]>(
    () => [
      { id: "at", header: t("search.when"), cell: (row) => <Time at={row.at} seconds /> },
      { id: "kind", header: t("search.kind"), cell: (row) => <KindTag kind={row.kind} /> },
      {
        id: "address",
        header: t("search.address"),
        primary: true,
        cell: (row) =>
          row.recipient ? (
            <TextLink to="/monitoring/recipients/$recipientId" params={{ recipientId: row.recipient }}>
              {row.address ?? row.recipient}
            </TextLink>
          ) : (
            (row.address ?? <Dash />)
          ),
      },
      {
        id: "provider",
        header: t("numbers.provider"),
        hideBelow: "md",
        cell: (row) => (row.provider ? <ProviderName name={row.provider} plain /> : <Dash />),
      },
      { id: "source", header: t("numbers.source"), hideBelow: "lg", cell: (row) => row.source ?? <Dash /> },
      {
        id: "what",
        header: t("search.what"),
        grow: true,
        primary: true,
        cell: (row) => (
          <span className="mono clamp-2" style={{ minWidth: 260, fontSize: "0.75rem" }}>
            {summaryOf(row)}
          </span>
        ),
      },
    ],
    [t],
  );
  return (
    <DataTable
      caption={t("search.results")}
      columns={columns}
      rows={events}
      rowKey={(row) => row.id}
      small="cards"
      detail={(row) => <EventDetail event={row} {...(onTerm ? { onTerm } : {})} />}
      detailLabel={(row, open) =>
        t(open ? "table.closeRow" : "table.openRow", { name: `${t(`eventKind.${row.kind}`)} ${row.address ?? ""}` })
      }
      empty={
        <EmptyState icon="search" title={t("search.emptyTitle")}>
          {t("search.emptyHint")}
        </EmptyState>
      }
    />
  );
}
