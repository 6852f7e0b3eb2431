// Lists, contacts, fields, imports, suppressions.
import type {
  Contact,
  ContactInput,
  Field,
  Import,
  List,
  Membership,
  NewList,
  NewSuppressions,
} from "../../app/api/types";
import type { Db, MockImport } from "../db";
import { bodyOf, changeVersioned, firstVersion, invalid, notFound, page, Refusal, type Routes } from "../http";

const now = () => new Date().toISOString();

function find<T extends { id: string }>(items: T[], id: string | undefined, what: string): T {
  const item = items.find((entry) => entry.id === id);
  if (!item) throw notFound(what);
  return item;
}

function membershipsOf(db: Db, lists: string[], before: Membership[]): Membership[] {
  return lists.map((id) => {
    const known = before.find((entry) => entry.id === id);
    return known ?? { id, name: find(db.lists, id, "list").name, state: "subscribed", since: now() };
  });
}

function splitCsv(text: string): string[][] {
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  const delimiter = (lines[0] ?? "").includes(";") ? ";" : ",";
  return lines.map((line) => line.split(delimiter).map((cell) => cell.replace(/^"|"$/g, "")));
}

function suggest(db: Db, header: string): string | null {
  const name = header.toLowerCase();
  if (/mail|address|adresse/.test(name)) return "address";
  if (/^(name|nom|full)/.test(name)) return "name";
  return db.fields.find((field) => field.name === name || field.label.toLowerCase() === name)?.name ?? null;
}

/** The import moves on each time somebody asks. */
function advance(entry: MockImport): Import {
  if (entry.state !== "running") return told(entry);
  entry.rows = Math.min(entry.total_rows, entry.rows + Math.ceil(entry.total_rows / 4));
  entry.rejected = Math.min(3, Math.floor(entry.rows / 3));
  entry.updated = Math.floor(entry.rows / 5);
  entry.accepted = entry.rows - entry.rejected - entry.updated;
  entry.bytes_done = Math.round((entry.bytes_total * entry.rows) / entry.total_rows);
  if (entry.rows >= entry.total_rows) {
    entry.state = "done";
    if (entry.rejected > 0) {
      entry.errors_url = `/api/v1/imports/${entry.id}/errors.csv`;
      entry.reasons = [
        { reason: "no @ in the address", rows: entry.rejected - 1 },
        { reason: "the same address stands in row 2", rows: 1 },
      ].filter((reason) => reason.rows > 0);
    }
  }
  return told(entry);
}

/** The number of rows in all is the mock's own secret. */
function told({ total_rows: _secret, ...entry }: MockImport): Import {
  return entry;
}

export const audienceRoutes: Routes = {
  "GET /lists": ({ db, query }) => ({ json: page(db.lists, query) }),
  "POST /lists": (call) => {
    const input = bodyOf<NewList>(call);
    if (call.db.lists.some((list) => list.name === input.name))
      throw new Refusal(409, "conflict", `There is a list “${input.name}” already: choose another name.`, {
        field: "name",
      });
    const list: List = { id: call.db.ids(), ...input, contacts: 0, created_at: now(), ...firstVersion(now()) };
    call.db.lists.push(list);
    return { status: 201, json: list };
  },
  "GET /lists/:id": ({ db, params }) => ({ json: find(db.lists, params.id, "list") }),
  "PATCH /lists/:id": (call) => ({
    json: changeVersioned(find(call.db.lists, call.params.id, "list"), "list", bodyOf<Partial<List>>(call)),
  }),
  "DELETE /lists/:id": ({ db, params }) => {
    db.lists = db.lists.filter((list) => list.id !== params.id);
    return {};
  },
  "GET /contacts": ({ db, query }) => {
    const q = (query.get("q") ?? "").toLowerCase();
    const list = query.get("list");
    const found = db.contacts.filter(
      (contact) =>
        (!list || contact.lists.some((entry) => entry.id === list)) &&
        (contact.address.startsWith(q) || contact.name.toLowerCase().startsWith(q)),
    );
    return { json: page(found, query) };
  },
  "POST /contacts": (call) => {
    const input = bodyOf<ContactInput>(call);
    if (!input.address.includes("@")) throw invalid("The address has no @: write name@example.org.", "address");
    if (call.db.contacts.some((contact) => contact.address === input.address))
      throw new Refusal(409, "conflict", "There is a contact with this address already.", { field: "address" });
    const contact: Contact = {
      id: call.db.ids(),
      address: input.address,
      name: input.name,
      fields: input.fields,
      status: "active",
      lists: membershipsOf(call.db, input.lists, []),
      created_at: now(),
      ...firstVersion(now()),
    };
    call.db.contacts.unshift(contact);
    return { status: 201, json: contact };
  },
  "GET /contacts/:id": ({ db, params }) => ({ json: find(db.contacts, params.id, "contact") }),
  "PATCH /contacts/:id": (call) => {
    const contact = find(call.db.contacts, call.params.id, "contact");
    const { lists, fields, ...rest } = bodyOf<Partial<ContactInput> & { version?: number }>(call);
    changeVersioned(contact, "contact", rest);
    if (fields) contact.fields = { ...contact.fields, ...fields };
    if (lists) contact.lists = membershipsOf(call.db, lists, contact.lists);
    return { json: contact };
  },
  "DELETE /contacts/:id": ({ db, params }) => {
    db.contacts = db.contacts.filter((contact) => contact.id !== params.id);
    return {};
  },
  "GET /fields": ({ db }) => ({ json: { items: db.fields, next: null } }),
  "POST /fields": (call) => {
    const field = bodyOf<Field>(call);
    call.db.fields.push(field);
    return { status: 201, json: field };
  },
  "POST /lists/:id/import/preview": ({ db, text }) => {
    const [header, ...rows] = splitCsv(text);
    if (!header || rows.length === 0)
      throw invalid("The file has no row below its header: check that it is a CSV file.");
    return {
      json: {
        columns: header.map((name) => ({ name, suggested: suggest(db, name), month_first: false })),
        rows: rows.slice(0, 10),
        delimiter: text.includes(";") ? ";" : ",",
        encoding: "utf-8",
        header: true,
      },
    };
  },
  "POST /lists/:id/import": ({ db, params, text }) => {
    const entry: MockImport = {
      id: db.ids(),
      list: find(db.lists, params.id, "list").id,
      state: "running",
      rows: 0,
      accepted: 0,
      updated: 0,
      rejected: 0,
      held_back: 0,
      errors_url: null,
      bytes_done: 0,
      bytes_total: text.length,
      error: null,
      reasons: [],
      created_at: now(),
      total_rows: Math.max(1, splitCsv(text).length - 1),
    };
    db.imports.push(entry);
    return { status: 202, json: told(entry) };
  },
  "GET /imports/:id": ({ db, params }) => ({ json: advance(find(db.imports, params.id, "import")) }),
  "GET /imports/:id/errors.csv": () => ({
    raw: { type: "text/csv", body: "line,column,reason\n3,1,no @ in the address\n", name: "errors.csv" },
  }),
  "GET /suppressions": ({ db, query }) => {
    const q = (query.get("q") ?? "").toLowerCase();
    return {
      json: page(
        db.suppressions.filter((entry) => entry.address.startsWith(q)),
        query,
      ),
    };
  },
  "POST /suppressions": (call) => {
    const { addresses, note } = bodyOf<NewSuppressions>(call);
    const good = addresses.filter((address) => address.includes("@"));
    const fresh = good.filter((address) => !call.db.suppressions.some((entry) => entry.address === address));
    for (const address of fresh)
      call.db.suppressions.unshift({
        address,
        reason: "manual",
        stream: null,
        note,
        campaign: null,
        list: null,
        list_name: null,
        tenant: null,
        created_at: now(),
      });
    const rejected = addresses
      .filter((address) => !address.includes("@"))
      .map((address) => ({ address, reason: "there is no @ in it" }));
    return { json: { added: fresh.length, already: good.length - fresh.length, rejected } };
  },
  "DELETE /suppressions/:address": ({ db, params }) => {
    db.suppressions = db.suppressions.filter((entry) => entry.address !== params.address);
    return {};
  },
};
