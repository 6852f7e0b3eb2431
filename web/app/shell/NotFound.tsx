// An address without a page.
import { useTranslation } from "react-i18next";
import { LinkButton } from "~/components/links";
import { Page } from "~/ui/Page";
import { EmptyState } from "~/ui/States";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <main>
      <Page title={t("errors.pageNotFound")} width="narrow">
        <EmptyState
          icon="question"
          title={t("errors.pageNotFoundMend")}
          action={
            <LinkButton to="/" variant="default">
              {t("errors.goHome")}
            </LinkButton>
          }
        />
      </Page>
    </main>
  );
}
