// Recipients in the queue, a page at a time: where each is, since when, when it goes on, and the way to "why".
import { Button } from "@mantine/core";
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { QueuedRecipient } from "~/api/types";
import { CampaignName } from "~/components/CampaignName";
import { TextLink } from "~/components/links";
import { Time } from "~/components/Time";
import { useCategoryName } from "~/components/useCategoryName";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Dash } from "~/ui/Dash";
import { Tag } from "~/ui/Tag";

export interface MailTableProps {
  rows: QueuedRecipient[];
  onExplain: (recipient: string) => void;
  onPick: (term: string, value: string) => void;
  empty: ReactNode;
}

export function MailTable({ rows, onExplain, onPick, empty }: MailTableProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const categoryName = useCategoryName();
  const columns = useMemo<Column<QueuedRecipient>[]>(
    () => [
      {
        id: "recipient",
        header: t("queueMail.recipient"),
        primary: true,
        cell: (row) => (
          <TextLink to="/monitoring/recipients/$recipientId" params={{ recipientId: row.recipient }} className="mono">
            {row.recipient}
          </TextLink>
        ),
      },
      {
        id: "domain",
        header: t("delivery.domain"),
        grow: true,
        cell: (row) => (
          <Button variant="subtle" size="compact-xs" onClick={() => onPick("domain", row.domain)}>
            {row.domain}
          </Button>
        ),
      },
      {
        id: "state",
        header: t("delivery.explainState"),
        cell: (row) => (
          <Tag tone={row.held ? "warn" : row.state === "in-flight" ? "good" : "neutral"}>
            {t(`delivery.states.${row.held ? "held" : row.state}`)}
          </Tag>
        ),
      },
      {
        id: "of",
        header: t("queueMail.of"),
        hideBelow: "md",
        cell: (row) => (row.campaign ? <CampaignName id={row.campaign} /> : row.job || `${row.tenant}, ${row.stream}`),
      },
      { id: "attempts", header: t("queueMail.attempts"), align: "right", cell: (row) => format.number(row.attempts) },
      {
        id: "category",
        header: t("delivery.lastReply"),
        cell: (row) => (row.category ? <Tag tone="warn">{categoryName(row.category)}</Tag> : <Dash />),
      },
      { id: "due", header: t("queueMail.due"), cell: (row) => <Time at={row.due} relative /> },
      {
        id: "since",
        header: t("queueMail.since"),
        hideBelow: "lg",
        cell: (row) => <Time at={row.received_at} relative />,
      },
      {
        id: "why",
        header: t("table.actions"),
        primary: true,
        cell: (row) => (
          <Button variant="default" size="compact-xs" onClick={() => onExplain(row.recipient)}>
            {t("queueMail.why")}
          </Button>
        ),
      },
    ],
    [t, format, categoryName, onExplain, onPick],
  );
  return (
    <DataTable
      caption={t("queueMail.title")}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.recipient}
      small="cards"
      empty={empty}
    />
  );
}
