// The side bar: brand, wings, pages. The same content stands in the drawer of small screens.
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { usePermissions } from "~/components/usePermission";
import { BrandMark } from "~/ui/Brand";
import { Icon } from "~/ui/Icon";
import { WINGS } from "./navigation";
import classes from "./SideNav.module.css";

export function SideNav({ onNavigate }: { onNavigate?: () => void }) {
  const { t } = useTranslation();
  const { admin } = usePermissions();
  return (
    <nav className={classes.nav} aria-label={t("nav.main")}>
      <Link to="/" className={classes.brand} onClick={onNavigate}>
        <BrandMark />
        <span>iES</span>
      </Link>
      {WINGS.filter((wing) => admin || !wing.adminOnly).map((wing) => (
        <div key={wing.label} className={classes.wing}>
          <p className={classes.heading}>{t(wing.label)}</p>
          <ul>
            {wing.items.map((item) => (
              <li key={item.to}>
                <Link
                  to={item.to}
                  className={classes.link}
                  activeProps={{ "data-active": true, "aria-current": "page" }}
                  onClick={onNavigate}
                >
                  <Icon name={item.icon} />
                  {t(item.label)}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}
