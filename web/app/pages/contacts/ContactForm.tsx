// Name and fields of a contact, each with the input of its type.
import { Button, NumberInput, Select, Stack, Switch, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { changeContact, contactQuery } from "~/api/contacts";
import type { Contact, Field, FieldValue } from "~/api/types";
import { DateField } from "~/components/DateField";
import { Problem } from "~/components/Problem";
import { useToast } from "~/components/useToast";
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
  const form = useForm<FormValues>({
    initialValues: {
      address: contact.address,
      name: contact.name,
      fields: Object.fromEntries(fields.map((field) => [field.name, contact.fields[field.name] ?? null])),
    },
    validate: { address: (value) => (looksLikeAddress(value) ? null : t("errors.address")) },
  });
  const save = useMutation({
    mutationFn: (values: FormValues) => changeContact(contact.id, values),
    onSuccess: async (saved, values) => {
      form.resetDirty(values);
      client.setQueryData(contactQuery(contact.id).queryKey, saved);
      toast.done(t("contacts.saved"));
      await client.invalidateQueries({ queryKey: ["contacts"] });
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))} noValidate>
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
        {save.isError ? <Problem error={save.error} /> : null}
        {readOnly ? null : (
          <div>
            <Button type="submit" disabled={!form.isDirty()} loading={save.isPending}>
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
