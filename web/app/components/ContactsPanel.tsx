// Contacts of everything or of one list: search, table, more.
import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type ContactFilter, contactsQuery } from "~/api/contacts";
import type { Contact } from "~/api/types";
import { type Column, DataTable } from "~/table/DataTable";
import { LoadMore } from "~/table/LoadMore";
import { Dash } from "~/ui/Dash";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { Loaded } from "./Loaded";
import { TextLink } from "./links";
import { ContactStatusTag } from "./StateTags";
import { Time } from "./Time";

export interface ContactsPanelProps {
  filter: ContactFilter;
  onSearch: (q: string) => void;
  /** When there is nobody at all. */
  empty: ReactNode;
  actions?: ReactNode;
}

export function ContactsPanel({ filter, onSearch, empty, actions }: ContactsPanelProps) {
  const { t } = useTranslation();
  const query = useInfiniteQuery({ ...contactsQuery(filter), placeholderData: keepPreviousData });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const columns = useContactColumns();
  return (
    <Panel flush>
      <div style={{ display: "flex", flexWrap: "wrap", gap: 8, padding: "10px 12px" }}>
        <SearchBox value={filter.q ?? ""} onSearch={onSearch} label={t("contacts.search")} />
        {actions}
      </div>
      <Loaded query={query}>
        {() => (
          <>
            <DataTable
              caption={t("contacts.title")}
              columns={columns}
              rows={rows}
              rowKey={(row) => row.id}
              small="cards"
              empty={
                filter.q ? (
                  <EmptyState icon="search" title={t("contacts.noMatch")}>
                    {t("contacts.noMatchHint")}
                  </EmptyState>
                ) : (
                  empty
                )
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
  );
}

export function SearchBox({ value, onSearch, label }: { value: string; onSearch: (q: string) => void; label: string }) {
  const [typed, setTyped] = useState(value);
  const search = useDebouncedCallback(onSearch, 300);
  return (
    <TextInput
      size="xs"
      style={{ flex: 1, minWidth: 200, maxWidth: 360 }}
      aria-label={label}
      placeholder={label}
      leftSection={<Icon name="search" size={14} />}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        search(event.currentTarget.value.trim());
      }}
    />
  );
}

/** Most fields shown in the table; the rest stands on the contact's page. */
const FIELDS_SHOWN = 3;

function useContactColumns(): Column<Contact>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "address",
        header: t("contacts.address"),
        primary: true,
        cell: (row) => (
          <TextLink to="/contacts/$contactId" params={{ contactId: row.id }} fw={550}>
            {row.address}
          </TextLink>
        ),
      },
      { id: "name", header: t("contacts.name"), cell: (row) => row.name || <Dash /> },
      { id: "status", header: t("contacts.status"), cell: (row) => <ContactStatusTag status={row.status} /> },
      {
        id: "lists",
        header: t("contacts.lists"),
        hideBelow: "md",
        cell: (row) =>
          row.lists
            .map((list) => (list.state === "subscribed" ? list.name : `${list.name} (${t("contacts.unsubscribed")})`))
            .join(", ") || "–",
      },
      {
        id: "fields",
        header: t("contacts.fieldsOf"),
        grow: true,
        hideBelow: "lg",
        cell: (row) => (
          <span className="muted">
            {Object.entries(row.fields)
              .filter(([, value]) => value !== null && value !== "")
              .slice(0, FIELDS_SHOWN)
              .map(([name, value]) => `${name}: ${value}`)
              .join(" · ")}
          </span>
        ),
      },
      {
        id: "created",
        header: t("contacts.created"),
        align: "right",
        hideBelow: "md",
        cell: (row) => <Time at={row.created_at} />,
      },
    ],
    [t],
  );
}
