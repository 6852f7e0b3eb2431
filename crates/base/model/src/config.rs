//! What is wrong with a configuration, as each part says it of its own section.
//!
//! A part knows its keys and the rules for their values. The file, the line and the value that was found are added by
//! whoever has read the file, so that all parts speak alike and all mistakes are told at once. No IO and no parsing here.

use std::fmt;
use std::ops::RangeInclusive;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, as seen from the section that says it: `ttl_min`, `sources[1].name`.
    pub key: String,
    /// What holds for its value: `must be at least 1`.
    pub rule: String,
    /// The other key with which the rule ends: `ttl_max` of `must not be longer than ttl_max`.
    pub than: Option<String>,
    /// A value that would be right, as it is written in TOML.
    pub example: Option<&'static str>,
}

impl Fault {
    /// A value that breaks a rule.
    pub fn new(key: impl Into<String>, rule: impl Into<String>) -> Fault {
        Fault { key: key.into(), rule: rule.into(), than: None, example: None }
    }

    /// The rule ends with the value of another key of the same section.
    pub fn than(self, key: impl Into<String>) -> Fault {
        Fault { than: Some(key.into()), ..self }
    }

    /// A right value, as it is written in TOML.
    pub fn example(self, example: &'static str) -> Fault {
        Fault { example: Some(example), ..self }
    }

    /// The same, seen from where `section` is a key.
    fn under(self, section: &str) -> Fault {
        let whole = |key: String| format!("{section}.{key}");
        Fault { key: whole(self.key), than: self.than.map(whole), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.rule)?;
        self.than.iter().try_for_each(|key| write!(f, " {key}"))?;
        self.example.iter().try_for_each(|example| write!(f, "; for example {example}"))
    }
}

/// All mistakes of a section, in the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Adds one.
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Adds one unless all is well.
    pub fn unless(&mut self, fine: bool, fault: impl FnOnce() -> Fault) {
        if !fine {
            self.add(fault());
        }
    }

    /// Adds one when the value is smaller than `least`.
    pub fn at_least<T: PartialOrd + fmt::Display>(&mut self, key: &str, value: T, least: T) {
        self.unless(value >= least, || Fault::new(key, format!("must be at least {least}")));
    }

    /// Adds one when the value is outside of the range.
    pub fn within<T: PartialOrd + fmt::Display>(&mut self, key: &str, value: T, range: RangeInclusive<T>) {
        let rule = || format!("must be between {} and {}", range.start(), range.end());
        self.unless(range.contains(&value), || Fault::new(key, rule()));
    }

    /// Adds what a section inside says of itself.
    pub fn inside(&mut self, section: &str, found: Result<(), Faults>) {
        let found = found.err().into_iter().flatten();
        self.0.extend(found.map(|fault| fault.under(section)));
    }

    /// Adds what was found elsewhere in the same section.
    pub fn join(&mut self, found: Result<(), Faults>) {
        self.0.extend(found.err().into_iter().flatten());
    }

    /// An error when there is any.
    ///
    /// # Errors
    /// Itself, with at least one mistake.
    pub fn result(self) -> Result<(), Faults> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if place == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    #[test]
    fn every_mistake_is_told_with_its_whole_key() {
        let mut inner = Faults::default();
        inner.at_least("attempts", 0, 1);
        inner.at_least("attempts", 1, 1);
        inner.within("port", 70_000, 1..=65_535);
        inner.unless(Span::s(2) <= Span::s(1), || Fault::new("ttl_min", "must not be longer than").than("ttl_max"));
        let mut outer = Faults::default();
        outer.inside("fine", Ok(()));
        outer.inside("dns", inner.result());
        outer.add(Fault::new("name", "must be a domain").example("\"example.com\""));
        let expected = "dns.attempts must be at least 1; dns.port must be between 1 and 65535; dns.ttl_min must not be \
                        longer than dns.ttl_max; name must be a domain; for example \"example.com\"";
        assert_eq!(outer.result().unwrap_err().to_string(), expected);
        assert_eq!(Faults::default().result(), Ok(()));
    }
}
