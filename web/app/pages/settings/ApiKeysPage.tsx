// Keys of programs.
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { apiKeysQuery, deleteApiKey } from "~/api/session";
import type { ApiKey } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { Loaded } from "~/components/Loaded";
import { Time } from "~/components/Time";
import { useToast } from "~/components/useToast";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { Tag } from "~/ui/Tag";
import { EditKeyDialog } from "./EditKeyDialog";
import { KeyLimitsText } from "./KeyLimitsFields";
import { NewKeyDialog } from "./NewKeyDialog";

export function ApiKeysPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(apiKeysQuery);
  const [creating, creation] = useDisclosure(false);
  const [editing, setEditing] = useState<ApiKey | null>(null);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const columns = useMemo<Column<ApiKey>[]>(
    () => [
      {
        id: "name",
        header: t("settings.keyName"),
        grow: true,
        primary: true,
        sort: (row) => row.name,
        cell: (row) => <b>{row.name}</b>,
      },
      { id: "prefix", header: t("settings.prefix"), cell: (row) => <span className="mono">{row.prefix}…</span> },
      {
        id: "scopes",
        header: t("settings.scopes"),
        wide: true,
        cell: (row) => (
          <span style={{ display: "inline-flex", gap: 6, flexWrap: "wrap" }}>
            {row.scopes.map((scope) => (
              <Tag key={scope} tone={scope === "read" ? "neutral" : "accent"}>
                {t(`settings.scopeNames.${scope}`)}
              </Tag>
            ))}
          </span>
        ),
      },
      {
        id: "limits",
        header: t("settings.limits"),
        wide: true,
        cell: (row) => <KeyLimitsText limits={row.limits} />,
      },
      { id: "by", header: t("settings.createdBy"), hideBelow: "md", wide: true, cell: (row) => row.created_by },
      {
        id: "created",
        header: t("settings.created"),
        sort: (row) => row.created_at,
        cell: (row) => format.day(row.created_at),
      },
      {
        id: "used",
        header: t("settings.lastUsed"),
        sort: (row) => row.last_used_at ?? "",
        cell: (row) => (row.last_used_at ? <Time at={row.last_used_at} relative /> : t("settings.never")),
      },
      {
        id: "actions",
        header: t("table.actions"),
        primary: true,
        cell: (row) => (
          <span style={{ display: "inline-flex", gap: 6 }}>
            <Button variant="default" size="compact-xs" onClick={() => setEditing(row)}>
              {t("settings.edit")}
            </Button>
            <Button variant="default" size="compact-xs" onClick={() => setRevoking(row)}>
              {t("settings.revoke")}
            </Button>
          </span>
        ),
      },
    ],
    [t, format],
  );
  const create = (
    <Button leftSection={<Icon name="plus" size={14} />} onClick={creation.open}>
      {t("settings.newKey")}
    </Button>
  );
  return (
    <Page title={t("settings.keysTitle")} meta={t("settings.keysHint")} actions={create}>
      <Panel flush>
        <Loaded query={query}>
          {(data) => (
            <DataTable
              caption={t("settings.keysTitle")}
              columns={columns}
              rows={data.items}
              rowKey={(row) => row.id}
              small="cards"
              empty={
                <EmptyState icon="key" title={t("settings.noKeys")} action={create}>
                  {t("settings.noKeysHint")}
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </Panel>
      {creating ? <NewKeyDialog onClose={creation.close} /> : null}
      {editing ? <EditKeyDialog apiKey={editing} onClose={() => setEditing(null)} /> : null}
      {revoking ? <RevokeKey apiKey={revoking} onClose={() => setRevoking(null)} /> : null}
    </Page>
  );
}

function RevokeKey({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => deleteApiKey(apiKey.id),
    onSuccess: async () => {
      toast.done(t("settings.revoked"));
      onClose();
      await client.invalidateQueries({ queryKey: apiKeysQuery.queryKey });
    },
    onError: toast.failed,
  });
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t("settings.revokeTitle", { name: apiKey.name })}
      confirm={t("settings.revoke")}
      danger
      busy={revoke.isPending}
      onConfirm={() => revoke.mutate()}
    >
      {t("settings.revokeText")}
    </Confirm>
  );
}
