// What is going out now: each campaign with its bar, leading to its report. When nothing is, the one that went out last.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { latestCampaignsQuery } from "~/api/campaigns";
import { useTick } from "~/api/live";
import type { CampaignCounts, CampaignState } from "~/api/types";
import { CampaignProgress, finishedOf } from "~/components/CampaignProgress";
import { TextLink } from "~/components/links";
import { CampaignStateTag } from "~/components/StateTags";
import { Time } from "~/components/Time";
import { useCampaignsSettled } from "~/hooks/useCampaignsSettled";
import { useFormat } from "~/hooks/useFormat";
import { Panel } from "~/ui/Panel";
import { LoadingLines } from "~/ui/States";
import classes from "./NowPage.module.css";

interface Row {
  id: string;
  name: string;
  state: CampaignState;
  counts: CampaignCounts;
  finished: string | null;
}

/** Null as long as nothing is known. */
function useRows(): Row[] | null {
  const tick = useTick();
  useCampaignsSettled();
  const latest = useQuery(latestCampaignsQuery);
  if (latest.isPending) return null;
  const known = (latest.data?.items ?? []).flatMap((campaign): Row[] => {
    const { id, name, state, counts, finished_at } = campaign;
    return counts && state !== "draft" ? [{ id, name, state, counts, finished: finished_at }] : [];
  });
  // Before the first tick the list alone tells.
  const running: Row[] = tick
    ? tick.campaigns.map((campaign) => ({ ...campaign, finished: null }))
    : known.filter((row) => row.state === "sending" || row.state === "paused");
  if (running.length > 0) return running;
  const ended = known.filter((row) => row.finished !== null);
  return ended.sort((a, b) => ((a.finished ?? "") < (b.finished ?? "") ? 1 : -1)).slice(0, 1);
}

export function NowCampaigns() {
  const { t } = useTranslation();
  const rows = useRows();
  if (rows === null)
    return (
      <Panel title={t("monitoring.campaignsTitle")}>
        <div className={classes.campaignWaiting}>
          <LoadingLines label={t("states.loading")} lines={2} />
        </div>
      </Panel>
    );
  if (rows.length === 0) return null;
  const runs = rows.some((row) => row.finished === null);
  return (
    <Panel title={t(runs ? "monitoring.campaignsTitle" : "monitoring.lastCampaignTitle")}>
      <ul className={classes.campaigns}>
        {rows.map((row) => (
          <CampaignRow key={row.id} row={row} />
        ))}
      </ul>
    </Panel>
  );
}

function CampaignRow({ row }: { row: Row }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { counts } = row;
  const done = finishedOf(counts);
  const facts = [
    t("campaigns.progressOf", { done: format.number(done), total: format.number(counts.audience) }),
    counts.queued > 0
      ? t("report.left", { queued: format.number(counts.queued), deferred: format.number(counts.deferred_now) })
      : null,
    `${t("numbers.opens")} ${format.share(counts.opens, counts.delivered)}`,
    `${t("numbers.clicks")} ${format.share(counts.clicks, counts.delivered)}`,
    `${t("numbers.complaints")} ${format.number(counts.complaints)}`,
  ];
  return (
    <li className={classes.campaign}>
      <span className={classes.campaignHead}>
        <TextLink to="/campaigns/$campaignId" params={{ campaignId: row.id }} fw={650}>
          {row.name}
        </TextLink>
        <CampaignStateTag state={row.state} />
        <b className="num">{format.share(done, counts.audience)}</b>
        {row.finished ? (
          <span className="muted">
            <Time at={row.finished} relative />
          </span>
        ) : null}
      </span>
      <CampaignProgress counts={counts} height={10} />
      <span className={classes.campaignFacts}>
        {facts.map((fact) => (fact ? <span key={fact}>{fact}</span> : null))}
      </span>
    </li>
  );
}
