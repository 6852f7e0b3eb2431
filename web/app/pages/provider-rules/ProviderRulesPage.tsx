// How each provider is treated, and what is in force right now.
import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { providersQuery, rulesQuery } from "~/api/delivery";
import { Loaded } from "~/components/Loaded";
import { Problem } from "~/components/Problem";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { FindingsPanel } from "./FindingsPanel";
import { ProviderCard } from "./ProviderCard";
import { RulesTable } from "./RulesTable";
import { ShapingPanels } from "./ShapingPanels";

export function ProviderRulesPage() {
  const { t } = useTranslation();
  const { name = "" } = useSearch({ from: "/app/delivery/providers" });
  const navigate = useNavigate({ from: "/delivery/providers" });
  const query = useQuery({ ...providersQuery, refetchInterval: 10_000 });
  const rules = useQuery({ ...rulesQuery, refetchInterval: 10_000 });
  const general = rules.data?.items.filter((rule) => rule.providers.length === 0) ?? [];
  const needle = name.toLowerCase();
  return (
    <Page
      title={t("delivery.providersTitle")}
      meta={t("delivery.providersHint")}
      actions={
        <TextInput
          size="xs"
          w={220}
          aria-label={t("delivery.filterProviders")}
          placeholder={t("delivery.filterProviders")}
          value={name}
          onChange={(event) => {
            const value = event.currentTarget.value;
            navigate({ search: { name: value || undefined }, replace: true });
          }}
        />
      }
    >
      <FindingsPanel />
      <ShapingPanels needle={needle} />
      {rules.isError ? <Problem error={rules.error} retry={rules.refetch} /> : null}
      <Loaded query={query} lines={12}>
        {(data) => {
          const shown = data.items.filter((item) =>
            `${item.name} ${item.label ?? ""} ${item.suffixes.join(" ")}`.toLowerCase().includes(needle),
          );
          if (shown.length === 0) {
            return (
              <EmptyState icon="search" title={t("delivery.noMatch")}>
                {t("delivery.noMatchHint")}
              </EmptyState>
            );
          }
          return shown.map((item) => (
            <ProviderCard
              key={item.name}
              provider={item}
              rules={rules.data?.items.filter((rule) => rule.providers.includes(item.name))}
              open={shown.length <= 2}
            />
          ));
        }}
      </Loaded>
      {general.length > 0 && needle === "" && !query.isPending ? (
        <Panel title={t("rules.general")} hint={t("rules.generalHint")} flush>
          <RulesTable rules={general} caption={t("rules.general")} />
        </Panel>
      ) : null}
    </Page>
  );
}
