// Who got it, who did not, who reacted; each line leads to the history of that mail.
import { Select } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { campaignRecipientsQuery } from "~/api/campaigns";
import type { CampaignRecipient, RecipientFilter } from "~/api/types";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { ProviderName } from "~/components/ProviderName";
import { RecipientStateTag } from "~/components/StateTags";
import { Time } from "~/components/Time";
import { useCategoryName } from "~/components/useCategoryName";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { LoadMore } from "~/table/LoadMore";
import { Dash } from "~/ui/Dash";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { Tag } from "~/ui/Tag";
import { RECIPIENT_FILTERS } from "~/util/states";
import classes from "./ReportPage.module.css";

interface RecipientsTabProps {
  campaignId: string;
  status: RecipientFilter | null;
  onStatus: (status: RecipientFilter | null) => void;
}

export function RecipientsTab({ campaignId, status, onStatus }: RecipientsTabProps) {
  const { t } = useTranslation();
  const query = useInfiniteQuery(campaignRecipientsQuery(campaignId, status));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const columns = useRecipientColumns();
  const filterName = (value: RecipientFilter) =>
    value === "came-back" ||
    value === "opened" ||
    value === "clicked" ||
    value === "automatic" ||
    value === "complained" ||
    value === "unsubscribed"
      ? t(`report.filters.${value}`)
      : t(`recipientState.${value}`);
  return (
    <Panel
      title={t("report.recipients")}
      flush
      actions={
        <Select
          size="xs"
          w={190}
          aria-label={t("report.filter")}
          value={status ?? "all"}
          onChange={(value) => onStatus(RECIPIENT_FILTERS.find((known) => known === value) ?? null)}
          allowDeselect={false}
          data={[
            { value: "all", label: t("report.filters.all") },
            ...RECIPIENT_FILTERS.map((value) => ({ value, label: filterName(value) })),
          ]}
        />
      }
    >
      <Loaded query={query}>
        {() => (
          <>
            <DataTable
              caption={t("report.recipients")}
              columns={columns}
              rows={rows}
              rowKey={(row) => row.recipient}
              small="cards"
              empty={
                <EmptyState icon="contact" title={t("report.noRecipients")}>
                  {t("report.noRecipientsHint")}
                </EmptyState>
              }
            />
            {rows.length > 0 ? (
              <LoadMore
                shown={t("states.shown", { count: rows.length })}
                label={t("actions.more")}
                hasMore={query.hasNextPage}
                loading={query.isFetchingNextPage}
                onMore={() => query.fetchNextPage()}
              />
            ) : null}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

function useRecipientColumns(): Column<CampaignRecipient>[] {
  const { t } = useTranslation();
  const format = useFormat();
  const categoryName = useCategoryName();
  return useMemo(
    () => [
      {
        id: "address",
        header: t("report.address"),
        primary: true,
        cell: (row) => (
          <TextLink to="/monitoring/recipients/$recipientId" params={{ recipientId: row.recipient }}>
            {row.address}
          </TextLink>
        ),
      },
      {
        id: "provider",
        header: t("numbers.provider"),
        hideBelow: "md",
        cell: (row) => (row.provider ? <ProviderName name={row.provider} plain /> : <Dash />),
      },
      {
        id: "state",
        header: t("report.state"),
        cell: (row) => <RecipientStateTag state={row.came_back ? "remote-bounced" : row.state} />,
      },
      { id: "attempts", header: t("report.attempts"), align: "right", cell: (row) => format.number(row.attempts) },
      { id: "reactions", header: t("report.reactions"), cell: (row) => <Reactions row={row} /> },
      {
        id: "reply",
        header: t("report.lastReply"),
        grow: true,
        primary: true,
        cell: (row) =>
          row.last_reply ? (
            <span className={classes.sample}>
              <b>{categoryName(row.category)}</b> <span className="mono muted">{row.last_reply}</span>
            </span>
          ) : (
            <Dash />
          ),
      },
      { id: "at", header: t("report.since"), cell: (row) => <Time at={row.at} /> },
    ],
    [t, format, categoryName],
  );
}

function Reactions({ row }: { row: CampaignRecipient }) {
  const { t } = useTranslation();
  return (
    <span className={classes.reactions}>
      {row.opened ? <Tag tone="info">{t("report.filters.opened")}</Tag> : null}
      {row.clicked ? <Tag tone="accent">{t("report.filters.clicked")}</Tag> : null}
      {row.automatic ? <Tag title={t("report.automaticHint")}>{t("report.filters.automatic")}</Tag> : null}
      {row.complained ? <Tag tone="block">{t("report.filters.complained")}</Tag> : null}
      {row.unsubscribed ? <Tag>{t("report.filters.unsubscribed")}</Tag> : null}
    </span>
  );
}
