// Hold, release, cancel, suspend, resume: asks the program first what would be concerned, then asks the person.
import { Button, type ButtonProps, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { control } from "~/api/delivery";
import type { ControlAction, ControlEntry, ControlKind } from "~/api/types";
import { Icon, type IconName } from "~/ui/Icon";
import { Confirm } from "./Confirm";
import { Problem } from "./Problem";
import { usePermissions } from "./usePermission";
import { useToast } from "./useToast";

const ICONS: Record<ControlAction, IconName> = {
  hold: "pause",
  release: "play",
  cancel: "trash",
  suspend: "pause",
  resume: "play",
};

/** Whether people hold exactly this. */
export function isHeld(controls: readonly ControlEntry[], kind: ControlKind, name: string): boolean {
  return controls.some((entry) => entry.action === "hold" && entry.target.kind === kind && entry.target.name === name);
}

export interface ControlButtonProps extends ButtonProps {
  kind: ControlKind;
  name: string;
  action: ControlAction;
  /** How it is called in the question; else its name. */
  label?: string;
}

export function ControlButton({ kind, name, action, label, ...button }: ControlButtonProps) {
  const { t } = useTranslation();
  const { delivery } = usePermissions();
  const [opened, handlers] = useDisclosure(false);
  if (!delivery) return null;
  return (
    <>
      <Button
        variant="default"
        leftSection={<Icon name={ICONS[action]} size={14} />}
        onClick={handlers.open}
        {...button}
      >
        {t(`delivery.actions.${action}`)}
      </Button>
      {opened ? (
        <ControlQuestion kind={kind} name={name} action={action} label={label ?? name} onClose={handlers.close} />
      ) : null}
    </>
  );
}

interface QuestionProps {
  kind: ControlKind;
  name: string;
  action: ControlAction;
  label: string;
  onClose: () => void;
}

/** The question alone, for whoever has a button of its own. */
export function ControlQuestion({ kind, name, action, label, onClose }: QuestionProps) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  // The way back needs none.
  const asksWhy = action !== "release" && action !== "resume";
  const request = { target: { kind, name }, action };
  const preview = useQuery({
    queryKey: ["control", request],
    queryFn: () => control({ ...request, dry_run: true }),
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
  const run = useMutation({
    mutationFn: () => control({ ...request, reason: reason.trim(), dry_run: false }),
    onSuccess: async (result) => {
      toast.done(t("delivery.controlDone", { count: result.affected }));
      await client.invalidateQueries();
      onClose();
    },
  });
  const concerned = preview.data?.affected ?? 0;
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t(`delivery.controlTitle.${action}`, { name: `${t(`delivery.kinds.${kind}`)} ${label}` })}
      confirm={t(`delivery.actions.${action}`)}
      danger={action === "cancel"}
      busy={run.isPending}
      disabled={!preview.isSuccess}
      onConfirm={() => run.mutate()}
    >
      <Text size="sm">{t(`delivery.controlText.${action}`)}</Text>
      {preview.isError ? (
        <Problem error={preview.error} />
      ) : (
        <Text size="sm" fw={600} mt="sm" aria-live="polite">
          {preview.isPending ? t("delivery.affectsCount") : t("delivery.affects", { count: concerned })}
        </Text>
      )}
      {asksWhy ? (
        <TextInput
          mt="sm"
          label={t("queueMail.reason")}
          description={t("queueMail.reasonHint")}
          maxLength={250}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
      ) : null}
      {run.isError ? <Problem error={run.error} /> : null}
    </Confirm>
  );
}
