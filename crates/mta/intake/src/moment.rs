//! Moments as people and programs write them in header fields, and windows between two of them.
//!
//! Pure. A moment is an RFC 3339 one (`2026-12-24T08:00:00+01:00`), the date of a mail (RFC 5322 3.3, with its zone), or
//! a plain date with or without a time (`2026-12-24 08:00`, `2026-12-24T08:00:30`, `2026-12-24`), which is taken for UTC
//! unless an offset stands behind it (`2026-12-24 08:00 +0100`). A window is two moments with ` - ` between them.

use jiff::civil;
use jiff::fmt::rfc2822;
use model::time::Timestamp;

/// Longest text that is read, in bytes.
const TEXT_MAX: usize = 100;

/// A moment, in UTC.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > TEXT_MAX {
        return None;
    }
    let found =
        text.parse::<jiff::Timestamp>().ok().or_else(|| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()));
    let found = found.or_else(|| plain(text))?;
    Some(Timestamp(found.as_microsecond()))
}

/// Without a zone, or with an offset behind a blank.
fn plain(text: &str) -> Option<jiff::Timestamp> {
    let (text, offset) = match text.rsplit_once(' ') {
        Some((before, offset)) if offset.starts_with(['+', '-']) || offset == "Z" => (before, parse_offset(offset)?),
        _ => (text, jiff::tz::Offset::UTC),
    };
    let at: civil::DateTime = text.trim().parse().ok()?;
    offset.to_timestamp(at).ok()
}

/// `+0100`, `-05:30` or `Z`.
fn parse_offset(text: &str) -> Option<jiff::tz::Offset> {
    if text == "Z" {
        return Some(jiff::tz::Offset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text[1..].chars().filter(|&letter| letter != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    let fits = hours <= 15 && minutes < 60;
    jiff::tz::Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok().filter(|_| fits)
}

/// A moment, or a window: its beginning, and its end if there is one.
pub(crate) fn window(text: &str) -> Option<(Timestamp, Option<Timestamp>)> {
    let Some((begin, end)) = text.split_once(" - ") else { return Some((moment(text)?, None)) };
    let (begin, end) = (moment(begin)?, moment(end)?);
    (begin < end).then_some((begin, Some(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let show = |at: Timestamp| at.to_jiff().to_string();
        let found = window(text).map(|(begin, end)| match end {
            Some(end) => format!("{} - {}", show(begin), show(end)),
            None => show(begin),
        });
        assert_eq!(found.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn forms() {
        let eight = Some("2026-12-24T08:00:00Z");
        for text in [
            "2026-12-24T08:00:00Z",
            "2026-12-24T09:00:00+01:00",
            "2026-12-24 08:00:00Z",
            "Thu, 24 Dec 2026 09:00:00 +0100",
            "24 Dec 2026 08:00:00 GMT",
            "2026-12-24 08:00",
            " 2026-12-24T08:00:00 ",
            "2026-12-24 09:00 +0100",
            "2026-12-24 02:30 -05:30",
            "2026-12-24 08:00 Z",
        ] {
            check(text, eight);
        }
        check("2026-12-24", Some("2026-12-24T00:00:00Z"));
        let window = Some("2026-12-24T08:00:00Z - 2026-12-24T18:00:00Z");
        check("2026-12-24 08:00 - 2026-12-24 18:00", window);
        check("Thu, 24 Dec 2026 08:00:00 +0000 - 2026-12-24T19:00:00+01:00", window);
        for text in [
            "",
            "tomorrow",
            "24/12/2026",
            "2026-13-01",
            "2026-12-24 25:00",
            "2026-12-24 08:00 +1",
            "2026-12-24 08:00 +9900",
            "2026-12-24 18:00 - 2026-12-24 08:00",
            "2026-12-24 08:00 - 2026-12-24 08:00",
            "2026-12-24 08:00 - ",
            "+",
            " - ",
        ] {
            check(text, None);
        }
        check(&"2".repeat(200), None);
    }
}
