// Session, accounts, API keys.
import { queryOptions } from "@tanstack/react-query";
import { get, patch, post, remove } from "./client";
import type {
  Account,
  AccountChange,
  ApiKey,
  ApiKeyChange,
  CreatedAccount,
  CreatedApiKey,
  Login,
  NewAccount,
  NewApiKey,
  OwnAccountChange,
  Page,
} from "./types";

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => get<Account>("/session", undefined, signal),
  staleTime: 60_000,
  retry: false,
  meta: { quiet: true },
});

export const logIn = (login: Login) => post<{ account: Account }>("/session", login);
export const logOut = () => remove("/session");
export const changeOwnAccount = (change: OwnAccountChange) => patch<Account>("/session", change);

/**
 * A new password ends all sessions; this one goes on with a login by the new password. Without the current one only for the
 * session of a login with a one-time password.
 */
export async function replacePassword(email: string, current: string | null, fresh: string): Promise<void> {
  await changeOwnAccount({ ...(current === null ? {} : { current_password: current }), new_password: fresh });
  await logIn({ email, password: fresh });
}

export const accountsQuery = queryOptions({
  queryKey: ["accounts"],
  queryFn: ({ signal }) => get<Page<Account>>("/accounts", { limit: 200 }, signal),
});
export const createAccount = (account: NewAccount) => post<CreatedAccount>("/accounts", account);
export const changeAccount = (id: string, change: AccountChange) => patch<Account>(`/accounts/${id}`, change);
export const deleteAccount = (id: string) => remove(`/accounts/${id}`);

export const apiKeysQuery = queryOptions({
  queryKey: ["api-keys"],
  queryFn: ({ signal }) => get<Page<ApiKey>>("/api-keys", { limit: 200 }, signal),
});
export const createApiKey = (key: NewApiKey) => post<CreatedApiKey>("/api-keys", key);
export const changeApiKey = (id: string, change: ApiKeyChange) => patch<ApiKey>(`/api-keys/${id}`, change);
export const deleteApiKey = (id: string) => remove(`/api-keys/${id}`);
