// Starts the UI: texts, cache, router, theme. Nothing else happens here.
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./theme/tokens.css";
import "./theme/base.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { makeQueryClient } from "./api/query-client";
import { startTexts } from "./i18n";
import { makeRouter } from "./routes";
import { resolver, theme } from "./theme/theme";

const colorSchemes = localStorageColorSchemeManager({ key: "ies.theme" });

function start(container: HTMLElement): void {
  const queryClient = makeQueryClient(() => {
    const { pathname, href } = router.state.location;
    if (pathname === "/login") return;
    queryClient.clear();
    void router.navigate({ to: "/login", search: { next: href, ended: true } });
  });
  const router = makeRouter(queryClient);
  createRoot(container).render(
    <StrictMode>
      <MantineProvider
        theme={theme}
        cssVariablesResolver={resolver}
        defaultColorScheme="auto"
        colorSchemeManager={colorSchemes}
      >
        <QueryClientProvider client={queryClient}>
          <Notifications position="bottom-right" limit={4} />
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}

await startTexts();
const container = document.getElementById("root");
if (container) start(container);
