// All lists.
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { listsQuery } from "~/api/contacts";
import type { List } from "~/api/types";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { usePermissions } from "~/components/usePermission";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { ListDialog } from "./ListDialog";

export function ListsPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(listsQuery);
  const { campaigns: mayWrite } = usePermissions();
  const [creating, creation] = useDisclosure(false);
  const columns = useMemo<Column<List>[]>(
    () => [
      {
        id: "name",
        header: t("contacts.list"),
        grow: true,
        primary: true,
        sort: (row) => row.name,
        cell: (row) => (
          <>
            <TextLink to="/lists/$listId" params={{ listId: row.id }} fw={600}>
              {row.name}
            </TextLink>
            <span className="muted" style={{ display: "block", fontSize: "0.75rem" }}>
              {row.description}
            </span>
          </>
        ),
      },
      {
        id: "contacts",
        header: t("contacts.contactsCount"),
        align: "right",
        sort: (row) => row.contacts,
        cell: (row) => format.number(row.contacts),
      },
      {
        id: "created",
        header: t("contacts.created"),
        align: "right",
        sort: (row) => row.created_at,
        cell: (row) => format.day(row.created_at),
      },
      ...(mayWrite
        ? [
            {
              id: "import",
              header: t("table.actions"),
              primary: true,
              cell: (row: List) => (
                <TextLink to="/lists/$listId/import" params={{ listId: row.id }}>
                  {t("contacts.import")}
                </TextLink>
              ),
            },
          ]
        : []),
    ],
    [t, format, mayWrite],
  );
  const create = mayWrite ? (
    <Button leftSection={<Icon name="plus" size={14} />} onClick={creation.open}>
      {t("contacts.newList")}
    </Button>
  ) : undefined;
  return (
    <Page title={t("contacts.listsTitle")} actions={create}>
      <Panel flush>
        <Loaded query={query}>
          {(data) => (
            <DataTable
              caption={t("contacts.listsTitle")}
              columns={columns}
              rows={data.items}
              rowKey={(row) => row.id}
              small="cards"
              empty={
                <EmptyState icon="list" title={t("contacts.listsEmpty")} action={create}>
                  {t("contacts.listsEmptyHint")}
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </Panel>
      {creating ? <ListDialog list={null} onClose={creation.close} /> : null}
    </Page>
  );
}
