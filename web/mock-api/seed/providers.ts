// Ten mailbox providers.
import type { MockProvider } from "./provider";
import { EUROPE } from "./providers-europe";
import { WORLD } from "./providers-world";

export type { MockProvider, MockReply } from "./provider";

export const PROVIDERS: MockProvider[] = [...WORLD, ...EUROPE];

export function providerOf(name: string): MockProvider | undefined {
  return PROVIDERS.find((provider) => provider.name === name);
}
