// All providers of the last 24 hours: the way to a provider's page.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { providersSummaryQuery } from "~/api/monitoring";
import type { ProvidersSummary } from "~/api/types";
import { Loaded } from "~/components/Loaded";
import { LinkButton, TextLink } from "~/components/links";
import { OutcomeRate } from "~/components/OutcomeRate";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { share } from "~/util/format";

type Row = ProvidersSummary["items"][number];

export function ProvidersPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(providersSummaryQuery);
  const columns = useMemo<Column<Row>[]>(() => {
    const rate = (name: "delivered" | "deferred" | "bounced" | "blocked", header: string): Column<Row> => ({
      id: name,
      header,
      align: "right",
      sort: (row) => share(row[name], row.attempts) ?? -1,
      cell: (row) => <OutcomeRate outcomes={row} name={name} />,
    });
    return [
      {
        id: "provider",
        header: t("numbers.provider"),
        grow: true,
        primary: true,
        sort: (row) => row.label,
        cell: (row) => (
          <TextLink to="/monitoring/providers/$provider" params={{ provider: row.provider }} fw={600}>
            {row.label}
          </TextLink>
        ),
      },
      {
        id: "attempts",
        header: t("numbers.attempts"),
        align: "right",
        sort: (row) => row.attempts,
        cell: (row) => format.number(row.attempts),
      },
      rate("delivered", t("numbers.accepted")),
      rate("deferred", t("numbers.deferred")),
      rate("bounced", t("numbers.bounced")),
      rate("blocked", t("numbers.blocked")),
      {
        id: "complaints",
        header: t("numbers.complaints"),
        align: "right",
        sort: (row) => row.complaints,
        cell: (row) => format.number(row.complaints),
      },
      {
        id: "delay",
        header: t("numbers.delay"),
        align: "right",
        sort: (row) => row.delay.p95_s ?? -1,
        cell: (row) => `${format.duration(row.delay.p50_s)} / ${format.duration(row.delay.p95_s)}`,
      },
    ];
  }, [t, format]);
  return (
    <Page title={t("monitoring.providersPage")} meta={t("monitoring.providersPageHint")}>
      <Panel flush>
        <Loaded query={query}>
          {(data) => (
            <DataTable
              caption={t("monitoring.providersPage")}
              columns={columns}
              rows={data.items}
              rowKey={(row) => row.provider}
              small="cards"
              initialSort={{ id: "attempts", desc: true }}
              empty={
                <EmptyState
                  icon="provider"
                  title={t("monitoring.quietTitle")}
                  action={
                    <LinkButton to="/campaigns" variant="default">
                      {t("monitoring.quietAction")}
                    </LinkButton>
                  }
                >
                  {t("monitoring.quietHint")}
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </Panel>
    </Page>
  );
}
