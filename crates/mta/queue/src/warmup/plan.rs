//! The volumes of a plan, day by day, and which mail they are for.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::config::{Fault, Faults};
use model::name::Name;
use model::time::Timestamp;

use super::OTHERS;
use super::config::{Overflow, ReadyPlan, VolumesEntry, WarmUp};
use crate::windows::Window;

/// Most days of a plan.
pub const DAYS_MAX: usize = 365;

/// Largest volume of a day.
pub const VOLUME_MAX: u64 = 1_000_000_000;

/// How many messages may leave on each day; at least one day, each from 1 to [`VOLUME_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volumes(Vec<u64>);

impl Volumes {
    /// What is written of volumes; `None` where nothing is written, or something that cannot be.
    fn read(entry: VolumesEntry<'_>, provider: &str) -> Option<Volumes> {
        if let Some(plan) = entry.plan {
            return Some(plan.volumes(provider));
        }
        if !entry.steps.is_empty() {
            return Some(Volumes(entry.steps.to_vec()));
        }
        let (first, growth, ceiling) = (entry.first?, entry.growth?, entry.ceiling?);
        (growth > 1.0).then(|| Volumes::growing(first, growth, ceiling))
    }

    /// From `first` on, times `growth` from day to day, up to `ceiling` on the last day.
    pub fn growing(first: u64, growth: f64, ceiling: u64) -> Volumes {
        let mut days = vec![first.clamp(1, ceiling.max(1))];
        let mut exact = first as f64;
        while days.len() < DAYS_MAX && days.last().is_some_and(|last| *last < ceiling) {
            exact *= growth;
            days.push((exact.round() as u64).clamp(1, ceiling));
        }
        Volumes(days)
    }

    /// The volume of each day listed.
    pub fn of_days(days: Vec<u64>) -> Volumes {
        debug_assert!(!days.is_empty(), "a plan has a first day");
        Volumes(days)
    }

    /// The volume of a day, counted from 1; `None` behind the last one.
    pub fn of(&self, day: u32) -> Option<u64> {
        self.0.get((day as usize).checked_sub(1)?).copied()
    }

    /// The last day.
    pub fn last_day(&self) -> u32 {
        self.0.len() as u32
    }

    /// All days in their order.
    pub fn days(&self) -> &[u64] {
        &self.0
    }
}

/// Checks what is written of volumes. `needed`: nothing is not enough.
pub(super) fn check(entry: VolumesEntry<'_>, needed: bool, faults: &mut Faults) {
    let growing = [entry.first.is_some(), entry.growth.is_some(), entry.ceiling.is_some()];
    let ways =
        usize::from(entry.plan.is_some()) + usize::from(!entry.steps.is_empty()) + usize::from(growing.contains(&true));
    if ways > 1 || ways == 0 && needed {
        let rule = "stands alone: give a ready-made plan, or `steps`, or `first`, `growth` and `ceiling`";
        let rule =
            if ways == 0 { "is missing: give one, or `steps`, or `first`, `growth` and `ceiling`" } else { rule };
        faults.add(Fault::new("plan", rule).example("plan = \"30-days\""));
        return;
    }
    faults.unless(entry.steps.len() <= DAYS_MAX, || Fault::new("steps", format!("must have at most {DAYS_MAX} days")));
    let volume = |volume: &u64| (1..=VOLUME_MAX).contains(volume);
    if let Some(place) = entry.steps.iter().position(|step| !volume(step)) {
        faults.add(Fault::new(format!("steps[{place}]"), format!("must be between 1 and {VOLUME_MAX}")));
    }
    if !growing.contains(&true) {
        return;
    }
    if growing.contains(&false) {
        faults.add(
            Fault::new("first", "needs `growth` and `ceiling` beside it")
                .example("first = 50\ngrowth = 1.5\nceiling = 100000"),
        );
        return;
    }
    for (key, value) in [("first", entry.first), ("ceiling", entry.ceiling)] {
        faults.unless(value.as_ref().is_none_or(volume), || {
            Fault::new(key, format!("must be between 1 and {VOLUME_MAX}"))
        });
    }
    faults.unless(entry.ceiling >= entry.first, || Fault::new("ceiling", "must not be below").than("first"));
    let growth = entry.growth.unwrap_or(0.0);
    faults
        .unless((1.01..=10.0).contains(&growth), || Fault::new("growth", "must be between 1.01 and 10").example("1.5"));
    let (first, ceiling) = (entry.first.unwrap_or(1) as f64, entry.ceiling.unwrap_or(1) as f64);
    if (1.01..=10.0).contains(&growth) && first >= 1.0 && (ceiling / first).log(growth) >= DAYS_MAX as f64 {
        faults.add(Fault::new("growth", format!("must be larger: the ceiling is not reached within {DAYS_MAX} days")));
    }
}

/// A plan that can be followed: what [`WarmUp`] says, validated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What was configured.
    pub config: WarmUp,
    /// Where: `queue.warm_ups[0]`.
    pub set_by: String,
    ready: Option<ReadyPlan>,
    default: Option<Volumes>,
    providers: Vec<(Name, Volumes)>,
    zone: TimeZone,
}

impl Plan {
    /// The plan of a validated entry at this place of the list.
    pub fn new(config: &WarmUp, place: usize) -> Plan {
        let own = |entry: &super::config::ProviderVolumes| {
            Volumes::read(entry.volumes(), &entry.provider).map(|volumes| (entry.provider.clone(), volumes))
        };
        Plan {
            set_by: format!("queue.warm_ups[{place}]"),
            ready: config.plan,
            default: Volumes::read(config.volumes(), OTHERS),
            providers: config.providers.iter().filter_map(own).collect(),
            zone: config.hours.zone().clone(),
            config: config.clone(),
        }
    }

    /// The volumes for a provider, by name or [`OTHERS`].
    pub fn volumes(&self, provider: &str) -> Volumes {
        let own = self.providers.iter().find(|(name, _)| name == provider).map(|(_, volumes)| volumes.clone());
        let ready = || self.ready.map(|plan| plan.volumes(provider));
        own.or_else(ready).or_else(|| self.default.clone()).unwrap_or_else(|| Volumes(vec![1]))
    }

    /// Whether the plan gives a provider volumes of its own.
    pub fn names(&self, provider: &str) -> bool {
        self.providers.iter().any(|(name, _)| name == provider)
    }

    /// Whether mail of these names may leave from the source.
    pub fn admits(&self, stream: &Name, tenant: &Name) -> bool {
        let among = |names: &[Name], name: &Name| names.is_empty() || names.contains(name);
        among(&self.config.streams, stream) && among(&self.config.tenants, tenant)
    }

    /// Mail that finds no room waits for the source.
    pub fn keeps_the_rest(&self) -> bool {
        self.config.overflow == Overflow::Wait
    }

    /// The hours in which the source sends.
    pub fn hours(&self) -> &Window {
        &self.config.hours
    }

    /// The day of the calendar on which a moment lies.
    pub fn date(&self, at: Timestamp) -> Date {
        at.to_jiff().to_zoned(self.zone.clone()).date()
    }

    /// The first moment of a day.
    pub fn begin_of(&self, date: Date) -> Timestamp {
        let zoned = date.to_zoned(self.zone.clone());
        zoned.map_or(Timestamp(i64::MAX), |zoned| Timestamp(zoned.timestamp().as_microsecond()))
    }

    /// The first moment of the day behind this one.
    pub fn end_of(&self, date: Date) -> Timestamp {
        date.tomorrow().map_or(Timestamp(i64::MAX), |tomorrow| self.begin_of(tomorrow))
    }

    /// How the zone of the days is called.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_grow_to_the_ceiling_and_end_there() {
        let check = |first, growth, ceiling, expected: &[u64]| {
            assert_eq!(Volumes::growing(first, growth, ceiling).days(), expected);
        };
        check(100, 1.5, 1_000, &[100, 150, 225, 338, 506, 759, 1_000]);
        check(50, 2.0, 50, &[50]);
        check(1, 1.01, 2, Volumes::growing(1, 1.01, 2).days());
        assert!(Volumes::growing(1, 1.01, 1_000_000_000).days().len() == DAYS_MAX);
        let volumes = Volumes::growing(100, 1.5, 1_000);
        assert_eq!((volumes.of(0), volumes.of(1), volumes.of(7), volumes.of(8)), (None, Some(100), Some(1_000), None));
    }
}
