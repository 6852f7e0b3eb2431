// "Record the dialogue": asks for how long and how many, and begins.
import { Button, NumberInput, Select, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { beginRecording } from "~/api/delivery";
import type { RecordingSubject } from "~/api/types";
import { Icon } from "~/ui/Icon";
import { Confirm } from "./Confirm";
import { Problem } from "./Problem";
import { usePermissions } from "./usePermission";
import { useToast } from "./useToast";

/** As the API takes them; the texts are under `recording.lasts`. */
const LASTS = ["10m", "30m", "2h", "1d"] as const;

/** Most dialogues of one recording: `model::recording::DIALOGUES_MAX`. */
const COUNT_MAX = 1000;

/** The terms as people write them: `domain:example.org`. */
export function subjectText(about: RecordingSubject): string {
  return Object.entries(about)
    .filter(([, value]) => value)
    .map(([term, value]) => `${term}:${value}`)
    .join(" ");
}

export function RecordButton({ about }: { about: RecordingSubject }) {
  const { t } = useTranslation();
  const { delivery } = usePermissions();
  const [opened, handlers] = useDisclosure(false);
  if (!delivery) return null;
  return (
    <>
      <Button variant="default" leftSection={<Icon name="list" size={14} />} onClick={handlers.open}>
        {t("recording.begin")}
      </Button>
      {opened ? <RecordQuestion about={about} onClose={handlers.close} /> : null}
    </>
  );
}

function RecordQuestion({ about, onClose }: { about: RecordingSubject; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const [lasts, setLasts] = useState<string>("30m");
  const [count, setCount] = useState<number | string>(100);
  const [reason, setReason] = useState("");
  const run = useMutation({
    mutationFn: () => beginRecording({ about, lasts, count_max: Number(count), reason: reason.trim() }),
    onSuccess: async () => {
      toast.done(t("recording.begun", { subject: subjectText(about) }));
      await client.invalidateQueries({ queryKey: ["transcripts"] });
      onClose();
    },
  });
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t("recording.title", { subject: subjectText(about) })}
      confirm={t("recording.begin")}
      busy={run.isPending}
      disabled={Number(count) < 1}
      onConfirm={() => run.mutate()}
    >
      <Text size="sm">{t("recording.text")}</Text>
      <Select
        mt="sm"
        label={t("recording.lastsLabel")}
        data={LASTS.map((value) => ({ value, label: t(`recording.lasts.${value}`) }))}
        value={lasts}
        allowDeselect={false}
        onChange={(value) => setLasts(value ?? "30m")}
      />
      <NumberInput
        mt="sm"
        label={t("recording.count")}
        min={1}
        max={COUNT_MAX}
        allowDecimal={false}
        value={count}
        onChange={setCount}
      />
      <TextInput
        mt="sm"
        label={t("queueMail.reason")}
        description={t("queueMail.reasonHint")}
        maxLength={250}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      {run.isError ? <Problem error={run.error} /> : null}
    </Confirm>
  );
}
