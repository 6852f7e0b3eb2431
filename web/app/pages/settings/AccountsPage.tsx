// Who may log in, with which role.
import { Button, Select } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { accountsQuery, changeAccount, sessionQuery } from "~/api/session";
import type { Account, AccountChange, Role } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { Loaded } from "~/components/Loaded";
import { useToast } from "~/components/useToast";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { Tag } from "~/ui/Tag";
import { NewAccountDialog } from "./NewAccountDialog";
import { ROLES } from "./roles";

export function AccountsPage() {
  const { t } = useTranslation();
  const query = useQuery(accountsQuery);
  const [creating, creation] = useDisclosure(false);
  return (
    <Page
      title={t("settings.accountsTitle")}
      actions={
        <Button leftSection={<Icon name="plus" size={14} />} onClick={creation.open}>
          {t("settings.newAccount")}
        </Button>
      }
    >
      <Panel flush>
        <Loaded query={query}>{(data) => <AccountsTable accounts={data.items} />}</Loaded>
      </Panel>
      {creating ? <NewAccountDialog onClose={creation.close} /> : null}
    </Page>
  );
}

function AccountsTable({ accounts }: { accounts: Account[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const toast = useToast();
  const client = useQueryClient();
  const { data: me } = useQuery(sessionQuery);
  const [disabling, setDisabling] = useState<Account | null>(null);
  const change = useMutation({
    mutationFn: (wanted: { id: string; change: AccountChange }) => changeAccount(wanted.id, wanted.change),
    onSuccess: async () => {
      setDisabling(null);
      toast.done(t("settings.saved"));
      await client.invalidateQueries({ queryKey: accountsQuery.queryKey });
    },
    onError: toast.failed,
  });
  const { mutate } = change;
  const columns = useMemo<Column<Account>[]>(
    () => [
      {
        id: "email",
        header: t("settings.email"),
        primary: true,
        grow: true,
        sort: (row) => row.email,
        cell: (row) => (
          <>
            <b>{row.email}</b> {row.id === me?.id ? <Tag>{t("settings.you")}</Tag> : null}
            <span className="muted" style={{ display: "block" }}>
              {row.name}
            </span>
          </>
        ),
      },
      {
        id: "role",
        header: t("settings.role"),
        wide: true,
        sort: (row) => row.role,
        cell: (row) => (
          <Select
            size="xs"
            w={160}
            aria-label={t("settings.changeRole", { email: row.email })}
            allowDeselect={false}
            disabled={row.id === me?.id}
            value={row.role}
            data={ROLES.map((role) => ({ value: role, label: t(`account.role.${role}`) }))}
            onChange={(role) => role && mutate({ id: row.id, change: { role: role as Role } })}
          />
        ),
      },
      {
        id: "status",
        header: t("settings.status"),
        cell: (row) => (
          <Tag tone={row.disabled ? "neutral" : "good"} dot>
            {t(row.disabled ? "settings.disabled" : "settings.active")}
          </Tag>
        ),
      },
      {
        id: "created",
        header: t("settings.created"),
        sort: (row) => row.created_at,
        cell: (row) => format.day(row.created_at),
      },
      {
        id: "actions",
        header: t("table.actions"),
        primary: true,
        cell: (row) =>
          row.id === me?.id ? null : row.disabled ? (
            <Button
              variant="default"
              size="compact-xs"
              onClick={() => mutate({ id: row.id, change: { disabled: false } })}
            >
              {t("settings.enable")}
            </Button>
          ) : (
            <Button variant="default" size="compact-xs" onClick={() => setDisabling(row)}>
              {t("settings.disable")}
            </Button>
          ),
      },
    ],
    [t, format, me?.id, mutate],
  );
  return (
    <>
      <DataTable
        caption={t("settings.accountsTitle")}
        columns={columns}
        rows={accounts}
        rowKey={(row) => row.id}
        small="cards"
      />
      {disabling ? (
        <Confirm
          opened
          onClose={() => setDisabling(null)}
          title={t("settings.disableTitle", { email: disabling.email })}
          confirm={t("settings.disable")}
          danger
          busy={change.isPending}
          onConfirm={() => mutate({ id: disabling.id, change: { disabled: true } })}
        >
          {t("settings.disableText")}
        </Confirm>
      ) : null}
    </>
  );
}
