// Mail in the queue: who matches a filter, what they have in common, and orders about all of them.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { queueMailQuery } from "~/api/delivery";
import { BulkOrdersPanel } from "~/components/BulkOrdersPanel";
import { ExplainDialog } from "~/components/ExplainDialog";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { useFormat } from "~/hooks/useFormat";
import { LoadMore } from "~/table/LoadMore";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { withTerm } from "~/util/queue-filter";
import { FilterBar } from "./FilterBar";
import { GroupsPanel } from "./GroupsPanel";
import { MailTable } from "./MailTable";
import { OrderMenu } from "./OrderMenu";

export function QueueMailPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { filter = "", sort = "due", explain } = useSearch({ from: "/app/delivery/mail" });
  const navigate = useNavigate({ from: "/delivery/mail" });
  const change = (search: { filter?: string; sort?: typeof sort; explain?: string | undefined }) =>
    navigate({ search: (before) => ({ ...before, ...search, filter: (search.filter ?? filter) || undefined }) });
  const query = useInfiniteQuery({ ...queueMailQuery(filter, sort), placeholderData: keepPreviousData });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const add = (term: string, value: string) => change({ filter: withTerm(filter, term, value) });
  const total = query.data?.pages[0]?.total ?? 0;
  return (
    <Page
      title={t("queueMail.title")}
      trail={<TextLink to="/delivery/queues">{t("delivery.queuesTitle")}</TextLink>}
      meta={t("queueMail.hint")}
      actions={query.isSuccess && total > 0 ? <OrderMenu filter={filter} total={total} /> : undefined}
    >
      <FilterBar
        filter={filter}
        sort={sort}
        onFilter={(text) => change({ filter: text })}
        onSort={(by) => change({ sort: by })}
      />
      <BulkOrdersPanel />
      <Loaded query={query} lines={10}>
        {(data) => (
          <>
            <GroupsPanel groups={data.pages[0]?.groups} total={total} onPick={add} />
            <Panel title={t("queueMail.found", { count: total })} flush>
              <MailTable
                rows={rows}
                onExplain={(recipient) => change({ explain: recipient })}
                onPick={add}
                empty={
                  <EmptyState
                    icon={filter ? "search" : "queue"}
                    title={t(filter ? "queueMail.noMatch" : "delivery.emptyTitle")}
                  >
                    {t(filter ? "queueMail.noMatchHint" : "delivery.emptyHint")}
                  </EmptyState>
                }
              />
              {rows.length > 0 ? (
                <LoadMore
                  shown={t("queueMail.shown", { shown: format.number(rows.length), total: format.number(total) })}
                  label={t("actions.more")}
                  hasMore={query.hasNextPage}
                  loading={query.isFetchingNextPage}
                  onMore={() => query.fetchNextPage()}
                />
              ) : null}
            </Panel>
          </>
        )}
      </Loaded>
      <ExplainDialog
        recipient={explain}
        onAsk={(recipient) => change({ explain: recipient })}
        onClose={() => change({ explain: undefined })}
      />
    </Page>
  );
}
