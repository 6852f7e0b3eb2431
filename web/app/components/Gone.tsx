// The page of something that does not exist: back to where the others are, since asking again would not bring it.
import { useTranslation } from "react-i18next";
import { Page } from "~/ui/Page";
import { EmptyState } from "~/ui/States";
import { LinkButton, TextLink } from "./links";

const PLACES = {
  campaign: { to: "/campaigns", icon: "campaign" },
  list: { to: "/lists", icon: "list" },
  contact: { to: "/contacts", icon: "contact" },
} as const;

export function Gone({ what }: { what: keyof typeof PLACES }) {
  const { t } = useTranslation();
  const { to, icon } = PLACES[what];
  const trail = { campaign: "campaigns.trail", list: "contacts.listTrail", contact: "contacts.contactTrail" } as const;
  return (
    <Page title={t(`campaigns.gone.${what}`)} trail={<TextLink to={to}>{t(trail[what])}</TextLink>}>
      <EmptyState
        icon={icon}
        title={t("campaigns.gone.hint")}
        action={
          <LinkButton to={to} variant="default">
            {t(`campaigns.gone.back.${what}`)}
          </LinkButton>
        }
      />
    </Page>
  );
}
