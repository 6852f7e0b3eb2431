// Addresses nothing is sent to: look one up, add, allow again.
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { suppressionsQuery } from "~/api/contacts";
import type { Suppression, SuppressionReason } from "~/api/types";
import { SearchBox } from "~/components/ContactsPanel";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { Time } from "~/components/Time";
import { usePermissions } from "~/components/usePermission";
import { type Column, DataTable } from "~/table/DataTable";
import { LoadMore } from "~/table/LoadMore";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { Tag } from "~/ui/Tag";
import type { Tone } from "~/ui/tones";
import { AddSuppressions } from "./AddSuppressions";
import { RemoveSuppression } from "./RemoveSuppression";

const TONES: Record<SuppressionReason, Tone> = {
  bounce: "bad",
  complaint: "block",
  unsubscribe: "neutral",
  manual: "info",
};

export function SuppressionsPage() {
  const { t } = useTranslation();
  const { q = "" } = useSearch({ from: "/app/suppressions" });
  const navigate = useNavigate({ from: "/suppressions" });
  const query = useInfiniteQuery({ ...suppressionsQuery(q), placeholderData: keepPreviousData });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const { campaigns, delivery } = usePermissions();
  const mayWrite = campaigns || delivery;
  const [adding, add] = useDisclosure(false);
  const [removing, setRemoving] = useState<Suppression | null>(null);
  const columns = useMemo<Column<Suppression>[]>(
    () => [
      {
        id: "address",
        header: t("contacts.address"),
        primary: true,
        cell: (row) => (
          <TextLink to="/monitoring/recipients" search={{ address: row.address }}>
            {row.address}
          </TextLink>
        ),
      },
      {
        id: "reason",
        header: t("contacts.suppressionReason"),
        cell: (row) => <Tag tone={TONES[row.reason]}>{t(`contacts.reasonNames.${row.reason}`)}</Tag>,
      },
      {
        id: "stream",
        header: t("contacts.stream"),
        cell: (row) =>
          row.list
            ? t("contacts.oneList", { list: row.list_name ?? row.list })
            : row.stream == null
              ? t("contacts.allStreams")
              : row.stream === "marketing"
                ? t("contacts.marketingStreams")
                : row.stream,
      },
      {
        id: "note",
        header: t("contacts.note"),
        grow: true,
        primary: true,
        cell: (row) => <span className="muted">{row.note}</span>,
      },
      { id: "created", header: t("contacts.created"), cell: (row) => <Time at={row.created_at} /> },
      ...(mayWrite
        ? [
            {
              id: "action",
              header: t("table.actions"),
              primary: true,
              cell: (row: Suppression) => (
                <Button variant="subtle" size="compact-xs" onClick={() => setRemoving(row)}>
                  {t("contacts.allow")}
                </Button>
              ),
            },
          ]
        : []),
    ],
    [t, mayWrite],
  );
  return (
    <Page
      title={t("contacts.suppressionsTitle")}
      meta={t("contacts.suppressionsHint")}
      actions={
        mayWrite ? (
          <Button leftSection={<Icon name="plus" size={14} />} onClick={add.open}>
            {t("contacts.addSuppressions")}
          </Button>
        ) : undefined
      }
    >
      <Panel flush>
        <div style={{ display: "flex", padding: "10px 12px" }}>
          <SearchBox
            value={q}
            label={t("contacts.searchSuppressions")}
            onSearch={(value) => navigate({ search: { q: value || undefined }, replace: true })}
          />
        </div>
        <Loaded query={query}>
          {() => (
            <>
              <DataTable
                caption={t("contacts.suppressionsTitle")}
                columns={columns}
                rows={rows}
                rowKey={(row) => `${row.address} ${row.list} ${row.tenant} ${row.stream} ${row.reason}`}
                small="cards"
                empty={
                  <EmptyState
                    icon={q ? "search" : "check"}
                    title={t(q ? "contacts.noSuppressionMatch" : "contacts.noSuppressions")}
                  >
                    {t(q ? "contacts.noSuppressionMatchHint" : "contacts.noSuppressionsHint")}
                  </EmptyState>
                }
              />
              {rows.length > 0 ? (
                <LoadMore
                  shown={t("states.shown", { count: rows.length })}
                  label={t("actions.more")}
                  hasMore={query.hasNextPage}
                  loading={query.isFetchingNextPage}
                  onMore={() => query.fetchNextPage()}
                />
              ) : null}
            </>
          )}
        </Loaded>
      </Panel>
      {adding ? <AddSuppressions onClose={add.close} /> : null}
      {removing ? <RemoveSuppression entry={removing} onClose={() => setRemoving(null)} /> : null}
    </Page>
  );
}
