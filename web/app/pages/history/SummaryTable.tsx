// Mails as a table: one line per recipient and message.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { RecipientSummary } from "~/api/types";
import { TextLink } from "~/components/links";
import { RecipientStateTag } from "~/components/StateTags";
import { Time } from "~/components/Time";
import { type Column, DataTable } from "~/table/DataTable";
import { Dash } from "~/ui/Dash";

interface SummaryTableProps {
  rows: RecipientSummary[];
  caption: string;
  /** On the page of an address: the message instead of the address. */
  withMessage: boolean;
}

export function SummaryTable({ rows, caption, withMessage }: SummaryTableProps) {
  const { t } = useTranslation();
  const columns = useMemo<Column<RecipientSummary>[]>(
    () => [
      {
        id: "recipient",
        header: withMessage ? t("history.received") : t("history.address"),
        primary: true,
        grow: !withMessage,
        cell: (row) => (
          <TextLink to="/monitoring/recipients/$recipientId" params={{ recipientId: row.recipient }} fw={550}>
            {withMessage ? <Time at={row.at} /> : row.address}
          </TextLink>
        ),
      },
      { id: "state", header: t("history.state"), cell: (row) => <RecipientStateTag state={row.state} /> },
      { id: "provider", header: t("numbers.provider"), cell: (row) => row.provider ?? <Dash /> },
      ...(withMessage
        ? [
            {
              id: "campaign",
              header: t("history.campaign"),
              grow: true,
              cell: (row: RecipientSummary) =>
                row.campaign ? (
                  <TextLink to="/campaigns/$campaignId" params={{ campaignId: row.campaign }} className="mono">
                    {row.campaign}
                  </TextLink>
                ) : (
                  <Dash />
                ),
            },
            {
              id: "message",
              header: t("history.message"),
              cell: (row: RecipientSummary) => (
                <TextLink to="/monitoring/messages/$messageId" params={{ messageId: row.message }} className="mono">
                  {row.message}
                </TextLink>
              ),
            },
          ]
        : [{ id: "at", header: t("history.last"), cell: (row: RecipientSummary) => <Time at={row.at} /> }]),
    ],
    [t, withMessage],
  );
  return <DataTable caption={caption} columns={columns} rows={rows} rowKey={(row) => row.recipient} small="cards" />;
}
