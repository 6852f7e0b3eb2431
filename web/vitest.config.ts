// Unit and component tests, beside the code. The browser tests have their own file: vitest.e2e.config.ts.
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "~": fileURLToPath(new URL("./app", import.meta.url)) } },
  test: {
    environment: "happy-dom",
    include: ["app/**/*.test.{ts,tsx}", "mock-api/**/*.test.ts"],
    setupFiles: ["test/setup.ts"],
    maxWorkers: 2,
  },
});
