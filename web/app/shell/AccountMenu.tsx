// Who is logged in; appearance, language, help, the way out.
import { Menu, SegmentedControl, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { changeOwnAccount, logOut, sessionQuery } from "~/api/session";
import type { Language } from "~/api/types";
import { changeLanguage, LANGUAGES } from "~/i18n";
import { Icon } from "~/ui/Icon";
import classes from "./AccountMenu.module.css";

export function AccountMenu({ onHelp }: { onHelp: () => void }) {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const { data: account } = useQuery(sessionQuery);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const saveLanguage = useMutation({ mutationFn: (language: Language) => changeOwnAccount({ language }) });
  const leave = useMutation({
    mutationFn: logOut,
    onSettled: async () => {
      await navigate({ to: "/login", search: {} });
      client.clear();
    },
  });
  if (!account) return null;
  const name = account.name || account.email;

  const chooseLanguage = (language: string) => {
    void changeLanguage(language as Language);
    saveLanguage.mutate(language as Language);
  };

  return (
    <Menu position="bottom-end" width={248} closeOnItemClick>
      <Menu.Target>
        <UnstyledButton className={classes.target}>
          <span className="visually-hidden">{t("account.menu", { name })}</span>
          <span className={classes.initials} aria-hidden="true">
            {initials(name)}
          </span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={classes.who}>
          <b>{name}</b>
          <span>{account.email}</span>
          <span>{t(`account.role.${account.role}`)}</span>
        </div>
        <Menu.Divider />
        <div className={classes.block}>
          <span className={classes.label}>{t("account.theme")}</span>
          <SegmentedControl
            fullWidth
            size="xs"
            aria-label={t("account.theme")}
            value={colorScheme}
            onChange={(value) => setColorScheme(value as "light" | "dark" | "auto")}
            data={[
              { value: "light", label: t("account.light") },
              { value: "dark", label: t("account.dark") },
              { value: "auto", label: t("account.auto") },
            ]}
          />
        </div>
        <div className={classes.block}>
          <span className={classes.label}>{t("account.language")}</span>
          <SegmentedControl
            fullWidth
            size="xs"
            aria-label={t("account.language")}
            value={i18n.language}
            onChange={chooseLanguage}
            data={LANGUAGES}
          />
        </div>
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="account" />} onClick={() => navigate({ to: "/settings/account" })}>
          {t("nav.profile")}
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="keyboard" />} onClick={onHelp}>
          {t("account.help")}
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="logout" />} onClick={() => leave.mutate()}>
          {t("account.logout")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** One or two letters for the round button. */
export function initials(name: string): string {
  const words = name.split(/[\s.@_-]+/).filter(Boolean);
  return ((words[0]?.[0] ?? "") + (words.length > 1 ? (words[1]?.[0] ?? "") : "")).toUpperCase();
}
