// Keyboard help, made from the same list as the side bar.
import { Modal } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { usePermissions } from "~/components/usePermission";
import { Kbd } from "~/ui/Kbd";
import classes from "./HelpDialog.module.css";
import { WINGS } from "./navigation";

export function HelpDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const { admin } = usePermissions();
  const wings = WINGS.filter((wing) => admin || !wing.adminOnly);
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("help.title")}
      size="lg"
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      <div className={classes.columns}>
        <section>
          <h3>{t("help.anywhere")}</h3>
          <Row keys={["/"]} text={t("help.focusSearch")} />
          <Row keys={["?"]} text={t("help.showHelp")} />
          <Row keys={["t"]} text={t("help.theme")} />
          <h3>{t("help.inEditor")}</h3>
          <Row keys={["Ctrl", "S"]} text={t("help.save")} />
          <Row keys={["Ctrl", "Space"]} text={t("help.complete")} />
          <Row keys={["Esc"]} text={t("help.leave")} />
        </section>
        <section>
          <h3>{t("help.go")}</h3>
          {wings.flatMap((wing) =>
            wing.items.map((item) => (
              <Row key={item.to} keys={["g", item.key]} text={`${t(wing.label)} · ${t(item.label)}`} />
            )),
          )}
        </section>
      </div>
    </Modal>
  );
}

function Row({ keys, text }: { keys: string[]; text: string }) {
  return (
    <div className={classes.row}>
      <span className={classes.keys}>
        {keys.map((key) => (
          <Kbd key={key}>{key}</Kbd>
        ))}
      </span>
      <span>{text}</span>
    </div>
  );
}
