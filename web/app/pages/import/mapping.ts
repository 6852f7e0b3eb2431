// What is wrong with a mapping of columns before the program is asked.
export type MappingTrouble = { kind: "no-address" } | { kind: "twice"; target: string };

export function mappingTrouble(targets: readonly (string | null)[]): MappingTrouble | null {
  const chosen = targets.filter((target): target is string => target !== null);
  const twice = chosen.find((target, index) => chosen.indexOf(target) !== index);
  if (twice) return { kind: "twice", target: twice };
  return chosen.includes("address") ? null : { kind: "no-address" };
}
