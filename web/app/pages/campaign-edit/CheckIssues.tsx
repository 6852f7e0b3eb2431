// The verdict of the check, and what is to be mended.
import { useTranslation } from "react-i18next";
import type { CampaignCheck, ContentIssue } from "~/api/types";
import { Icon } from "~/ui/Icon";
import classes from "./CheckIssues.module.css";

export function CheckIssues({ result }: { result: CampaignCheck }) {
  const { t } = useTranslation();
  return (
    <>
      <div className={classes.verdict} data-ok={result.ok} role="status">
        <Icon name={result.ok ? "check" : "error"} size={20} />
        <div>
          <b>{result.ok ? t("campaigns.check.ok") : t("campaigns.check.notOk", { count: result.errors.length })}</b>
          {result.ok ? <p>{t("campaigns.check.okHint")}</p> : null}
        </div>
      </div>
      <Issues title={t("campaigns.check.errors")} issues={result.errors} tone="bad" />
      <Issues title={t("campaigns.check.warnings")} issues={result.warnings} tone="warn" />
    </>
  );
}

function Issues({ title, issues, tone }: { title: string; issues: ContentIssue[]; tone: "bad" | "warn" }) {
  const { t } = useTranslation();
  if (issues.length === 0) return null;
  return (
    <>
      <h3 className={classes.heading}>{title}</h3>
      <ul className={classes.list}>
        {issues.map((issue, index) => (
          <li key={index}>
            <Icon
              name={tone === "bad" ? "error" : "warning"}
              size={15}
              style={{ color: `var(--${tone}-text)`, marginTop: 2 }}
            />
            <span>
              {issue.message}{" "}
              <span className="muted">
                {issue.part}
                {issue.line ? `, ${t("campaigns.check.where", { line: issue.line, column: issue.column ?? 1 })}` : ""}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
