// Ten mailbox providers: share of the audience, how they behave, what they say.
import type { ProviderRules } from "../../app/api/types";

export interface MockReply {
  kind: "deferred" | "bounced";
  category: string;
  code: number;
  enhanced?: string;
  template: string;
  sample: string;
  weight: number;
  blocked?: boolean;
}

export interface MockProvider {
  name: string;
  label: string;
  weight: number;
  domains: string[];
  mx: string[];
  site: string;
  defer: number;
  bounce: number;
  p50: number;
  p95: number;
  open: number;
  click: number;
  replies: MockReply[];
  rules: Omit<ProviderRules, "active" | "name" | "label">;
}

const noUser = (text: string, weight = 6, enhanced = "5.1.1"): MockReply => ({
  kind: "bounced",
  category: "bad-mailbox",
  code: 550,
  enhanced,
  template: text.replace(/<[^>]+>/, "<{address}>"),
  sample: text,
  weight,
});

const rules = (
  match: string[],
  connections: number,
  perConnection: number,
  rate: string | null,
  tls: "required" | "opportunistic",
  postmaster: string | null,
  list: [string, string, number, string | null][],
  notes = "",
): MockProvider["rules"] => ({
  match,
  limits: { connections, messages_per_connection: perConnection, rate },
  tls,
  rules: list.map(([pattern, action, duration_s, threshold]) => ({ pattern, action, duration_s, threshold })),
  postmaster_url: postmaster,
  notes,
});

export const PROVIDERS: MockProvider[] = [
  {
    name: "gmail",
    label: "Gmail",
    weight: 34,
    domains: ["gmail.com", "googlemail.com"],
    mx: ["gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"],
    site: "gmail-smtp-in.l.google.com",
    defer: 0.021,
    bounce: 0.006,
    p50: 1.4,
    p95: 9,
    open: 0.41,
    click: 0.082,
    replies: [
      noUser("The email account that you tried to reach <paul.martin@gmail.com> does not exist.", 8),
      {
        kind: "deferred",
        category: "rate-limited",
        code: 421,
        enhanced: "4.7.28",
        template:
          "[{ip}] Our system has detected an unusual rate of unsolicited mail originating from your IP address. To protect our users from spam, mail sent from your IP address has been temporarily rate limited.",
        sample:
          "[192.0.2.17] Our system has detected an unusual rate of unsolicited mail originating from your IP address. To protect our users from spam, mail sent from your IP address has been temporarily rate limited.",
        weight: 14,
        blocked: true,
      },
      {
        kind: "deferred",
        category: "quota-issues",
        code: 452,
        enhanced: "4.2.2",
        template:
          "The recipient's inbox is out of storage space. Please direct the recipient to https://support.google.com/mail/?p=OverQuotaTemp",
        sample:
          "The recipient's inbox is out of storage space. Please direct the recipient to https://support.google.com/mail/?p=OverQuotaTemp",
        weight: 6,
      },
    ],
    rules: rules([".google.com", ".googlemail.com"], 5, 50, null, "required", "https://postmaster.google.com/", [
      ["unusual rate of unsolicited mail", "10/min", 1800, "2/h"],
      ["Our system has detected that this message", "suspend", 3600, "5/h"],
    ]),
  },
  {
    name: "outlook",
    label: "Outlook.com",
    weight: 15,
    domains: ["outlook.com", "hotmail.com", "hotmail.fr", "live.fr"],
    mx: ["outlook-com.olc.protection.outlook.com", "hotmail-com.olc.protection.outlook.com"],
    site: "olc.protection.outlook.com",
    defer: 0.064,
    bounce: 0.011,
    p50: 2.8,
    p95: 41,
    open: 0.31,
    click: 0.055,
    replies: [
      noUser(
        "Requested action not taken: mailbox unavailable. [AM6EUR05FT034.eop-eur05.prod.protection.outlook.com]",
        7,
        "5.5.0",
      ),
      {
        kind: "deferred",
        category: "reputation",
        code: 451,
        enhanced: "4.7.650",
        template:
          "The mail server [{ip}] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see https://postmaster.live.com (S775)",
        sample:
          "The mail server [192.0.2.17] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see https://postmaster.live.com (S775)",
        weight: 22,
        blocked: true,
      },
      {
        kind: "bounced",
        category: "reputation",
        code: 550,
        enhanced: "5.7.1",
        template:
          "Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
        sample:
          "Unfortunately, messages from [192.0.2.18] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
        weight: 2,
        blocked: true,
      },
    ],
    rules: rules(
      [".olc.protection.outlook.com"],
      5,
      50,
      null,
      "required",
      "https://sendersupport.olc.protection.outlook.com/snds/",
      [
        ["temporarily rate limited due to IP reputation", "1 connection, 1/min", 5400, null],
        ["part of their network is on our block list", "suspend", 7200, "5/h"],
        ["exceeded the maximum number of connections", "1 connection", 3600, "2/h"],
      ],
    ),
  },
  {
    name: "microsoft365",
    label: "Microsoft 365",
    weight: 9,
    domains: ["dupont-conseil.fr", "northwind.example", "contoso.example"],
    mx: ["contoso-example.mail.protection.outlook.com"],
    site: "mail.protection.outlook.com",
    defer: 0.018,
    bounce: 0.014,
    p50: 2.2,
    p95: 14,
    open: 0.28,
    click: 0.061,
    replies: [
      noUser(
        "5.4.1 Recipient address rejected: Access denied. [DB8EUR05FT045.eop-eur05.prod.protection.outlook.com]",
        6,
        "5.4.1",
      ),
      {
        kind: "deferred",
        category: "rate-limited",
        code: 451,
        enhanced: "4.7.500",
        template: "Server busy. Please try again later from [{ip}]. (S77719)",
        sample: "Server busy. Please try again later from [192.0.2.19]. (S77719)",
        weight: 8,
      },
    ],
    rules: rules(
      [".mail.protection.outlook.com", ".mx.microsoft"],
      5,
      50,
      null,
      "required",
      "https://sender.office.com/",
      [["Server busy. Please try again later from", "1 connection, 1/min", 900, null]],
    ),
  },
  {
    name: "yahoo",
    label: "Yahoo, AOL",
    weight: 10,
    domains: ["yahoo.com", "yahoo.fr", "aol.com"],
    mx: ["mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net"],
    site: "mta.am0.yahoodns.net",
    defer: 0.038,
    bounce: 0.009,
    p50: 1.9,
    p95: 23,
    open: 0.36,
    click: 0.07,
    replies: [
      {
        kind: "deferred",
        category: "reputation",
        code: 421,
        enhanced: "4.7.0",
        template:
          "[TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
        sample:
          "[TSS04] Messages from 192.0.2.18 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
        weight: 12,
        blocked: true,
      },
      {
        kind: "bounced",
        category: "inactive-mailbox",
        code: 554,
        template: "delivery error: dd This user doesn't have a {domain} account ({address}) [{n}] - {host}",
        sample:
          "delivery error: dd This user doesn't have a yahoo.fr account (lea.petit@yahoo.fr) [0] - mta1004.mail.ir2.yahoo.com",
        weight: 6,
      },
    ],
    rules: rules(
      [".yahoodns.net"],
      10,
      20,
      null,
      "opportunistic",
      "https://senders.yahooinc.com/",
      [
        ["[TSS04]", "suspend", 7200, null],
        ["[TS02]", "1/min", 1800, "3/h"],
        ["Max message per connection", "10/min", 3600, "3/h"],
      ],
      "Closes the connection after 20 messages without a word.",
    ),
  },
  {
    name: "icloud",
    label: "iCloud",
    weight: 6,
    domains: ["icloud.com", "me.com"],
    mx: ["mx01.mail.icloud.com", "mx02.mail.icloud.com"],
    site: "mx.mail.icloud.com",
    defer: 0.012,
    bounce: 0.005,
    p50: 2.1,
    p95: 8,
    open: 0.62,
    click: 0.06,
    replies: [
      noUser("<lea.petit@icloud.com>: user does not exist", 5),
      {
        kind: "deferred",
        category: "rate-limited",
        code: 450,
        enhanced: "4.7.1",
        template: "[HCM1] Message temporarily deferred. Please try again later. See https://support.apple.com/102322",
        sample: "[HCM1] Message temporarily deferred. Please try again later. See https://support.apple.com/102322",
        weight: 6,
      },
    ],
    rules: rules(
      [".mail.icloud.com", ".mail.me.com"],
      10,
      5,
      null,
      "opportunistic",
      "https://support.apple.com/102322",
      [["[HCM1]", "suspend", 900, null]],
    ),
  },
  {
    name: "orange",
    label: "Orange, Wanadoo",
    weight: 11,
    domains: ["orange.fr", "wanadoo.fr"],
    mx: ["smtp-in.orange.fr"],
    site: "smtp-in.orange.fr",
    defer: 0.142,
    bounce: 0.013,
    p50: 21,
    p95: 190,
    open: 0.38,
    click: 0.075,
    replies: [
      {
        kind: "deferred",
        category: "rate-limited",
        code: 421,
        template:
          "mwinf5c{n} ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. OFR004_104 [{n}]",
        sample:
          "mwinf5c23 ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. OFR004_104 [104]",
        weight: 40,
        blocked: true,
      },
      {
        kind: "bounced",
        category: "bad-mailbox",
        code: 550,
        enhanced: "5.1.1",
        template: "<{address}>: Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]",
        sample:
          "<jean.durand@orange.fr>: Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]",
        weight: 9,
      },
    ],
    rules: rules(
      ["smtp-in.orange.fr"],
      2,
      100,
      null,
      "required",
      "https://postmaster.orange.fr/",
      [
        ["OFR004_104", "1 connection", 3600, "2/h"],
        ["Service refuse", "suspend", 3600, null],
      ],
      "Two connections for each address; SPF, DKIM and DMARC must all pass.",
    ),
  },
  {
    name: "free",
    label: "Free",
    weight: 6,
    domains: ["free.fr", "aliceadsl.fr"],
    mx: ["mx1.free.fr", "mx2.free.fr"],
    site: "mx.free.fr",
    defer: 0.088,
    bounce: 0.015,
    p50: 64,
    p95: 312,
    open: 0.29,
    click: 0.05,
    replies: [
      {
        kind: "deferred",
        category: "greylisted",
        code: 451,
        enhanced: "4.7.1",
        template: "Service unavailable - try again later: greylisted for {n} seconds",
        sample: "Service unavailable - try again later: greylisted for 60 seconds",
        weight: 26,
      },
      noUser("<hugo.moreau@free.fr>: Recipient address rejected: User unknown in local recipient table", 6),
    ],
    rules: rules(["mx1.free.fr", "mx2.free.fr"], 2, 20, "5/s", "opportunistic", "https://postmaster.free.fr/", [
      ["too many connections", "1 connection", 1800, null],
      ["spam detected", "suspend", 7200, null],
    ]),
  },
  {
    name: "sfr",
    label: "SFR",
    weight: 5,
    domains: ["sfr.fr", "neuf.fr"],
    mx: ["smtp-in.sfr.fr"],
    site: "smtp-in.sfr.fr",
    defer: 0.051,
    bounce: 0.018,
    p50: 6,
    p95: 77,
    open: 0.3,
    click: 0.052,
    replies: [
      {
        kind: "deferred",
        category: "rate-limited",
        code: 421,
        template: "4.7.0 Volume limit reached, retry later SFR_IN_x05 ({ip})",
        sample: "4.7.0 Volume limit reached, retry later SFR_IN_x05 (192.0.2.17)",
        weight: 15,
      },
      noUser("5.1.1 <emma.leroy@sfr.fr> recipient rejected SFR_IN_x06", 7),
    ],
    rules: rules(["smtp-in.sfr.fr"], 2, 50, null, "opportunistic", null, [
      ["SFR_IN_x05", "1 connection", 7200, null],
      ["SFR_IN_x01", "suspend", 7200, null],
    ]),
  },
  {
    name: "laposte",
    label: "La Poste",
    weight: 3,
    domains: ["laposte.net"],
    mx: ["smtpz4.laposte.net"],
    site: "smtpz4.laposte.net",
    defer: 0.03,
    bounce: 0.022,
    p50: 3.4,
    p95: 28,
    open: 0.27,
    click: 0.048,
    replies: [
      noUser("5.1.1 <jean.durand@laposte.net>: Recipient address rejected: unknown user LPN105", 6),
      {
        kind: "deferred",
        category: "quota-issues",
        code: 452,
        enhanced: "4.2.2",
        template: "Boite du destinataire pleine. Mailbox full. LPN{n}",
        sample: "Boite du destinataire pleine. Mailbox full. LPN203",
        weight: 5,
      },
    ],
    rules: rules(["smtpz4.laposte.net"], 2, 100, null, "opportunistic", null, []),
  },
  {
    name: "gmx",
    label: "GMX, WEB.DE",
    weight: 4,
    domains: ["gmx.de", "web.de", "gmx.fr"],
    mx: ["mx00.gmx.net", "mx01.gmx.net"],
    site: "mx.gmx.net",
    defer: 0.019,
    bounce: 0.012,
    p50: 1.6,
    p95: 10,
    open: 0.33,
    click: 0.066,
    replies: [
      noUser(
        "Requested action not taken: mailbox unavailable. For explanation visit https://postmaster.gmx.net/en/case?c=r0201",
        6,
        "5.1.1",
      ),
      {
        kind: "bounced",
        category: "policy-related",
        code: 554,
        template:
          "Transaction failed. Reject due to policy restrictions. For explanation visit https://postmaster.gmx.net/en/case?c={n}",
        sample:
          "Transaction failed. Reject due to policy restrictions. For explanation visit https://postmaster.gmx.net/en/case?c=hp",
        weight: 1,
        blocked: true,
      },
    ],
    rules: rules([".gmx.net", ".web.de"], 4, 20, null, "required", "https://postmaster.gmx.net/", [
      ["Too many connections", "1 connection", 1800, "3/h"],
      ["policy restrictions", "1/min", 3600, "5/h"],
    ]),
  },
];

export function providerOf(name: string): MockProvider | undefined {
  return PROVIDERS.find((provider) => provider.name === name);
}
