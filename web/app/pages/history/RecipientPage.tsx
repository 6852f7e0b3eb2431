// The life of one mail to one person: every event, and the SMTP dialogues.
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { TFunction } from "i18next";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { recipientQuery } from "~/api/monitoring";
import type { RecipientHistory } from "~/api/types";
import { CampaignName } from "~/components/CampaignName";
import { CopyButton } from "~/components/CopyButton";
import { ExplainDialog } from "~/components/ExplainDialog";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { ProviderName } from "~/components/ProviderName";
import { RecordButton } from "~/components/RecordButton";
import { RecipientStateTag } from "~/components/StateTags";
import { Icon } from "~/ui/Icon";
import { KeyValue } from "~/ui/KeyValue";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import classes from "./History.module.css";
import { NoHistory } from "./NoHistory";
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
        data ? (
          <span>
            <span className="mono">{recipientId}</span> <CopyButton text={recipientId} />
          </span>
        ) : null
      }
      actions={
        waits ? (
          <>
            <RecordButton about={{ recipient: recipientId }} />
            <Button
              variant="default"
              leftSection={<Icon name="question" size={14} />}
              onClick={() => setExplaining(true)}
            >
              {t("history.explain")}
            </Button>
          </>
        ) : null
      }
    >
      <Loaded query={query} gone={<NoHistory />} lines={10}>
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
        <KeyValue items={factsOf(history, t)} />
      </Panel>
    </div>
  );
}

function factsOf(history: RecipientHistory, t: TFunction): { label: string; value: ReactNode }[] {
  const { message, address, campaign, provider } = history;
  const contact = history.events.find((event) => event.contact)?.contact;
  const facts: { label: string; value: ReactNode }[] = [];
  if (campaign) facts.push({ label: t("history.campaign"), value: <CampaignName id={campaign} /> });
  if (provider) facts.push({ label: t("numbers.provider"), value: <ProviderName name={provider} /> });
  if (contact) {
    facts.push({
      label: t("history.contact"),
      value: (
        <TextLink to="/contacts/$contactId" params={{ contactId: contact }}>
          {address ?? contact}
        </TextLink>
      ),
    });
  }
  if (address) {
    facts.push({
      label: t("history.address"),
      value: (
        <TextLink to="/monitoring/recipients" search={{ address }}>
          {t("history.allOfAddress")}
        </TextLink>
      ),
    });
  }
  if (message) {
    facts.push({
      label: t("history.message"),
      value: (
        <TextLink to="/monitoring/messages/$messageId" params={{ messageId: message }}>
          {t("history.allOfMessage")}
        </TextLink>
      ),
    });
  }
  return facts;
}
