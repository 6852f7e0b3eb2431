// Makes a list or changes its name and description.
import { Button, Group, Modal, Stack, Textarea, TextInput } from "@mantine/core";
import { type UseFormReturnType, useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { changeList, createList, readList } from "~/api/contacts";
import type { List, NewList } from "~/api/types";
import { Problem } from "~/components/Problem";
import { useVersionedSave } from "~/components/useVersionedSave";

export function ListDialog({ list, onClose }: { list: List | null; onClose: () => void }) {
  return list ? <ChangeList list={list} onClose={onClose} /> : <CreateList onClose={onClose} />;
}

function useListForm(initialValues: NewList) {
  const { t } = useTranslation();
  return useForm<NewList>({
    initialValues,
    validate: { name: (value) => (value.trim() ? null : t("errors.required")) },
  });
}

function CreateList({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const form = useListForm({ name: "", description: "" });
  const save = useMutation({
    mutationFn: createList,
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: ["lists"] });
      onClose();
      await navigate({ to: "/lists/$listId", params: { listId: saved.id } });
    },
  });
  return (
    <ListForm
      title={t("contacts.newList")}
      confirm={t("actions.create")}
      form={form}
      busy={save.isPending}
      error={save.error}
      onClose={onClose}
      onSubmit={() => save.mutate(form.getValues())}
    />
  );
}

function ChangeList({ list, onClose }: { list: List; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const valuesOf = ({ name, description }: List): NewList => ({ name, description });
  const form = useListForm(valuesOf(list));
  const save = useVersionedSave({
    form,
    current: list,
    valuesOf,
    send: (change) => changeList(list.id, change),
    read: () => readList(list.id),
    onKnown: async (_known, by) => {
      await client.invalidateQueries({ queryKey: ["lists"] });
      if (by === "saved") onClose();
    },
    label: (part) => t(part === "name" ? "contacts.listName" : "contacts.listDescription"),
  });
  return (
    <>
      <ListForm
        title={t("contacts.editList")}
        confirm={t("actions.save")}
        form={form}
        busy={save.busy}
        error={save.error}
        onClose={onClose}
        onSubmit={save.submit}
      />
      {save.dialog}
    </>
  );
}

interface ListFormProps {
  title: string;
  confirm: string;
  form: UseFormReturnType<NewList>;
  busy: boolean;
  error: unknown;
  onClose: () => void;
  onSubmit: () => void;
}

function ListForm({ title, confirm, form, busy, error, onClose, onSubmit }: ListFormProps) {
  const { t } = useTranslation();
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ "aria-label": t("actions.close") }}>
      <form onSubmit={form.onSubmit(onSubmit)}>
        <Stack gap="sm">
          <TextInput label={t("contacts.listName")} data-autofocus {...form.getInputProps("name")} />
          <Textarea
            label={t("contacts.listDescription")}
            description={t("contacts.listDescriptionHint")}
            autosize
            minRows={2}
            {...form.getInputProps("description")}
          />
          {error ? <Problem error={error} /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              {t("actions.cancel")}
            </Button>
            <Button type="submit" size="sm" loading={busy}>
              {confirm}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
