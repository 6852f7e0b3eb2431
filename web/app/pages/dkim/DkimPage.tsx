// DKIM keys of all domains: where each is in its life, and the record that the DNS has to carry. Never a private key.
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { dkimQuery } from "~/api/delivery";
import type { DkimKey } from "~/api/types";
import { Loaded } from "~/components/Loaded";
import { usePermissions } from "~/components/usePermission";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { DomainPanel } from "./DomainPanel";
import { NewDkimKeyDialog } from "./NewDkimKeyDialog";

export function DkimPage() {
  const { t } = useTranslation();
  const { delivery } = usePermissions();
  const query = useQuery({ ...dkimQuery, refetchInterval: 15_000 });
  const [creating, creation] = useDisclosure(false);
  const make = delivery ? (
    <Button leftSection={<Icon name="plus" size={14} />} onClick={creation.open}>
      {t("dkim.make")}
    </Button>
  ) : undefined;
  return (
    <Page title={t("dkim.title")} meta={t("dkim.hint")} actions={make}>
      <Loaded query={query} lines={10}>
        {(data) =>
          data.items.length === 0 ? (
            <Panel>
              <EmptyState icon="key" title={t("dkim.none")}>
                {t("dkim.noneHint")}
              </EmptyState>
            </Panel>
          ) : (
            domainsOf(data.items).map(([domain, keys]) => <DomainPanel key={domain} domain={domain} keys={keys} />)
          )
        }
      </Loaded>
      {creating ? <NewDkimKeyDialog onClose={creation.close} /> : null}
    </Page>
  );
}

const ORDER = ["pending", "active", "retiring", "retired"];

/** Keys by domain; those that need something of the person first. */
function domainsOf(keys: DkimKey[]): [string, DkimKey[]][] {
  const domains = new Map<string, DkimKey[]>();
  for (const key of keys) domains.set(key.domain, [...(domains.get(key.domain) ?? []), key]);
  for (const own of domains.values()) own.sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  return [...domains].sort(([a], [b]) => a.localeCompare(b));
}
