// Puts a rule into shadow, where it only counts, or lets it act again: asks first.
import { Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { setShadow } from "~/api/delivery";
import type { RuleDetail } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { Problem } from "~/components/Problem";
import { usePermissions } from "~/components/usePermission";
import { useToast } from "~/components/useToast";

export function ShadowButton({ rule }: { rule: RuleDetail }) {
  const { t } = useTranslation();
  const { delivery } = usePermissions();
  const [opened, handlers] = useDisclosure(false);
  if (!delivery) return null;
  return (
    <>
      <Button variant="default" size="compact-sm" onClick={handlers.open}>
        {t(rule.shadow ? "rules.act" : "rules.toShadow")}
      </Button>
      {opened ? <ShadowQuestion rule={rule} onClose={handlers.close} /> : null}
    </>
  );
}

function ShadowQuestion({ rule, onClose }: { rule: RuleDetail; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const run = useMutation({
    mutationFn: () => setShadow(rule.name, !rule.shadow),
    onSuccess: async () => {
      toast.done(t(rule.shadow ? "rules.actsNow" : "rules.shadowNow", { name: rule.name }));
      for (const queryKey of [["rules"], ["shaping"], ["providers"], ["queues"]])
        await client.invalidateQueries({ queryKey });
      onClose();
    },
  });
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t(rule.shadow ? "rules.actTitle" : "rules.shadowTitle", { name: rule.name })}
      confirm={t(rule.shadow ? "rules.act" : "rules.toShadow")}
      busy={run.isPending}
      onConfirm={() => run.mutate()}
    >
      <Text size="sm">{t(rule.shadow ? "rules.actText" : "rules.shadowText")}</Text>
      {rule.shadow ? (
        <Text size="sm" fw={600} mt="sm">
          {t("rules.wouldHave", { count: rule.counts?.would_have_fired ?? 0 })}
        </Text>
      ) : rule.active.length > 0 ? (
        <Text size="sm" fw={600} mt="sm">
          {t("rules.ends", { count: rule.active.length })}
        </Text>
      ) : null}
      {run.isError ? <Problem error={run.error} /> : null}
    </Confirm>
  );
}
