// A small seeded generator (mulberry32): the same data at every start.
export type Random = () => number;

export function makeRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}

/** One of the items, each as likely as its weight. */
export function pickWeighted<T extends { weight: number }>(random: Random, items: readonly T[]): T {
  let left = random() * items.reduce((sum, item) => sum + item.weight, 0);
  for (const item of items) {
    left -= item.weight;
    if (left < 0) return item;
  }
  return pick(random, items);
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const EPOCH_MS = Date.UTC(2020, 0, 1);

/** Ids as the program writes them: time in front, thirteen letters. */
export function makeIds(random: Random): (at?: number) => string {
  let sequence = 0;
  return (at = Date.now()) => {
    sequence = (sequence + 1) % 4096;
    let id = (BigInt(at - EPOCH_MS) << 22n) | (BigInt(Math.floor(random() * 1024)) << 12n) | BigInt(sequence);
    let text = "";
    for (let place = 0; place < 13; place += 1) {
      text = ALPHABET[Number(id & 31n)] + text;
      id >>= 5n;
    }
    return text;
  };
}
