//! Finding a variable by its dotted path in whatever the caller has.

use std::borrow::Cow;

use model::value::{Fields, Value};

/// Where variables come from: something with names at its root.
pub trait Lookup {
    /// The value of this name; `None` when there is no such name.
    fn get(&self, name: &str) -> Option<&Value>;
}

impl Lookup for Fields {
    fn get(&self, name: &str) -> Option<&Value> {
        Fields::get(self, name)
    }
}

impl Lookup for Value {
    /// The named value of a map; nothing for every other value.
    fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(fields) => fields.get(name),
            _ => None,
        }
    }
}

/// The value at a dotted path, as Liquid finds it: names first, then `size`, `first` and `last`.
pub fn resolve<'v>(vars: &'v dyn Lookup, path: &str) -> Option<Cow<'v, Value>> {
    let mut steps = path.split('.');
    let mut found = Cow::Borrowed(vars.get(steps.next()?)?);
    for step in steps {
        found = match found {
            Cow::Borrowed(value) => property(value, step)?,
            // A number (`size`) has no properties.
            Cow::Owned(_) => return None,
        };
    }
    Some(found)
}

fn property<'v>(value: &'v Value, name: &str) -> Option<Cow<'v, Value>> {
    let count = |len: usize| Some(Cow::Owned(Value::Int(i64::try_from(len).unwrap_or(i64::MAX))));
    match (value, name) {
        (Value::Map(fields), _) if fields.get(name).is_some() => fields.get(name).map(Cow::Borrowed),
        (Value::Map(fields), "size") => count(fields.0.len()),
        (Value::List(items), "size") => count(items.len()),
        (Value::Text(text), "size") => count(text.chars().count()),
        (Value::List(items), "first") => items.first().map(Cow::Borrowed),
        (Value::List(items), "last") => items.last().map(Cow::Borrowed),
        _ => None,
    }
}
