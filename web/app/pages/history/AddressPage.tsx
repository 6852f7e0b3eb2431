// Every mail to one address, newest first.
import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { recipientsOfAddressQuery } from "~/api/monitoring";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { RecordButton } from "~/components/RecordButton";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import classes from "./History.module.css";
import { SummaryTable } from "./SummaryTable";

export function AddressPage() {
  const { t } = useTranslation();
  const { address } = useSearch({ from: "/app/monitoring/recipients" });
  const navigate = useNavigate({ from: "/monitoring/recipients" });
  return (
    <Page
      title={address ? t("history.addressOf", { address }) : t("history.addressTitle")}
      trail={<TextLink to="/monitoring/search">{t("history.trail")}</TextLink>}
      actions={address ? <RecordButton about={{ address }} /> : null}
    >
      <AddressForm
        key={address}
        address={address ?? ""}
        onShow={(wanted) => navigate({ search: { address: wanted } })}
      />
      <Panel flush>
        {address ? (
          <Mails address={address} />
        ) : (
          <EmptyState icon="mail" title={t("history.addressStart")}>
            {t("history.addressStartHint")}
          </EmptyState>
        )}
      </Panel>
    </Page>
  );
}

function AddressForm({ address, onShow }: { address: string; onShow: (address: string) => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(address);
  return (
    <form
      className={classes.addressForm}
      onSubmit={(event) => {
        event.preventDefault();
        if (typed.trim()) onShow(typed.trim());
      }}
    >
      <TextInput
        style={{ flex: 1 }}
        label={t("history.addressField")}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoComplete="off"
        spellCheck={false}
      />
      <Button type="submit" size="sm">
        {t("history.addressShow")}
      </Button>
    </form>
  );
}

function Mails({ address }: { address: string }) {
  const { t } = useTranslation();
  const query = useQuery(recipientsOfAddressQuery(address));
  return (
    <Loaded query={query}>
      {({ items }) =>
        items.length === 0 ? (
          <EmptyState icon="mail" title={t("history.addressEmpty")}>
            {t("history.addressEmptyHint")}
          </EmptyState>
        ) : (
          <SummaryTable rows={items} caption={t("history.addressOf", { address })} withMessage />
        )
      }
    </Loaded>
  );
}
