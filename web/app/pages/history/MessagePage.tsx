// One message: what it is, how its recipients fared.
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { queuesQuery } from "~/api/delivery";
import { messageQuery } from "~/api/monitoring";
import type { HistoryState, MessageHistory } from "~/api/types";
import { CampaignName } from "~/components/CampaignName";
import { ControlButton, isHeld } from "~/components/ControlButton";
import { CopyButton } from "~/components/CopyButton";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { Time } from "~/components/Time";
import { recipientTone } from "~/components/vocabulary";
import { useFormat } from "~/hooks/useFormat";
import { StackBar } from "~/ui/Bars";
import { KeyValue } from "~/ui/KeyValue";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { Stat, StatStrip } from "~/ui/Stat";
import { NoHistory } from "./NoHistory";
import { SummaryTable } from "./SummaryTable";

/** In the order of the bar. */
const STATES: HistoryState[] = [
  "delivered",
  "remote-bounced",
  "bounced",
  "expired",
  "suppressed",
  "deferred",
  "queued",
];

const WAITING: ReadonlySet<HistoryState> = new Set(["deferred", "queued"]);

export function MessagePage() {
  const { t } = useTranslation();
  const { messageId } = useParams({ from: "/app/monitoring/messages/$messageId" });
  const query = useQuery(messageQuery(messageId));
  return (
    <Page
      title={t("history.messageTitle")}
      trail={<TextLink to="/monitoring/search">{t("history.trail")}</TextLink>}
      actions={query.data ? <MessageControl message={query.data} /> : null}
      meta={
        <span>
          <span className="mono">{messageId}</span> <CopyButton text={messageId} />
        </span>
      }
    >
      <Loaded query={query} gone={<NoHistory />}>
        {(message) => (
          <>
            <MessageFacts message={message} />
            <Panel
              title={t("history.recipients")}
              hint={message.truncated ? t("history.truncated", { count: message.recipients.length }) : undefined}
              flush
            >
              <SummaryTable rows={message.recipients} caption={t("history.recipients")} withMessage={false} />
            </Panel>
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Hold or release, while some of it is in the queue. */
function MessageControl({ message }: { message: MessageHistory }) {
  const { data: queues } = useQuery(queuesQuery);
  const held = isHeld(queues?.controls ?? [], "message", message.message);
  const waiting = message.states.some((entry) => WAITING.has(entry.state) && entry.count > 0);
  if (!held && !waiting) return null;
  return <ControlButton kind="message" name={message.message} action={held ? "release" : "hold"} />;
}

function MessageFacts({ message }: { message: MessageHistory }) {
  const { t } = useTranslation();
  const format = useFormat();
  const counts = new Map(message.states.map((entry) => [entry.state, entry.count]));
  const known = STATES.filter((state) => (counts.get(state) ?? 0) > 0);
  const total = known.reduce((sum, state) => sum + (counts.get(state) ?? 0), 0);
  const parts = known.map((state) => ({
    state,
    label: t(`recipientState.${state}`),
    value: counts.get(state) ?? 0,
    tone: recipientTone[state],
  }));
  return (
    <>
      <StatStrip label={t("history.recipients")}>
        {parts.map((part) => (
          <Stat
            key={part.state}
            label={part.label}
            value={format.number(part.value)}
            note={format.share(part.value, total)}
          />
        ))}
      </StatStrip>
      <Panel>
        <StackBar
          label={parts.map((part) => `${part.label} ${part.value}`).join(", ")}
          total={total}
          height={10}
          parts={parts}
        />
        <div style={{ marginTop: 14 }}>
          <KeyValue
            items={[
              { label: t("history.received"), value: <Time at={message.received_at} /> },
              { label: t("history.sender"), value: <span className="mono">{message.sender || "<>"}</span> },
              ...(message.stream ? [{ label: t("history.stream"), value: message.stream }] : []),
              ...(message.campaign
                ? [{ label: t("history.campaign"), value: <CampaignName id={message.campaign} /> }]
                : []),
            ]}
          />
        </div>
      </Panel>
    </>
  );
}
