// A provider by its name for people, leading to its dashboard.
import { useTranslation } from "react-i18next";
import { useProviderInfo } from "~/hooks/useProviderInfo";
import { TextLink } from "./links";

export function ProviderName({ name, strong = false }: { name: string | null; strong?: boolean }) {
  const { t } = useTranslation();
  const { label } = useProviderInfo();
  if (!name) return <span className="muted">{t("states.unknown")}</span>;
  return (
    <TextLink to="/monitoring/providers/$provider" params={{ provider: name }} {...(strong ? { fw: 600 } : {})}>
      {label(name)}
    </TextLink>
  );
}
