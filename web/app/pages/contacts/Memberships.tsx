// The lists of a contact; marketers may add and remove.
import { Button, MultiSelect } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { changeContact, contactQuery, listsQuery, readContact } from "~/api/contacts";
import type { Contact } from "~/api/types";
import { TextLink } from "~/components/links";
import { Problem } from "~/components/Problem";
import { useToast } from "~/components/useToast";
import { useVersionedSave } from "~/components/useVersionedSave";
import { useFormat } from "~/hooks/useFormat";
import { Tag } from "~/ui/Tag";

export function Memberships({ contact, readOnly }: { contact: Contact; readOnly: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const toast = useToast();
  const client = useQueryClient();
  const lists = useQuery(listsQuery);
  const valuesOf = (known: Contact) => ({ lists: known.lists.map((list) => list.id) });
  const form = useForm({ initialValues: valuesOf(contact) });
  const save = useVersionedSave({
    form,
    current: contact,
    valuesOf,
    send: (change) => changeContact(contact.id, change),
    read: () => readContact(contact.id),
    onKnown: async (known, by) => {
      client.setQueryData(contactQuery(contact.id).queryKey, known);
      if (by === "saved") toast.done(t("contacts.saved"));
      await client.invalidateQueries({ queryKey: ["lists"] });
    },
    label: () => t("contacts.lists"),
  });
  return (
    <>
      {contact.lists.length === 0 ? <p className="muted">{t("contacts.notOnList")}</p> : null}
      <ul style={{ listStyle: "none", margin: 0, padding: 0 }}>
        {contact.lists.map((list) => (
          <li key={list.id} style={{ display: "flex", flexWrap: "wrap", gap: 10, padding: "4px 0" }}>
            <TextLink to="/lists/$listId" params={{ listId: list.id }}>
              {list.name}
            </TextLink>
            <Tag tone={list.state === "subscribed" ? "good" : "neutral"}>{t(`contacts.${list.state}`)}</Tag>
            <span className="muted">{t("contacts.since", { time: format.day(list.since) })}</span>
          </li>
        ))}
      </ul>
      {readOnly ? null : (
        <div style={{ marginTop: 14 }}>
          <MultiSelect
            label={t("contacts.lists")}
            data={(lists.data?.items ?? []).map((list) => ({ value: list.id, label: list.name }))}
            {...form.getInputProps("lists")}
          />
          {save.dialog}
          {save.error ? <Problem error={save.error} /> : null}
          <Button mt="sm" disabled={!form.isDirty()} loading={save.busy} onClick={save.submit}>
            {t("actions.save")}
          </Button>
        </div>
      )}
    </>
  );
}
