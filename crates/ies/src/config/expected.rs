//! What a key takes, in words: from the schema that is made of the structs, so that no key can be forgotten.

use model::words::nearest;
use serde_json::Value;

use super::document::{Place, Step};

/// Most keys that are listed where an unknown one was found.
const KEYS_SHOWN: usize = 12;

/// What would be right.
pub(super) struct Expected {
    /// A sentence for the value: `must be an IP address`.
    pub rule: String,
    /// A right value as TOML.
    pub example: Option<&'static str>,
}

/// The schema of the whole configuration.
pub(super) struct Schema(Value);

impl Schema {
    pub(super) fn new() -> Schema {
        Schema(schemars::schema_for!(super::Config).to_value())
    }

    /// For a value that its type does not take; `message` is what the type says of it.
    pub(super) fn of_value(&self, place: &Place, message: &str) -> Expected {
        let plain = |rule: &str| Expected { rule: rule.to_owned(), example: None };
        if message.contains("socket address") {
            return Expected { rule: "must be an address with a port".to_owned(), example: Some("\"127.0.0.1:8025\"") };
        }
        let Some((node, form)) = self.node(place) else { return plain(message) };
        if let Some(description) = form.then(|| node["description"].as_str()).flatten() {
            return Expected { rule: format!("must be {description}"), example: None };
        }
        let kind = match &node["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
            kind => kind.as_str(),
        };
        match (kind, node["format"].as_str()) {
            (_, Some("ip")) => Expected { rule: "must be an IP address".to_owned(), example: Some("\"192.0.2.1\"") },
            (Some("integer"), format) => match format.and_then(largest) {
                Some(most) => plain(&format!("must be a whole number from 0 to {most}")),
                None => plain("must be a whole number"),
            },
            (Some("boolean"), _) => plain("must be true or false"),
            (Some("array"), _) => plain("must be a list in square brackets"),
            (Some("object"), _) => plain("must be a section"),
            _ => match names(node) {
                names if !names.is_empty() => plain(&format!("must be one of {}", names.join(", "))),
                _ if kind == Some("string") => plain("must be a text in quotation marks"),
                _ => plain(message),
            },
        }
    }

    /// For a key that is not known.
    pub(super) fn of_key(&self, place: &Place) -> String {
        let Some((Step::Key(found), section)) = place.0.split_last() else { return "must not be here".to_owned() };
        let section = Place(section.to_vec());
        let properties = self.node(&section).and_then(|(node, _)| node["properties"].as_object());
        let known: Vec<&str> = properties.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        match nearest(found, known.iter().copied()) {
            Some(key) => format!("there is no such key; did you mean {}?", section.key(key)),
            None if known.len() <= KEYS_SHOWN => format!("there is no such key; known here: {}", known.join(", ")),
            None => "there is no such key; docs/generated/config.md lists all".to_owned(),
        }
    }

    /// The schema of a place; true when it is one of the texts with a form of their own (times, rates, sizes, networks).
    fn node(&self, place: &Place) -> Option<(&Value, bool)> {
        let mut found = (&self.0, false);
        for step in &place.0 {
            let inside = match step {
                Step::Key(name) => &found.0["properties"][name],
                Step::Index(_) => &found.0["items"],
            };
            found = self.resolved(inside)?;
        }
        Some(found)
    }

    /// Behind references and options.
    fn resolved<'s>(&'s self, node: &'s Value) -> Option<(&'s Value, bool)> {
        if let Some(name) = node["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
            let target = &self.0["$defs"][name];
            let plain = target["type"] == "string" && target["enum"].is_null() && target["description"].is_string();
            return Some((target, plain));
        }
        let wrapped = node["anyOf"].get(0).or(node["allOf"].get(0));
        match wrapped {
            Some(inner) => self.resolved(inner),
            None => node.is_object().then_some((node, false)),
        }
    }
}

/// The names of an enum, as they are written.
fn names(node: &Value) -> Vec<String> {
    let alternatives = node["oneOf"].as_array().into_iter().flatten().map(|one| &one["const"]);
    let listed = node["enum"].as_array().into_iter().flatten();
    alternatives.chain(listed).filter(|name| name.is_string()).map(Value::to_string).collect()
}

fn largest(format: &str) -> Option<u64> {
    Some(match format {
        "uint8" => u64::from(u8::MAX),
        "uint16" => u64::from(u16::MAX),
        "uint32" => u64::from(u32::MAX),
        // TOML has no larger ones.
        "uint" | "uint64" => i64::MAX as u64,
        _ => return None,
    })
}
