// One path: how it flows, what slows it, its limits as configured and now, its latest refusals.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { pathQuery } from "~/api/delivery";
import { eventsQuery } from "~/api/monitoring";
import type { QueuePath } from "~/api/types";
import { ControlButton } from "~/components/ControlButton";
import { EventsTable } from "~/components/EventsTable";
import { LastReplyText } from "~/components/LastReplyText";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { RecordButton } from "~/components/RecordButton";
import { ThrottleNote } from "~/components/ThrottleNote";
import { Time } from "~/components/Time";
import { useFormat } from "~/hooks/useFormat";
import { useProviderInfo } from "~/hooks/useProviderInfo";
import { KeyValue } from "~/ui/KeyValue";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { Stat, StatStrip } from "~/ui/Stat";
import { Tag } from "~/ui/Tag";
import { LimitsTable } from "./LimitsTable";

export function PathPage() {
  const { t } = useTranslation();
  const { label } = useProviderInfo();
  const { source, site } = useParams({ from: "/app/delivery/queues/$source/$site" });
  const query = useQuery(pathQuery(source, site));
  const name = `${source}/${site}`;
  const path = query.data;
  const suspended = path?.throttle?.stopped ?? false;
  const q = `source:${source} site:${site}`;
  return (
    <Page
      title={`${source} → ${site}`}
      trail={<TextLink to="/delivery/queues">{t("delivery.pathTrail")}</TextLink>}
      meta={
        <>
          {path ? (
            <TextLink to="/monitoring/providers/$provider" params={{ provider: path.provider }}>
              {label(path.provider)}
            </TextLink>
          ) : null}
          <TextLink to="/monitoring/search" search={{ q, range: "24h" }}>
            {t("delivery.eventsOfPath")}
          </TextLink>
          <TextLink to="/delivery/resolve" search={{ source }}>
            {t("resolve.open")}
          </TextLink>
        </>
      }
      actions={
        <>
          {path ? <RecordButton about={{ source, provider: path.provider }} /> : null}
          {suspended ? null : <ControlButton kind="path" name={name} action="suspend" />}
          {path?.throttle ? <ControlButton kind="path" name={name} action="resume" /> : null}
        </>
      }
    >
      <Loaded query={query} lines={10}>
        {(data) => <PathContent path={data} />}
      </Loaded>
      {/* Below the others: comes when they have their height. */}
      {query.isPending ? null : <FailedEvents q={`${q} kind:deferred,bounced`} />}
    </Page>
  );
}

function FailedEvents({ q }: { q: string }) {
  const { t } = useTranslation();
  const query = useInfiniteQuery({ ...eventsQuery({ q }), refetchInterval: 10_000 });
  return (
    <Panel title={t("delivery.failedEvents")} flush>
      <Loaded query={query}>{(data) => <EventsTable events={data.pages[0]?.items.slice(0, 20) ?? []} />}</Loaded>
    </Panel>
  );
}

function PathContent({ path }: { path: QueuePath }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <>
      <StatStrip label={t("delivery.totals")}>
        <Stat label={t("delivery.ready")} value={format.number(path.ready)} note={t("delivery.readyHint")} />
        <Stat label={t("delivery.backlog")} value={format.number(path.backlog)} note={t("delivery.backlogHint")} />
        <Stat label={t("delivery.inFlight")} value={format.number(path.in_flight)} note={t("delivery.inFlightHint")} />
        <Stat
          label={t("delivery.connections")}
          value={format.number(path.connections)}
          note={t("delivery.ofLimit", { open: path.connections, limit: path.limits.connections_now })}
        />
        <Stat
          label={t("delivery.deliveredPerSecond")}
          value={format.number(path.delivered_per_s, 1)}
          note={t("delivery.lastHalfMinute")}
        />
      </StatStrip>
      <div className="two-columns">
        <Panel title={t("delivery.state")}>
          {path.throttle ? (
            <ThrottleNote throttle={path.throttle} limits={path.limits} />
          ) : (
            <Tag tone={path.connections > 0 ? "good" : "neutral"} dot>
              {t(path.connections > 0 ? "delivery.flowing" : "delivery.idle")}
            </Tag>
          )}
          <div style={{ marginTop: 14 }}>
            <KeyValue
              items={[
                {
                  label: t("delivery.lastReply"),
                  value: (
                    <>
                      <LastReplyText last={path.last_reply} />{" "}
                      {path.last_reply ? <Time at={path.last_reply.at} relative /> : null}
                    </>
                  ),
                },
                {
                  label: t("delivery.attemptsSoFar"),
                  value: [
                    `${t("numbers.delivered")} ${format.number(path.counts.delivered)}`,
                    `${t("numbers.deferred")} ${format.number(path.counts.deferred)}`,
                    `${t("numbers.bounced")} ${format.number(path.counts.bounced)}`,
                  ].join(" · "),
                },
              ]}
            />
          </div>
        </Panel>
        <Panel title={t("delivery.originsTitle")} hint={t("delivery.by", { by: path.limits.set_by })} flush>
          <LimitsTable limits={path.limits} />
        </Panel>
      </div>
    </>
  );
}
