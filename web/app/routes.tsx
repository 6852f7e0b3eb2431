// All addresses of the UI. Pages are loaded when they are first needed; the address holds the state of a page.
import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { providersQuery } from "./api/delivery";
import { isUnauthorised } from "./api/errors";
import { sessionQuery } from "./api/session";
import { permissionsOf } from "./components/usePermission";
import { LoginPage } from "./pages/login/LoginPage";
import { NotFound } from "./shell/NotFound";
import { RouteError } from "./shell/RouteError";
import { Shell } from "./shell/Shell";
import { numberOf, oneOf, textOf } from "./util/params";
import {
  CAMPAIGN_FILTERS,
  EDIT_TABS,
  HOURS,
  MINUTES,
  NOW_VIEWS,
  QUEUE_SORTS,
  RANGES,
  RECIPIENT_FILTERS,
  REPORT_TABS,
} from "./util/states";

type Search = Record<string, unknown>;

/** Every value of the address bar may be absent. */
function optional<T extends object>(read: (search: Search) => T): (search: Search) => { [K in keyof T]?: T[K] } {
  return read;
}

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Outlet,
  notFoundComponent: NotFound,
});

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: optional((search) => ({ next: textOf(search.next), ended: search.ended === true || undefined })),
  component: LoginPage,
});

const app = createRoute({
  getParentRoute: () => root,
  id: "app",
  beforeLoad: async ({ context, location }) => {
    try {
      const account = await context.queryClient.ensureQueryData(sessionQuery);
      // The names of providers stand on most pages: asked for at once, so that nothing moves when they come.
      void context.queryClient.prefetchQuery({ ...providersQuery, staleTime: 300_000, retry: false });
      return { account };
    } catch (error) {
      if (!isUnauthorised(error)) throw error;
      throw redirect({ to: "/login", search: { next: location.href === "/" ? undefined : location.href } });
    }
  },
  component: Shell,
  errorComponent: RouteError,
});

const home = createRoute({
  getParentRoute: () => app,
  path: "/",
  beforeLoad: ({ context }) => {
    const { campaigns, delivery } = permissionsOf(context.account.role);
    throw redirect({ to: campaigns && !delivery ? "/campaigns" : "/monitoring/now" });
  },
});

const campaigns = createRoute({
  getParentRoute: () => app,
  path: "/campaigns",
  validateSearch: optional((search) => ({ state: oneOf(search.state, CAMPAIGN_FILTERS), q: textOf(search.q) })),
  component: lazyRouteComponent(() => import("./pages/campaigns/CampaignsPage"), "CampaignsPage"),
});

const campaign = createRoute({
  getParentRoute: () => app,
  path: "/campaigns/$campaignId",
  validateSearch: optional((search) => ({
    tab: oneOf(search.tab, REPORT_TABS),
    status: oneOf(search.status, RECIPIENT_FILTERS),
  })),
  component: lazyRouteComponent(() => import("./pages/report/ReportPage"), "ReportPage"),
});

const campaignEdit = createRoute({
  getParentRoute: () => app,
  path: "/campaigns/$campaignId/edit",
  validateSearch: optional((search) => ({ tab: oneOf(search.tab, EDIT_TABS) })),
  component: lazyRouteComponent(() => import("./pages/campaign-edit/CampaignEditPage"), "CampaignEditPage"),
});

const lists = createRoute({
  getParentRoute: () => app,
  path: "/lists",
  component: lazyRouteComponent(() => import("./pages/lists/ListsPage"), "ListsPage"),
});

const list = createRoute({
  getParentRoute: () => app,
  path: "/lists/$listId",
  validateSearch: optional((search) => ({ q: textOf(search.q) })),
  component: lazyRouteComponent(() => import("./pages/lists/ListPage"), "ListPage"),
});

const listImport = createRoute({
  getParentRoute: () => app,
  path: "/lists/$listId/import",
  validateSearch: optional((search) => ({ import: textOf(search.import) })),
  component: lazyRouteComponent(() => import("./pages/import/ImportPage"), "ImportPage"),
});

const contacts = createRoute({
  getParentRoute: () => app,
  path: "/contacts",
  validateSearch: optional((search) => ({ q: textOf(search.q), list: textOf(search.list) })),
  component: lazyRouteComponent(() => import("./pages/contacts/ContactsPage"), "ContactsPage"),
});

const contact = createRoute({
  getParentRoute: () => app,
  path: "/contacts/$contactId",
  component: lazyRouteComponent(() => import("./pages/contacts/ContactPage"), "ContactPage"),
});

const suppressions = createRoute({
  getParentRoute: () => app,
  path: "/suppressions",
  validateSearch: optional((search) => ({ q: textOf(search.q) })),
  component: lazyRouteComponent(() => import("./pages/suppressions/SuppressionsPage"), "SuppressionsPage"),
});

const queues = createRoute({
  getParentRoute: () => app,
  path: "/delivery/queues",
  validateSearch: optional((search) => ({ explain: textOf(search.explain), q: textOf(search.q) })),
  component: lazyRouteComponent(() => import("./pages/queues/QueuesPage"), "QueuesPage"),
});

const queuePath = createRoute({
  getParentRoute: () => app,
  path: "/delivery/queues/$source/$site",
  component: lazyRouteComponent(() => import("./pages/queues/PathPage"), "PathPage"),
});

const queueMail = createRoute({
  getParentRoute: () => app,
  path: "/delivery/mail",
  validateSearch: optional((search) => ({
    filter: textOf(search.filter),
    sort: oneOf(search.sort, QUEUE_SORTS),
    explain: textOf(search.explain),
  })),
  component: lazyRouteComponent(() => import("./pages/queue-mail/QueueMailPage"), "QueueMailPage"),
});

const resolve = createRoute({
  getParentRoute: () => app,
  path: "/delivery/resolve",
  validateSearch: optional((search) => ({ domain: textOf(search.domain), source: textOf(search.source) })),
  component: lazyRouteComponent(() => import("./pages/resolve/ResolvePage"), "ResolvePage"),
});

const sources = createRoute({
  getParentRoute: () => app,
  path: "/delivery/sources",
  component: lazyRouteComponent(() => import("./pages/sources/SourcesPage"), "SourcesPage"),
});

const providerRules = createRoute({
  getParentRoute: () => app,
  path: "/delivery/providers",
  validateSearch: optional((search) => ({ name: textOf(search.name) })),
  component: lazyRouteComponent(() => import("./pages/provider-rules/ProviderRulesPage"), "ProviderRulesPage"),
});

const dkim = createRoute({
  getParentRoute: () => app,
  path: "/delivery/dkim",
  component: lazyRouteComponent(() => import("./pages/dkim/DkimPage"), "DkimPage"),
});

const now = createRoute({
  getParentRoute: () => app,
  path: "/monitoring/now",
  validateSearch: optional((search) => ({
    minutes: numberOf(search.minutes, MINUTES),
    view: oneOf(search.view, NOW_VIEWS),
  })),
  component: lazyRouteComponent(() => import("./pages/now/NowPage"), "NowPage"),
});

const providers = createRoute({
  getParentRoute: () => app,
  path: "/monitoring/providers",
  component: lazyRouteComponent(() => import("./pages/provider/ProvidersPage"), "ProvidersPage"),
});

const provider = createRoute({
  getParentRoute: () => app,
  path: "/monitoring/providers/$provider",
  validateSearch: optional((search) => ({ hours: numberOf(search.hours, HOURS) })),
  component: lazyRouteComponent(() => import("./pages/provider/ProviderPage"), "ProviderPage"),
});

const search = createRoute({
  getParentRoute: () => app,
  path: "/monitoring/search",
  validateSearch: optional((params) => ({
    q: textOf(params.q),
    range: oneOf(params.range, RANGES),
    from: textOf(params.from),
    to: textOf(params.to),
  })),
  component: lazyRouteComponent(() => import("./pages/search/SearchPage"), "SearchPage"),
});

const message = createRoute({
  getParentRoute: () => app,
  path: "/monitoring/messages/$messageId",
  component: lazyRouteComponent(() => import("./pages/history/MessagePage"), "MessagePage"),
});

const recipients = createRoute({
  getParentRoute: () => app,
  path: "/monitoring/recipients",
  validateSearch: optional((params) => ({ address: textOf(params.address) })),
  component: lazyRouteComponent(() => import("./pages/history/AddressPage"), "AddressPage"),
});

const recipient = createRoute({
  getParentRoute: () => app,
  path: "/monitoring/recipients/$recipientId",
  component: lazyRouteComponent(() => import("./pages/history/RecipientPage"), "RecipientPage"),
});

const ownAccount = createRoute({
  getParentRoute: () => app,
  path: "/settings/account",
  component: lazyRouteComponent(() => import("./pages/settings/OwnAccountPage"), "OwnAccountPage"),
});

const accounts = createRoute({
  getParentRoute: () => app,
  path: "/settings/accounts",
  component: lazyRouteComponent(() => import("./pages/settings/AccountsPage"), "AccountsPage"),
});

const apiKeys = createRoute({
  getParentRoute: () => app,
  path: "/settings/api-keys",
  component: lazyRouteComponent(() => import("./pages/settings/ApiKeysPage"), "ApiKeysPage"),
});

const tree = root.addChildren([
  login,
  app.addChildren([
    home,
    campaigns,
    campaign,
    campaignEdit,
    lists,
    list,
    listImport,
    contacts,
    contact,
    suppressions,
    queues,
    queuePath,
    queueMail,
    resolve,
    sources,
    providerRules,
    dkim,
    now,
    providers,
    provider,
    search,
    message,
    recipients,
    recipient,
    ownAccount,
    accounts,
    apiKeys,
  ]),
]);

export function makeRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queryClient },
    defaultErrorComponent: RouteError,
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
