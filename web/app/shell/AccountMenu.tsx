// Who is logged in; appearance, language, help, the way out.
import { Popover, SegmentedControl, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { changeOwnAccount, logOut, sessionQuery } from "~/api/session";
import type { Language } from "~/api/types";
import { changeLanguage, LANGUAGES } from "~/i18n";
import { Icon, type IconName } from "~/ui/Icon";
import classes from "./AccountMenu.module.css";

export function AccountMenu({ onHelp }: { onHelp: () => void }) {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const { data: account } = useQuery(sessionQuery);
  const [opened, { toggle, close }] = useDisclosure(false);
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

  const act = (run: () => unknown) => () => {
    close();
    run();
  };

  return (
    <Popover
      opened={opened}
      onChange={(next) => !next && close()}
      position="bottom-end"
      width={252}
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <UnstyledButton className={classes.target} onClick={toggle}>
          <span className="visually-hidden">{t("account.menu", { name })}</span>
          <span className={classes.initials} aria-hidden="true">
            {initials(name)}
          </span>
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown className={classes.menu} aria-label={t("account.menu", { name })}>
        <div className={classes.who}>
          <b>{name}</b>
          <span>{account.email}</span>
          <span>{t(`account.role.${account.role}`)}</span>
        </div>
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
        <ul className={classes.items}>
          <Item icon="account" text={t("nav.profile")} onClick={act(() => navigate({ to: "/settings/account" }))} />
          <Item icon="keyboard" text={t("account.help")} onClick={act(onHelp)} />
          <Item icon="logout" text={t("account.logout")} onClick={act(() => leave.mutate())} />
        </ul>
      </Popover.Dropdown>
    </Popover>
  );
}

function Item({ icon, text, onClick }: { icon: IconName; text: string; onClick: () => void }) {
  return (
    <li>
      <UnstyledButton className={classes.item} onClick={onClick}>
        <Icon name={icon} />
        {text}
      </UnstyledButton>
    </li>
  );
}

/** One or two letters for the round button. */
export function initials(name: string): string {
  const words = name.split(/[\s.@_-]+/).filter(Boolean);
  return ((words[0]?.[0] ?? "") + (words.length > 1 ? (words[1]?.[0] ?? "") : "")).toUpperCase();
}
