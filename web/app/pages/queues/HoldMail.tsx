// Holds mail, or stops a provider, by name: the program first says how many recipients that concerns.
import { Button, Group, Modal, Select, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ControlKind, Queues } from "~/api/types";
import { ControlQuestion } from "~/components/ControlButton";
import { usePermissions } from "~/components/usePermission";
import { Icon } from "~/ui/Icon";

const KINDS = ["domain", "provider", "campaign", "job", "message", "recipient"] as const satisfies ControlKind[];

type Kind = (typeof KINDS)[number];

export function HoldMail({ queues }: { queues: Queues }) {
  const { t } = useTranslation();
  const { delivery } = usePermissions();
  const [opened, handlers] = useDisclosure(false);
  if (!delivery) return null;
  return (
    <>
      <Button variant="default" leftSection={<Icon name="pause" size={14} />} onClick={handlers.open}>
        {t("delivery.holdMail")}
      </Button>
      {opened ? <HoldForm queues={queues} onClose={handlers.close} /> : null}
    </>
  );
}

/** What of this kind is in the queue now, to choose from. */
function known(queues: Queues, kind: Kind): string[] {
  if (kind === "domain") return queues.domains.map((row) => row.domain);
  if (kind === "provider") return [...new Set(queues.paths.map((row) => row.provider))].sort();
  if (kind === "campaign") return queues.campaigns.map((row) => row.campaign);
  return [];
}

function HoldForm({ queues, onClose }: { queues: Queues; onClose: () => void }) {
  const { t } = useTranslation();
  const [kind, setKind] = useState<Kind>("domain");
  const [name, setName] = useState("");
  const [asked, setAsked] = useState<string | null>(null);
  // Mail is held; a provider is a way, and ways are suspended.
  const action = kind === "provider" ? "suspend" : "hold";
  const ask = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim()) setAsked(name.trim());
  };
  if (asked) return <ControlQuestion kind={kind} name={asked} action={action} label={asked} onClose={onClose} />;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("delivery.holdMail")}
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      <form onSubmit={ask}>
        <Select
          label={t("delivery.holdWhat")}
          data={KINDS.map((value) => ({ value, label: t(`delivery.kinds.${value}`) }))}
          value={kind}
          allowDeselect={false}
          onChange={(value) => {
            setKind((value as Kind | null) ?? "domain");
            setName("");
          }}
        />
        <TextInput
          mt="sm"
          data-autofocus
          label={t(`delivery.holdName.${kind}`)}
          list="hold-known"
          value={name}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <datalist id="hold-known">
          {known(queues, kind).map((value) => (
            <option key={value} value={value} />
          ))}
        </datalist>
        <Group justify="flex-end" mt="lg" gap="xs">
          <Button variant="default" size="sm" onClick={onClose}>
            {t("actions.cancel")}
          </Button>
          <Button size="sm" type="submit" disabled={!name.trim()}>
            {t("delivery.holdCount")}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
