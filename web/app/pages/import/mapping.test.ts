import { expect, it } from "vitest";
import { mappingTrouble } from "./mapping";

it.each([
  [["address", "name", null], null],
  [[null, "name"], { kind: "no-address" }],
  [["address", "city", "city"], { kind: "twice", target: "city" }],
])("%j", (targets, trouble) => expect(mappingTrouble(targets)).toEqual(trouble));
