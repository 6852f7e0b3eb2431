// An address without a page.
import { useTranslation } from "react-i18next";
import { LinkButton } from "~/components/links";
import { EmptyState } from "~/ui/States";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <EmptyState
      icon="question"
      title={t("errors.pageNotFound")}
      action={
        <LinkButton to="/" variant="default">
          {t("errors.goHome")}
        </LinkButton>
      }
    >
      {t("errors.pageNotFoundMend")}
    </EmptyState>
  );
}
