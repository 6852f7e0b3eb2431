// One message: what it is, how its recipients fared.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { messageQuery } from "~/api/monitoring";
import type { MessageHistory, RecipientState } from "~/api/types";
import { CopyButton } from "~/components/CopyButton";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { Time } from "~/components/Time";
import { recipientTone } from "~/components/vocabulary";
import { useFormat } from "~/hooks/useFormat";
import { LoadMore } from "~/table/LoadMore";
import { StackBar } from "~/ui/Bars";
import { KeyValue } from "~/ui/KeyValue";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { Stat, StatStrip } from "~/ui/Stat";
import { SummaryTable } from "./SummaryTable";

const STATES: RecipientState[] = ["delivered", "bounced", "expired", "suppressed", "deferred", "queued"];

export function MessagePage() {
  const { t } = useTranslation();
  const { messageId } = useParams({ from: "/app/monitoring/messages/$messageId" });
  const query = useInfiniteQuery(messageQuery(messageId));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.recipients.items) ?? [], [query.data]);
  const message = query.data?.pages[0];
  return (
    <Page
      title={message?.subject ?? t("history.messageTitle")}
      trail={<TextLink to="/monitoring/search">{t("history.trail")}</TextLink>}
      meta={
        <span>
          <span className="mono">{messageId}</span> <CopyButton text={messageId} />
        </span>
      }
    >
      <Loaded query={query}>{(data) => (data.pages[0] ? <MessageFacts message={data.pages[0]} /> : null)}</Loaded>
      {rows.length > 0 ? (
        <Panel title={t("history.recipients")} flush>
          <SummaryTable rows={rows} caption={t("history.recipients")} withMessage={false} />
          <LoadMore
            shown={t("states.shown", { count: rows.length })}
            label={t("actions.more")}
            hasMore={query.hasNextPage}
            loading={query.isFetchingNextPage}
            onMore={() => query.fetchNextPage()}
          />
        </Panel>
      ) : null}
    </Page>
  );
}

function MessageFacts({ message }: { message: MessageHistory }) {
  const { t } = useTranslation();
  const format = useFormat();
  const total = STATES.reduce((sum, state) => sum + message.counts[state], 0);
  return (
    <>
      <StatStrip label={t("history.recipients")}>
        {STATES.filter((state) => message.counts[state] > 0 || state === "delivered").map((state) => (
          <Stat
            key={state}
            label={t(`recipientState.${state}`)}
            value={format.number(message.counts[state])}
            note={format.share(message.counts[state], total)}
          />
        ))}
      </StatStrip>
      <Panel>
        <StackBar
          label={STATES.map((state) => `${t(`recipientState.${state}`)} ${message.counts[state]}`).join(", ")}
          total={total}
          height={10}
          parts={STATES.map((state) => ({
            label: t(`recipientState.${state}`),
            value: message.counts[state],
            tone: recipientTone[state],
          }))}
        />
        <div style={{ marginTop: 14 }}>
          <KeyValue
            items={[
              { label: t("history.received"), value: <Time at={message.received_at} /> },
              { label: t("history.sender"), value: <span className="mono">{message.sender || "<>"}</span> },
              { label: t("history.stream"), value: message.stream },
              { label: t("history.size"), value: format.bytes(message.size_bytes) },
              ...(message.campaign
                ? [
                    {
                      label: t("history.campaign"),
                      value: (
                        <TextLink to="/campaigns/$campaignId" params={{ campaignId: message.campaign }}>
                          {message.campaign}
                        </TextLink>
                      ),
                    },
                  ]
                : []),
            ]}
          />
        </div>
      </Panel>
    </>
  );
}
