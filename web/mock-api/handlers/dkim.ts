// DKIM keys and their lives. The private parts never leave the program, and the mock has none.
import type { DkimKey, NewDkimKey } from "../../app/api/types";
import type { Db } from "../db";
import { bodyOf, Refusal, type Routes } from "../http";
import { newDkimKey } from "../seed/rules";

function ofDomain(db: Db, domain: string | undefined): DkimKey[] {
  const keys = db.dkim.filter((key) => key.domain === domain);
  if (keys.length === 0) throw new Refusal(409, "conflict", `${domain} has no key`);
  return keys;
}

function one(db: Db, domain: string | undefined, selector: string | undefined): DkimKey {
  const key = ofDomain(db, domain).find((entry) => entry.selector === selector);
  if (!key) throw new Refusal(409, "conflict", `${domain} has no key ${selector}`);
  return key;
}

const items = (keys: DkimKey[]) => ({ items: keys, next: null });

export const dkimRoutes: Routes = {
  "GET /dkim": ({ db }) => ({ json: items(db.dkim) }),
  "POST /dkim": (call) => {
    const { domain, selector, algorithm = "rsa2048" } = bodyOf<NewDkimKey>(call);
    if (selector && call.db.dkim.some((key) => key.domain === domain && key.selector === selector))
      throw new Refusal(409, "conflict", `${domain} has a key ${selector} already`);
    const kinds = algorithm === "both" ? ["rsa-sha256", "ed25519-sha256"] : [`${algorithm.slice(0, -4)}-sha256`];
    const made = kinds.map((kind) => {
      const algorithmName = kind === "rsa-sha256" ? kind : "ed25519-sha256";
      const name = selector || `${kind.slice(0, 1)}${call.db.dkim.length}n`;
      return newDkimKey(Date.now(), domain, name, algorithmName);
    });
    call.db.dkim.push(...made);
    return { status: 201, json: items(made) };
  },
  "POST /dkim/:domain/check": ({ db, params }) => {
    const keys = ofDomain(db, params.domain);
    for (const key of keys) if (key.state !== "retired") key.checked_at = new Date().toISOString();
    return { json: items(keys) };
  },
  "POST /dkim/:domain/rotate": ({ db, params }) => {
    const active = ofDomain(db, params.domain).filter((key) => key.state === "active");
    if (active.length === 0) throw new Refusal(409, "conflict", `no key of ${params.domain} signs`);
    db.dkim.unshift(...active.map((key) => newDkimKey(Date.now(), key.domain, `${key.selector}-next`, key.algorithm)));
    return { json: items(ofDomain(db, params.domain)) };
  },
  "POST /dkim/:domain/:selector/activate": ({ db, params }) => {
    const key = one(db, params.domain, params.selector);
    if (key.state !== "pending") throw new Refusal(409, "conflict", `the key ${key.selector} is ${key.state}`);
    Object.assign(key, { state: "active", since: new Date().toISOString(), problem: null });
    return { json: items(ofDomain(db, params.domain)) };
  },
  "DELETE /dkim/:domain/:selector": ({ db, params, query }) => {
    const key = one(db, params.domain, params.selector);
    if ((key.state === "active" || key.state === "retiring") && query.get("force") !== "true")
      throw new Refusal(
        409,
        "conflict",
        `the key ${key.selector} is ${key.state}: mail that it signed could not be checked any more`,
      );
    Object.assign(key, { state: "retired", since: new Date().toISOString(), record: null, zone_line: null });
    return {};
  },
};
