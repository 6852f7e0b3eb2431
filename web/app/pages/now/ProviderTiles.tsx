// Providers as tiles: for a screen on the wall.
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { ProviderOutcomes } from "~/api/types";
import { OutcomeBar } from "~/components/OutcomeBar";
import { useRateText } from "~/components/OutcomeRate";
import { useFormat } from "~/hooks/useFormat";
import { Sparkline } from "~/ui/Sparkline";
import classes from "./ProviderTiles.module.css";

export function ProviderTiles({ rows }: { rows: ProviderOutcomes[] }) {
  return (
    <ul className={classes.grid}>
      {rows.map((row) => (
        <li key={row.provider}>
          <Tile row={row} />
        </li>
      ))}
    </ul>
  );
}

function Tile({ row }: { row: ProviderOutcomes }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rateText = useRateText();
  const accepted = rateText(row.delivered, row.attempts);
  const words = [
    `${t("numbers.deferred")} ${format.share(row.deferred, row.attempts)}`,
    `${t("numbers.bounced")} ${format.share(row.bounced, row.attempts)}`,
    `${t("numbers.blocked")} ${format.share(row.blocked, row.attempts)}`,
  ];
  return (
    <Link to="/monitoring/providers/$provider" params={{ provider: row.provider }} className={classes.tile}>
      <span className={classes.head}>
        <b>{row.label}</b>
        <Sparkline values={row.series.map((point) => point.delivered)} width={64} height={20} color="var(--good)" />
      </span>
      <span className={classes.rate}>
        <span className="num">{accepted.shown}</span>
        <small>
          {t("numbers.accepted").toLowerCase()} {t("rate.of", { n: format.number(row.attempts) })}
          <br />
          {accepted.between}
        </small>
      </span>
      <OutcomeBar outcomes={row} height={8} />
      <span className={classes.words}>{words.join(" · ")}</span>
    </Link>
  );
}
