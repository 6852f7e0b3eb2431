// Short messages in the corner: done, or what went wrong.
import { notifications } from "@mantine/notifications";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

export function useToast() {
  const { t } = useTranslation();
  return useMemo(
    () => ({
      done: (message: string) =>
        notifications.show({
          message,
          color: "petrol",
          autoClose: 4_000,
          closeButtonProps: { "aria-label": t("actions.close") },
        }),
      failed: (error: unknown) =>
        notifications.show({
          title: t("errors.refused"),
          message: error instanceof Error ? error.message : String(error),
          color: "red",
          autoClose: 10_000,
          closeButtonProps: { "aria-label": t("actions.close") },
        }),
    }),
    [t],
  );
}
