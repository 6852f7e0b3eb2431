// Each virtual MTA in each hour: how much was accepted. Shows at a glance since when one of them is treated worse.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { MatrixCell } from "~/api/types";
import { useRateText } from "~/components/OutcomeRate";
import { useFormat } from "~/hooks/useFormat";
import { Panel } from "~/ui/Panel";
import classes from "./Provider.module.css";

/** Hours shown; older ones are left out, the curve above has them. */
const HOURS_MAX = 24;

export function MatrixPanel({ cells }: { cells: MatrixCell[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rateText = useRateText();
  const { hours, sources, at } = useMemo(() => {
    const known = [...new Set(cells.map((cell) => cell.hour))].sort().slice(-HOURS_MAX);
    return {
      hours: known,
      sources: [...new Set(cells.map((cell) => cell.source ?? ""))].sort(),
      at: new Map(cells.map((cell) => [`${cell.source ?? ""} ${cell.hour}`, cell])),
    };
  }, [cells]);
  if (hours.length < 2) return null;
  return (
    <Panel title={t("monitoring.matrixTitle")} hint={t("monitoring.matrixHint")}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section style={{ overflowX: "auto" }} tabIndex={0} aria-label={t("monitoring.matrixTitle")}>
        <table className={classes.matrix}>
          <thead>
            <tr>
              <th scope="col">{t("numbers.source")}</th>
              {hours.map((hour) => (
                <th key={hour} scope="col" title={format.full(hour)}>
                  {format.clock(hour)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sources.map((source) => (
              <tr key={source}>
                <th scope="row">{source || t("states.unknown")}</th>
                {hours.map((hour) => {
                  const cell = at.get(`${source} ${hour}`);
                  if (!cell) return <td key={hour} className={classes.cell} />;
                  return (
                    <td
                      key={hour}
                      className={classes.cell}
                      title={rateText(cell.delivered).explanation}
                      style={{ background: shade(cell.delivered.rate) }}
                    >
                      {Math.round(cell.delivered.rate * 100)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  );
}

/** From the soft red at half (or less) over the soft yellow at 85 % to the soft green at all. */
function shade(rate: number): string {
  const [from, to, part] =
    rate < 0.85
      ? ["var(--bad-soft)", "var(--warn-soft)", (rate - 0.5) / 0.35]
      : ["var(--warn-soft)", "var(--good-soft)", (rate - 0.85) / 0.13];
  const percent = Math.round(Math.min(1, Math.max(0, part)) * 100);
  return `color-mix(in srgb, ${to} ${percent}%, ${from})`;
}
