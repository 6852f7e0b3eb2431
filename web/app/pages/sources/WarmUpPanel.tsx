// A source that warms up: its plan, today at each provider, and one provider in full.
import { Select } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { WarmUp, WarmUpTrack } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { useProviderInfo } from "~/hooks/useProviderInfo";
import { Progress } from "~/ui/Bars";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { Tag } from "~/ui/Tag";
import type { Tone } from "~/ui/tones";
import classes from "./WarmUp.module.css";
import { WarmUpActions } from "./WarmUpActions";
import { WarmUpCurve } from "./WarmUpCurve";
import { WarmUpDays } from "./WarmUpDays";

export function WarmUpPanel({ plan }: { plan: WarmUp }) {
  const { t } = useTranslation();
  const name = useTrackName();
  const [chosen, setChosen] = useState<string | null>(null);
  const track = plan.tracks.find((entry) => entry.provider === chosen) ?? plan.tracks[0];
  return (
    <>
      <Panel
        title={t("warmUp.title", { source: plan.source })}
        hint={<PlanWords plan={plan} />}
        actions={<WarmUpActions plan={plan} />}
      >
        {track ? (
          <ul className={classes.today} aria-label={t("warmUp.today")}>
            {plan.tracks.map((entry) => (
              <Today key={entry.provider} track={entry} />
            ))}
          </ul>
        ) : (
          <EmptyState icon="source" title={t("warmUp.noMail")}>
            {t("warmUp.noMailHint")}
          </EmptyState>
        )}
        {plan.tracks.length > 1 && track ? (
          <Select
            className={classes.choice}
            label={t("warmUp.provider")}
            data={plan.tracks.map((entry) => ({ value: entry.provider, label: name(entry.provider) }))}
            value={track.provider}
            onChange={setChosen}
            allowDeselect={false}
          />
        ) : null}
      </Panel>
      {track ? (
        <>
          <WarmUpCurve track={track} name={name(track.provider)} />
          <Panel title={t("warmUp.days", { provider: name(track.provider) })} flush>
            <WarmUpDays track={track} name={name(track.provider)} />
          </Panel>
        </>
      ) : null}
    </>
  );
}

function PlanWords({ plan }: { plan: WarmUp }) {
  const { t } = useTranslation();
  const format = useFormat();
  const words = [
    plan.plan ? t("warmUp.plan", { plan: plan.plan }) : t("warmUp.ownPlan"),
    plan.hours,
    t(`warmUp.overflow.${plan.overflow}`),
    t("warmUp.limits", {
      refusals: format.percent(plan.refusals_percent / 100),
      deferrals: format.percent(plan.deferrals_percent / 100),
      complaints: format.percent(plan.complaints_percent / 100),
    }),
  ];
  return <>{words.join(" · ")}</>;
}

const TONES: Record<WarmUpTrack["state"], Tone> = {
  waiting: "neutral",
  warming: "info",
  stopped: "bad",
  paused: "warn",
  finished: "good",
};

/** One provider today: how much of the day's volume is used, and how it goes. */
function Today({ track }: { track: WarmUpTrack }) {
  const { t } = useTranslation();
  const format = useFormat();
  const name = useTrackName();
  const used = track.today.delivered + track.in_flight;
  const words = t("warmUp.used", { used: format.number(used), volume: format.number(track.volume) });
  const label = name(track.provider);
  return (
    <li className={classes.entry}>
      <span className={classes.head}>
        <b>{label}</b>
        <Tag tone={TONES[track.state]} dot>
          {t(`warmUp.states.${track.state}`)}
        </Tag>
      </span>
      {track.state === "finished" ? null : (
        <>
          <Progress value={used} max={track.volume} label={`${label}: ${words}`} tone={TONES[track.state]} />
          <span className={classes.note}>
            {t("warmUp.day", { day: track.day, days: track.volumes.length })} · {words}
            {track.next_volume === null || track.next_volume === undefined
              ? null
              : ` · ${t("warmUp.next", { volume: format.number(track.next_volume) })}`}
          </span>
        </>
      )}
      {track.trouble ? <span className={classes.trouble}>{track.trouble}</span> : null}
    </li>
  );
}

/** What people call a provider; all that have no volumes of their own share one entry. */
export function useTrackName(): (provider: string) => string {
  const { t } = useTranslation();
  const { label } = useProviderInfo();
  return (provider) => (provider === "*" ? t("warmUp.others") : label(provider));
}
