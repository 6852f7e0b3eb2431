//! What templates know of a contact: `contact.first_name` and plain `first_name`; `address` (also `email`), `name`.

use model::value::{Fields, Value};

use crate::audience::field::Registry;
use crate::audience::types::FieldKind;

/// The values of one contact, as an object.
pub(crate) fn of_contact(address: &str, name: &str, fields: Fields) -> Value {
    let mut contact = fields;
    contact.set("address", address.into());
    contact.set("email", address.into());
    contact.set("name", name.into());
    let mut root = contact.clone();
    root.set("contact", Value::Map(contact));
    Value::Map(root)
}

/// Values of nobody in particular, for previews.
pub(crate) fn sample(registry: &Registry) -> Value {
    let value = |name: &str, kind: FieldKind, label: &str, choices: &[String]| match (name, kind) {
        ("first_name", _) => "Camille".into(),
        ("last_name", _) => "Martin".into(),
        (_, FieldKind::Text) => label.into(),
        (_, FieldKind::Number) => Value::Int(42),
        (_, FieldKind::Boolean) => Value::Bool(true),
        (_, FieldKind::Date) => "2026-09-21".into(),
        (_, FieldKind::Choice) => choices.first().map_or(Value::Null, |choice| choice.as_str().into()),
    };
    let fields = registry
        .values()
        .map(|field| (field.name.clone(), value(&field.name, field.kind, &field.label, &field.choices)))
        .collect();
    of_contact("camille.martin@example.com", "Camille Martin", fields)
}

/// The name of the contact's value behind a variable path, when it is one: `city` for `contact.city` and for `city`.
pub(crate) fn name_of_path(path: &str) -> &str {
    let rest = path.strip_prefix("contact.").unwrap_or(path);
    rest.split('.').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_both_ways() {
        let fields = Fields::from_iter([("city".to_owned(), Value::from("Lyon"))]);
        let root = of_contact("ada@example.org", "Ada", fields);
        let find = |path: &str| mail::merge::resolve(&root, path).map(std::borrow::Cow::into_owned);
        for path in ["city", "contact.city"] {
            assert_eq!(find(path), Some("Lyon".into()), "{path}");
            assert_eq!(name_of_path(path), "city");
        }
        assert_eq!(find("contact.email"), Some("ada@example.org".into()));
        assert_eq!(find("contact.age"), None);
    }
}
