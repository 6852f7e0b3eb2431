// Adds a single contact.
import { Button, Group, Modal, MultiSelect, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { createContact, listsQuery } from "~/api/contacts";
import { Problem } from "~/components/Problem";
import { looksLikeAddress } from "~/util/address";

export function NewContactDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const lists = useQuery(listsQuery);
  const form = useForm({
    initialValues: { address: "", name: "", lists: [] as string[] },
    validate: { address: (value) => (looksLikeAddress(value) ? null : t("errors.address")) },
  });
  const create = useMutation({
    mutationFn: (values: typeof form.values) =>
      createContact({ ...values, address: values.address.trim(), fields: {} }),
    onSuccess: async (contact) => {
      await client.invalidateQueries({ queryKey: ["contacts"] });
      await navigate({ to: "/contacts/$contactId", params: { contactId: contact.id } });
    },
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("contacts.newContact")}
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      <form onSubmit={form.onSubmit((values) => create.mutate(values))} noValidate>
        <Stack gap="sm">
          <TextInput label={t("contacts.address")} type="email" data-autofocus {...form.getInputProps("address")} />
          <TextInput label={t("contacts.name")} {...form.getInputProps("name")} />
          <MultiSelect
            label={t("contacts.lists")}
            data={(lists.data?.items ?? []).map((list) => ({ value: list.id, label: list.name }))}
            {...form.getInputProps("lists")}
          />
          {create.isError ? <Problem error={create.error} /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              {t("actions.cancel")}
            </Button>
            <Button type="submit" size="sm" loading={create.isPending}>
              {t("actions.create")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
