//! The filter `date`: a time in RFC 3339, a date, seconds since 1970, `now` or `today`, printed by a strftime format.
//!
//! A time with an offset is shown in that offset, everything else in UTC. Names of months and days are English.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::filter::{Args, Budget, Stop};
use super::value::Val;

/// Longest format, in bytes; a letter of it makes at most 255.
const FORMAT_MAX: usize = 128;

/// Prints a time; a value that is none, or a format that can not be read, gives the value back.
pub(super) fn date<'v>(
    value: Val<'v>,
    args: Args<'_, 'v>,
    now: Option<model::time::Timestamp>,
    budget: &mut Budget,
) -> Result<Val<'v>, Stop> {
    let format = args[0].as_ref().map(|arg| arg.to_text().into_owned()).unwrap_or_default();
    if format.is_empty() || format.len() > FORMAT_MAX {
        return Ok(value);
    }
    let Some(time) = time_of(&value, now) else { return Ok(value) };
    let Ok(text) = BrokenDownTime::from(&time).to_string(format.as_str()) else { return Ok(value) };
    budget.bytes(text.len())?;
    Ok(Val::made(text))
}

fn time_of(value: &Val<'_>, now: Option<model::time::Timestamp>) -> Option<Zoned> {
    let seconds = |seconds: i64| Timestamp::from_second(seconds).ok().map(|time| time.to_zoned(TimeZone::UTC));
    let text = match value {
        Val::Int(number) => return seconds(*number),
        Val::Float(number) => return seconds(*number as i64),
        _ => value.as_str()?.trim(),
    };
    if text == "now" || text == "today" {
        return now.map(|now| now.to_jiff().to_zoned(TimeZone::UTC));
    }
    if let Ok(number) = text.parse() {
        return seconds(number);
    }
    if let Ok(time) = jiff::fmt::temporal::Pieces::parse(text)
        && let (Some(offset), Some(clock)) = (time.to_numeric_offset(), time.time())
    {
        return time.date().to_datetime(clock).to_zoned(TimeZone::fixed(offset)).ok();
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from)).ok()?;
    civil.to_zoned(TimeZone::UTC).ok()
}
