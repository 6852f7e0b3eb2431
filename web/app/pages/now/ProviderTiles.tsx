// Providers as tiles: for a screen on the wall.
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { ProviderRow } from "~/api/types";
import { OutcomeBar } from "~/components/OutcomeBar";
import { useRateText } from "~/components/OutcomeRate";
import { ProviderName } from "~/components/ProviderName";
import { useFormat } from "~/hooks/useFormat";
import { Sparkline } from "~/ui/Sparkline";
import type { ProvidersProps } from "./ProviderTable";
import classes from "./ProviderTiles.module.css";

export function ProviderTiles({ rows, curves }: ProvidersProps) {
  return (
    <ul className={classes.grid}>
      {rows.map((row) => (
        <li key={row.provider}>
          <Tile row={row} curve={curves.get(row.provider ?? "") ?? []} />
        </li>
      ))}
    </ul>
  );
}

function Tile({ row, curve }: { row: ProviderRow; curve: number[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rateText = useRateText();
  const accepted = rateText(row.rates.delivered.now);
  const words = [
    `${t("numbers.deferred")} ${format.percent(row.rates.deferred.now.rate)}`,
    `${t("numbers.bounced")} ${format.percent(row.rates.bounced.now.rate)}`,
    `${t("numbers.blocked")} ${format.percent(row.rates.blocked.now.rate)}`,
  ];
  const content = (
    <>
      <span className={classes.head}>
        <ProviderName name={row.provider} plain />
        <Sparkline values={curve} width={64} height={20} />
      </span>
      <span className={classes.rate}>
        <span className="num">{accepted.shown ?? "–"}</span>
        <small>
          {t("numbers.accepted").toLowerCase()} {t("rate.of", { n: format.number(row.attempts) })}
          <br />
          {accepted.between}
        </small>
      </span>
      <OutcomeBar outcomes={row} height={8} />
      <span className={classes.words}>{words.join(" · ")}</span>
    </>
  );
  if (!row.provider) return <span className={classes.tile}>{content}</span>;
  return (
    <Link to="/monitoring/providers/$provider" params={{ provider: row.provider }} className={classes.tile}>
      {content}
    </Link>
  );
}
