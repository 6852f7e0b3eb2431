// One's own name, language and password.
import { Button, PasswordInput, Select, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { isWrongPassword } from "~/api/errors";
import { changeOwnAccount, replacePassword, sessionQuery } from "~/api/session";
import type { Account, Language } from "~/api/types";
import { Loaded } from "~/components/Loaded";
import { Problem } from "~/components/Problem";
import { useToast } from "~/components/useToast";
import { changeLanguage, LANGUAGES } from "~/i18n";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { PASSWORD_MIN } from "~/util/password";

export function OwnAccountPage() {
  const { t } = useTranslation();
  const query = useQuery(sessionQuery);
  return (
    <Page title={t("settings.ownTitle")} width="narrow">
      <Loaded query={query}>
        {(account) => (
          <>
            <Panel>
              <Profile key={account.id} account={account} />
            </Panel>
            <Panel title={t("settings.passwordTitle")} hint={t("settings.passwordHint")}>
              <Password account={account} />
            </Panel>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Profile({ account }: { account: Account }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const form = useForm({ initialValues: { name: account.name, language: account.language } });
  const save = useMutation({
    mutationFn: changeOwnAccount,
    onSuccess: async (saved) => {
      client.setQueryData(sessionQuery.queryKey, saved);
      form.resetDirty();
      await changeLanguage(saved.language);
      toast.done(t("settings.saved"));
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="sm" maw={420}>
        <TextInput label={t("settings.email")} value={account.email} readOnly />
        <TextInput label={t("settings.role")} value={t(`account.role.${account.role}`)} readOnly />
        <TextInput label={t("settings.name")} {...form.getInputProps("name")} />
        <Select
          label={t("settings.language")}
          allowDeselect={false}
          data={LANGUAGES}
          value={form.values.language}
          onChange={(value) => form.setFieldValue("language", (value ?? "en") as Language)}
        />
        {save.isError ? <Problem error={save.error} /> : null}
        <div>
          <Button type="submit" loading={save.isPending} disabled={!form.isDirty()}>
            {t("settings.save")}
          </Button>
        </div>
      </Stack>
    </form>
  );
}

function Password({ account }: { account: Account }) {
  const { t } = useTranslation();
  const toast = useToast();
  const form = useForm({
    initialValues: { current: "", fresh: "", repeat: "" },
    validate: {
      current: (value) => (value ? null : t("errors.required")),
      fresh: (value) => (value.length < PASSWORD_MIN ? t("password.short") : null),
      repeat: (value, values) => (value === values.fresh ? null : t("password.differ")),
    },
  });
  const save = useMutation({
    mutationFn: (values: typeof form.values) => replacePassword(account.email, values.current, values.fresh),
    meta: { quiet: true },
    onSuccess: () => {
      form.reset();
      toast.done(t("password.changed"));
    },
    onError: (error) => {
      if (isWrongPassword(error)) form.setFieldError("current", t("password.wrongCurrent"));
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="sm" maw={420}>
        <PasswordInput
          label={t("password.current")}
          autoComplete="current-password"
          {...form.getInputProps("current")}
        />
        <PasswordInput
          label={t("password.new")}
          description={t("password.newHint")}
          autoComplete="new-password"
          {...form.getInputProps("fresh")}
        />
        <PasswordInput label={t("password.repeat")} autoComplete="new-password" {...form.getInputProps("repeat")} />
        {save.isError && !isWrongPassword(save.error) ? <Problem error={save.error} /> : null}
        <div>
          <Button type="submit" loading={save.isPending}>
            {t("password.save")}
          </Button>
        </div>
      </Stack>
    </form>
  );
}
