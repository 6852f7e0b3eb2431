// All providers of the last 24 hours: the way to a provider's page.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { providersSummaryQuery } from "~/api/monitoring";
import type { ProviderRow } from "~/api/types";
import { Loaded } from "~/components/Loaded";
import { LinkButton } from "~/components/links";
import { ProviderName } from "~/components/ProviderName";
import { useRateColumns } from "~/components/useRateColumns";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Dash } from "~/ui/Dash";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import classes from "./Provider.module.css";

export function ProvidersPage() {
  const { t } = useTranslation();
  const query = useQuery(providersSummaryQuery);
  const columns = useProviderColumns();
  return (
    <Page title={t("monitoring.providersPage")} meta={t("monitoring.providersPageHint")}>
      <Panel flush>
        <Loaded query={query}>
          {(data) => (
            <DataTable
              caption={t("monitoring.providersPage")}
              columns={columns}
              rows={data.providers}
              rowKey={(row) => row.provider ?? ""}
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

function useProviderColumns(): Column<ProviderRow>[] {
  const { t } = useTranslation();
  const format = useFormat();
  const measures = useRateColumns<ProviderRow>();
  return useMemo(
    () => [
      {
        id: "provider",
        header: t("numbers.provider"),
        primary: true,
        sort: (row) => row.provider ?? "",
        cell: (row) => <ProviderName name={row.provider} strong />,
      },
      ...measures,
      {
        id: "complaints",
        header: t("numbers.complaints"),
        align: "right",
        sort: (row) => row.complaints,
        cell: (row) => format.number(row.complaints),
      },
      {
        id: "reply",
        header: t("monitoring.topReply"),
        grow: true,
        hideBelow: "md",
        cell: (row) =>
          row.top_reply ? (
            <span className={`mono clamp-2 ${classes.reply}`} title={row.top_reply.sample}>
              {row.top_reply.template}
            </span>
          ) : (
            <Dash />
          ),
      },
    ],
    [t, format, measures],
  );
}
