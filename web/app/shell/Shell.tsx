// The frame around every page: side bar, top bar, shortcuts, help, the question for an own password.
import { ActionIcon, Drawer } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { ConnectionLost } from "~/components/ConnectionLost";
import { useShortcuts } from "~/hooks/useShortcuts";
import { Icon } from "~/ui/Icon";
import { AccountMenu } from "./AccountMenu";
import { HelpDialog } from "./HelpDialog";
import { LivePulse } from "./LivePulse";
import { WINGS } from "./navigation";
import { OwnPassword } from "./OwnPassword";
import { QuickSearch } from "./QuickSearch";
import classes from "./Shell.module.css";
import { SideNav } from "./SideNav";
import { useToggleScheme } from "./useToggleScheme";

export function Shell() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [drawer, drawerHandlers] = useDisclosure(false);
  const [help, helpHandlers] = useDisclosure(false);
  const search = useRef<HTMLInputElement>(null);
  const main = useRef<HTMLElement>(null);
  const toggleScheme = useToggleScheme();
  const path = useRouterState({ select: (state) => state.location.pathname });

  // A new page starts at its top; the focus goes there too, so that the keyboard does not start in the side bar again.
  const first = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path is what changes
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    main.current?.focus({ preventScroll: true });
  }, [path]);

  useShortcuts({
    // One meaning everywhere: the key is drawn in this field.
    "/": () => search.current?.focus(),
    "?": helpHandlers.open,
    t: toggleScheme,
    ...Object.fromEntries(
      WINGS.flatMap((wing) => wing.items.map((item) => [`g ${item.key}`, () => navigate({ to: item.to })])),
    ),
  });

  return (
    <div className={classes.shell}>
      <a href="#content" className={classes.skip}>
        {t("nav.skip")}
      </a>
      <aside className={classes.side}>
        <SideNav />
      </aside>
      <Drawer
        opened={drawer}
        onClose={drawerHandlers.close}
        size={280}
        padding={0}
        title={<span className="visually-hidden">{t("nav.main")}</span>}
        closeButtonProps={{ "aria-label": t("nav.close") }}
        styles={{ header: { minHeight: 44, padding: "6px 10px" } }}
      >
        <SideNav onNavigate={drawerHandlers.close} />
      </Drawer>
      <div className={classes.right}>
        <header className={classes.top}>
          <ActionIcon
            className={classes.burger}
            variant="subtle"
            color="gray"
            size="lg"
            onClick={drawerHandlers.open}
            aria-label={t("nav.open")}
          >
            <Icon name="menu" size={20} />
          </ActionIcon>
          <QuickSearch ref={search} />
          <LivePulse />
          <AccountMenu onHelp={helpHandlers.open} />
        </header>
        <ConnectionLost />
        <main className={classes.main} id="content" ref={main} tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      <HelpDialog opened={help} onClose={helpHandlers.close} />
      <OwnPassword />
    </div>
  );
}
