// What the linter finds in the rules that are in use; absent when it finds nothing.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { findingsQuery } from "~/api/delivery";
import { Panel } from "~/ui/Panel";
import { Tag } from "~/ui/Tag";
import classes from "./Rules.module.css";

export function FindingsPanel() {
  const { t } = useTranslation();
  const { data } = useQuery(findingsQuery);
  if (!data || data.items.length === 0) return null;
  const found = [...data.items].sort((a, b) => a.severity.localeCompare(b.severity));
  return (
    <Panel title={t("rules.findings", { count: found.length })} hint={t("rules.findingsHint")}>
      <ul className={classes.findings}>
        {found.map((finding) => (
          <li key={`${finding.key}:${finding.line}:${finding.text}`}>
            <Tag tone={finding.severity === "error" ? "bad" : "warn"}>{t(`rules.severity.${finding.severity}`)}</Tag>
            <span>
              <b className="mono">{finding.key}</b>
              {finding.line > 0 ? <span className="muted"> · {t("rules.line", { line: finding.line })}</span> : null}
              <span className={classes.text}>{finding.text}</span>
              <span className={classes.mend}>
                {t("rules.mend")} {finding.mend}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
