// Changes what a key is called and what it may send; holds from its next request on.
import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { apiKeysQuery, changeApiKey } from "~/api/session";
import type { ApiKey } from "~/api/types";
import { Problem } from "~/components/Problem";
import { useToast } from "~/components/useToast";
import { draftOf, KeyLimitsFields, limitsOf } from "./KeyLimitsFields";

export function EditKeyDialog({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const [name, setName] = useState(apiKey.name);
  const [draft, setDraft] = useState(() => draftOf(apiKey.limits));
  const change = useMutation({
    mutationFn: () => changeApiKey(apiKey.id, { name: name.trim(), limits: limitsOf(draft) }),
    onSuccess: async () => {
      toast.done(t("settings.keyChanged"));
      onClose();
      await client.invalidateQueries({ queryKey: apiKeysQuery.queryKey });
    },
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("settings.editKey", { name: apiKey.name })}
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <Stack gap="sm">
          <TextInput
            label={t("settings.keyName")}
            data-autofocus
            required
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <KeyLimitsFields value={draft} onChange={setDraft} />
          {change.isError ? <Problem error={change.error} /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              {t("actions.cancel")}
            </Button>
            <Button type="submit" size="sm" loading={change.isPending} disabled={name.trim() === ""}>
              {t("actions.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
