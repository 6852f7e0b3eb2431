// Session, accounts, keys. The password of the mock is "demo"; the one-time password "once" asks for an own one.
import type {
  Account,
  AccountChange,
  ApiKeyChange,
  Language,
  Login,
  NewAccount,
  NewApiKey,
  OwnAccountChange,
} from "../../app/api/types";
import { bodyOf, notFound, Refusal, type Routes } from "../http";

export const DEMO_PASSWORD = "demo";
export const ONE_TIME_PASSWORD = "once";
const COOKIE = "ies_session=mock; Path=/; HttpOnly; SameSite=Strict";

function required(account: Account | null): Account {
  if (!account) throw new Refusal(401, "unauthenticated", "Log in, or send an API key as a bearer token.");
  return account;
}

export const accountRoutes: Routes = {
  "POST /session": (call) => {
    const { email, password } = bodyOf<Login>(call);
    const account = call.db.accounts.find((entry) => entry.email === email.toLowerCase());
    const own = call.db.passwords.get(account?.id ?? "");
    const fits = own ? password === own : password === DEMO_PASSWORD || password === ONE_TIME_PASSWORD;
    if (!account || account.disabled || !fits)
      throw new Refusal(401, "wrong-credentials", "Address or password is wrong.");
    account.must_change_password = password === ONE_TIME_PASSWORD;
    call.db.loggedIn = account;
    call.response.setHeader("set-cookie", COOKIE);
    return { json: { account } };
  },
  "GET /session": ({ db }) => ({ json: required(db.loggedIn) }),
  "PATCH /session": (call) => {
    const account = required(call.db.loggedIn);
    const change = bodyOf<OwnAccountChange>(call);
    account.name = change.name ?? account.name;
    account.language = (change.language as Language | null | undefined) ?? account.language;
    if (change.new_password) {
      const own = call.db.passwords.get(account.id);
      const current = own ? [own] : [DEMO_PASSWORD, ONE_TIME_PASSWORD];
      // The session of the one-time password sets another without it.
      const first = account.must_change_password && !change.current_password;
      if (!first && !current.includes(change.current_password ?? ""))
        throw new Refusal(401, "wrong-credentials", "Address or password is wrong.");
      call.db.passwords.set(account.id, change.new_password);
      account.must_change_password = false;
    }
    return { json: account };
  },
  "DELETE /session": (call) => {
    call.db.loggedIn = null;
    call.response.setHeader("set-cookie", "ies_session=; Path=/; Max-Age=0");
    return {};
  },
  "GET /accounts": ({ db }) => ({ json: { items: db.accounts, next: null } }),
  "POST /accounts": (call) => {
    const input = bodyOf<NewAccount>(call);
    if (call.db.accounts.some((entry) => entry.email === input.email)) {
      throw new Refusal(409, "conflict", "There is an account with this address already.", { field: "email" });
    }
    const account: Account = {
      id: call.db.ids(),
      email: input.email,
      name: input.name ?? "",
      role: input.role,
      language: (input.language ?? "en") as Language,
      must_change_password: true,
      disabled: false,
      created_at: new Date().toISOString(),
    };
    call.db.accounts.push(account);
    return { status: 201, json: { account, password: input.password ? null : "tulip-anchor-sunday-41" } };
  },
  "PATCH /accounts/:id": (call) => {
    const account = call.db.accounts.find((entry) => entry.id === call.params.id);
    if (!account) throw notFound("account");
    const { password: _ignored, ...change } = bodyOf<AccountChange>(call);
    Object.assign(account, change);
    return { json: account };
  },
  "DELETE /accounts/:id": ({ db, params }) => {
    if (!db.accounts.some((entry) => entry.id === params.id)) throw notFound("account or key");
    db.accounts = db.accounts.filter((entry) => entry.id !== params.id);
    return {};
  },
  "GET /api-keys": ({ db }) => ({ json: { items: db.keys, next: null } }),
  "POST /api-keys": (call) => {
    const input = bodyOf<NewApiKey>(call);
    const key = {
      id: call.db.ids(),
      ...input,
      prefix: "ies_7f2q",
      created_by: required(call.db.loggedIn).email,
      created_at: new Date().toISOString(),
      last_used_at: null,
    };
    call.db.keys.push(key);
    return { status: 201, json: { key, secret: "ies_7f2qk0v8hw3m5r1xj9d4t6b2c7n8p0sa" } };
  },
  "PATCH /api-keys/:id": (call) => {
    const change = bodyOf<ApiKeyChange>(call);
    const key = call.db.keys.find((known) => known.id === call.params.id);
    if (!key) throw notFound("API key");
    if (change.name) key.name = change.name;
    if (change.limits) key.limits = change.limits;
    return { json: key };
  },
  "DELETE /api-keys/:id": ({ db, params }) => {
    db.keys = db.keys.filter((key) => key.id !== params.id);
    return {};
  },
};
