//! Sending windows: when mail of a stream, a tenant or a job may leave.
//!
//! `"Mon-Fri 08:00-20:00 Europe/Paris"`: from 8 to 20 o'clock by the clocks of Paris, on these days. A time beyond
//! midnight (`"22:00-06:00"`) belongs to the day on which it begins. Begin and end are civil times: on the days when the
//! clocks change, a window is an hour longer or shorter, and a begin that does not exist is the moment of the change.
//!
//! Windows decide when an attempt may begin; they change no deadline, and what is in flight when one closes is finished.
//! Pure: time comes in.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use model::config::{Fault, Faults};
use model::name::Name;
use model::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Most windows of one entry.
const WINDOWS_MAX: usize = 20;

/// When some mail may leave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WindowEntry {
    /// For mail of this stream only.
    pub stream: Option<Name>,
    /// For mail of this tenant only.
    pub tenant: Option<Name>,
    /// For mail of this job only.
    pub job: Option<Name>,
    /// The windows, such as `"Mon-Fri 08:00-20:00 Europe/Paris"`; mail may leave while one of them is open. Where
    /// several entries fit some mail, each has to be open.
    pub open: Vec<Window>,
}

impl WindowEntry {
    /// Checks what the form alone cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.unless((1..=WINDOWS_MAX).contains(&self.open.len()), || {
            let rule = format!("must have 1 to {WINDOWS_MAX} windows");
            Fault::new("open", rule).example("[\"Mon-Fri 08:00-20:00 Europe/Paris\"]")
        });
        faults.result()
    }

    /// Whether the entry concerns mail of these names.
    pub fn fits(&self, stream: &Name, tenant: &Name, job: &Name) -> bool {
        let is = |wanted: &Option<Name>, name: &Name| wanted.as_ref().is_none_or(|wanted| wanted == name);
        is(&self.stream, stream) && is(&self.tenant, tenant) && is(&self.job, job)
    }

    /// The first moment from `at` on at which one of the windows is open; `None` when none opens within ten days.
    pub fn opens(&self, at: Timestamp) -> Option<Timestamp> {
        self.open.iter().filter_map(|window| window.opens(at)).min()
    }
}

/// One window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    text: String,
    /// Monday first.
    days: [bool; 7],
    from: Time,
    /// Not before `from`: of the same day; otherwise of the next.
    until: Time,
    zone: TimeZone,
}

/// A text that is not a window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a sending window such as \"Mon-Fri 08:00-20:00 Europe/Paris\": {reason}")]
pub struct WindowError {
    found: String,
    reason: String,
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let refuse = |reason: &str| WindowError { found: text.chars().take(80).collect(), reason: reason.to_owned() };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, hours, zone) = match words[..] {
            [days, hours, zone] => (days, hours, zone),
            [hours, zone] => ("Mon-Sun", hours, zone),
            _ => return Err(refuse("write the days (or none for every day), the hours and the time zone")),
        };
        let days = read_days(days).ok_or_else(|| refuse("days are written Mon-Fri or Mon,Wed,Sat-Sun"))?;
        let hours = hours.split_once('-').and_then(|(from, until)| Some((read_time(from)?, read_time(until)?)));
        let (from, until) =
            hours.ok_or_else(|| refuse("hours are written 08:00-20:00; 24:00 is the end of the day"))?;
        let zone = TimeZone::get(zone).map_err(|_| refuse("no such time zone: write a name such as Europe/Paris"))?;
        Ok(Window { text: words.join(" "), days, from, until, zone })
    }
}

fn read_days(text: &str) -> Option<[bool; 7]> {
    let day = |text: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(text));
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // Sat-Mon goes over the end of the week.
        (0..=(last + 7 - first) % 7).for_each(|step| days[(first + step) % 7] = true);
    }
    Some(days)
}

fn read_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok()).flatten();
    match (two(hour)?, two(minute)?) {
        (24, 0) => Some(Time::midnight()),
        (hour, minute) => Time::new(hour, minute, 0, 0).ok(),
    }
}

impl Window {
    /// The first moment from `at` on at which it is open; `at` itself while it is. `None` when that is more than ten
    /// days away, or at the end of all time.
    pub fn opens(&self, at: Timestamp) -> Option<Timestamp> {
        let today = at.to_jiff().to_zoned(self.zone.clone()).date();
        (-1..=10).find_map(|days| {
            let day = today.checked_add(i64::from(days).days()).ok()?;
            let (from, until) = self.on(day)?;
            (at < until).then(|| at.max(from))
        })
    }

    /// Open all the time, in UTC.
    pub fn always() -> Window {
        Window {
            text: "00:00-24:00 UTC".to_owned(),
            days: [true; 7],
            from: Time::midnight(),
            until: Time::midnight(),
            zone: TimeZone::UTC,
        }
    }

    /// Whose clocks it goes by.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// It ends on the day on which it begins, at midnight at the latest.
    pub fn is_within_a_day(&self) -> bool {
        self.until > self.from || self.until == Time::midnight()
    }

    /// When it closes, while it is open.
    pub fn closes(&self, at: Timestamp) -> Option<Timestamp> {
        let today = at.to_jiff().to_zoned(self.zone.clone()).date();
        (-1..=0).find_map(|days| {
            let (from, until) = self.on(today.checked_add(i64::from(days).days()).ok()?)?;
            (from..until).contains(&at).then_some(until)
        })
    }

    /// Begin and end on a day; `None` where it is not open on that day.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days[day.weekday().since(Weekday::Monday) as usize] {
            return None;
        }
        let last = if self.until > self.from { day } else { day.tomorrow().ok()? };
        let moment = |day: Date, time: Time| {
            let zoned = day.to_datetime(time).to_zoned(self.zone.clone()).ok()?;
            Some(Timestamp(zoned.timestamp().as_microsecond()))
        };
        Some((moment(day, self.from)?, moment(last, self.until)?))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Window {
    fn schema_name() -> Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let text = "a sending window such as \"Mon-Fri 08:00-20:00 Europe/Paris\"";
        schemars::json_schema!({ "type": "string", "description": text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn windows_open_by_the_clocks_of_their_zone() {
        let check = |window: &str, at: &str, opens: &str| {
            let found = window.parse::<Window>().unwrap().opens(time(at));
            assert_eq!(found, (!opens.is_empty()).then(|| time(opens)), "{window} from {at}");
        };
        let office = "Mon-Fri 08:00-20:00 Europe/Paris";
        // Monday, 21 September 2026: summer time, two hours ahead of UTC.
        check(office, "2026-09-21T05:59:59Z", "2026-09-21T06:00:00Z");
        check(office, "2026-09-21T12:00:00Z", "2026-09-21T12:00:00Z");
        check(office, "2026-09-21T18:00:00Z", "2026-09-22T06:00:00Z");
        check(office, "2026-09-25T18:00:00Z", "2026-09-28T06:00:00Z");
        // Winter time from Sunday, 25 October 2026 on.
        check(office, "2026-10-23T18:00:00Z", "2026-10-26T07:00:00Z");
        // Over midnight: it belongs to the day on which it begins.
        check("Sat 22:00-06:00 UTC", "2026-09-27T03:00:00Z", "2026-09-27T03:00:00Z");
        check("Sat 22:00-06:00 UTC", "2026-09-27T06:00:00Z", "2026-10-03T22:00:00Z");
        check("00:00-24:00 UTC", "2026-09-27T23:59:59Z", "2026-09-27T23:59:59Z");
        check("Sat-Mon 10:00-11:00 UTC", "2026-09-28T12:00:00Z", "2026-10-03T10:00:00Z");
        // 02:30 does not exist on 29 March 2026: the clocks go from 2 to 3 o'clock at 01:00 UTC.
        check("02:30-04:00 Europe/Paris", "2026-03-28T23:30:00Z", "2026-03-29T01:30:00Z");
        // 02:30 is there twice on 25 October 2026; the window is open from the first one on.
        check("02:30-02:45 Europe/Paris", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z");
    }

    #[test]
    fn mistakes_are_named() {
        let check = |text: &str, reason: &str| {
            let error = text.parse::<Window>().unwrap_err();
            assert_eq!((error.found.as_str(), error.reason.as_str()), (text, reason));
        };
        check("", "write the days (or none for every day), the hours and the time zone");
        check("08:00-20:00", "write the days (or none for every day), the hours and the time zone");
        check("Mon-Fry 08:00-20:00 UTC", "days are written Mon-Fri or Mon,Wed,Sat-Sun");
        check("Mon 8-20 UTC", "hours are written 08:00-20:00; 24:00 is the end of the day");
        check("Mon 08:00-25:00 UTC", "hours are written 08:00-20:00; 24:00 is the end of the day");
        check("Mon 08:00-20:00 Europe/Ys", "no such time zone: write a name such as Europe/Paris");
    }

    #[test]
    fn an_entry_is_open_while_one_of_its_windows_is() {
        let entry: WindowEntry =
            toml::from_str("open = ['Mon 08:00-09:00 UTC', 'Mon 10:00-11:00 UTC']\nstream = 'bulk'").unwrap();
        entry.validate().unwrap();
        assert_eq!(entry.opens(time("2026-09-21T09:00:00Z")), Some(time("2026-09-21T10:00:00Z")));
        let name = Name::from;
        assert!(entry.fits(&name("bulk"), &name("any"), &name("")));
        assert!(!entry.fits(&name("transactional"), &name("any"), &name("")));
        assert!(WindowEntry::default().validate().is_err());
    }
}
