import { expect, it } from "vitest";
import { readableLiquid } from "./liquid-text";

it.each([
  ["A lamp for every corner", "A lamp for every corner"],
  ['Hello {{ contact.name | default: "you" }}!', "Hello you!"],
  ["{{ contact.name }}, forty lamps", "[name], forty lamps"],
  [
    "{% if language == \"fr\" %}{{ first_name | default: 'Bonjour' }}, l’automne{% else %}{{ first_name }}, autumn{% endif %}",
    "Bonjour, l’automne",
  ],
  ["{% if a %}x{% elsif b %}y{% else %}z{% endif %} end", "x end"],
  ["", ""],
])("%s", (text, shown) => expect(readableLiquid(text)).toBe(shown));
