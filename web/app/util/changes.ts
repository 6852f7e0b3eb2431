// What a form changed of what it was opened with, so that a save touches nothing else.

type Plain = Record<string, unknown>;

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The parts of `values` that differ from `base`; of objects inside, their parts. */
export function changesOf<T extends object>(base: T, values: T): Partial<T> {
  const changes: Plain = {};
  for (const [key, value] of Object.entries(values)) {
    const before = (base as Plain)[key];
    if (same(before, value)) continue;
    changes[key] = isPlain(before) && isPlain(value) ? changesOf(before, value) : value;
  }
  return changes as Partial<T>;
}

/** `base` with these changes. */
export function withChanges<T extends object>(base: T, changes: Partial<T>): T {
  const whole = { ...base } as Plain;
  for (const [key, value] of Object.entries(changes)) {
    const before = whole[key];
    whole[key] = isPlain(before) && isPlain(value) ? withChanges(before, value) : value;
  }
  return whole as T;
}

/** The parts that two people changed differently. */
export function clashesOf<T extends object>(base: T, mine: T, theirs: T): string[] {
  const [own, other] = [changesOf(base, mine) as Plain, changesOf(base, theirs) as Plain];
  return Object.keys(own).flatMap((key) => {
    const [one, two] = [own[key], other[key]];
    if (!(key in other) || same(one, two)) return [];
    const before = (base as Plain)[key];
    if (!isPlain(one) || !isPlain(two) || !isPlain(before)) return [key];
    return clashesOf(before, withChanges(before, one), withChanges(before, two)).map((inner) => `${key}.${inner}`);
  });
}
