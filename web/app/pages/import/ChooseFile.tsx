// Step one: a file, by button or dropped.
import { Button, FileButton } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "~/ui/Icon";
import classes from "./ImportPage.module.css";

export function ChooseFile({ onChoose, busy }: { onChoose: (file: File) => void; busy: boolean }) {
  const { t } = useTranslation();
  const [over, setOver] = useState(false);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a convenience; the button does the same by keyboard
    <div
      className={classes.drop}
      data-over={over || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const file = event.dataTransfer.files[0];
        if (file) onChoose(file);
      }}
    >
      <Icon name="upload" size={26} />
      <b>{t("contacts.dropTitle")}</b>
      <p className="muted">{t("contacts.dropHint")}</p>
      <FileButton accept=".csv,.tsv,.txt,text/csv" onChange={(file) => file && onChoose(file)}>
        {(props) => (
          <Button {...props} size="sm" loading={busy}>
            {t("contacts.choose")}
          </Button>
        )}
      </FileButton>
    </div>
  );
}
