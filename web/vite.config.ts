// Build and development server. The mock API answers /api when IES_API is not set; else requests go to that server.
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { mockApi } from "./mock-api/plugin";

const backend = process.env.IES_API;

export default defineConfig({
  plugins: backend ? [react()] : [react(), mockApi()],
  resolve: { alias: { "~": fileURLToPath(new URL("./app", import.meta.url)) } },
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
    reportCompressedSize: false,
  },
  server: {
    port: 5173,
    ...(backend ? { proxy: { "/api": backend, "/healthz": backend } } : {}),
  },
});
