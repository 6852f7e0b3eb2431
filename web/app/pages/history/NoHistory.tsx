// In place of a history: an id that nobody knows, or not any more.
import { useTranslation } from "react-i18next";
import { LinkButton } from "~/components/links";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";

export function NoHistory() {
  const { t } = useTranslation();
  return (
    <Panel>
      <EmptyState
        icon="history"
        title={t("history.gone")}
        action={
          <LinkButton to="/monitoring/search" variant="default">
            {t("history.goneAction")}
          </LinkButton>
        }
      >
        {t("history.goneHint")}
      </EmptyState>
    </Panel>
  );
}
