// Failures that say nothing about a provider's attitude: single recipients, the way there, replies that do not say.
import { useTranslation } from "react-i18next";
import { useFormat } from "~/hooks/useFormat";
import type { Apart } from "~/util/trouble";
import { TextLink } from "./links";
import classes from "./TroubleList.module.css";
import { useCategoryName } from "./useCategoryName";

/** Categories named in one line; the search shows all. */
const NAMED = 4;

export function ApartList({ entries, attempts }: { entries: Apart[]; attempts: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const categoryName = useCategoryName();
  return (
    <ul className={classes.apart} aria-label={t("trouble.apart.title")}>
      {entries.map((entry) => (
        <li key={entry.about}>
          <b>{t(`trouble.apart.${entry.about}`)}</b>
          <TextLink to="/monitoring/search" search={{ q: entry.q, range: "24h" }} fz="inherit">
            {t("trouble.apart.attempts", { count: entry.attempts, share: format.share(entry.attempts, attempts) })}
          </TextLink>
          {/* The only category of its kind would say the same twice. */}
          {entry.about === "unclear" ? null : (
            <span>
              {entry.categories
                .slice(0, NAMED)
                .map((row) => `${categoryName(row.category)} ${format.number(row.deferred + row.bounced)}`)
                .join(" · ")}
            </span>
          )}
          {entry.waiting && entry.next ? (
            <span>{t("trouble.waiting", { count: entry.waiting, time: format.time(entry.next) })}</span>
          ) : null}
        </li>
      ))}
    </ul>
  );
}
