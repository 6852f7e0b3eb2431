// The problems of the content as a list; a click goes to the place.
import { useTranslation } from "react-i18next";
import type { PlacedIssue } from "~/editor/diagnostics";
import { Icon } from "~/ui/Icon";
import classes from "./ContentTab.module.css";

export function IssueList({ issues, onGo }: { issues: PlacedIssue[]; onGo: (issue: PlacedIssue) => void }) {
  const { t } = useTranslation();
  if (issues.length === 0) {
    return (
      <p className={classes.fine}>
        <Icon name="check" size={14} style={{ color: "var(--good-text)" }} /> {t("editor.noProblems")}
      </p>
    );
  }
  return (
    <ul className={classes.issues} aria-label={t("editor.problems", { count: issues.length })}>
      {issues.map((issue, index) => (
        <li key={index}>
          <button type="button" onClick={() => onGo(issue)}>
            <Icon
              name={issue.severity === "error" ? "error" : "warning"}
              size={14}
              style={{
                color: issue.severity === "error" ? "var(--bad-text)" : "var(--warn-text)",
                alignSelf: "center",
              }}
            />
            <span className="muted nowrap">
              {partName(issue.part)}
              {issue.line ? ` · ${t("editor.position", { line: issue.line, column: issue.column ?? 1 })}` : ""}
            </span>
            <span>{issue.message}</span>
          </button>
        </li>
      ))}
    </ul>
  );

  function partName(part: string): string {
    if (part === "subject" || part === "preheader" || part === "body" || part === "text")
      return t(`editor.parts.${part}`);
    return part;
  }
}
