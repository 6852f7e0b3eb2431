// Sources that cannot send: the first thing one sees, with the reason, since when, and what to do.
import { useTranslation } from "react-i18next";
import type { Source } from "~/api/types";
import { Time } from "~/components/Time";
import { Icon } from "~/ui/Icon";
import classes from "./Sources.module.css";

export function DownPanel({ sources }: { sources: Source[] }) {
  const { t } = useTranslation();
  const down = sources.filter((source) => source.down !== null);
  if (down.length === 0) return null;
  return (
    <section className={classes.down} aria-label={t("delivery.downTitle", { count: down.length })}>
      <Icon name="error" size={18} style={{ color: "var(--bad-text)", marginTop: 2 }} />
      <div>
        <h2 className={classes.downTitle}>{t("delivery.downTitle", { count: down.length })}</h2>
        <ul className={classes.downList}>
          {down.map((source) => (
            <li key={source.name}>
              <b>{source.name}</b>
              {" · "}
              <span className="mono">{source.down?.reason}</span>
              {" · "}
              {t("delivery.downSince")} <Time at={source.down?.since} />
              {source.down?.next_check ? (
                <>
                  {" · "}
                  {t("delivery.nextCheck")} <Time at={source.down.next_check} relative />
                </>
              ) : null}
            </li>
          ))}
        </ul>
        <p className={classes.downMend}>{t("delivery.downMend")}</p>
      </div>
    </section>
  );
}
