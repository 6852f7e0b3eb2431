// Rules about replies beyond those of one provider, what the linter says of them, and DKIM keys in each state.
import type { DkimKey, RuleDetail, RuleFinding } from "../../app/api/types";

export type MockRule = Omit<RuleDetail, "active" | "counts"> & {
  hits: number;
  fired: number;
  lastMinutesAgo: number | null;
  /** Where it is in force: provider and path. */
  inForce?: { provider: string; target: RuleDetail["scope"]; name: string; minutes: number };
};

const place = (line: number) => `providers.toml line ${line}`;

export const RULES: MockRule[] = [
  {
    name: "orange-connections",
    providers: ["orange"],
    patterns: ["too many connections"],
    codes: [421],
    phases: ["greeting", "connect"],
    threshold: null,
    actions: ["1 connection"],
    duration: "1h",
    scope: "path",
    shadow: false,
    samples: ["421 too many connections OFR_104"],
    origin: null,
    set_by: place(225),
    hits: 1_204,
    fired: 31,
    lastMinutesAgo: 1,
    inForce: { provider: "orange", target: "path", name: "mkt-1/orange", minutes: 38 },
  },
  {
    name: "microsoft-rate-limited",
    providers: ["outlook"],
    patterns: ["temporarily rate limited"],
    codes: [451],
    phases: [],
    threshold: "3/5m",
    actions: ["1/min"],
    duration: "2h",
    scope: "path",
    shadow: false,
    samples: ["451 4.7.650 The mail server [192.0.2.17] has been temporarily rate limited"],
    origin: null,
    set_by: place(190),
    hits: 412,
    fired: 9,
    lastMinutesAgo: 12,
    inForce: { provider: "outlook", target: "path", name: "mkt-1/outlook", minutes: 71 },
  },
  {
    name: "yahoo-tss04",
    providers: ["yahoo"],
    patterns: ["\\[TSS04\\]"],
    codes: [421],
    phases: [],
    threshold: null,
    actions: ["suspend"],
    duration: "2h",
    scope: "provider",
    shadow: false,
    samples: ["421 4.7.0 [TSS04] Messages from 192.0.2.18 temporarily deferred due to user complaints"],
    origin: null,
    set_by: place(141),
    hits: 87,
    fired: 4,
    lastMinutesAgo: 16,
    inForce: { provider: "yahoo", target: "provider", name: "mkt-2/yahoo", minutes: 104 },
  },
  {
    name: "gmail-unusual-rate",
    providers: ["gmail"],
    patterns: ["unusual rate of unsolicited mail"],
    codes: [421],
    phases: [],
    threshold: "10/h",
    actions: ["backoff", "5 connections"],
    duration: "30m",
    scope: "source",
    shadow: true,
    samples: ["421 4.7.28 Our system has detected an unusual rate of unsolicited mail"],
    origin: null,
    set_by: place(64),
    hits: 148,
    fired: 6,
    lastMinutesAgo: 25,
  },
  {
    name: "any-blocklist",
    providers: [],
    patterns: ["blocked using", "listed (in|at|by)"],
    codes: [],
    phases: [],
    threshold: "20/h",
    actions: ["suspend"],
    duration: "1h",
    scope: "source",
    shadow: false,
    samples: [],
    origin: null,
    set_by: place(402),
    hits: 0,
    fired: 0,
    lastMinutesAgo: null,
  },
];

export const FINDINGS: RuleFinding[] = [
  {
    severity: "error",
    key: "rule.gmx-greylist",
    line: 318,
    text: 'shadowed: rule any-greylist takes the sample "450 4.7.1 greylisted"',
    mend: "move it in front of that rule, or narrow that one down",
  },
  {
    severity: "warning",
    key: "rule.any-blocklist",
    line: 402,
    text: "it has no sample, so that nobody can tell whether it matches",
    mend: "add a reply that it is meant for as `samples`",
  },
];

const day = 86_400_000;

function key(
  now: number,
  selector: string,
  state: DkimKey["state"],
  algorithm: string,
  ages: [created: number, since: number],
  more: Partial<DkimKey> = {},
  domain = "verriere.example",
): DkimKey {
  const record_name = `${selector}._domainkey.${domain}`;
  const record = algorithm.startsWith("ed25519")
    ? "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    : "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvK0d8Cw7q1xw4m0ZlQnJ5pYt2sFhB9uRkE6gLx3TaoVjDzN8Wc1iMyXeP0rSqAbGf7HtU5vO4kIdLmCwEsZnRxQyTgBhJpKaVuFiDoMeNl2W9c3X8r6Y7q1P5t4S0vUzAaBbCcDdEeFfGgHhIiJjKkLlMmNnOoPpQqRrSsTtUuVvWwXxYyZz0123456789QIDAQAB";
  return {
    domain,
    selector,
    algorithm,
    state,
    created_at: new Date(now - ages[0] * day).toISOString(),
    since: new Date(now - ages[1] * day).toISOString(),
    retires_at: null,
    record_name,
    record,
    zone_line: `${record_name}. IN TXT "${record}"`,
    checked_at: new Date(now - 600_000).toISOString(),
    problem: null,
    ...more,
  };
}

/** A key of each state; the pending one is not in the DNS yet. */
export const makeDkimKeys = (now: number): DkimKey[] => [
  key(now, "s202611", "pending", "rsa-sha256", [1, 1], { problem: "there is no TXT record of this name" }),
  key(now, "s202605", "active", "rsa-sha256", [190, 186]),
  key(now, "e202605", "active", "ed25519-sha256", [190, 186]),
  key(now, "s202511", "retiring", "rsa-sha256", [371, 5], {
    retires_at: new Date(now + 2 * day).toISOString(),
  }),
  key(now, "s202505", "retired", "rsa-sha256", [555, 180], { record: null, zone_line: null, checked_at: null }),
  key(now, "s202609", "active", "rsa-sha256", [60, 58], {}, "news.verriere.example"),
];

export const newDkimKey = (now: number, domain: string, selector: string, algorithm: string): DkimKey =>
  key(now, selector, "pending", algorithm, [0, 0], { checked_at: null }, domain);
