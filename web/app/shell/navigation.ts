// The three wings and what is in them: the side bar, the shortcuts and the keyboard help are made from this.
import type { IconName } from "~/ui/Icon";

export interface NavItem {
  to:
    | "/campaigns"
    | "/lists"
    | "/contacts"
    | "/suppressions"
    | "/delivery/queues"
    | "/delivery/sources"
    | "/delivery/providers"
    | "/delivery/dkim"
    | "/monitoring/now"
    | "/monitoring/providers"
    | "/monitoring/search"
    | "/settings/accounts"
    | "/settings/api-keys";
  label:
    | "nav.allCampaigns"
    | "nav.lists"
    | "nav.contacts"
    | "nav.suppressions"
    | "nav.queues"
    | "nav.sources"
    | "nav.providers"
    | "nav.dkim"
    | "nav.now"
    | "nav.providerPages"
    | "nav.search"
    | "nav.accounts"
    | "nav.apiKeys";
  icon: IconName;
  /** Second key after `g`. */
  key: string;
}

export interface NavWing {
  label: "nav.campaigns" | "nav.delivery" | "nav.monitoring" | "nav.settings";
  adminOnly?: boolean;
  items: NavItem[];
}

export const WINGS: NavWing[] = [
  {
    label: "nav.campaigns",
    items: [
      { to: "/campaigns", label: "nav.allCampaigns", icon: "campaign", key: "c" },
      { to: "/lists", label: "nav.lists", icon: "list", key: "l" },
      { to: "/contacts", label: "nav.contacts", icon: "contact", key: "o" },
      { to: "/suppressions", label: "nav.suppressions", icon: "suppress", key: "u" },
    ],
  },
  {
    label: "nav.delivery",
    items: [
      { to: "/delivery/queues", label: "nav.queues", icon: "queue", key: "q" },
      { to: "/delivery/sources", label: "nav.sources", icon: "source", key: "v" },
      { to: "/delivery/providers", label: "nav.providers", icon: "settings", key: "r" },
      { to: "/delivery/dkim", label: "nav.dkim", icon: "key", key: "d" },
    ],
  },
  {
    label: "nav.monitoring",
    items: [
      { to: "/monitoring/now", label: "nav.now", icon: "now", key: "n" },
      { to: "/monitoring/providers", label: "nav.providerPages", icon: "provider", key: "p" },
      { to: "/monitoring/search", label: "nav.search", icon: "search", key: "s" },
    ],
  },
  {
    label: "nav.settings",
    adminOnly: true,
    items: [
      { to: "/settings/accounts", label: "nav.accounts", icon: "accounts", key: "a" },
      { to: "/settings/api-keys", label: "nav.apiKeys", icon: "key", key: "k" },
    ],
  },
];
