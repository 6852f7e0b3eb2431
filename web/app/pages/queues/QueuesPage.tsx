// What is waiting, where, and what holds it back.
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { queuesQuery } from "~/api/delivery";
import { useTick } from "~/api/live";
import type { Queues } from "~/api/types";
import { BulkOrdersPanel } from "~/components/BulkOrdersPanel";
import { ExplainDialog } from "~/components/ExplainDialog";
import { Loaded } from "~/components/Loaded";
import { RecordingsPanel } from "~/components/RecordingsPanel";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { Stat, StatStrip } from "~/ui/Stat";
import { EmptyState } from "~/ui/States";
import { ControlsPanel } from "./ControlsPanel";
import { DomainsTable } from "./DomainsTable";
import { HoldMail } from "./HoldMail";
import { PathsPanel } from "./PathsPanel";

export function QueuesPage() {
  const { t } = useTranslation();
  const { explain } = useSearch({ from: "/app/delivery/queues" });
  const navigate = useNavigate({ from: "/delivery/queues" });
  const query = useQuery(queuesQuery);
  const setExplain = (value: string | undefined) =>
    navigate({ search: (before) => ({ ...before, explain: value }), replace: true });
  return (
    <Page
      title={t("delivery.queuesTitle")}
      actions={
        <>
          <Button
            variant="default"
            leftSection={<Icon name="search" size={14} />}
            onClick={() => navigate({ to: "/delivery/mail" })}
          >
            {t("queueMail.open")}
          </Button>
          <Button
            variant="default"
            leftSection={<Icon name="info" size={14} />}
            onClick={() => navigate({ to: "/delivery/resolve" })}
          >
            {t("resolve.open")}
          </Button>
          {query.data ? <HoldMail queues={query.data} /> : null}
          <Button variant="default" leftSection={<Icon name="question" size={14} />} onClick={() => setExplain("?")}>
            {t("delivery.explainButton")}
          </Button>
        </>
      }
    >
      <Loaded query={query} lines={12}>
        {(data) => <QueuesContent data={data} />}
      </Loaded>
      <ExplainDialog
        recipient={explain === "?" ? "" : explain}
        onAsk={setExplain}
        onClose={() => setExplain(undefined)}
      />
    </Page>
  );
}

function QueuesContent({ data }: { data: Queues }) {
  const { t } = useTranslation();
  const format = useFormat();
  const tick = useTick();
  const totals = tick?.queue ?? data.totals;
  const waiting = totals.scheduled + totals.ready + totals.in_flight;
  return (
    <>
      <StatStrip label={t("delivery.totals")}>
        <Stat
          label={t("delivery.scheduled")}
          value={format.number(totals.scheduled)}
          note={totals.held > 0 ? t("delivery.heldNote", { count: totals.held }) : t("delivery.scheduledHint")}
        />
        <Stat label={t("delivery.ready")} value={format.number(totals.ready)} note={t("delivery.readyHint")} />
        <Stat
          label={t("delivery.inFlight")}
          value={format.number(totals.in_flight)}
          note={t("delivery.inFlightHint")}
        />
        <Stat label={t("delivery.done")} value={format.number(totals.done)} note={t("delivery.doneHint")} />
      </StatStrip>
      {/* Also over an empty queue: a campaign or a domain stays held for the mail that comes later. */}
      <ControlsPanel controls={data.controls} />
      <BulkOrdersPanel />
      <RecordingsPanel />
      {waiting === 0 && data.paths.length === 0 ? (
        <Panel>
          <EmptyState icon="queue" title={t("delivery.emptyTitle")}>
            {t("delivery.emptyHint")}
          </EmptyState>
        </Panel>
      ) : (
        <>
          <PathsPanel paths={data.paths} />
          <Panel title={t("delivery.domainsTitle")} flush>
            <DomainsTable domains={data.domains} controls={data.controls} />
          </Panel>
        </>
      )}
    </>
  );
}
