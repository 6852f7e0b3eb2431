//! The registry of contact fields, and values that fit it.
//!
//! A value is checked once, where it comes in (API or import), and stored as JSON of its kind: number as number, boolean
//! as boolean, date as `2026-09-21`. Fields are added, never removed or retyped, so stored values keep their meaning.
//!
//! Dates of files: ISO, or day first with `.`, `/` or `-` (`21.09.2026`). In a file whose
//! column has a date that is one only with the month in front (`09/21/2026`) the month comes first, see [`MonthFirst`].

use std::collections::BTreeMap;

use db::{Row, params};
use model::value::{Fields, Value};

use super::suppression::named;
use super::types::{Field, FieldKind};
use crate::Error;
use crate::base::Base;

/// Most fields in the registry.
pub const FIELDS_MAX: usize = 200;

/// Longest text in a field, in bytes.
pub const FIELD_TEXT_MAX: usize = 4_096;

/// Most choices of one field.
pub const CHOICES_MAX: usize = 500;

/// Names that mean something else in templates and imports.
const RESERVED: [&str; 8] = ["address", "email", "name", "contact", "campaign", "list", "id", "unsubscribe_url"];

/// The registry, by name.
pub(crate) type Registry = BTreeMap<String, Field>;

/// Reads the registry.
pub(crate) async fn registry(base: &Base) -> Result<Registry, Error> {
    let rows = base.db.query("SELECT name, label, kind, choices FROM field ORDER BY name", params![]).await?;
    rows.iter().map(|row| field(row).map(|field| (field.name.clone(), field))).collect()
}

fn field(row: &Row) -> Result<Field, Error> {
    Ok(Field {
        name: row.get("name")?,
        label: row.get("label")?,
        kind: named(row, "kind", FieldKind::from_name)?,
        choices: row.json("choices")?,
    })
}

/// Adds a field to the registry.
pub(crate) async fn create(base: &Base, mut field: Field) -> Result<Field, Error> {
    check_name(&field.name)?;
    if field.label.trim().is_empty() {
        field.label = field.name.replace('_', " ");
    }
    match field.kind {
        FieldKind::Choice if field.choices.is_empty() => {
            return Err(Error::invalid("choices", "a choice needs at least one value to choose"));
        }
        FieldKind::Choice if field.choices.len() > CHOICES_MAX => {
            return Err(Error::invalid("choices", format!("more than {CHOICES_MAX} choices")));
        }
        FieldKind::Choice => {}
        _ => field.choices.clear(),
    }
    let known = registry(base).await?;
    if known.contains_key(&field.name) {
        return Err(Error::conflict(format!("there is a field {:?} already", field.name)));
    }
    if known.len() >= FIELDS_MAX {
        return Err(Error::conflict(format!("there are {FIELDS_MAX} fields already, which is the limit")));
    }
    let sql = "INSERT INTO field (name, label, kind, choices) VALUES ($1, $2, $3, $4)";
    let choices = db::Value::json(&field.choices);
    base.db.execute(sql, params![&field.name, &field.label, field.kind.as_str(), choices]).await?;
    Ok(field)
}

fn check_name(name: &str) -> Result<(), Error> {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !letters || name.len() > 64 || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        let reason =
            "a field name has lower-case letters, digits and underscores, begins with a letter, and has at most 64";
        return Err(Error::invalid("name", reason));
    }
    if RESERVED.contains(&name) {
        return Err(Error::invalid("name", format!("{name:?} means something else in templates; choose another name")));
    }
    Ok(())
}

impl Field {
    /// Reads a value out of a cell of a file; blank cells are `None`.
    ///
    /// # Errors
    /// A sentence that says what is expected.
    pub(crate) fn parse(&self, text: &str) -> Result<Option<Value>, String> {
        let text = text.trim_matches(is_blank);
        if text.is_empty() {
            return Ok(None);
        }
        let value = match self.kind {
            FieldKind::Text if text.len() > FIELD_TEXT_MAX => {
                return Err(format!("longer than {FIELD_TEXT_MAX} bytes"));
            }
            FieldKind::Text => Value::Text(text.to_owned()),
            FieldKind::Number => parse_number(text).ok_or_else(|| format!("{} is not a number", quoted(text)))?,
            FieldKind::Boolean => parse_boolean(text).ok_or_else(|| format!("{} is not yes or no", quoted(text)))?,
            FieldKind::Date => {
                parse_date(text).ok_or_else(|| format!("{} is not a date such as 2026-09-21", quoted(text)))?
            }
            FieldKind::Choice => self.choose(text).ok_or_else(|| self.expected_choice(text))?,
        };
        Ok(Some(value))
    }

    /// Checks a value that came as JSON; `Null` passes, a text is read as from a file.
    ///
    /// # Errors
    /// A sentence that says what is expected.
    pub(crate) fn accept(&self, value: Value) -> Result<Value, String> {
        match (self.kind, value) {
            (_, Value::Null) => Ok(Value::Null),
            (_, Value::Text(text)) => Ok(self.parse(&text)?.unwrap_or(Value::Null)),
            (FieldKind::Number, value @ (Value::Int(_) | Value::Float(_)))
            | (FieldKind::Boolean, value @ Value::Bool(_)) => Ok(value),
            _ => Err(format!("{} expects a {}", self.name, self.kind.as_str())),
        }
    }

    fn choose(&self, text: &str) -> Option<Value> {
        let known = self.choices.iter().find(|choice| choice.to_lowercase() == text.to_lowercase());
        known.map(|choice| Value::Text(choice.clone()))
    }

    fn expected_choice(&self, text: &str) -> String {
        let shown: Vec<&str> = self.choices.iter().take(8).map(String::as_str).collect();
        let more = if self.choices.len() > shown.len() { " …" } else { "" };
        format!("{} is none of {}{more}", quoted(text), shown.join(", "))
    }
}

/// Puts checked values over those a contact has; `Null` takes one away.
pub(crate) fn merge(registry: &Registry, into: &mut Fields, from: Fields) -> Result<(), Error> {
    for given in from.0 {
        let path = format!("fields.{}", given.name);
        let Some(field) = registry.get(&given.name) else {
            return Err(Error::invalid(path, format!("there is no field {:?}; create it first", given.name)));
        };
        let value = field.accept(given.value).map_err(|reason| Error::invalid(path, reason))?;
        match value {
            Value::Null => into.0.retain(|old| old.name != given.name),
            value => into.set(&given.name, value),
        }
    }
    Ok(())
}

/// White space of all kinds, no-break spaces, zero-width marks and the byte order mark.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

/// Groups by spaces or apostrophes; a comma is the decimal sign when it stands alone, else the last sign is.
fn parse_number(text: &str) -> Option<Value> {
    let plain: String = text.chars().filter(|c| !is_blank(*c) && *c != '\'' && *c != '’').collect();
    let plain = match (plain.rfind(','), plain.rfind('.')) {
        (Some(comma), Some(dot)) if comma > dot => plain.replace('.', "").replace(',', "."),
        (Some(_), Some(_)) => plain.replace(',', ""),
        (Some(_), None) => plain.replacen(',', ".", 1),
        _ => plain,
    };
    if !plain.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    let whole = plain.parse::<i64>().ok().map(Value::Int);
    whole.or_else(|| plain.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Float))
}

fn parse_boolean(text: &str) -> Option<Value> {
    const YES: [&str; 13] = ["1", "true", "t", "yes", "y", "on", "x", "✓", "oui", "o", "vrai", "ja", "wahr"];
    const NO: [&str; 10] = ["0", "false", "f", "no", "n", "off", "non", "faux", "nein", "falsch"];
    let text = text.to_lowercase();
    match (YES.contains(&text.as_str()), NO.contains(&text.as_str())) {
        (true, _) => Some(Value::Bool(true)),
        (_, true) => Some(Value::Bool(false)),
        _ => None,
    }
}

fn parse_date(text: &str) -> Option<Value> {
    let (year, month, day) = date_parts(text)?;
    civil(year, month, day)
}

fn civil(year: i16, month: i16, day: i16) -> Option<Value> {
    let date = jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some(Value::Text(date.to_string()))
}

/// Year, month and day, the day taken to come first where the year comes last.
fn date_parts(text: &str) -> Option<(i16, i16, i16)> {
    let day = text.trim_matches(is_blank).split(['T', ' ']).next()?;
    let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
    let [first, second, third] = parts.as_slice() else { return None };
    let number = |digits: &str| digits.parse::<i16>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    match (first.len(), third.len()) {
        (4, 1 | 2) => Some((number(first)?, number(second)?, number(third)?)),
        (1 | 2, 4) => Some((number(third)?, number(second)?, number(first)?)),
        _ => None,
    }
}

/// Whether the dates of a column have the month in front: one of them is a date only so (`05/31/1980`), and none of them
/// only the other way (`31/05/1980`). Where both stand, or neither, the day comes first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MonthFirst {
    only_so: bool,
    only_otherwise: bool,
}

impl MonthFirst {
    /// Looks at one more cell.
    pub(crate) fn look(&mut self, cell: &str) {
        if let Some((_, month, day)) = date_parts(cell) {
            self.only_so |= month > 12 && day <= 12;
            let year_first = cell.trim_matches(is_blank).find(['-', '/', '.']) == Some(4);
            self.only_otherwise |= day > 12 && month <= 12 && !year_first;
        }
    }

    pub(crate) fn is_so(self) -> bool {
        self.only_so && !self.only_otherwise
    }

    /// A cell of such a column, as a date of the form that every reader of ours knows.
    pub(crate) fn turned(cell: &str) -> Option<String> {
        let trimmed = cell.trim_matches(is_blank);
        if trimmed.find(['-', '/', '.']) == Some(4) {
            return None;
        }
        let (year, day, month) = date_parts(trimmed)?;
        Some(civil(year, month, day)?.as_text()?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: FieldKind, text: &str, expected: Option<&str>) {
        let choices = vec!["Gold".to_owned(), "Silver".to_owned()];
        let field = Field { name: "x".into(), label: "X".into(), kind, choices };
        let found = field.parse(text).map(|value| value.map_or("-".to_owned(), |v| serde_json::to_string(&v).unwrap()));
        assert_eq!(found.ok().as_deref(), expected, "{kind:?} {text:?}");
    }

    #[test]
    fn cells_are_read_by_kind() {
        use FieldKind::{Boolean, Choice, Date, Number, Text};
        check(Text, " \u{a0}Zoë\u{200b} ", Some("\"Zoë\""));
        check(Text, "\u{feff}", Some("-"));
        check(Text, &"x".repeat(5_000), None);
        check(Number, "42", Some("42"));
        check(Number, "1 234,5", Some("1234.5"));
        check(Number, "1'234.50", Some("1234.5"));
        check(Number, "1.234,5", Some("1234.5"));
        check(Number, "1,234.5", Some("1234.5"));
        check(Number, "-3", Some("-3"));
        check(Number, "1.23E+11", Some("123000000000.0"));
        check(Number, "nan", None);
        check(Number, "12a", None);
        check(Boolean, "Oui", Some("true"));
        check(Boolean, "0", Some("false"));
        check(Boolean, "maybe", None);
        check(Date, "2026-09-21", Some("\"2026-09-21\""));
        check(Date, "2026-09-21T10:00:00Z", Some("\"2026-09-21\""));
        check(Date, "21.9.2026", Some("\"2026-09-21\""));
        check(Date, "09/21/2026", None);
        check(Date, "31/02/2026", None);
        check(Date, "21-09-26", None);
        check(Choice, "gold", Some("\"Gold\""));
        check(Choice, "bronze", None);
    }

    #[test]
    fn names_are_checked() {
        for good in ["city", "a", "x_2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for wrong in ["", "City", "2x", "_x", "prénom", "email", "a b"] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }
}
