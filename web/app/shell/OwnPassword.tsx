// After a login with the one-time password: asks for a password of one's own. The one-time password is not asked for again:
// the session that it opened may replace it.
import { Button, Modal, PasswordInput, Stack, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { replacePassword, sessionQuery } from "~/api/session";
import { Problem } from "~/components/Problem";
import { useToast } from "~/components/useToast";
import { PASSWORD_MIN } from "~/util/password";

export function OwnPassword() {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const { data: account } = useQuery(sessionQuery);
  const form = useForm({
    initialValues: { password: "", repeat: "" },
    validate: {
      password: (value) => (value.length < PASSWORD_MIN ? t("password.short") : null),
      repeat: (value, values) => (value === values.password ? null : t("password.differ")),
    },
  });
  const save = useMutation({
    mutationFn: (values: typeof form.values) => replacePassword(account?.email ?? "", null, values.password),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: sessionQuery.queryKey });
      toast.done(t("password.changed"));
    },
  });
  return (
    <Modal
      opened={account?.must_change_password === true}
      onClose={() => {}}
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
      title={t("password.title")}
    >
      <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            {t("password.text")}
          </Text>
          {/* So that password managers know whose password it is. */}
          <input type="text" autoComplete="username" value={account?.email ?? ""} readOnly hidden />
          <PasswordInput
            label={t("password.new")}
            description={t("password.newHint")}
            autoComplete="new-password"
            data-autofocus
            {...form.getInputProps("password")}
          />
          <PasswordInput label={t("password.repeat")} autoComplete="new-password" {...form.getInputProps("repeat")} />
          {save.isError ? <Problem error={save.error} /> : null}
          <Button type="submit" size="sm" loading={save.isPending}>
            {t("password.save")}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
