// The language of the search box on a quarter of a page.
import { useTranslation } from "react-i18next";
import classes from "./SearchPage.module.css";

const ROWS = [
  ["rate limit", "word"],
  ['"unusual rate"', "exact"],
  ["provider:gmail", "field"],
  ["kind:deferred,bounced", "several"],
  ["-source:ip-3", "not"],
  ["code:421 OR code:450", "or"],
  ["queued>30s  attempt:2..5", "compare"],
  ["mx_host:gmail*", "begin"],
  ["note:*", "present"],
] as const;

const FIELDS =
  "kind address domain provider source site mx_host code enhanced reply category family phase attempt campaign message recipient stream queued size url client";

export function SyntaxHelp() {
  const { t } = useTranslation();
  return (
    <section aria-label={t("search.helpTitle")}>
      <p style={{ margin: "0 0 8px" }}>{t("search.helpIntro")}</p>
      <dl className={classes.help}>
        {ROWS.map(([example, key]) => (
          <div key={key} style={{ display: "contents" }}>
            <dt className="mono">{example}</dt>
            <dd>{t(`search.helpRows.${key}`)}</dd>
          </div>
        ))}
      </dl>
      <p style={{ margin: "10px 0 0", fontSize: "0.8125rem" }}>
        <b>{t("search.helpFields")}</b> <span className="mono muted">{FIELDS}</span>
      </p>
    </section>
  );
}
