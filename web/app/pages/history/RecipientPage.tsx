// The life of one mail to one person: every event, and the SMTP dialogues.
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { campaignQuery } from "~/api/campaigns";
import { recipientQuery } from "~/api/monitoring";
import type { RecipientHistory } from "~/api/types";
import { CopyButton } from "~/components/CopyButton";
import { ExplainDialog } from "~/components/ExplainDialog";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { RecipientStateTag } from "~/components/StateTags";
import { Icon } from "~/ui/Icon";
import { KeyValue } from "~/ui/KeyValue";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import classes from "./History.module.css";
import { Timeline } from "./Timeline";

export function RecipientPage() {
  const { t } = useTranslation();
  const { recipientId } = useParams({ from: "/app/monitoring/recipients/$recipientId" });
  const query = useQuery(recipientQuery(recipientId));
  const [explaining, setExplaining] = useState(false);
  const data = query.data;
  const waits = data?.state === "queued" || data?.state === "deferred";
  return (
    <Page
      title={data?.address ?? recipientId}
      trail={<TextLink to="/monitoring/search">{t("history.trail")}</TextLink>}
      badge={data ? <RecipientStateTag state={data.state} /> : null}
      meta={
        <span>
          <span className="mono">{recipientId}</span> <CopyButton text={recipientId} />
        </span>
      }
      actions={
        waits ? (
          <Button
            variant="default"
            leftSection={<Icon name="question" size={14} />}
            onClick={() => setExplaining(true)}
          >
            {t("history.explain")}
          </Button>
        ) : null
      }
    >
      <Loaded query={query} lines={10}>
        {(history) => <HistoryContent history={history} />}
      </Loaded>
      <ExplainDialog
        recipient={explaining ? recipientId : undefined}
        onAsk={() => {}}
        onClose={() => setExplaining(false)}
      />
    </Page>
  );
}

function HistoryContent({ history }: { history: RecipientHistory }) {
  const { t } = useTranslation();
  return (
    <div className={classes.columns}>
      <Panel title={t("history.timeline")} hint={t("history.timelineHint")}>
        {history.events.length > 0 ? (
          <Timeline events={history.events} />
        ) : (
          <EmptyState icon="history" title={t("history.noEvents")}>
            {t("history.noEventsHint")}
          </EmptyState>
        )}
      </Panel>
      <Panel>
        <KeyValue
          items={[
            {
              label: t("history.message"),
              value: (
                <TextLink to="/monitoring/messages/$messageId" params={{ messageId: history.message }}>
                  {t("history.allOfMessage")}
                </TextLink>
              ),
            },
            {
              label: t("history.address"),
              value: (
                <TextLink to="/monitoring/recipients" search={{ address: history.address }}>
                  {t("history.allOfAddress")}
                </TextLink>
              ),
            },
            ...(history.campaign
              ? [{ label: t("history.campaign"), value: <CampaignName id={history.campaign} /> }]
              : []),
            ...(history.contact
              ? [
                  {
                    label: t("history.contact"),
                    value: (
                      <TextLink to="/contacts/$contactId" params={{ contactId: history.contact }}>
                        {history.address}
                      </TextLink>
                    ),
                  },
                ]
              : []),
            ...(history.provider
              ? [
                  {
                    label: t("numbers.provider"),
                    value: (
                      <TextLink to="/monitoring/providers/$provider" params={{ provider: history.provider }}>
                        {history.provider}
                      </TextLink>
                    ),
                  },
                ]
              : []),
          ]}
        />
      </Panel>
    </div>
  );
}

function CampaignName({ id }: { id: string }) {
  const query = useQuery({ ...campaignQuery(id), retry: false });
  return (
    <TextLink to="/campaigns/$campaignId" params={{ campaignId: id }}>
      {query.data?.name ?? id}
    </TextLink>
  );
}
