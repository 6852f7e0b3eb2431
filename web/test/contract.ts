// Holds requests and answers against docs/generated/openapi.json while they happen: those of the mock API in the unit tests,
// those of the running program when a browser walks through the demo. The types of the UI come from the same document, so
// what passes here is what the pages were compiled for. Knows JSON only; files and streams are looked at elsewhere.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

interface Node {
  [key: string]: unknown;
  $ref?: string;
  type?: unknown;
  properties?: Record<string, Node>;
  allOf?: Node[];
  oneOf?: Node[];
}
interface Content {
  content?: Record<string, { schema?: Node }>;
}
interface Operation {
  requestBody?: Content;
  responses: Record<string, Content>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Node> };
}

const DOCUMENT = fileURLToPath(new URL("../../docs/generated/openapi.json", import.meta.url));
const METHODS = ["get", "post", "put", "patch", "delete"];

/** Schemas that others are made of; they cannot forbid what those add. */
function partsOf(document: Document): Set<string> {
  const all = Object.values(document.components.schemas).flatMap((schema) => schema.allOf ?? []);
  return new Set(all.flatMap((part) => (part.$ref ? [part.$ref.slice(part.$ref.lastIndexOf("/") + 1)] : [])));
}

/** What the document leaves open, closed: a field it does not know is one that the UI must not wait for. */
function close(schema: Node, isPart: boolean): Node {
  const copy: Node = { ...schema };
  if (schema.allOf) {
    copy.allOf = schema.allOf.map((part) => close(part, true));
    if (!isPart) copy.unevaluatedProperties = false;
  }
  if (schema.oneOf) {
    // A whole number is an integer and a number: both may fit.
    delete copy.oneOf;
    copy.anyOf = schema.oneOf.map((choice) => close(choice, false));
  }
  if (schema.properties) {
    copy.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, field]) => [name, close(field, false)]),
    );
    if (!isPart && copy.additionalProperties === undefined) copy.additionalProperties = false;
  }
  if (typeof schema.items === "object" && schema.items !== null) copy.items = close(schema.items as Node, false);
  return copy;
}

export interface Call {
  method: string;
  /** Without the query. */
  path: string;
  request?: unknown;
  status: number;
  answer?: unknown;
}

export class Contract {
  readonly document = JSON.parse(readFileSync(DOCUMENT, "utf8")) as Document;
  /** What has been called so far: `get /api/v1/lists`. */
  readonly seen = new Set<string>();
  private readonly ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  private readonly known = new Map<Node, ValidateFunction>();

  constructor() {
    const parts = partsOf(this.document);
    const schemas = Object.entries(this.document.components.schemas);
    const closed = schemas.map(([name, schema]) => [name, close(schema, parts.has(name))]);
    this.ajv.addSchema({ $id: "api", components: { schemas: Object.fromEntries(closed) } });
  }

  /** Every operation of the document: `get /api/v1/lists`. */
  operations(): string[] {
    return Object.entries(this.document.paths).flatMap(([path, item]) =>
      Object.keys(item)
        .filter((method) => METHODS.includes(method))
        .map((method) => `${method} ${path}`),
    );
  }

  /** What does not fit the document; empty when everything does. */
  check(call: Call): string[] {
    const found = this.find(call.method.toLowerCase(), call.path);
    if (!found) return [`${call.method} ${call.path} is not in the document`];
    const { name, operation } = found;
    this.seen.add(name);
    const asked = operation.requestBody?.content?.["application/json"]?.schema;
    const troubles = asked && call.request !== undefined ? this.compare(`${name} request`, asked, call.request) : [];
    const response = operation.responses[String(call.status)];
    // Refusals that every endpoint may give are not written down at each.
    const refused = { $ref: "#/components/schemas/ErrorBody" };
    const told = response ? response.content?.["application/json"]?.schema : call.status >= 400 ? refused : null;
    if (told === null) return [...troubles, `${name} answered ${call.status}, which is not in the document`];
    if (told && call.answer !== undefined) troubles.push(...this.compare(`${name} ${call.status}`, told, call.answer));
    return troubles;
  }

  /** Compares a value with a schema by its name, such as the ticks of the stream. */
  fits(schema: string, value: unknown): string[] {
    return this.compare(schema, { $ref: `#/components/schemas/${schema}` }, value);
  }

  private find(method: string, path: string): { name: string; operation: Operation } | null {
    const parts = path.split("/");
    for (const [pattern, item] of Object.entries(this.document.paths)) {
      const wanted = pattern.split("/");
      const fits =
        wanted.length === parts.length && wanted.every((part, at) => part.startsWith("{") || part === parts[at]);
      const operation = item[method];
      if (fits && operation) return { name: `${method} ${pattern}`, operation };
    }
    return null;
  }

  private compare(what: string, schema: Node, value: unknown): string[] {
    let validate = this.known.get(schema);
    if (!validate) {
      const here = JSON.parse(JSON.stringify(close(schema, false)).replaceAll('"#/components', '"api#/components'));
      validate = this.ajv.compile(here);
      this.known.set(schema, validate);
    }
    if (validate(value)) return [];
    const flaws = (validate.errors ?? []).map((error) => {
      const extra = error.params.additionalProperty ?? error.params.unevaluatedProperty ?? "";
      return `${what}: ${error.instancePath || "/"} ${error.message ?? ""} ${extra}`.trim();
    });
    return [...new Set(flaws)].slice(0, 6);
  }
}
