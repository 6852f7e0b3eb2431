// Domains with the most recipients waiting.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ControlEntry, QueueDomain } from "~/api/types";
import { ControlButton, isHeld } from "~/components/ControlButton";
import { LinkButton, TextLink } from "~/components/links";
import { ProviderName } from "~/components/ProviderName";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Dash } from "~/ui/Dash";
import { EmptyState } from "~/ui/States";

export function DomainsTable({ domains, controls }: { domains: QueueDomain[]; controls: ControlEntry[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<QueueDomain>[]>(
    () => [
      {
        id: "domain",
        header: t("delivery.domain"),
        grow: true,
        primary: true,
        sort: (row) => row.domain,
        cell: (row) => (
          <TextLink to="/delivery/mail" search={{ filter: `domain:${row.domain}` }}>
            {row.domain}
          </TextLink>
        ),
      },
      {
        id: "provider",
        header: t("numbers.provider"),
        sort: (row) => row.provider ?? "",
        cell: (row) => (row.provider ? <ProviderName name={row.provider} /> : <Dash />),
      },
      {
        id: "site",
        header: t("delivery.site"),
        hideBelow: "md",
        sort: (row) => row.site ?? "",
        cell: (row) => row.site ?? "–",
      },
      {
        id: "recipients",
        header: t("delivery.waitingCount"),
        align: "right",
        sort: (row) => row.recipients,
        cell: (row) => format.number(row.recipients),
      },
      {
        id: "control",
        header: t("table.actions"),
        cell: (row) => (
          <span style={{ display: "inline-flex", gap: 6 }}>
            <LinkButton
              to="/delivery/resolve"
              search={{ domain: row.domain }}
              variant="default"
              size="compact-xs"
              aria-label={t("resolve.openFor", { domain: row.domain })}
            >
              {t("resolve.short")}
            </LinkButton>
            <ControlButton
              kind="domain"
              name={row.domain}
              action={isHeld(controls, "domain", row.domain) ? "release" : "hold"}
              size="compact-xs"
            />
          </span>
        ),
      },
    ],
    [t, format, controls],
  );
  return (
    <DataTable
      caption={t("delivery.domainsTitle")}
      columns={columns}
      rows={domains}
      rowKey={(row) => row.domain}
      initialSort={{ id: "recipients", desc: true }}
      empty={<EmptyState icon="check" title={t("delivery.emptyTitle")} />}
    />
  );
}
