// Makes the keys of a domain. The private part stays in the program and is never shown.
import { Button, Group, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { dkimQuery, makeDkimKey } from "~/api/delivery";
import type { DkimAlgorithm } from "~/api/types";
import { Problem } from "~/components/Problem";
import { useToast } from "~/components/useToast";

const ALGORITHMS: DkimAlgorithm[] = ["rsa2048", "ed25519", "both"];

export function NewDkimKeyDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const form = useForm({
    initialValues: { domain: "", selector: "", algorithm: "rsa2048" as DkimAlgorithm },
    validate: { domain: (value) => (value.trim() ? null : t("errors.required")) },
  });
  const create = useMutation({
    mutationFn: ({ domain, selector, algorithm }: typeof form.values) =>
      makeDkimKey({ domain: domain.trim(), algorithm, ...(selector.trim() ? { selector: selector.trim() } : {}) }),
    onSuccess: async () => {
      toast.done(t("dkim.created"));
      await client.invalidateQueries({ queryKey: dkimQuery.queryKey });
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={t("dkim.make")} closeButtonProps={{ "aria-label": t("actions.close") }}>
      <form onSubmit={form.onSubmit((values) => create.mutate(values))}>
        <Stack gap="sm">
          <TextInput
            label={t("delivery.domain")}
            description={t("dkim.domainHint")}
            placeholder="example.org"
            data-autofocus
            {...form.getInputProps("domain")}
          />
          <Select
            label={t("dkim.algorithm")}
            data={ALGORITHMS.map((value) => ({ value, label: t(`dkim.algorithms.${value}`) }))}
            allowDeselect={false}
            {...form.getInputProps("algorithm")}
          />
          <TextInput
            label={t("dkim.selector")}
            description={t("dkim.selectorHint")}
            {...form.getInputProps("selector")}
          />
          <Text size="sm">{t("dkim.makeText")}</Text>
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
