// How each provider is treated, and what is in force right now.
import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { providersQuery } from "~/api/delivery";
import { Loaded } from "~/components/Loaded";
import { Page } from "~/ui/Page";
import { EmptyState } from "~/ui/States";
import { ProviderCard } from "./ProviderCard";

export function ProviderRulesPage() {
  const { t } = useTranslation();
  const { name = "" } = useSearch({ from: "/app/delivery/providers" });
  const navigate = useNavigate({ from: "/delivery/providers" });
  const query = useQuery({ ...providersQuery, refetchInterval: 10_000 });
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
          return shown.map((item) => <ProviderCard key={item.name} provider={item} open={shown.length <= 2} />);
        }}
      </Loaded>
    </Page>
  );
}
