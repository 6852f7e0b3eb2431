// Five virtual MTAs in three pools; one of them is down.
import type { Pool, Source } from "../../app/api/types";

type MockSource = Omit<
  Source,
  "address" | "suspended" | "ready" | "in_flight" | "connections" | "down" | "suspension"
> & {
  address: string;
  /** Why it cannot send. */
  broken?: string;
};

export const SOURCES: MockSource[] = [
  {
    name: "mkt-1",
    address: "192.0.2.17",
    address_v6: "2001:db8:17::1",
    ehlo_name: "out1.verriere.example",
    pools: ["marketing"],
    egress: [],
  },
  {
    name: "mkt-2",
    address: "192.0.2.18",
    address_v6: null,
    ehlo_name: "out2.verriere.example",
    pools: ["marketing"],
    egress: ["socks5 198.51.100.9:1080", "socks5 198.51.100.10:1080"],
  },
  {
    name: "mkt-3",
    address: "192.0.2.19",
    address_v6: null,
    ehlo_name: "out3.verriere.example",
    pools: ["marketing"],
    egress: [],
    broken: "192.0.2.19 is not an address of this machine",
  },
  {
    name: "txn-1",
    address: "192.0.2.30",
    address_v6: "2001:db8:30::1",
    ehlo_name: "out9.verriere.example",
    pools: ["transactional"],
    egress: [],
  },
  {
    name: "spare-1",
    address: "192.0.2.40",
    address_v6: null,
    ehlo_name: "spare1.verriere.example",
    pools: ["marketing", "spare"],
    egress: [],
  },
];

export const POOLS: Pool[] = [
  {
    name: "marketing",
    members: [
      { source: "mkt-1", weight: 4 },
      { source: "mkt-2", weight: 3 },
      { source: "mkt-3", weight: 1 },
      { source: "spare-1", weight: 1, standby: true },
    ],
    fallback: "spare",
  },
  { name: "spare", members: [{ source: "spare-1", weight: 1 }], fallback: null },
  { name: "transactional", members: [{ source: "txn-1", weight: 1 }], fallback: null },
];
