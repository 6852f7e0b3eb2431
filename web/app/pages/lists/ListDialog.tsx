// Makes a list or changes its name and description.
import { Button, Group, Modal, Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { changeList, createList } from "~/api/contacts";
import type { List, NewList } from "~/api/types";
import { Problem } from "~/components/Problem";

export function ListDialog({ list, onClose }: { list: List | null; onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const form = useForm<NewList>({
    initialValues: { name: list?.name ?? "", description: list?.description ?? "" },
    validate: { name: (value) => (value.trim() ? null : t("errors.required")) },
  });
  const save = useMutation({
    mutationFn: (values: NewList) => (list ? changeList(list.id, values) : createList(values)),
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: ["lists"] });
      onClose();
      if (!list) await navigate({ to: "/lists/$listId", params: { listId: saved.id } });
    },
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t(list ? "contacts.editList" : "contacts.newList")}
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
        <Stack gap="sm">
          <TextInput label={t("contacts.listName")} data-autofocus {...form.getInputProps("name")} />
          <Textarea
            label={t("contacts.listDescription")}
            description={t("contacts.listDescriptionHint")}
            autosize
            minRows={2}
            {...form.getInputProps("description")}
          />
          {save.isError ? <Problem error={save.error} /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              {t("actions.cancel")}
            </Button>
            <Button type="submit" size="sm" loading={save.isPending}>
              {t(list ? "actions.save" : "actions.create")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
