// Mails as a table: one line per recipient and message.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { RecipientSummary } from "~/api/types";
import { CampaignName } from "~/components/CampaignName";
import { TextLink } from "~/components/links";
import { ProviderName } from "~/components/ProviderName";
import { ReplyText } from "~/components/ReplyText";
import { RecipientStateTag } from "~/components/StateTags";
import { Time } from "~/components/Time";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Dash } from "~/ui/Dash";

interface SummaryTableProps {
  rows: RecipientSummary[];
  caption: string;
  /** On the page of an address: when and what instead of the address. */
  withMessage: boolean;
}

export function SummaryTable({ rows, caption, withMessage }: SummaryTableProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<RecipientSummary>[]>(
    () => [
      {
        id: "recipient",
        header: withMessage ? t("history.received") : t("history.address"),
        primary: true,
        cell: (row) => (
          <TextLink to="/monitoring/recipients/$recipientId" params={{ recipientId: row.recipient }} fw={550}>
            {withMessage ? <Time at={row.received_at ?? row.last_event} /> : (row.address ?? row.recipient)}
          </TextLink>
        ),
      },
      { id: "state", header: t("history.state"), cell: (row) => <RecipientStateTag state={row.state} /> },
      {
        id: "provider",
        header: t("numbers.provider"),
        cell: (row) => (row.provider ? <ProviderName name={row.provider} /> : <Dash />),
      },
      {
        id: "attempts",
        header: t("report.attempts"),
        align: "right",
        sort: (row) => row.attempts,
        cell: (row) => format.number(row.attempts),
      },
      ...(withMessage
        ? [
            {
              id: "campaign",
              header: t("history.campaign"),
              cell: (row: RecipientSummary) => (row.campaign ? <CampaignName id={row.campaign} /> : <Dash />),
            },
          ]
        : []),
      {
        id: "reply",
        header: t("delivery.lastReply"),
        grow: true,
        cell: (row) =>
          row.last_reply ? (
            <span style={{ fontSize: "0.75rem" }}>
              <ReplyText reply={row.last_reply} clamp />
            </span>
          ) : row.last_error ? (
            <span className="mono clamp-2">{row.last_error}</span>
          ) : (
            <Dash />
          ),
      },
      { id: "last", header: t("history.last"), cell: (row) => <Time at={row.last_event} /> },
    ],
    [t, format, withMessage],
  );
  return <DataTable caption={caption} columns={columns} rows={rows} rowKey={(row) => row.recipient} small="cards" />;
}
