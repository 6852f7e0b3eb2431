// Names of providers for tight places. The label of some names every brand that shares their MX hosts.

/** `SFR, Neuf, Cegetel` → `SFR`, `Gmail and Google Workspace` → `Gmail`. */
export function shortName(label: string): string {
  const first = label.split(/, | and | \(/)[0]?.trim();
  return first || label;
}
