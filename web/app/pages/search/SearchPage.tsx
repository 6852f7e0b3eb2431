// Finds events: one box, a time range, a table whose values refine the search.
import { Button, SegmentedControl } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "~/api/errors";
import { eventsQuery } from "~/api/monitoring";
import { EventsTable } from "~/components/EventsTable";
import { Loaded } from "~/components/Loaded";
import { useFormat } from "~/hooks/useFormat";
import { LoadMore } from "~/table/LoadMore";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { withTerm } from "~/util/query-text";
import { RANGES, type Range } from "~/util/states";
import { OwnRange } from "./OwnRange";
import { rangeStart } from "./range";
import { SearchBox } from "./SearchBox";
import { SearchHints } from "./SearchHints";
import classes from "./SearchPage.module.css";
import { SearchStart } from "./SearchStart";

export function SearchPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { q, range = "24h", from, to } = useSearch({ from: "/app/monitoring/search" });
  const navigate = useNavigate({ from: "/monitoring/search" });
  // The start of a range like "last hour" is fixed when the search is asked, not at each drawing.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new search asks anew
  const start = useMemo(() => rangeStart(range, from, new Date()), [q, range, from]);
  const query = useInfiniteQuery({
    ...eventsQuery({ q: q ?? "", from: start, to: range === "own" ? to : undefined }),
    enabled: q !== undefined,
  });
  const events = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const pages = query.data?.pages ?? [];
  const read = pages.reduce((sum, page) => sum + page.cost.rows_scanned, 0);
  const ms = pages.reduce((sum, page) => sum + page.cost.ms, 0);
  // Those of the search before would point at the wrong characters.
  const hints = query.isPlaceholderData ? [] : (pages[0]?.hints ?? []);
  const trouble = query.error instanceof ApiError && query.error.position !== null ? query.error : null;
  const run = (text: string) => {
    if (text === (q ?? "")) void query.refetch();
    else navigate({ search: (before) => ({ ...before, q: text || undefined }) });
  };

  return (
    <Page title={t("search.title")}>
      <div className={classes.form}>
        <SearchBox key={q} value={q ?? ""} onSearch={run} trouble={trouble} busy={query.isFetching} />
        {hints.length > 0 && !trouble ? <SearchHints q={q ?? ""} hints={hints} onSearch={run} /> : null}
        <div className={classes.range}>
          <div className={classes.ranges}>
            <SegmentedControl
              size="xs"
              aria-label={t("search.range")}
              value={range}
              onChange={(value) =>
                navigate({ search: (before) => ({ ...before, range: value as Range }), replace: true })
              }
              data={RANGES.map((value) => ({ value, label: t(`search.ranges.${value}`) }))}
            />
          </div>
          {range === "own" ? (
            <OwnRange
              from={from}
              to={to}
              onChange={(change) => navigate({ search: (before) => ({ ...before, ...change }), replace: true })}
            />
          ) : null}
          {pages.length > 0 && !trouble ? (
            <span className={classes.cost}>{t("search.cost", { count: read, time: format.millis(ms) })}</span>
          ) : null}
          {q !== undefined ? (
            <Button
              variant="subtle"
              leftSection={<Icon name="refresh" size={13} />}
              onClick={() => query.refetch()}
              loading={query.isFetching}
            >
              {t("actions.refresh")}
            </Button>
          ) : null}
        </div>
      </div>
      {q === undefined ? (
        <SearchStart />
      ) : trouble ? null : (
        <Panel flush>
          <Loaded query={query} lines={10}>
            {() => (
              <>
                <EventsTable
                  events={events}
                  onTerm={(field, value, exclude) => run(withTerm(q, field, value, exclude))}
                />
                {events.length > 0 ? (
                  <LoadMore
                    shown={t("states.shown", { count: events.length })}
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
      )}
    </Page>
  );
}
