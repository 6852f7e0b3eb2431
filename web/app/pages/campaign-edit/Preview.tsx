// The mail as one contact will see it: line in the inbox, HTML in a sandbox without any rights, plain text.
import { Loader, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Rendered } from "~/api/types";
import { ContactPicker } from "~/components/ContactPicker";
import { Problem } from "~/components/Problem";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import { EmptyState } from "~/ui/States";
import { withoutFonts } from "~/util/without-fonts";
import classes from "./ContentTab.module.css";

interface PreviewProps {
  rendered: Rendered | undefined;
  error: unknown;
  busy: boolean;
  contact: string | null;
  onContact: (contact: string | null) => void;
  list: string | null;
  fromName: string;
  fromAddress: string;
}

export function Preview({ rendered, error, busy, contact, onContact, list, fromName, fromAddress }: PreviewProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const [width, setWidth] = useState("desktop");
  return (
    <section className={classes.preview} aria-label={t("editor.preview")}>
      <div className={classes.previewBar}>
        <SegmentedControl
          size="xs"
          aria-label={t("editor.width")}
          value={width}
          onChange={setWidth}
          data={[
            { value: "desktop", label: <Choice icon="screen" text={t("editor.desktop")} /> },
            { value: "mobile", label: <Choice icon="phone" text={t("editor.mobile")} /> },
            { value: "text", label: t("editor.text") },
          ]}
        />
        <ContactPicker value={contact} onChange={onContact} list={list} />
      </div>
      {rendered ? (
        <div className={classes.inbox}>
          <b>{fromName || fromAddress || "–"}</b>
          <span className={classes.subject}>{rendered.subject || t("editor.noSubject")}</span>
          {rendered.preheader ? <span className="muted"> – {rendered.preheader}</span> : null}
        </div>
      ) : null}
      <div className={classes.stage}>
        {error && !rendered ? (
          <Problem error={error} />
        ) : !rendered ? (
          <EmptyState icon="mail" title={t("editor.empty")}>
            {t("editor.emptyHint")}
          </EmptyState>
        ) : width === "text" || rendered.html === "" ? (
          <pre className={`mono ${classes.plain}`}>{rendered.text}</pre>
        ) : (
          <iframe
            className={classes.frame}
            data-width={width}
            title={t("editor.frame")}
            sandbox=""
            srcDoc={withoutFonts(rendered.html)}
          />
        )}
      </div>
      <div className={classes.previewFoot}>
        <span>{rendered ? t("editor.size", { size: format.bytes(rendered.size_bytes) }) : ""}</span>
        {busy ? (
          <span>
            <Loader size={11} /> {t("editor.updating")}
          </span>
        ) : null}
      </div>
    </section>
  );
}

function Choice({ icon, text }: { icon: "screen" | "phone"; text: string }) {
  return (
    <span style={{ display: "inline-flex", alignItems: "center", gap: 6 }}>
      <Icon name={icon} size={14} /> {text}
    </span>
  );
}
