// One contact: fields, lists, and the way to its mail.
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { contactQuery, deleteContact, fieldsQuery } from "~/api/contacts";
import type { Contact } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { Gone } from "~/components/Gone";
import { Loaded } from "~/components/Loaded";
import { LinkButton, TextLink } from "~/components/links";
import { ContactStatusTag } from "~/components/StateTags";
import { usePermissions } from "~/components/usePermission";
import { useToast } from "~/components/useToast";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { ContactForm } from "./ContactForm";
import { Memberships } from "./Memberships";

export function ContactPage() {
  const { contactId } = useParams({ from: "/app/contacts/$contactId" });
  const contact = useQuery(contactQuery(contactId));
  return (
    <Loaded query={contact} gone={<Gone what="contact" />}>
      {(data) => <OneContact contact={data} />}
    </Loaded>
  );
}

function OneContact({ contact }: { contact: Contact }) {
  const { t } = useTranslation();
  const format = useFormat();
  const fields = useQuery(fieldsQuery);
  const { campaigns: mayWrite } = usePermissions();
  return (
    <Page
      title={contact.address}
      trail={<TextLink to="/contacts">{t("contacts.contactTrail")}</TextLink>}
      badge={<ContactStatusTag status={contact.status} />}
      meta={
        <>
          <span>{t(`contacts.statusHint.${contact.status}`)}</span>
          <span>
            {t("contacts.created")} {format.day(contact.created_at)}
          </span>
        </>
      }
      actions={
        <>
          {mayWrite ? <DeleteContact contact={contact} /> : null}
          <LinkButton
            to="/monitoring/recipients"
            search={{ address: contact.address }}
            variant="default"
            leftSection={<Icon name="history" size={14} />}
          >
            {t("contacts.mailHistory")}
          </LinkButton>
        </>
      }
    >
      <div className="two-columns">
        <Panel title={t("contacts.details")}>
          <Loaded query={fields}>
            {(data) => <ContactForm key={contact.id} contact={contact} fields={data.items} readOnly={!mayWrite} />}
          </Loaded>
        </Panel>
        <Panel title={t("contacts.memberships")}>
          <Memberships contact={contact} readOnly={!mayWrite} />
        </Panel>
      </div>
    </Page>
  );
}

function DeleteContact({ contact }: { contact: Contact }) {
  const { t } = useTranslation();
  const toast = useToast();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [asking, ask] = useDisclosure(false);
  const erase = useMutation({
    mutationFn: () => deleteContact(contact.id),
    onSuccess: async () => {
      toast.done(t("contacts.deleted"));
      await navigate({ to: "/contacts" });
      client.removeQueries({ queryKey: ["contacts", contact.id] });
      await client.invalidateQueries({ queryKey: ["contacts"] });
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
        title={t("contacts.deleteTitle", { address: contact.address })}
        confirm={t("contacts.deleteContact")}
        danger
        busy={erase.isPending}
        onConfirm={() => erase.mutate()}
      >
        {t("contacts.deleteText")}
      </Confirm>
    </>
  );
}
