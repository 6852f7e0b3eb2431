// Lists, contacts, their fields, imports, suppressions.
import type { Filled, Schemas } from "./schema";

export type List = Schemas["List"];
export type NewList = Filled<Schemas["NewList"]>;

export type ContactStatus = Schemas["ContactStatus"];
export type FieldValue = string | number | boolean | null;
export type Membership = Schemas["Membership"];

/** The document leaves open what the values of fields are. */
export type Contact = Omit<Schemas["Contact"], "fields"> & { fields: Record<string, FieldValue> };
/** `POST /contacts` and, all parts optional, `PATCH /contacts/{id}`. `lists` are the ids of all lists it is to be on. */
export type ContactInput = Omit<Filled<Schemas["NewContact"]>, "fields"> & { fields: Record<string, FieldValue> };

export type FieldType = Schemas["FieldKind"];
/** An entry of the registry of contact fields. */
export type Field = Schemas["Field"];

export type ImportPreview = Schemas["ImportPreview"];
export type ImportColumn = Schemas["ImportColumn"];
export type Import = Schemas["Import"];

export type SuppressionReason = Schemas["SuppressionReason"];
export type Suppression = Schemas["Suppression"];
export type NewSuppressions = Filled<Schemas["NewSuppressions"]>;
export type SuppressionsAdded = Schemas["SuppressionsAdded"];
