// Short messages in the corner: done, or what went wrong.
import { notifications } from "@mantine/notifications";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useErrorWords } from "./useErrorWords";

export function useToast() {
  const { t } = useTranslation();
  const words = useErrorWords();
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
          message: words(error),
          color: "red",
          autoClose: 10_000,
          closeButtonProps: { "aria-label": t("actions.close") },
        }),
    }),
    [t, words],
  );
}
