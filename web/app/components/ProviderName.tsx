// A provider by its name for people, leading to its dashboard (`plain`: a name only). Short, since some names list every brand
// and a provider without rules is called by its domain; the whole stands in the tooltip.
import { useTranslation } from "react-i18next";
import { useProviderInfo } from "~/hooks/useProviderInfo";
import { TextLink } from "./links";
import classes from "./ProviderName.module.css";

export interface ProviderNameProps {
  name: string | null;
  strong?: boolean;
  plain?: boolean;
}

export function ProviderName({ name, strong = false, plain = false }: ProviderNameProps) {
  const { t } = useTranslation();
  const { label, short } = useProviderInfo();
  if (!name) return <span className="muted">{t("states.unknown")}</span>;
  return (
    <span className={classes.name} title={label(name)}>
      {plain ? (
        short(name)
      ) : (
        <TextLink to="/monitoring/providers/$provider" params={{ provider: name }} {...(strong ? { fw: 600 } : {})}>
          {short(name)}
        </TextLink>
      )}
    </span>
  );
}
