// Adds addresses by hand.
import { Button, Group, Modal, Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { addSuppressions } from "~/api/contacts";
import { Problem } from "~/components/Problem";
import { splitAddresses } from "~/util/address";

export function AddSuppressions({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const form = useForm({
    initialValues: { addresses: "", note: "" },
    validate: { addresses: (value) => (splitAddresses(value).length > 0 ? null : t("errors.required")) },
  });
  const add = useMutation({
    mutationFn: (values: typeof form.values) =>
      addSuppressions({ addresses: splitAddresses(values.addresses), note: values.note }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["suppressions"] }),
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("contacts.addSuppressions")}
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      <form onSubmit={form.onSubmit((values) => add.mutate(values))}>
        <Stack gap="sm">
          <Textarea
            label={t("contacts.addresses")}
            description={t("contacts.addressesHint")}
            autosize
            minRows={4}
            maxRows={12}
            data-autofocus
            {...form.getInputProps("addresses")}
          />
          <TextInput label={t("contacts.note")} description={t("contacts.noteHint")} {...form.getInputProps("note")} />
          {add.isError ? <Problem error={add.error} /> : null}
          {add.data ? (
            <div role="status">
              <b>{t("contacts.added", { count: add.data.added })}</b>{" "}
              {add.data.already > 0 ? t("contacts.alreadyThere", { count: add.data.already }) : ""}
              {add.data.rejected.map((entry) => (
                <p key={entry.address} style={{ margin: 0, color: "var(--bad-text)" }}>
                  {t("campaigns.test.rejected", entry)}
                </p>
              ))}
            </div>
          ) : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              {t(add.isSuccess ? "actions.close" : "actions.cancel")}
            </Button>
            <Button type="submit" size="sm" loading={add.isPending}>
              {t("actions.add")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
