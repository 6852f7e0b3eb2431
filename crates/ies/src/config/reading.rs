//! From the text of a configuration file to the configuration, or to everything that is wrong with it.
//!
//! Parsing ends at the first value that its type does not take. So that all are told, such a value is taken out, its
//! default stands in, and the rest is read again; what then is wrong only because of that is not told.
//! Limits: [`MISTAKES_MAX`]. Known gap: where the text is no TOML, only that is told.

use std::collections::HashMap;

use model::config::{Fault, Faults};
use toml::{Table, Value};

use super::Config;
use super::document::{Document, Place, Step, shortened};
use super::expected::Schema;

/// Most mistakes told of one file.
pub const MISTAKES_MAX: usize = 100;

/// Values that may hold a password: never shown.
const SECRET: [&str; 1] = ["database.url"];

/// One mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1, where that is known: of the key, or of the section it belongs to.
    pub line: Option<usize>,
    /// The key, such as `dns.ttl_min`; none where the text is no TOML.
    pub key: Option<String>,
    /// What was found there and what is expected.
    pub message: String,
}

/// Reads a configuration; `check` says what the types cannot.
pub(super) fn read(text: &str, check: impl FnOnce(&mut Config) -> Result<(), Faults>) -> Result<Config, Vec<Mistake>> {
    let no_toml = |(line, message)| Mistake { line, key: None, message };
    let document = Document::parse(text).map_err(|errors| errors.into_iter().map(no_toml).collect::<Vec<_>>())?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        vec![Mistake { line: None, key: None, message: error.message().to_owned() }]
    })?;
    let mut draft = Draft::new(table);
    let parsed = draft.parse();
    let Draft { mut faults, .. } = draft;
    let Some(mut config) = parsed else { return Err(placed(&document, None, faults)) };
    let broken: Vec<Place> = faults.iter().map(|(place, _)| place.clone()).collect();
    for fault in check(&mut config).err().into_iter().flatten() {
        let told = |key: &str| {
            let place = draft.places.original(&Place::of(key));
            (broken.iter().all(|broken| !place.holds(broken) && !broken.holds(&place))).then_some(place)
        };
        let Some(place) = told(&fault.key) else { continue };
        let consequence = fault.than.as_deref().is_some_and(|key| told(key).is_none())
            || draft.places.gone.iter().any(|section| place.0.first() == Some(section));
        if !consequence {
            let than = fault.than.map(|key| draft.places.original(&Place::of(&key)).to_string());
            faults.push((place, Fault { than, ..fault }));
        }
    }
    if faults.is_empty() { Ok(config) } else { Err(placed(&document, Some(&config), faults)) }
}

/// The file's table, from which values are taken out until the rest can be read.
struct Draft {
    table: Value,
    faults: Vec<(Place, Fault)>,
    places: Places,
    schema: Option<Schema>,
}

/// Where what is left stood in the file.
#[derive(Default)]
struct Places {
    /// By list: the original places of those that are left.
    left: HashMap<String, Vec<usize>>,
    /// Sections of which a whole entry is gone: what they say of their entries may be a consequence.
    gone: Vec<Step>,
}

impl Draft {
    fn new(table: Table) -> Draft {
        Draft { table: Value::Table(table), faults: Vec::new(), places: Places::default(), schema: None }
    }

    /// Notes everything that types do not take. None when nothing can be made of the rest.
    fn parse(&mut self) -> Option<Config> {
        while self.faults.len() < MISTAKES_MAX {
            let error = match serde_path_to_error::deserialize(self.table.clone()) {
                Ok(config) => return Some(config),
                Err(error) => error,
            };
            let now = Place::from(error.path());
            self.note(&now, error.inner().message());
            if !self.take_out(&now) {
                return None;
            }
        }
        None
    }

    fn note(&mut self, now: &Place, message: &str) {
        let place = self.places.original(now);
        let schema = self.schema.get_or_insert_with(Schema::new);
        let (place, fault) = if message.starts_with("unknown field") {
            let rule = schema.of_key(&place);
            (place, (rule, None))
        } else if let Some(field) = message.strip_prefix("missing field ") {
            (place.key(field.trim_matches('`')), ("must be given".to_owned(), None))
        } else {
            let expected = schema.of_value(&place, message);
            (place, (expected.rule, expected.example))
        };
        // Taken out before: it is missing now because of that.
        if self.faults.iter().all(|(known, _)| *known != place) {
            let (rule, example) = fault;
            self.faults.push((place.clone(), Fault { example, ..Fault::new(place.to_string(), rule) }));
        }
    }

    /// False when there is nothing at this place.
    fn take_out(&mut self, now: &Place) -> bool {
        let Some((last, way)) = now.0.split_last() else { return false };
        let mut holder = Some(&mut self.table);
        for step in way {
            holder = holder.and_then(|value| match step {
                Step::Key(name) => value.get_mut(name.as_str()),
                Step::Index(index) => value.get_mut(*index),
            });
        }
        match (holder, last) {
            (Some(Value::Table(table)), Step::Key(name)) => table.remove(name).is_some(),
            (Some(Value::Array(list)), Step::Index(index)) if *index < list.len() => {
                let entry = list.remove(*index);
                self.places.forget(way, *index, list.len() + 1, entry.is_table());
                true
            }
            _ => false,
        }
    }
}

impl Places {
    /// Where this stood before anything was taken out.
    fn original(&self, now: &Place) -> Place {
        let mut place = Place::default();
        for step in &now.0 {
            let step = match step {
                Step::Index(index) => {
                    let left = self.left.get(&place.to_string());
                    Step::Index(left.and_then(|left| left.get(*index)).copied().unwrap_or(*index))
                }
                Step::Key(name) => Step::Key(name.clone()),
            };
            place.0.push(step);
        }
        place
    }

    /// An entry of a list that had `len` of them is gone.
    fn forget(&mut self, list: &[Step], index: usize, len: usize, is_section: bool) {
        let list = self.original(&Place(list.to_vec()));
        if is_section {
            self.gone.extend(list.0.first().cloned());
        }
        self.left.entry(list.to_string()).or_insert_with(|| (0..len).collect()).remove(index);
    }
}

/// The mistakes with line and value, in the order of the file.
fn placed(document: &Document<'_>, config: Option<&Config>, faults: Vec<(Place, Fault)>) -> Vec<Mistake> {
    let values = config.and_then(|config| toml::Value::try_from(config).ok());
    let told = |place: &Place| {
        let default = || values.as_ref().and_then(|values| value_at(values, place));
        let found = match document.at(place) {
            Some(written) => written.value,
            None => {
                return default().map_or_else(
                    || format!("{place}, which is not set"),
                    |value| format!("{place} = {} (the default)", shortened(&value.to_string())),
                );
            }
        };
        match found {
            Some(_) if SECRET.contains(&place.to_string().as_str()) => format!("{place} = …"),
            Some(value) => format!("{place} = {value}"),
            None => place.to_string(),
        }
    };
    let mistake = |(place, fault): (Place, Fault)| {
        let than = fault.than.as_deref().map(Place::of);
        let line = document.at(&place).map(|written| written.line);
        let line = line.or_else(|| than.as_ref().and_then(|than| document.at(than)).map(|written| written.line));
        let than = than.as_ref().map(|than| format!(" {}", told(than))).unwrap_or_default();
        let example = example(&fault, &place, document).map(|example| format!("; for example {example}"));
        Mistake {
            line: line.or_else(|| document.line_near(&place)),
            key: Some(place.to_string()),
            message: format!("{}: {}{than}{}", told(&place), fault.rule, example.unwrap_or_default()),
        }
    };
    let mut mistakes: Vec<Mistake> = faults.into_iter().map(mistake).collect();
    mistakes.sort_by_key(|mistake| mistake.line);
    mistakes
}

/// A right value: the one that comes with the fault, or the default where that is another text with a unit.
fn example(fault: &Fault, place: &Place, document: &Document<'_>) -> Option<String> {
    if fault.example.is_some() || fault.than.is_some() || fault.rule.contains("such as") {
        return fault.example.map(str::to_owned);
    }
    document.at(place)?;
    let defaults = toml::Value::try_from(Config::default()).ok()?;
    let default = value_at(&defaults, place)?;
    default.as_str().filter(|text| text.starts_with(|c: char| c.is_ascii_digit())).map(|_| default.to_string())
}

fn value_at<'v>(values: &'v Value, place: &Place) -> Option<&'v Value> {
    place.0.iter().try_fold(values, |value, step| match step {
        Step::Key(name) => value.get(name.as_str()),
        Step::Index(index) => value.get(*index),
    })
}
