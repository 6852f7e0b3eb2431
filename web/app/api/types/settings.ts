// Accounts, sessions, API keys.
import type { Id, Timestamp } from "./common";

export type Role = "viewer" | "marketer" | "operator" | "admin";
export type Language = "en" | "fr";

/** `GET /session`; the `account` of `POST /session`; items of `GET /accounts`. */
export interface Account {
  id: Id;
  email: string;
  name: string;
  role: Role;
  language: Language;
  /** The password was made by someone else (one-time password of the first start): the UI asks for a new one. */
  must_change_password: boolean;
  /** May not log in for the time being. */
  disabled: boolean;
  created_at: Timestamp;
}

/** `POST /session`. */
export interface Login {
  email: string;
  password: string;
}

/** `PATCH /session`: one's own account. A new password needs the current one and ends all sessions. */
export interface OwnAccountChange {
  name?: string;
  language?: Language;
  current_password?: string;
  new_password?: string;
}

/** `POST /accounts`; a password is made up when absent. */
export interface NewAccount {
  email: string;
  name: string;
  role: Role;
  language: Language;
  password?: string;
}

/** Answer of `POST /accounts`: a password that was made up is told this once. */
export interface CreatedAccount {
  account: Account;
  password?: string;
}

/** `PATCH /accounts/{id}`. */
export interface AccountChange {
  name?: string;
  role?: Role;
  disabled?: boolean;
  password?: string;
}

export type KeyScope = "inject" | "read" | "manage";

export interface ApiKey {
  id: Id;
  name: string;
  scopes: KeyScope[];
  /** First letters of the secret, to tell keys apart. */
  prefix: string;
  created_by: string;
  created_at: Timestamp;
  last_used_at: Timestamp | null;
}

/** `POST /api-keys`. */
export interface NewApiKey {
  name: string;
  scopes: KeyScope[];
}

/** Answer of `POST /api-keys`: the only time the secret is told. */
export interface CreatedApiKey {
  key: ApiKey;
  secret: string;
}
