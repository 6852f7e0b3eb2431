// The registry of fields: what is kept about a contact, and of which type.
import { Button, Group, Modal, Select, Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { createField, fieldsQuery } from "~/api/contacts";
import type { Field, FieldType } from "~/api/types";
import { Loaded } from "~/components/Loaded";
import { Problem } from "~/components/Problem";
import { usePermissions } from "~/components/usePermission";
import { type Column, DataTable } from "~/table/DataTable";
import { EmptyState } from "~/ui/States";

const TYPES: FieldType[] = ["text", "number", "boolean", "date", "choice"];

export function FieldsDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const query = useQuery(fieldsQuery);
  const { campaigns: mayWrite } = usePermissions();
  const columns = useMemo<Column<Field>[]>(
    () => [
      { id: "label", header: t("contacts.fieldLabel"), cell: (row) => row.label },
      {
        id: "name",
        header: t("contacts.fieldName"),
        grow: true,
        cell: (row) => <span className="mono">{row.name}</span>,
      },
      {
        id: "type",
        header: t("contacts.fieldType"),
        cell: (row) => t(`contacts.types.${row.type}`) + (row.choices?.length ? `: ${row.choices.join(", ")}` : ""),
      },
    ],
    [t],
  );
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={t("contacts.fields")}
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      <p className="muted" style={{ marginTop: 0 }}>
        {t("contacts.fieldsHint", { example: "{{ contact.city }}" })}
      </p>
      <Loaded query={query} lines={4}>
        {(data) => (
          <DataTable
            caption={t("contacts.fields")}
            columns={columns}
            rows={data.items}
            rowKey={(row) => row.name}
            maxHeight={300}
            empty={
              <EmptyState icon="table" title={t("contacts.noFields")}>
                {t("contacts.noFieldsHint")}
              </EmptyState>
            }
          />
        )}
      </Loaded>
      {mayWrite ? <NewField /> : null}
    </Modal>
  );
}

function NewField() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const form = useForm({
    initialValues: { name: "", label: "", type: "text" as FieldType, choices: "" },
    validate: {
      label: (value) => (value.trim() ? null : t("errors.required")),
      name: (value) => (/^[a-z][a-z0-9_]*$/.test(value) ? null : t("contacts.fieldNameWrong")),
    },
  });
  const create = useMutation({
    mutationFn: ({ choices, ...field }: typeof form.values) =>
      createField(
        field.type === "choice"
          ? {
              ...field,
              choices: choices
                .split("\n")
                .map((line) => line.trim())
                .filter(Boolean),
            }
          : field,
      ),
    onSuccess: async () => {
      form.reset();
      await client.invalidateQueries({ queryKey: fieldsQuery.queryKey });
    },
  });
  return (
    <form
      onSubmit={form.onSubmit((values) => create.mutate(values))}
      style={{ borderTop: "1px solid var(--border)", marginTop: 12, paddingTop: 12 }}
    >
      <Stack gap="sm">
        <Group grow align="flex-start" gap="sm">
          <TextInput label={t("contacts.fieldLabel")} {...form.getInputProps("label")} />
          <Select
            label={t("contacts.fieldType")}
            allowDeselect={false}
            data={TYPES.map((value) => ({ value, label: t(`contacts.types.${value}`) }))}
            {...form.getInputProps("type")}
          />
        </Group>
        <TextInput
          label={t("contacts.fieldName")}
          description={t("contacts.fieldNameHint")}
          {...form.getInputProps("name")}
        />
        {form.values.type === "choice" ? (
          <Textarea
            label={t("contacts.choices")}
            description={t("contacts.choicesHint")}
            autosize
            minRows={2}
            {...form.getInputProps("choices")}
          />
        ) : null}
        {create.isError ? <Problem error={create.error} /> : null}
        <Group justify="flex-end">
          <Button type="submit" variant="default" loading={create.isPending}>
            {t("contacts.newField")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
