// One list and its contacts.
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { deleteList, listQuery } from "~/api/contacts";
import type { List } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { ContactsPanel } from "~/components/ContactsPanel";
import { Gone } from "~/components/Gone";
import { Loaded } from "~/components/Loaded";
import { LinkButton, TextLink } from "~/components/links";
import { usePermissions } from "~/components/usePermission";
import { useToast } from "~/components/useToast";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { EmptyState } from "~/ui/States";
import { ListDialog } from "./ListDialog";

export function ListPage() {
  const { listId } = useParams({ from: "/app/lists/$listId" });
  const query = useQuery(listQuery(listId));
  return (
    <Loaded query={query} gone={<Gone what="list" />}>
      {(list) => <OneList list={list} />}
    </Loaded>
  );
}

function OneList({ list }: { list: List }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { q = "" } = useSearch({ from: "/app/lists/$listId" });
  const navigate = useNavigate({ from: "/lists/$listId" });
  const { campaigns: mayWrite } = usePermissions();
  const [editing, edit] = useDisclosure(false);
  const importButton = mayWrite ? (
    <LinkButton to="/lists/$listId/import" params={{ listId: list.id }} leftSection={<Icon name="upload" size={14} />}>
      {t("contacts.import")}
    </LinkButton>
  ) : undefined;
  return (
    <Page
      title={list.name}
      trail={<TextLink to="/lists">{t("contacts.listTrail")}</TextLink>}
      meta={
        <>
          <span className="num">
            {t("contacts.contactsCount")}: {format.number(list.contacts)}
          </span>
          <span>{list.description}</span>
        </>
      }
      actions={
        mayWrite ? (
          <>
            <DeleteList list={list} />
            <Button variant="default" leftSection={<Icon name="edit" size={14} />} onClick={edit.open}>
              {t("actions.edit")}
            </Button>
            {importButton}
          </>
        ) : undefined
      }
    >
      <ContactsPanel
        filter={{ list: list.id, q: q || undefined }}
        onSearch={(value) => navigate({ search: { q: value || undefined }, replace: true })}
        empty={
          <EmptyState icon="contact" title={t("contacts.listEmpty")} action={importButton}>
            {t("contacts.listEmptyHint")}
          </EmptyState>
        }
      />
      {editing ? <ListDialog list={list} onClose={edit.close} /> : null}
    </Page>
  );
}

function DeleteList({ list }: { list: List }) {
  const { t } = useTranslation();
  const toast = useToast();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [asking, ask] = useDisclosure(false);
  const erase = useMutation({
    mutationFn: () => deleteList(list.id),
    onSuccess: async () => {
      toast.done(t("contacts.listDeleted"));
      await navigate({ to: "/lists" });
      client.removeQueries({ queryKey: ["lists", list.id] });
      await client.invalidateQueries({ queryKey: ["lists"] });
    },
    onError: toast.failed,
  });
  return (
    <>
      <Button variant="subtle" color="red" onClick={ask.open}>
        {t("actions.delete")}
      </Button>
      <Confirm
        opened={asking}
        onClose={ask.close}
        title={t("contacts.deleteListTitle", { name: list.name })}
        confirm={t("contacts.deleteList")}
        danger
        busy={erase.isPending}
        onConfirm={() => erase.mutate()}
      >
        {t("contacts.deleteListText")}
      </Confirm>
    </>
  );
}
