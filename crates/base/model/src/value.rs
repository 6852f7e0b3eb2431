//! Values that travel with a recipient into its mail, and the fields of a contact.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A value of a merge variable; in JSON its natural form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, minicbor::Encode, minicbor::Decode)]
#[serde(untagged)]
pub enum Value {
    /// Nothing known; prints as the empty text.
    #[default]
    #[n(0)]
    Null,
    /// Yes or no.
    #[n(1)]
    Bool(#[n(0)] bool),
    /// A whole number.
    #[n(2)]
    Int(#[n(0)] i64),
    /// Any other number.
    #[n(3)]
    Float(#[n(0)] f64),
    /// A text.
    #[n(4)]
    Text(#[n(0)] String),
    /// Several values in order.
    #[n(5)]
    List(#[n(0)] Vec<Value>),
    /// Named values, in the order in which they were given.
    #[n(6)]
    Map(#[n(0)] Fields),
}

impl utoipa::PartialSchema for Value {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::SchemaType::AnyValue)
            .description(Some("Any JSON value"))
            .into()
    }
}

impl utoipa::ToSchema for Value {}

/// Named values in order; names are unique (the last one given wins on look-up from JSON).
#[derive(Clone, Debug, Default, PartialEq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Fields(#[n(0)] pub Vec<Field>);

/// One named value.
#[derive(Clone, Debug, PartialEq, minicbor::Encode, minicbor::Decode)]
pub struct Field {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Its value.
    #[n(1)]
    pub value: Value,
}

impl Fields {
    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find(|field| field.name == name).map(|field| &field.value)
    }

    /// Sets this name, keeping its place when it is there already.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|field| field.name == name) {
            Some(field) => field.value = value,
            None => self.0.push(Field { name: name.to_owned(), value }),
        }
    }
}

impl FromIterator<(String, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        Fields(pairs.into_iter().map(|(name, value)| Field { name, value }).collect())
    }
}

impl Serialize for Fields {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|field| (&field.name, &field.value)))
    }
}

/// By hand: serde's way for an untagged enum copies all of a list into a buffer, and once more for every list around it.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> serde::de::Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        read_fields(map).map(Value::Map)
    }
}

/// Objects with more names than this have them looked up by a hash.
const FEW: usize = 32;

fn read_fields<'de, A: serde::de::MapAccess<'de>>(mut map: A) -> Result<Fields, A::Error> {
    let mut fields = Fields::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    while let Some((name, value)) = map.next_entry::<String, Value>()? {
        if fields.0.len() < FEW {
            fields.set(&name, value);
            continue;
        }
        if places.is_empty() {
            places = fields.0.iter().enumerate().map(|(place, field)| (field.name.clone(), place)).collect();
        }
        match places.get(&name) {
            Some(&place) => fields.0[place].value = value,
            None => {
                places.insert(name.clone(), fields.0.len());
                fields.0.push(Field { name, value });
            }
        }
    }
    Ok(fields)
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Fields, A::Error> {
                read_fields(map)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl Value {
    /// The text of a text value.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// True for [`Value::Null`] and for the empty text.
    pub fn is_blank(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            _ => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_binary_forms_are_read_back() {
        let json = r#"{"first_name":"Zoë","age":41,"score":2.5,"vip":true,"none":null,"tags":["a","b"],"address":{"city":"Lyon"}}"#;
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), json);
        let bytes = minicbor::to_vec(&value).unwrap();
        assert_eq!(minicbor::decode::<Value>(&bytes).unwrap(), value);
        let large: Value = serde_json::from_str("[9223372036854775807, 9223372036854775808, -1, 1e3]").unwrap();
        let numbers =
            [Value::Int(i64::MAX), Value::Float(9_223_372_036_854_775_808.0), Value::Int(-1), Value::Float(1e3)];
        assert_eq!(large, Value::List(numbers.to_vec()));
    }

    #[test]
    fn of_equal_names_the_last_value_counts_in_the_first_place() {
        for names in [3, 31, 32, 33, 100] {
            let pairs = (0..names).chain([1, names - 1]).enumerate().map(|(nth, name)| format!("\"n{name}\": {nth}"));
            let json = format!("{{{}}}", pairs.collect::<Vec<_>>().join(","));
            let fields: Fields = serde_json::from_str(&json).unwrap();
            assert_eq!(fields.0.len(), names, "{names}");
            let value = |place: usize| &fields.0[place].value;
            assert_eq!(
                (value(1), value(names - 1)),
                (&Value::Int(names as i64), &Value::Int(names as i64 + 1)),
                "{names}"
            );
            assert_eq!(fields.get("n0"), Some(&Value::Int(0)));
        }
    }

    /// A yes that must not be put into a buffer on its way.
    struct Unbuffered;

    impl<'de> serde::Deserializer<'de> for Unbuffered {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            let target = std::any::type_name::<V::Value>();
            assert!(!target.contains("Content"), "{target}");
            visitor.visit_bool(true)
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
        }
    }

    #[test]
    fn values_are_read_without_a_copy() {
        assert_eq!(Value::deserialize(Unbuffered), Ok(Value::Bool(true)));
    }
}
