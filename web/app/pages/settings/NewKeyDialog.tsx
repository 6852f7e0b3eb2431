// Makes an API key; its secret is shown once.
import { Button, Checkbox, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { apiKeysQuery, createApiKey } from "~/api/session";
import type { KeyScope } from "~/api/types";
import { Problem } from "~/components/Problem";
import { SecretBox } from "~/components/SecretBox";
import { draftOf, KeyLimitsFields, limitsOf } from "./KeyLimitsFields";

const SCOPES: KeyScope[] = ["inject", "read", "manage"];

export function NewKeyDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const form = useForm({
    initialValues: { name: "", scopes: ["inject"] as KeyScope[] },
    validate: {
      name: (value) => (value.trim() ? null : t("errors.required")),
      scopes: (value) => (value.length > 0 ? null : t("settings.oneScope")),
    },
  });
  const [draft, setDraft] = useState(() => draftOf(undefined));
  const create = useMutation({
    mutationFn: createApiKey,
    onSuccess: () => client.invalidateQueries({ queryKey: apiKeysQuery.queryKey }),
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("settings.newKey")}
      closeOnClickOutside={!create.data}
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      {create.data ? (
        <Stack gap="sm">
          <Text fw={600}>{t("settings.keyCreated")}</Text>
          <SecretBox label={t("settings.secret")} hint={t("settings.keyOnce")} secret={create.data.secret} />
          <Group justify="flex-end">
            <Button size="sm" onClick={onClose}>
              {t("actions.close")}
            </Button>
          </Group>
        </Stack>
      ) : (
        <form onSubmit={form.onSubmit((values) => create.mutate({ ...values, limits: limitsOf(draft) }))}>
          <Stack gap="sm">
            <TextInput
              label={t("settings.keyName")}
              description={t("settings.keyNameHint")}
              data-autofocus
              {...form.getInputProps("name")}
            />
            <Checkbox.Group label={t("settings.scopes")} {...form.getInputProps("scopes")}>
              <Stack gap={6} mt={6}>
                {SCOPES.map((scope) => (
                  <Checkbox
                    key={scope}
                    value={scope}
                    label={t(`settings.scopeNames.${scope}`)}
                    description={t(`settings.scopeHints.${scope}`)}
                  />
                ))}
              </Stack>
            </Checkbox.Group>
            {form.values.scopes.includes("inject") ? <KeyLimitsFields value={draft} onChange={setDraft} /> : null}
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
      )}
    </Modal>
  );
}
