// `npm run dev` and `vite preview` with the mock API in front.
import type { Connect, Plugin } from "vite";
import { makeMockServer } from "./server";

export function mockApi(): Plugin {
  const use = (middlewares: Connect.Server) => {
    const server = makeMockServer();
    middlewares.use((request, response, next) => {
      server.handle(request, response).then((answered) => {
        if (!answered) next();
      }, next);
    });
  };
  return {
    name: "ies-mock-api",
    configureServer: (server) => use(server.middlewares),
    configurePreviewServer: (server) => use(server.middlewares),
  };
}
