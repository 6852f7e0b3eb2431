// Shows an error of the API: what happened in the language of the page, how to mend it in the words of the program. Offers to
// try again only where that can help.
import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { ApiError, canPass } from "~/api/errors";
import { ErrorState } from "~/ui/States";
import { useErrorWords } from "./useErrorWords";

export function Problem({ error, retry }: { error: unknown; retry?: (() => unknown) | undefined }) {
  const { t } = useTranslation();
  const status = error instanceof ApiError ? error.status : -1;
  const title =
    status === 0
      ? t("errors.noAnswer")
      : status === 404
        ? t("errors.notFound")
        : status === 403
          ? t("errors.forbidden")
          : status >= 500
            ? t("errors.server")
            : status === -1
              ? t("errors.page")
              : t("errors.refused");
  const mend = useErrorWords()(error);
  return (
    <ErrorState
      title={title}
      detail={error instanceof ApiError && status > 0 ? `${error.status} · ${error.code}` : undefined}
      action={
        retry && canPass(error) ? (
          <Button variant="default" onClick={() => retry()}>
            {t("actions.retry")}
          </Button>
        ) : undefined
      }
    >
      {mend}
    </ErrorState>
  );
}
