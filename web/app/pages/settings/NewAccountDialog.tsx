// Makes an account; its first password is shown once.
import { Button, Group, Modal, Radio, Select, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { accountsQuery, createAccount } from "~/api/session";
import type { Language, Role } from "~/api/types";
import { Problem } from "~/components/Problem";
import { SecretBox } from "~/components/SecretBox";
import { LANGUAGES } from "~/i18n";
import { looksLikeAddress } from "~/util/address";
import { ROLES } from "./roles";

export function NewAccountDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const form = useForm({
    initialValues: { email: "", name: "", role: "marketer" as Role, language: "en" as Language },
    validate: { email: (value) => (looksLikeAddress(value) ? null : t("errors.address")) },
  });
  const create = useMutation({
    mutationFn: createAccount,
    onSuccess: () => client.invalidateQueries({ queryKey: accountsQuery.queryKey }),
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("settings.newAccount")}
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      {create.data ? (
        <Stack gap="sm">
          <Text fw={600}>{t("settings.accountCreated", { email: create.data.account.email })}</Text>
          {create.data.password ? (
            <SecretBox label={t("login.password")} hint={t("settings.tellPassword")} secret={create.data.password} />
          ) : null}
          <Group justify="flex-end">
            <Button size="sm" onClick={onClose}>
              {t("actions.close")}
            </Button>
          </Group>
        </Stack>
      ) : (
        <form onSubmit={form.onSubmit((values) => create.mutate(values))} noValidate>
          <Stack gap="sm">
            <TextInput label={t("settings.email")} type="email" data-autofocus {...form.getInputProps("email")} />
            <TextInput label={t("settings.name")} {...form.getInputProps("name")} />
            <Radio.Group label={t("settings.role")} {...form.getInputProps("role")}>
              <Stack gap={6} mt={6}>
                {ROLES.map((role) => (
                  <Radio
                    key={role}
                    value={role}
                    label={t(`account.role.${role}`)}
                    description={t(`settings.roleHints.${role}`)}
                  />
                ))}
              </Stack>
            </Radio.Group>
            <Select
              label={t("settings.language")}
              allowDeselect={false}
              data={LANGUAGES}
              {...form.getInputProps("language")}
            />
            <Text size="xs" c="dimmed">
              {t("settings.startPassword")}
            </Text>
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
