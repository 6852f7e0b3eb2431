// Names of many languages, cities, and the contacts made of them.

import type { Contact, Field, List } from "../../app/api/types";
import { firstVersion } from "../http";
import { PROVIDERS } from "./providers";
import { pick, pickWeighted, type Random } from "./random";

const FIRST = [
  "Léa",
  "Hugo",
  "Emma",
  "Jean",
  "Zoé",
  "Paul",
  "Chloé",
  "Lucas",
  "Inès",
  "Noah",
  "Camille",
  "Jules",
  "Anke",
  "Jürgen",
  "Søren",
  "Ana",
  "João",
  "Łukasz",
  "Aoife",
  "Mehmet",
  "Yuki",
  "Олег",
  "Ελένη",
  "Fatima",
];
const LAST = [
  "Martin",
  "Petit",
  "Durand",
  "Leroy",
  "Moreau",
  "Garcia",
  "Dubois",
  "Müller",
  "Nørgaard",
  "Silva",
  "Kowalski",
  "O’Brien",
  "Yılmaz",
  "Tanaka",
  "Petrov",
  "Papadaki",
  "Benali",
  "Rossi",
  "Lefèvre",
  "Fontaine",
];
const CITIES = [
  "Paris",
  "Lyon",
  "Nantes",
  "Lille",
  "Bordeaux",
  "Genève",
  "Bruxelles",
  "Köln",
  "Porto",
  "København",
  "Kraków",
  "Montréal",
];

export const FIELDS: Field[] = [
  { name: "city", label: "City", type: "text" },
  { name: "customer_since", label: "Customer since", type: "date" },
  { name: "orders", label: "Orders", type: "number" },
  { name: "newsletter_html", label: "Wants HTML", type: "boolean" },
  { name: "language", label: "Language", type: "choice", choices: ["fr", "en", "de"] },
];

function ascii(text: string): string {
  const plain = text.normalize("NFD").replace(/[^\x20-\x7e]/g, "");
  return (plain || "kontakt").toLowerCase().replace(/[^a-z]/g, "");
}

export function makeContacts(
  random: Random,
  ids: (at?: number) => string,
  lists: List[],
  count: number,
  now: number,
): Contact[] {
  const used = new Set<string>();
  const contacts: Contact[] = [];
  while (contacts.length < count) {
    const first = pick(random, FIRST);
    const last = pick(random, LAST);
    const provider = pickWeighted(random, PROVIDERS);
    const address = `${ascii(first)}.${ascii(last)}${random() < 0.5 ? Math.floor(random() * 90 + 10) : ""}@${pick(random, provider.domains)}`;
    if (used.has(address)) continue;
    used.add(address);
    const created = now - Math.floor(random() * 700 + 20) * 86_400_000;
    const dice = random();
    const status = dice < 0.93 ? "active" : dice < 0.96 ? "unsubscribed" : dice < 0.99 ? "bounced" : "complained";
    const main = lists[0];
    const other = pick(random, lists);
    const memberships = [...new Set([main, ...(random() < 0.4 ? [other] : [])])].filter(
      (list): list is List => list !== undefined,
    );
    contacts.push({
      id: ids(created),
      address,
      name: `${first} ${last}`,
      status,
      created_at: new Date(created).toISOString(),
      ...firstVersion(new Date(created).toISOString()),
      fields: {
        city: random() < 0.88 ? pick(random, CITIES) : null,
        customer_since: new Date(created).toISOString().slice(0, 10),
        orders: Math.floor(random() * random() * 40),
        newsletter_html: random() < 0.9,
        language: pick(random, ["fr", "fr", "fr", "en", "de"]),
      },
      lists: memberships.map((list) => ({
        id: list.id,
        name: list.name,
        state: status === "unsubscribed" ? "unsubscribed" : "subscribed",
        since: new Date(created).toISOString(),
      })),
    });
  }
  return contacts;
}
