//! The OpenAPI document, brought into line with what is written on the wire.
//!
//! The derive cannot tell a value that is null from one that is left out: to it every `Option` may be either. The API has
//! one rule: **an answer names every field, and a field without a value is null**. What the event log holds, and errors,
//! are excepted ([`SPARSE`]): there a field without a value is left out, and never null. A request may do either.
//! Nothing else is changed here; the types of the UI are generated from the result, and both the mock API and the running
//! program are held against it in the tests of `web/`.

use std::collections::BTreeSet;

use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Object, Schema, SchemaType, Type};
use utoipa::openapi::{OpenApi, Ref, RefOr};

/// Schemas of answers that leave out what has no value, with the fields that are always there all the same.
const SPARSE: &[(&str, &[&str])] = &[
    ("Event", &["v", "id", "at", "kind"]),
    ("Attempt", &["number"]),
    ("TlsUse", &["version", "cipher", "verified"]),
    ("Wire", &[]),
    ("ControlChange", &["target", "name", "action", "by"]),
    ("RemoteReport", &["what"]),
    ("Authentication", &["authentic"]),
    ("Origin", &[]),
    ("Touch", &[]),
    ("Reply", &[]),
    ("ErrorDetail", &[]),
    ("PoolMember", &["weight"]),
    ("RecordingSubject", &[]),
];

/// Generic lists, whose items the derive writes out once more.
const LISTS: [&str; 2] = ["Items_", "Page_"];

const PREFIX: &str = "#/components/schemas/";

/// Says of every field of an answer whether it may be null or missing.
pub(crate) fn settle(document: &mut OpenApi) {
    refer_lists(document);
    let answers = answers(document);
    let Some(components) = &mut document.components else { return };
    for (name, schema) in components.schemas.iter_mut().filter(|(name, _)| answers.contains(*name)) {
        let sparse = SPARSE.iter().find(|(sparse, _)| sparse == name).map(|(_, always)| *always);
        if let RefOr::T(schema) = schema {
            settle_schema(schema, sparse);
        }
    }
}

/// Lets lists refer to the schemas of their items, which are found by these references from then on.
fn refer_lists(document: &mut OpenApi) {
    let Some(components) = &mut document.components else { return };
    let names: BTreeSet<String> = components.schemas.keys().cloned().collect();
    for (name, schema) in &mut components.schemas {
        let item = LISTS.iter().find_map(|list| name.strip_prefix(list)).filter(|item| names.contains(*item));
        let (Some(item), RefOr::T(Schema::Object(list))) = (item, schema) else { continue };
        if let Some(RefOr::T(Schema::Array(items))) = list.properties.get_mut("items") {
            items.items = ArrayItems::RefOrSchema(Box::new(RefOr::Ref(Ref::from_schema_name(item))));
        }
    }
}

/// Names of the schemas that answers are made of.
fn answers(document: &OpenApi) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&RefOr<Schema>> = Vec::new();
    for item in document.paths.paths.values() {
        let operations = [&item.get, &item.put, &item.post, &item.delete, &item.patch];
        for operation in operations.into_iter().flatten() {
            for response in operation.responses.responses.values() {
                let RefOr::T(response) = response else { continue };
                next.extend(response.content.values().filter_map(|content| match content {
                    RefOr::T(content) => content.schema.as_ref(),
                    RefOr::Ref(_) => None,
                }));
            }
        }
    }
    let schemas = document.components.as_ref().map(|components| &components.schemas);
    while let Some(schema) = next.pop() {
        match schema {
            RefOr::T(schema) => next.extend(parts(schema)),
            RefOr::Ref(reference) => {
                let name = reference.ref_location.trim_start_matches(PREFIX);
                if found.insert(name.to_owned()) {
                    next.extend(schemas.and_then(|schemas| schemas.get(name)));
                }
            }
        }
    }
    found
}

/// The schemas of which a schema is made.
fn parts(schema: &Schema) -> Vec<&RefOr<Schema>> {
    match schema {
        Schema::Object(object) => {
            let map = object.additional_properties.as_deref().and_then(|values| match values {
                AdditionalProperties::RefOr(schema) => Some(schema),
                AdditionalProperties::FreeForm(_) => None,
            });
            object.properties.values().chain(map).collect()
        }
        Schema::Array(array) => match &array.items {
            ArrayItems::RefOrSchema(items) => vec![items],
            ArrayItems::False => Vec::new(),
        },
        Schema::OneOf(choice) => choice.items.iter().collect(),
        Schema::AllOf(all) => all.items.iter().collect(),
        Schema::AnyOf(choice) => choice.items.iter().collect(),
        _ => Vec::new(),
    }
}

fn settle_schema(schema: &mut Schema, sparse: Option<&[&str]>) {
    let items = match schema {
        Schema::Object(object) => return settle_object(object, sparse),
        Schema::OneOf(choice) => &mut choice.items,
        Schema::AllOf(all) => &mut all.items,
        Schema::AnyOf(choice) => &mut choice.items,
        _ => return,
    };
    for item in items {
        if let RefOr::T(schema) = item {
            settle_schema(schema, sparse);
        }
    }
}

fn settle_object(object: &mut Object, sparse: Option<&[&str]>) {
    for (name, field) in &mut object.properties {
        let is_nullable = is_nullable(field);
        let is_there = sparse.map_or(is_nullable, |always| always.contains(&name.as_str()));
        if sparse.is_some() {
            leave_null_out(field);
        }
        if is_there && !object.required.contains(name) {
            object.required.push(name.clone());
        }
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null))
}

fn is_nullable(field: &RefOr<Schema>) -> bool {
    let has_null = |types: &SchemaType| matches!(types, SchemaType::Array(types) if types.contains(&Type::Null));
    match field {
        RefOr::T(Schema::Object(object)) => has_null(&object.schema_type),
        RefOr::T(Schema::Array(array)) => has_null(&array.schema_type),
        RefOr::T(Schema::OneOf(choice)) => choice.items.iter().any(is_null),
        _ => false,
    }
}

/// The schema of the same values without null, and without the default that the derive takes from `serde(default)`.
fn leave_null_out(field: &mut RefOr<Schema>) {
    let only_one = |types: &mut SchemaType| {
        let SchemaType::Array(several) = types else { return };
        several.retain(|known| *known != Type::Null);
        if let [only] = several.as_slice() {
            *types = SchemaType::Type(only.clone());
        }
    };
    match field {
        RefOr::T(Schema::Object(object)) => {
            only_one(&mut object.schema_type);
            object.default = None;
        }
        RefOr::T(Schema::Array(array)) => only_one(&mut array.schema_type),
        RefOr::T(Schema::OneOf(choice)) => {
            choice.items.retain(|item| !is_null(item));
            if let [only] = choice.items.as_slice() {
                *field = only.clone();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields that may be null and may be missing.
    fn open_fields(schema: &Schema) -> Vec<String> {
        let inner =
            parts(schema).into_iter().filter_map(|part| if let RefOr::T(part) = part { Some(part) } else { None });
        let mut open: Vec<String> = inner.flat_map(open_fields).collect();
        if let Schema::Object(object) = schema {
            let is_open =
                |(name, field): &(&String, &RefOr<Schema>)| is_nullable(field) && !object.required.contains(*name);
            open.extend(object.properties.iter().filter(is_open).map(|(name, _)| name.clone()));
        }
        open
    }

    #[test]
    fn an_answer_says_of_every_field_whether_it_is_there() {
        let mut document = crate::routes::all().merge(crate::routes::slow()).to_openapi();
        settle(&mut document);
        let answers = answers(&document);
        assert!(answers.len() > 100, "{} schemas", answers.len());
        let schemas = &document.components.as_ref().unwrap().schemas;
        for (name, schema) in schemas.iter().filter(|(name, _)| answers.contains(*name)) {
            let RefOr::T(schema) = schema else { continue };
            assert_eq!(open_fields(schema), Vec::<String>::new(), "{name}");
        }
        for (name, always) in SPARSE {
            let Some(RefOr::T(Schema::Object(object))) = schemas.get(*name) else { panic!("there is no {name}") };
            assert!(always.iter().all(|field| object.required.iter().any(|known| known == field)), "{name}");
        }
    }
}
