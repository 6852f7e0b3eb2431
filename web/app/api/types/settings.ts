// Accounts, sessions, API keys.
import type { Schemas } from "./schema";

export type Role = Schemas["Role"];
/** The languages that the UI has texts for. */
export type Language = "en" | "fr";

export type Account = Omit<Schemas["Account"], "language"> & { language: Language };
export type Login = Schemas["Login"];
/** `PATCH /session`: one's own account. A new password needs the current one and ends all sessions. */
export type OwnAccountChange = Schemas["OwnAccountChange"];
/** `POST /accounts`; a password is made up when absent. */
export type NewAccount = Schemas["NewAccount"];
/** A password that was made up is told this once. */
export type CreatedAccount = Schemas["CreatedAccount"];
export type AccountChange = Schemas["AccountChange"];

export type KeyScope = Schemas["KeyScope"];
export type ApiKey = Schemas["ApiKey"];
export type NewApiKey = Schemas["NewApiKey"];
export type ApiKeyChange = Schemas["ApiKeyChange"];
export type KeyLimits = Schemas["KeyLimits"];
/** The only time the secret is told. */
export type CreatedApiKey = Schemas["NewApiKeySecret"];
