// Allows mail to an address again, after saying what that means.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { removeSuppression } from "~/api/contacts";
import type { Suppression } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { useToast } from "~/components/useToast";

export function RemoveSuppression({ entry, onClose }: { entry: Suppression; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => removeSuppression(entry.address),
    onSuccess: async () => {
      toast.done(t("contacts.removed", { address: entry.address }));
      onClose();
      await client.invalidateQueries({ queryKey: ["suppressions"] });
    },
    onError: toast.failed,
  });
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t("contacts.removeTitle", { address: entry.address })}
      confirm={t("contacts.allow")}
      danger={entry.reason !== "manual"}
      busy={remove.isPending}
      onConfirm={() => remove.mutate()}
    >
      {t(`contacts.removeText.${entry.reason}`)}
    </Confirm>
  );
}
