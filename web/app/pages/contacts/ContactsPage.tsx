// All contacts, and the registry of fields.
import { Button, Select } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { listsQuery } from "~/api/contacts";
import { ContactsPanel } from "~/components/ContactsPanel";
import { LinkButton } from "~/components/links";
import { usePermissions } from "~/components/usePermission";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { EmptyState } from "~/ui/States";
import { FieldsDialog } from "./FieldsDialog";
import { NewContactDialog } from "./NewContactDialog";

export function ContactsPage() {
  const { t } = useTranslation();
  const { q = "", list } = useSearch({ from: "/app/contacts" });
  const navigate = useNavigate({ from: "/contacts" });
  const lists = useQuery(listsQuery);
  const { campaigns: mayWrite } = usePermissions();
  const [creating, creation] = useDisclosure(false);
  const [fields, fieldsHandlers] = useDisclosure(false);
  return (
    <Page
      title={t("contacts.title")}
      actions={
        <>
          <Button variant="default" leftSection={<Icon name="table" size={14} />} onClick={fieldsHandlers.open}>
            {t("contacts.fields")}
          </Button>
          {mayWrite ? (
            <Button leftSection={<Icon name="plus" size={14} />} onClick={creation.open}>
              {t("contacts.newContact")}
            </Button>
          ) : null}
        </>
      }
    >
      <ContactsPanel
        filter={{ q: q || undefined, list }}
        onSearch={(value) => navigate({ search: (before) => ({ ...before, q: value || undefined }), replace: true })}
        actions={
          <Select
            size="xs"
            w={200}
            clearable
            aria-label={t("contacts.onList")}
            placeholder={t("contacts.allLists")}
            value={list ?? null}
            onChange={(value) =>
              navigate({ search: (before) => ({ ...before, list: value ?? undefined }), replace: true })
            }
            data={(lists.data?.items ?? []).map((item) => ({ value: item.id, label: item.name }))}
            clearButtonProps={{ "aria-label": t("contacts.allLists") }}
          />
        }
        empty={
          <EmptyState
            icon="contact"
            title={t("contacts.empty")}
            action={
              <LinkButton to="/lists" variant="default">
                {t("campaigns.goLists")}
              </LinkButton>
            }
          >
            {t("contacts.emptyHint")}
          </EmptyState>
        }
      />
      {creating ? <NewContactDialog onClose={creation.close} /> : null}
      {fields ? <FieldsDialog onClose={fieldsHandlers.close} /> : null}
    </Page>
  );
}
