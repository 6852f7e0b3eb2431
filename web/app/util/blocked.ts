// What "blocked" means, as a search: exactly what the program counts (see `BLOCKED_QUERY` in `monitor::dashboards`,
// whose tests read this file).
export const BLOCKED_QUERY = "kind:deferred,bounced category:reputation,spam-related,policy-related";
