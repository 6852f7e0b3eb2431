// Which providers slow mail down or refuse it, why, and what the queue does about it; below, what is no matter of theirs.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { queuesQuery } from "~/api/delivery";
import type { NowDashboard, Queues } from "~/api/types";
import { ApartList } from "~/components/ApartList";
import { TroubleList } from "~/components/TroubleList";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";
import { apartOf, linesOf } from "~/util/trouble";
import classes from "./NowPage.module.css";

/** The queue; undefined until it has been asked, null when it does not answer. */
export function useQueues(): Queues | null | undefined {
  const queues = useQuery(queuesQuery);
  return queues.isPending ? undefined : (queues.data ?? null);
}

export function NowTroubles({ data, queues }: { data: NowDashboard; queues: Queues | null }) {
  const { t } = useTranslation();
  const lines = useMemo(() => linesOf(data.troubles, queues?.paths ?? []), [data, queues]);
  const apart = useMemo(() => apartOf(data.troubles), [data]);
  const rest = apart.length > 0 ? <ApartList entries={apart} attempts={data.totals.attempts} /> : null;
  if (lines.length === 0)
    return (
      <Panel flush>
        <p className={classes.fine}>
          <Icon name="check" size={16} style={{ color: "var(--good-text)" }} /> {t("trouble.noneTitle")}
        </p>
        {rest}
      </Panel>
    );
  return (
    <Panel
      title={t(lines.some((line) => line.now) ? "trouble.title" : "trouble.titleEarlier")}
      hint={t("trouble.hint")}
      flush
    >
      <TroubleList lines={lines} totals={queues?.totals ?? null} />
      {rest}
    </Panel>
  );
}
