// Which providers slow mail down or refuse it, and why: from the numbers of the dashboard and the paths of the queue.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { queuesQuery } from "~/api/delivery";
import { providersSummaryQuery } from "~/api/monitoring";
import type { NowDashboard, QueuePath, TopReply } from "~/api/types";
import { TroubleList } from "~/components/TroubleList";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";
import { troublesOf } from "~/util/trouble";
import classes from "./NowPage.module.css";

/** What is known besides the dashboard; null until it has been asked. */
export interface TroubleSources {
  paths: QueuePath[];
  /** One reply for each provider: the dashboard names only the most frequent of all. */
  replies: TopReply[];
}

export function useTroubleSources(): TroubleSources | null {
  const queues = useQuery(queuesQuery);
  const summary = useQuery(providersSummaryQuery);
  const waits = queues.isPending || summary.isPending;
  const paths = queues.data?.paths;
  const providers = summary.data?.providers;
  return useMemo(() => {
    if (waits) return null;
    const replies = (providers ?? []).flatMap((row) => (row.top_reply ? [row.top_reply] : []));
    return { paths: paths ?? [], replies };
  }, [waits, paths, providers]);
}

export function NowTroubles({ data, sources }: { data: NowDashboard; sources: TroubleSources }) {
  const { t } = useTranslation();
  const troubles = useMemo(() => {
    const told = new Set(data.top_replies.map((reply) => reply.provider));
    const others = sources.replies.filter((reply) => !told.has(reply.provider));
    return troublesOf(data.by_provider, [...data.top_replies, ...others], sources.paths);
  }, [data, sources]);
  if (troubles.length === 0)
    return (
      <Panel>
        <p className={classes.fine}>
          <Icon name="check" size={16} style={{ color: "var(--good-text)" }} /> {t("trouble.noneTitle")}
        </p>
      </Panel>
    );
  return (
    <Panel title={t("trouble.title")} hint={t("trouble.hint")} flush>
      <TroubleList troubles={troubles} />
    </Panel>
  );
}
