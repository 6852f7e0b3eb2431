// The way in. Explains the one-time password of the first start; the language can be changed before anything else.
import { Button, PasswordInput, SegmentedControl, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useRouter, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { isUnauthorised } from "~/api/errors";
import { logIn, sessionQuery } from "~/api/session";
import type { Language, Login } from "~/api/types";
import { Problem } from "~/components/Problem";
import { changeLanguage, LANGUAGES } from "~/i18n";
import { BrandMark, PostmarkArt } from "~/ui/Brand";
import { Icon } from "~/ui/Icon";
import { ErrorState } from "~/ui/States";
import { looksLikeAddress } from "~/util/address";
import classes from "./LoginPage.module.css";

export function LoginPage() {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const router = useRouter();
  const client = useQueryClient();
  const { next, ended } = useSearch({ from: "/login" });
  useEffect(() => {
    document.title = `${t("login.title")} · iES`;
  }, [t]);
  const form = useForm<Login>({
    initialValues: { email: "", password: "" },
    validate: {
      email: (value) => (looksLikeAddress(value) ? null : t("errors.address")),
      password: (value) => (value ? null : t("errors.required")),
    },
  });
  const enter = useMutation({
    mutationFn: logIn,
    meta: { quiet: true },
    onSuccess: async () => {
      const account = await client.fetchQuery({ ...sessionQuery, staleTime: 0 });
      await changeLanguage(i18n.language === "fr" || i18n.language === "en" ? i18n.language : account.language);
      if (next?.startsWith("/") && !next.startsWith("//")) router.history.push(next);
      else await navigate({ to: "/" });
    },
  });

  return (
    <main className={classes.page}>
      <div className={classes.left}>
        <header className={classes.head}>
          <span className={classes.brand}>
            <BrandMark size={30} /> iES
          </span>
          <SegmentedControl
            size="xs"
            aria-label={t("account.language")}
            data={LANGUAGES}
            value={i18n.language}
            onChange={(value) => void changeLanguage(value as Language)}
          />
        </header>
        <form className={classes.form} onSubmit={form.onSubmit((values) => enter.mutate(values))} noValidate>
          <h1>{t("login.title")}</h1>
          <p className={classes.lead}>{ended ? t("login.expired") : t("login.lead")}</p>
          <Stack gap="sm">
            <TextInput
              size="md"
              type="email"
              label={t("login.email")}
              autoComplete="username"
              autoFocus
              {...form.getInputProps("email")}
            />
            <PasswordInput
              size="md"
              label={t("login.password")}
              autoComplete="current-password"
              {...form.getInputProps("password")}
            />
            {enter.isError ? (
              isUnauthorised(enter.error) ? (
                <ErrorState title={t("login.wrong")} />
              ) : (
                <Problem error={enter.error} />
              )
            ) : null}
            <Button type="submit" size="md" loading={enter.isPending} mt={4}>
              {t("login.submit")}
            </Button>
          </Stack>
          <div className={classes.first}>
            <Icon name="key" size={18} />
            <p>
              <b>{t("login.firstStart")}</b> {t("login.firstStartHint")}
            </p>
          </div>
        </form>
      </div>
      <div className={classes.right} aria-hidden="true">
        <div className={classes.art}>
          <PostmarkArt />
        </div>
        <div className={classes.words}>
          <p className={classes.motto}>{t("login.motto")}</p>
          <p>{t("login.mottoText")}</p>
        </div>
      </div>
    </main>
  );
}
