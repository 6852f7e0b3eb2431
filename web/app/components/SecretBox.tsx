// Something that is told only once: easy to copy, impossible to overlook.
import { useTranslation } from "react-i18next";
import { CopyButton } from "./CopyButton";
import classes from "./SecretBox.module.css";

export function SecretBox({ label, hint, secret }: { label: string; hint: string; secret: string }) {
  const { t } = useTranslation();
  return (
    <div>
      <div className={classes.box}>
        <code>{secret}</code>
        <CopyButton text={secret} label={`${t("actions.copy")}: ${label}`} />
      </div>
      <p className={classes.hint}>{hint}</p>
    </div>
  );
}
