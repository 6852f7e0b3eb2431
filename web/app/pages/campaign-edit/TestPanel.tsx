// Sends a test to a few addresses and links to its delivery.
import { Button, Stack, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { sendTest } from "~/api/campaigns";
import { sessionQuery } from "~/api/session";
import type { Campaign } from "~/api/types";
import { TextLink } from "~/components/links";
import { Problem } from "~/components/Problem";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";
import { looksLikeAddress, splitAddresses } from "~/util/address";

export function TestPanel({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation();
  const { data: account } = useQuery(sessionQuery);
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? account?.email ?? "";
  const addresses = splitAddresses(text);
  const wrong = addresses.find((address) => !looksLikeAddress(address));
  const send = useMutation({ mutationFn: () => sendTest(campaign.id, addresses) });
  return (
    <Panel title={t("campaigns.test.title")} hint={t("campaigns.test.hint")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (addresses.length > 0 && !wrong) send.mutate();
        }}
      >
        <Stack gap="sm">
          <TextInput
            label={t("campaigns.test.addresses")}
            description={t("campaigns.test.addressesHint")}
            value={text}
            onChange={(event) => setTyped(event.currentTarget.value)}
            error={wrong ? t("errors.address") : null}
          />
          <div>
            <Button
              type="submit"
              variant="default"
              leftSection={<Icon name="mail" size={14} />}
              loading={send.isPending}
              disabled={addresses.length === 0}
            >
              {t("campaigns.test.send")}
            </Button>
          </div>
          {send.isError ? <Problem error={send.error} /> : null}
          {send.data ? (
            <div role="status">
              <p style={{ margin: 0 }}>
                <Icon name="check" size={14} style={{ color: "var(--good-text)", verticalAlign: "-2px" }} />{" "}
                {t("campaigns.test.sent", { count: send.data.recipients })}{" "}
                <TextLink
                  to="/monitoring/messages/$messageId"
                  params={{ messageId: send.data.message }}
                  underline="always"
                >
                  {t("campaigns.test.history")}
                </TextLink>
              </p>
              {send.data.rejected.map((entry) => (
                <p key={entry.address} style={{ margin: 0, color: "var(--bad-text)" }}>
                  {t("campaigns.test.rejected", entry)}
                </p>
              ))}
            </div>
          ) : null}
        </Stack>
      </form>
    </Panel>
  );
}
