// Name and fields of a contact, each with the input of its type.
import { Button, NumberInput, Select, Stack, Switch, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { changeContact, contactQuery, readContact } from "~/api/contacts";
import type { Contact, Field, FieldValue } from "~/api/types";
import { DateField } from "~/components/DateField";
import { Problem } from "~/components/Problem";
import { useToast } from "~/components/useToast";
import { useVersionedSave } from "~/components/useVersionedSave";
import { looksLikeAddress } from "~/util/address";

interface FormValues {
  address: string;
  name: string;
  fields: Record<string, FieldValue>;
}

export function ContactForm({ contact, fields, readOnly }: { contact: Contact; fields: Field[]; readOnly: boolean }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const valuesOf = ({ address, name, fields: known }: Contact): FormValues => ({
    address,
    name,
    fields: Object.fromEntries(fields.map((field) => [field.name, known[field.name] ?? null])),
  });
  const form = useForm<FormValues>({
    initialValues: valuesOf(contact),
    validate: { address: (value) => (looksLikeAddress(value) ? null : t("errors.address")) },
  });
  const labels = new Map(fields.map((field) => [`fields.${field.name}`, field.label]));
  const save = useVersionedSave({
    form,
    current: contact,
    valuesOf,
    send: (change) => changeContact(contact.id, change),
    read: () => readContact(contact.id),
    onKnown: async (known, by) => {
      client.setQueryData(contactQuery(contact.id).queryKey, known);
      if (by === "saved") toast.done(t("contacts.saved"));
      await client.invalidateQueries({ queryKey: ["contacts"] });
    },
    label: (part) => labels.get(part) ?? t(part === "address" ? "contacts.address" : "contacts.name"),
  });
  return (
    <form onSubmit={form.onSubmit(save.submit)} noValidate>
      {save.dialog}
      <Stack gap="sm">
        <TextInput label={t("contacts.address")} type="email" readOnly={readOnly} {...form.getInputProps("address")} />
        <TextInput label={t("contacts.name")} readOnly={readOnly} {...form.getInputProps("name")} />
        {fields.map((field) => (
          <FieldInput
            key={field.name}
            field={field}
            readOnly={readOnly}
            value={form.values.fields[field.name] ?? null}
            onChange={(value) => form.setFieldValue(`fields.${field.name}`, value)}
          />
        ))}
        {save.error ? <Problem error={save.error} /> : null}
        {readOnly ? null : (
          <div>
            <Button type="submit" disabled={!form.isDirty()} loading={save.busy}>
              {t("actions.save")}
            </Button>
          </div>
        )}
      </Stack>
    </form>
  );
}

interface FieldInputProps {
  field: Field;
  value: FieldValue;
  readOnly: boolean;
  onChange: (value: FieldValue) => void;
}

function FieldInput({ field, value, readOnly, onChange }: FieldInputProps) {
  const { t } = useTranslation();
  switch (field.type) {
    case "number":
      return (
        <NumberInput
          label={field.label}
          readOnly={readOnly}
          value={typeof value === "number" ? value : ""}
          onChange={(next) => onChange(typeof next === "number" ? next : null)}
        />
      );
    case "boolean":
      return (
        <Switch
          label={field.label}
          disabled={readOnly}
          checked={value === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      );
    case "date":
      return (
        <DateField
          label={field.label}
          readOnly={readOnly}
          value={typeof value === "string" ? value : null}
          onChange={onChange}
        />
      );
    case "choice":
      return (
        <Select
          label={field.label}
          readOnly={readOnly}
          clearable
          clearButtonProps={{ "aria-label": t("actions.remove") }}
          data={field.choices ?? []}
          value={typeof value === "string" ? value : null}
          onChange={onChange}
        />
      );
    default:
      return (
        <TextInput
          label={field.label}
          readOnly={readOnly}
          value={value === null ? "" : String(value)}
          onChange={(event) => onChange(event.currentTarget.value || null)}
        />
      );
  }
}
