// Four virtual MTAs in two pools.
export const SOURCES = [
  { name: "mkt-1", address: "192.0.2.17", ehlo_name: "out1.verriere.example", pools: ["marketing"] },
  { name: "mkt-2", address: "192.0.2.18", ehlo_name: "out2.verriere.example", pools: ["marketing"] },
  { name: "mkt-3", address: "192.0.2.19", ehlo_name: "out3.verriere.example", pools: ["marketing"] },
  { name: "txn-1", address: "192.0.2.30", ehlo_name: "out9.verriere.example", pools: ["transactional"] },
];

export const POOLS = [
  {
    name: "marketing",
    members: [
      { source: "mkt-1", weight: 4 },
      { source: "mkt-2", weight: 3 },
      { source: "mkt-3", weight: 1 },
    ],
  },
  { name: "transactional", members: [{ source: "txn-1", weight: 1 }] },
];
