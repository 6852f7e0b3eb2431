//! Recipients of a request, read one after the other: none is held longer than it takes to look at it.

use mail::address::Address;
use mail::program::Program;
use model::submission::{DsnOptions, Labels, NewRecipient};
use model::value::Value;
use serde::de::{DeserializeSeed, Deserializer as _, SeqAccess, Visitor};

use super::request::{InjectionRecipient, RejectedRecipient};
use super::{InjectionError, REJECTED_MAX, unreadable};

/// Longest piece of what cannot be read that is shown, in letters.
const SHOWN_MAX: usize = 80;

/// Bytes of rows, about, that are committed at a time at most.
pub(crate) const ROWS_BYTES_MAX: usize = 4 << 20;

/// Makes rows of recipients.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowMaker {
    pub(crate) dsn: Option<DsnOptions>,
    /// Addresses beyond ASCII are left out.
    pub(crate) ascii_only: bool,
}

impl RowMaker {
    /// The row of a recipient, or why it cannot have one.
    pub(crate) fn row(
        &self,
        program: Option<&Program>,
        recipient: InjectionRecipient,
    ) -> Result<NewRecipient, (String, String)> {
        let InjectionRecipient { address: given, variables, metadata } = recipient;
        let parsed = match Address::parse(&given) {
            Ok(parsed) => parsed,
            Err(error) => return Err((given, error.to_string())),
        };
        if self.ascii_only && !parsed.as_str().is_ascii() {
            return Err((given, "an address beyond ASCII: say \"smtputf8\": true in the first line".to_owned()));
        }
        if let Err(reason) = Labels::check_metadata(&metadata) {
            return Err((given, format!("metadata: {reason}")));
        }
        let values = program.map(|program| program.values(&Value::Map(variables))).unwrap_or_default();
        let address = parsed.as_str().to_owned();
        Ok(NewRecipient { address, values, contact: None, dsn: self.dsn.clone(), metadata })
    }
}

/// Recipients that are left out: the first of them by name, all of them counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rejects {
    pub(crate) named: Vec<RejectedRecipient>,
    pub(crate) count: u64,
}

impl Rejects {
    pub(crate) fn add(&mut self, place: u64, given: &str, reason: String) {
        self.count += 1;
        if self.named.len() < REJECTED_MAX {
            let address = given.chars().take(SHOWN_MAX).collect();
            self.named.push(RejectedRecipient { place, address, reason });
        }
    }
}

/// Calls `each` with every recipient of a JSON list, in order; it says whether to go on.
pub(crate) fn walk(
    list: &[u8],
    field: &str,
    each: &mut dyn FnMut(InjectionRecipient) -> bool,
) -> Result<(), InjectionError> {
    let mut walker = Walker { each, place: 0, stopped: false };
    let mut json = serde_json::Deserializer::from_slice(list);
    let result = json.deserialize_seq(&mut walker);
    match result {
        Ok(()) => Ok(()),
        Err(_) if walker.stopped => Ok(()),
        Err(error) if list.first() != Some(&b'[') => Err(unreadable(field, &error)),
        Err(error) => Err(unreadable(format!("{field}[{}]", walker.place), &error)),
    }
}

struct Walker<'a> {
    each: &'a mut dyn FnMut(InjectionRecipient) -> bool,
    place: usize,
    stopped: bool,
}

impl<'de> Visitor<'de> for &mut Walker<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(recipient) = items.next_element_seed(One)? {
            self.place += 1;
            if !(self.each)(recipient) {
                self.stopped = true;
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

struct One;

impl<'de> DeserializeSeed<'de> for One {
    type Value = InjectionRecipient;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<InjectionRecipient, D::Error> {
        serde::Deserialize::deserialize(deserializer)
    }
}

/// About how many bytes a row takes on disk.
pub(crate) fn bytes_of(row: &NewRecipient) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Text(text) => text.len() + 8,
            Value::List(items) => items.iter().map(of).sum::<usize>() + 8,
            Value::Map(fields) => {
                fields.0.iter().map(|field| field.name.len() + 8 + of(&field.value)).sum::<usize>() + 8
            }
            _ => 10,
        }
    }
    let metadata: usize = row.metadata.iter().map(|(name, text)| name.len() + text.len() + 8).sum();
    64 + row.address.len() + metadata + row.values.iter().map(of).sum::<usize>()
}
