// Before the first search: some to begin with.
import { useTranslation } from "react-i18next";
import { TextLink } from "~/components/links";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { BLOCKED_QUERY } from "~/util/blocked";
import classes from "./SearchPage.module.css";

const EXAMPLES = [
  ["blocked", BLOCKED_QUERY],
  ["deferred", "provider:orange kind:deferred"],
  ["slow", "kind:delivered queued>60s"],
  ["complaints", "kind:complaint"],
  ["connections", "kind:connection-failed"],
] as const;

export function SearchStart() {
  const { t } = useTranslation();
  return (
    <Panel>
      <EmptyState
        icon="search"
        title={t("search.startTitle")}
        action={
          <ul className={classes.examples}>
            {EXAMPLES.map(([key, q]) => (
              <li key={key}>
                <TextLink to="/monitoring/search" search={(before) => ({ ...before, q })} className="mono">
                  {q}
                </TextLink>
                <span>{t(`search.examples.${key}`)}</span>
              </li>
            ))}
          </ul>
        }
      >
        {t("search.startHint")}
      </EmptyState>
    </Panel>
  );
}
