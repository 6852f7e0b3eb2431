// The keys of one domain: asks the DNS, makes successors, lets a key sign at once, erases one.
import { Button, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { activateDkim, checkDkim, dkimQuery, eraseDkim, rotateDkim } from "~/api/delivery";
import type { DkimKey } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { Problem } from "~/components/Problem";
import { usePermissions } from "~/components/usePermission";
import { useToast } from "~/components/useToast";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";
import { KeyEntry } from "./KeyEntry";

type Asked = { act: "rotate" } | { act: "activate" | "erase"; key: DkimKey };

export function DomainPanel({ domain, keys }: { domain: string; keys: DkimKey[] }) {
  const { t } = useTranslation();
  const { delivery } = usePermissions();
  const toast = useToast();
  const client = useQueryClient();
  const [asked, setAsked] = useState<Asked | null>(null);
  const check = useMutation({
    mutationFn: () => checkDkim(domain),
    onSuccess: async (found) => {
      const wrong = found.items.filter((key) => key.problem !== null && key.state !== "retired").length;
      toast.done(wrong > 0 ? t("dkim.checkedWrong", { count: wrong }) : t("dkim.checkedRight", { domain }));
      await client.invalidateQueries({ queryKey: dkimQuery.queryKey });
    },
    onError: toast.failed,
  });
  const signs = keys.some((key) => key.state === "active");
  return (
    <Panel
      title={domain}
      hint={signs ? undefined : t("dkim.unsigned")}
      actions={
        delivery ? (
          <>
            <Button
              variant="default"
              size="compact-sm"
              leftSection={<Icon name="refresh" size={14} />}
              loading={check.isPending}
              onClick={() => check.mutate()}
              aria-label={t("dkim.checkOf", { domain })}
            >
              {t("dkim.check")}
            </Button>
            {signs ? (
              <Button
                variant="default"
                size="compact-sm"
                onClick={() => setAsked({ act: "rotate" })}
                aria-label={t("dkim.rotateOf", { domain })}
              >
                {t("dkim.rotate")}
              </Button>
            ) : null}
          </>
        ) : undefined
      }
      flush
    >
      {keys.map((key) => (
        <KeyEntry key={key.selector} entry={key} onAsk={delivery ? (act) => setAsked({ act, key }) : undefined} />
      ))}
      {asked ? <Question domain={domain} asked={asked} onClose={() => setAsked(null)} /> : null}
    </Panel>
  );
}

function Question({ domain, asked, onClose }: { domain: string; asked: Asked; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const name = asked.act === "rotate" ? domain : asked.key.selector;
  const run = useMutation({
    mutationFn: async () => {
      if (asked.act === "rotate") await rotateDkim(domain);
      else if (asked.act === "activate") await activateDkim(domain, asked.key.selector);
      else await eraseDkim(domain, asked.key.selector);
    },
    onSuccess: async () => {
      toast.done(t(`dkim.questions.${asked.act}.done`, { name }));
      await client.invalidateQueries({ queryKey: dkimQuery.queryKey });
      onClose();
    },
  });
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t(`dkim.questions.${asked.act}.title`, { name })}
      confirm={t(`dkim.${asked.act}`)}
      danger={asked.act === "erase"}
      busy={run.isPending}
      onConfirm={() => run.mutate()}
    >
      <Text size="sm">{t(`dkim.questions.${asked.act}.text`)}</Text>
      {run.isError ? <Problem error={run.error} /> : null}
    </Confirm>
  );
}
