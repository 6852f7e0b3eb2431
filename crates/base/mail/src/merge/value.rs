//! Values while a template runs: borrowed from the recipient's row where possible.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use model::value::{Fields, Value};

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Val<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'v str),
    /// A text made while running.
    Made(Made),
    List(&'v [Value]),
    Items(Rc<[Val<'v>]>),
    Map(&'v Fields),
    Range(i64, i64),
    Empty,
    Blank,
}

/// A text made while running.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) text: Rc<str>,
    /// Escaped already: not to be escaped again.
    pub(crate) safe: bool,
}

impl<'v> From<&'v Value> for Val<'v> {
    fn from(value: &'v Value) -> Self {
        match value {
            Value::Null => Val::Null,
            Value::Bool(value) => Val::Bool(*value),
            Value::Int(value) => Val::Int(*value),
            Value::Float(value) => Val::Float(*value),
            Value::Text(value) => Val::Text(value),
            Value::List(value) => Val::List(value),
            Value::Map(value) => Val::Map(value),
        }
    }
}

impl<'v> Val<'v> {
    pub(super) fn made(text: impl Into<Rc<str>>) -> Self {
        Val::Made(Made { text: text.into(), safe: false })
    }

    pub(super) fn safe(text: impl Into<Rc<str>>) -> Self {
        Val::Made(Made { text: text.into(), safe: true })
    }

    pub(super) fn count(len: usize) -> Self {
        Val::Int(i64::try_from(len).unwrap_or(i64::MAX))
    }

    pub(super) fn is_safe(&self) -> bool {
        matches!(self, Val::Made(made) if made.safe)
    }

    /// Everything but `nil` and `false`.
    pub(super) fn is_true(&self) -> bool {
        !matches!(self, Val::Null | Val::Bool(false))
    }

    /// The text of a text.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Val::Text(text) => Some(text),
            Val::Made(made) => Some(&made.text),
            _ => None,
        }
    }

    /// As it is printed.
    pub(super) fn to_text(&self) -> Cow<'_, str> {
        match self {
            Val::Text(text) => Cow::Borrowed(text),
            Val::Made(made) => Cow::Borrowed(&made.text),
            Val::Null | Val::Empty | Val::Blank => Cow::Borrowed(""),
            Val::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Val::Int(value) => Cow::Owned(value.to_string()),
            Val::Float(value) => Cow::Owned(float_text(*value)),
            Val::List(items) => Cow::Owned(items.iter().map(|item| Val::from(item).to_text().into_owned()).collect()),
            Val::Items(items) => Cow::Owned(items.iter().map(|item| item.to_text().into_owned()).collect()),
            Val::Range(from, to) => Cow::Owned(format!("{from}..{to}")),
            Val::Map(_) => Cow::Owned(self.to_json()),
        }
    }

    pub(super) fn to_json(&self) -> String {
        let json = |value: &dyn erased::ToJson| value.to_json();
        match self {
            Val::List(items) => json(items),
            Val::Map(fields) => json(fields),
            Val::Items(items) => format!("[{}]", items.iter().map(Val::to_json).collect::<Vec<_>>().join(",")),
            Val::Null | Val::Empty | Val::Blank => "null".to_owned(),
            Val::Bool(_) | Val::Int(_) => self.to_text().into_owned(),
            Val::Float(number) => json(number),
            Val::Text(_) | Val::Made(_) | Val::Range(..) => json(&&*self.to_text()),
        }
    }

    /// A number: of numbers, and of texts that read as one.
    pub(super) fn as_number(&self) -> Option<Number> {
        match self {
            Val::Int(number) => Some(Number::Int(*number)),
            Val::Float(number) => Some(Number::Float(*number)),
            _ => {
                let text = self.as_str()?.trim();
                let int = text.parse().ok().map(Number::Int);
                int.or_else(|| text.parse().ok().filter(|number: &f64| number.is_finite()).map(Number::Float))
            }
        }
    }

    /// How many elements, letters or names; `None` for what has none.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Val::List(items) => Some(items.len()),
            Val::Items(items) => Some(items.len()),
            Val::Map(fields) => Some(fields.0.len()),
            Val::Range(from, to) => {
                Some(usize::try_from(to.saturating_sub(*from).saturating_add(1)).unwrap_or_default())
            }
            _ => self.as_str().map(|text| text.chars().count()),
        }
    }

    /// What it costs to look at all of it, in steps.
    pub(super) fn weight(&self) -> u64 {
        let bytes_per_step = 64;
        match self {
            Val::Text(text) => (text.len() / bytes_per_step) as u64,
            Val::Made(made) => (made.text.len() / bytes_per_step) as u64,
            Val::List(_) | Val::Items(_) | Val::Map(_) => self.len().unwrap_or(0) as u64,
            _ => 0,
        }
    }

    /// The element at a place; from the end for negative ones.
    pub(super) fn at(&self, index: i64) -> Val<'v> {
        let place = |len: usize| {
            let back = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
            if index < 0 { len.checked_sub(back) } else { Some(back) }
        };
        match self {
            Val::List(items) => place(items.len()).and_then(|at| items.get(at)).map_or(Val::Null, Val::from),
            Val::Items(items) => place(items.len()).and_then(|at| items.get(at)).cloned().unwrap_or(Val::Null),
            Val::Range(from, to) => {
                let number = if index < 0 { to.saturating_add(1) } else { *from }.saturating_add(index);
                if (*from..=*to).contains(&number) { Val::Int(number) } else { Val::Null }
            }
            _ => Val::Null,
        }
    }

    /// The property of this name; names of a map come before `size`, `first` and `last`.
    pub(super) fn property(&self, name: &str) -> Val<'v> {
        if let Val::Map(fields) = self
            && let Some(value) = fields.get(name)
        {
            return Val::from(value);
        }
        match name {
            "size" => self.len().map_or(Val::Null, Val::count),
            "first" => self.at(0),
            "last" => self.at(-1),
            _ => Val::Null,
        }
    }

    /// What `[key]` finds.
    pub(super) fn index(&self, key: &Val<'_>) -> Val<'v> {
        match key {
            Val::Int(index) => self.at(*index),
            _ => key.as_str().map_or(Val::Null, |name| self.property(name)),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Val::Range(..) => false,
            Val::Empty => true,
            _ => self.len() == Some(0),
        }
    }

    fn is_blank(&self) -> bool {
        match self {
            Val::Null | Val::Bool(false) | Val::Blank => true,
            _ => self.as_str().is_some_and(|text| text.trim().is_empty()) || self.is_empty(),
        }
    }

    pub(super) fn equals(&self, other: &Val<'_>) -> bool {
        match (self, other) {
            (Val::Empty, value) => value.is_empty(),
            (value, Val::Empty) => value.is_empty(),
            (Val::Blank, value) => value.is_blank(),
            (value, Val::Blank) => value.is_blank(),
            (Val::Null, Val::Null) => true,
            (Val::Bool(left), Val::Bool(right)) => left == right,
            (Val::Int(left), Val::Int(right)) => left == right,
            (Val::Int(_) | Val::Float(_), Val::Int(_) | Val::Float(_)) => self.compare(other) == Some(Ordering::Equal),
            (Val::Map(left), Val::Map(right)) => left == right,
            (Val::Range(from, to), Val::Range(other_from, other_to)) => (from, to) == (other_from, other_to),
            (Val::List(_) | Val::Items(_), Val::List(_) | Val::Items(_)) => {
                self.len() == other.len()
                    && (0..self.len().unwrap_or(0) as i64).all(|index| self.at(index).equals(&other.at(index)))
            }
            _ => match (self.as_str(), other.as_str()) {
                (Some(left), Some(right)) => left == right,
                _ => false,
            },
        }
    }

    /// Order of numbers, and of texts; nothing else has one.
    pub(super) fn compare(&self, other: &Val<'_>) -> Option<Ordering> {
        match (self, other) {
            (Val::Int(left), Val::Int(right)) => Some(left.cmp(right)),
            (Val::Int(left), Val::Float(right)) => compare_exactly(*left, *right),
            (Val::Float(left), Val::Int(right)) => compare_exactly(*right, *left).map(Ordering::reverse),
            (Val::Float(left), Val::Float(right)) => left.partial_cmp(right),
            _ => Some(self.as_str()?.cmp(other.as_str()?)),
        }
    }

    /// `contains`: a text in a text, an element in a list, a name in a map.
    pub(super) fn contains(&self, other: &Val<'_>) -> bool {
        match self {
            Val::List(items) => items.iter().any(|item| Val::from(item).equals(other)),
            Val::Items(items) => items.iter().any(|item| item.equals(other)),
            Val::Map(fields) => other.as_str().is_some_and(|name| fields.get(name).is_some()),
            Val::Range(from, to) => matches!(other, Val::Int(number) if (*from..=*to).contains(number)),
            _ => self.as_str().is_some_and(|text| !matches!(other, Val::Null) && text.contains(&*other.to_text())),
        }
    }
}

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub(super) fn to_f64(self) -> f64 {
        match self {
            Number::Int(number) => number as f64,
            Number::Float(number) => number,
        }
    }
}

/// The order of two numbers as they are: a whole number beyond 2^53 must not be rounded to the other, or three numbers could
/// go round in a circle, which is no order to sort by.
fn compare_exactly(whole: i64, float: f64) -> Option<Ordering> {
    // Where the rounded number equals the other, that one is whole and fits into 128 bits.
    (whole as f64).partial_cmp(&float).map(|order| order.then(i128::from(whole).cmp(&(float as i128))))
}

/// As Ruby prints it where that is short: `2.5`, `3.0`.
fn float_text(number: f64) -> String {
    if number.is_finite() && number.fract() == 0.0 && number.abs() < 1e16 {
        format!("{number:.1}")
    } else if number.is_finite() {
        number.to_string()
    } else {
        String::new()
    }
}

mod erased {
    /// JSON of the few types that need it, behind one function.
    pub(super) trait ToJson {
        fn to_json(&self) -> String;
    }

    impl<T: serde::Serialize> ToJson for T {
        fn to_json(&self) -> String {
            // Only a number that is not finite fails.
            serde_json::to_string(self).unwrap_or_else(|_| "null".to_owned())
        }
    }
}
