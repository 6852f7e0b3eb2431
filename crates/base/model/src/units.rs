//! Values with a unit, as people write them in configuration: `"30s"`, `"100/min"`, `"25MB"`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is not a value with a unit; says what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct UnitError {
    found: String,
    expected: &'static str,
}

fn refuse(found: &str, expected: &'static str) -> UnitError {
    UnitError { found: found.chars().take(60).collect(), expected }
}

/// Number in front, letters behind: `("30", "s")`.
fn split_unit(text: &str) -> (String, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_' && c != '.').unwrap_or(text.len());
    (text[..end].replace('_', ""), text[end..].trim())
}

fn unit_seconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "s" | "sec" => 1,
        "m" | "min" => 60,
        "h" | "hr" | "hour" => 3_600,
        "d" | "day" => 86_400,
        _ => return None,
    })
}

/// A length of time: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"4d12h"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl Span {
    /// From whole seconds.
    pub const fn s(seconds: u64) -> Self {
        Span(Duration::from_secs(seconds))
    }

    /// From milliseconds.
    pub const fn ms(milliseconds: u64) -> Self {
        Span(Duration::from_millis(milliseconds))
    }
}

const SPAN: &str = "a length of time such as \"30s\", \"5m\" or \"4d12h\"";

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let mut rest = text.trim();
        let mut total = Duration::ZERO;
        while !rest.is_empty() {
            let (number, after) = split_unit(rest);
            let unit_len = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = (after[..unit_len].trim(), &after[unit_len..]);
            let count: u64 = number.parse().map_err(|_| refuse(text, SPAN))?;
            let part = match unit {
                "ms" => Duration::from_millis(count),
                _ => {
                    let seconds = unit_seconds(unit).and_then(|unit| unit.checked_mul(count));
                    Duration::from_secs(seconds.ok_or_else(|| refuse(text, SPAN))?)
                }
            };
            total = total.checked_add(part).ok_or_else(|| refuse(text, SPAN))?;
            rest = after;
        }
        if text.trim().is_empty() { Err(refuse(text, SPAN)) } else { Ok(Span(total)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.subsec_millis();
        let mut seconds = self.0.as_secs();
        if seconds == 0 {
            return if millis == 0 { f.write_str("0s") } else { write!(f, "{millis}ms") };
        }
        for (unit, letter) in [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")] {
            if seconds >= unit {
                write!(f, "{}{letter}", seconds / unit)?;
                seconds %= unit;
            }
        }
        if millis > 0 { write!(f, "{millis}ms") } else { Ok(()) }
    }
}

/// So many in such a time: `"100/min"`, `"20/s"`, `"100/15m"`, with `",max_burst=5"` behind it where wanted.
///
/// Without a burst, all `count` may leave at once and are then spread over the period (generic cell rate algorithm).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many; at least 1.
    pub count: u64,
    /// In what time; at least a second.
    pub period: Duration,
    /// How many may leave at once; at least 1.
    pub burst: u64,
}

const RATE: &str = "a rate such as \"20/s\", \"100/min\" or \"100/15m,max_burst=5\"";

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (count, seconds, burst) = split_rate(text).ok_or_else(|| refuse(text, RATE))?;
        let whole = |text: &str| text.trim().replace(['_', ','], "").parse::<u64>().map_err(|_| refuse(text, RATE));
        let count = whole(count)?;
        let burst = burst.map_or(Ok(count), whole)?;
        if count == 0 || seconds == 0 || burst == 0 {
            return Err(refuse(text, RATE));
        }
        Ok(Rate { count, period: Duration::from_secs(seconds), burst })
    }
}

/// The parts of `quantity/period[,max_burst=n]`: quantity, seconds of the period, burst. A `local:` in front, as KumoMTA
/// writes it for limits that hold on one node, says what holds here anyway.
fn split_rate(text: &str) -> Option<(&str, u64, Option<&str>)> {
    let text = text.trim();
    let text = text.strip_prefix("local:").unwrap_or(text);
    let (rate, burst) = match text.split_once(",max_burst=") {
        Some((rate, burst)) => (rate, Some(burst)),
        None => (text, None),
    };
    let (count, period) = rate.split_once('/')?;
    let (number, unit) = split_unit(period);
    let number: u64 = if number.is_empty() { 1 } else { number.parse().ok()? };
    let seconds = unit_seconds(unit).and_then(|unit| unit.checked_mul(number))?;
    Some((count, seconds, burst))
}

/// A period as it is read: one number and one unit, the largest that the time is a multiple of.
fn period(period: Duration) -> String {
    let seconds = period.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let (unit, letter) = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).unwrap_or((1, "s"));
    match seconds {
        60 => "min".to_owned(),
        _ if seconds == unit => letter.to_owned(),
        _ => format!("{}{letter}", seconds / unit),
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, period(self.period))?;
        if self.burst == self.count { Ok(()) } else { write!(f, ",max_burst={}", self.burst) }
    }
}

/// So many bytes in such a time: `"50MB/h"`, `"512KB/s"`, with `",max_burst=5MB"` behind it where wanted.
///
/// Without a burst, the whole quantity may leave at once. A message that is larger than what is left still leaves when
/// anything is left, and what it took too much is waited for afterwards: else a large message would never leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRate {
    /// How many bytes; at least 1.
    pub bytes: u64,
    /// In what time; at least a second.
    pub period: Duration,
    /// How many bytes may leave at once; at least 1.
    pub burst: u64,
}

const BYTE_RATE: &str = "a rate of bytes such as \"50MB/h\" or \"1MB/s,max_burst=5MB\"";

impl FromStr for ByteRate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (bytes, seconds, burst) = split_rate(text).ok_or_else(|| refuse(text, BYTE_RATE))?;
        let size = |part: &str| part.trim().parse::<Size>().map(|size| size.0).map_err(|_| refuse(text, BYTE_RATE));
        let bytes = size(bytes)?;
        let burst = burst.map_or(Ok(bytes), size)?;
        if bytes == 0 || seconds == 0 || burst == 0 {
            return Err(refuse(text, BYTE_RATE));
        }
        Ok(ByteRate { bytes, period: Duration::from_secs(seconds), burst })
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Size(self.bytes), period(self.period))?;
        if self.burst == self.bytes { Ok(()) } else { write!(f, ",max_burst={}", Size(self.burst)) }
    }
}

/// A number of bytes: `"512"`, `"64KB"`, `"25MB"`, `"2GB"` (powers of 1,024).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

impl Size {
    /// From mebibytes.
    pub const fn mb(count: u64) -> Self {
        Size(count << 20)
    }
}

const SIZE: &str = "a number of bytes such as \"64KB\" or \"25MB\"";

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_unit(text);
        let shift = match unit.to_ascii_uppercase().as_str() {
            "" | "B" => 0,
            "K" | "KB" | "KIB" => 10,
            "M" | "MB" | "MIB" => 20,
            "G" | "GB" | "GIB" => 30,
            "T" | "TB" | "TIB" => 40,
            _ => return Err(refuse(text, SIZE)),
        };
        let count: u64 = number.parse().map_err(|_| refuse(text, SIZE))?;
        count.checked_mul(1 << shift).map(Size).ok_or_else(|| refuse(text, SIZE))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")] {
            if self.0 >= 1 << shift && self.0 & ((1 << shift) - 1) == 0 {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}", self.0)
    }
}

macro_rules! text_form {
    ($name:ident, $expected:expr, $example:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $expected })
            }
        }

        text_schema!($name, $expected, $example);
    };
}

text_form!(Span, SPAN, "30s");
text_form!(Rate, RATE, "100/min");
text_form!(Size, SIZE, "25MB");
text_form!(ByteRate, BYTE_RATE, "50MB/h");

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr<Err = UnitError> + fmt::Display>(text: &str, expected: Option<&str>) {
        let found = text.parse::<T>().ok().map(|value| value.to_string());
        assert_eq!(found.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn spans() {
        check::<Span>("30s", Some("30s"));
        check::<Span>("90s", Some("1m30s"));
        check::<Span>("4d12h", Some("4d12h"));
        check::<Span>("250ms", Some("250ms"));
        check::<Span>("0s", Some("0s"));
        for wrong in ["", "30", "s", "5 weeks", "-3s", "99999999999999999999d"] {
            check::<Span>(wrong, None);
        }
    }

    #[test]
    fn rates() {
        check::<Rate>("100/min", Some("100/min"));
        check::<Rate>("100/15m", Some("100/15m"));
        check::<Rate>("1_000/h,max_burst=1", Some("1000/h,max_burst=1"));
        check::<Rate>("20/s", Some("20/s"));
        // Written so that it can be read again (the fuzz target `units`).
        check::<Rate>("100/90s", Some("100/90s"));
        check::<Rate>("100/90m", Some("100/90m"));
        check::<Rate>("100/36h,max_burst=7", Some("100/36h,max_burst=7"));
        check::<Rate>("5/2h", Some("5/2h"));
        for wrong in ["", "0/s", "5", "5/", "5/week", "5/0s", "x/s", "5/s,max_burst=0"] {
            check::<Rate>(wrong, None);
        }
    }

    #[test]
    fn rates_as_other_programs_write_them() {
        check::<Rate>("local:1,000/hr", Some("1000/h"));
        check::<Rate>("100/30min,max_burst=1", Some("100/30m,max_burst=1"));
        check::<Rate>("5_000/d", Some("5000/d"));
    }

    #[test]
    fn byte_rates() {
        check::<ByteRate>("50MB/h", Some("50MB/h"));
        check::<ByteRate>("1MB/s,max_burst=5MB", Some("1MB/s,max_burst=5MB"));
        check::<ByteRate>("1500/15m", Some("1500/15m"));
        for wrong in ["", "50MB", "0/s", "1MB/0s", "1MB/week", "1MB/s,max_burst=0", "x/s"] {
            check::<ByteRate>(wrong, None);
        }
    }

    #[test]
    fn sizes() {
        check::<Size>("64KB", Some("64KB"));
        check::<Size>("25mb", Some("25MB"));
        check::<Size>("1500", Some("1500"));
        check::<Size>("lots", None);
        check::<Size>("99999999999TB", None);
    }
}
