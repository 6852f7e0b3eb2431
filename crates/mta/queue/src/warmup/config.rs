//! What an operator writes of a warm-up: `[[queue.warm_ups]]`.
//!
//! Pure data and its check; [`super::plan`] makes volumes of it.

use jiff::civil::Date;
use model::config::{Fault, Faults};
use model::name::Name;
use model::units::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plan::{self, Volumes};
use crate::config::one_of;
use crate::windows::Window;

/// Most plans.
pub const PLANS_MAX: usize = 1_000;

/// Most providers with volumes of their own in one plan, and most streams or tenants.
pub const NAMES_MAX: usize = 200;

model::names! {
    /// A ready-made plan.
    ReadyPlan {
        /// From 50 a day to a million at each provider, by 1.4 a day, in 31 good days: for a list that answers well. Our
        /// own choice of numbers.
        ThirtyDays "30-days",
        /// From 50 a day to a million at each provider, by 1.25 a day, in 46 good days: for a list of which little is
        /// known. Our own choice of numbers.
        FortyFiveDays "45-days",
        /// The volumes that Momentum's shipped rules allow by the age of an address (SparkPost support-docs, adaptive
        /// delivery), for large senders: Yahoo 50,000 times the age in days up to day 28; Gmail and Hotmail 240,000 a day
        /// for 14 days; AOL 24,000 a day for 4 days, then 240,000 up to day 10; all others like Yahoo.
        Momentum "momentum",
    }
}

impl ReadyPlan {
    /// The volumes for a provider.
    pub fn volumes(self, provider: &str) -> Volumes {
        match (self, provider) {
            (ReadyPlan::ThirtyDays, _) => Volumes::growing(50, 1.4, 1_000_000),
            (ReadyPlan::FortyFiveDays, _) => Volumes::growing(50, 1.25, 1_000_000),
            (ReadyPlan::Momentum, "gmail" | "google" | "microsoft" | "outlook" | "hotmail") => {
                Volumes::of_days(vec![240_000; 14])
            }
            (ReadyPlan::Momentum, "aol") => Volumes::of_days([vec![24_000; 4], vec![240_000; 6]].concat()),
            (ReadyPlan::Momentum, _) => Volumes::of_days((1..=28).map(|day| 50_000 * day).collect()),
        }
    }
}

/// What happens with mail that finds no room on the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = WarmUpOverflow)]
pub enum Overflow {
    /// It leaves from the other members of the pool, standby members and the fallback pool included.
    #[default]
    Pool,
    /// It waits for the source, as long as that can send at all.
    Wait,
}

/// A plan by which a new source raises its volume at each mailbox provider from day to day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WarmUp {
    /// The source. It is preferred in its pools up to the volume of the day.
    pub source: Name,
    /// A ready-made plan: `30-days`, `45-days` or `momentum`. It, or `steps`, or `first`, `growth` and `ceiling`.
    #[schemars(with = "Option<String>")]
    pub plan: Option<ReadyPlan>,
    /// The volume of each day, such as `[50, 100, 200, 400]`. Behind the last day nothing is held back any more.
    pub steps: Vec<u64>,
    /// The volume of the first day.
    pub first: Option<u64>,
    /// By how much each day's volume is larger than the one before, such as `1.5`.
    pub growth: Option<f64>,
    /// The volume of the last day.
    pub ceiling: Option<u64>,
    /// Volumes of their own for some providers. Providers of the rules file are counted each by itself anyway; all the
    /// rest share one volume.
    pub providers: Vec<ProviderVolumes>,
    /// The day on which it begins, such as `"2026-12-01"`; before it the source sends nothing. On the day of its first
    /// mail when absent.
    #[schemars(with = "Option<String>")]
    pub start: Option<Date>,
    /// When the source sends, such as `"08:00-20:00 Europe/Paris"`; within one day. The days of the plan are those of
    /// this time zone.
    pub hours: Window,
    /// The volume of a day is spread over this long from the first mail on. Over what is left of the hours when absent,
    /// at most a volume an hour.
    pub spread: Option<Span>,
    /// What happens with mail that finds no room: it goes to the others of the `pool`, or it has to `wait`.
    pub overflow: Overflow,
    /// Only mail of these streams leaves from the source; all when empty.
    pub streams: Vec<Name>,
    /// Only mail of these tenants leaves from the source; all when empty.
    pub tenants: Vec<Name>,
    /// A day on which less than this part of its volume was taken is repeated, in per cent.
    pub traffic_percent: u8,
    /// Most refusals for good of all attempts that a provider answered on a day, in per cent. Beyond it the day is
    /// repeated; beyond twice as much the source rests until the next day there, and the plan goes a step back.
    pub refusals_percent: f64,
    /// Most deferrals but for greylisting, likewise.
    pub deferrals_percent: f64,
    /// Most complaints of what was accepted, likewise. Gmail asks for less than 0.1 % (sender guidelines, 2024).
    pub complaints_percent: f64,
    /// After so many days without mail at a provider the plan begins anew there, since what a provider knows of an
    /// address fades. Never when 0.
    pub restart_after_days: u32,
}

/// Volumes for one provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderVolumes {
    /// The provider, as in the rules file; or the registrable domain of its mail hosts.
    pub provider: Name,
    /// A ready-made plan.
    #[schemars(with = "Option<String>")]
    pub plan: Option<ReadyPlan>,
    /// The volume of each day.
    pub steps: Vec<u64>,
    /// The volume of the first day.
    pub first: Option<u64>,
    /// By how much each day's volume is larger than the one before.
    pub growth: Option<f64>,
    /// The volume of the last day.
    pub ceiling: Option<u64>,
}

/// What is written of volumes in either place.
#[derive(Clone, Copy)]
pub(super) struct VolumesEntry<'a> {
    pub plan: Option<ReadyPlan>,
    pub steps: &'a [u64],
    pub first: Option<u64>,
    pub growth: Option<f64>,
    pub ceiling: Option<u64>,
}

impl Default for WarmUp {
    fn default() -> Self {
        WarmUp {
            source: Name::default(),
            plan: None,
            steps: Vec::new(),
            first: None,
            growth: None,
            ceiling: None,
            providers: Vec::new(),
            start: None,
            hours: Window::always(),
            spread: None,
            overflow: Overflow::Pool,
            streams: Vec::new(),
            tenants: Vec::new(),
            traffic_percent: 50,
            refusals_percent: 3.0,
            deferrals_percent: 10.0,
            complaints_percent: 0.1,
            restart_after_days: 30,
        }
    }
}

impl WarmUp {
    pub(super) fn volumes(&self) -> VolumesEntry<'_> {
        let WarmUp { plan, first, growth, ceiling, .. } = *self;
        VolumesEntry { plan, steps: &self.steps, first, growth, ceiling }
    }

    /// Checks what the form alone cannot; `sources` are the configured ones.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate<'a>(&self, sources: impl Iterator<Item = &'a Name> + Clone) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.unless(sources.clone().any(|name| *name == self.source), || {
            Fault::new("source", one_of("sources", sources.clone()))
        });
        plan::check(self.volumes(), true, &mut faults);
        let lens =
            [("providers", self.providers.len()), ("streams", self.streams.len()), ("tenants", self.tenants.len())];
        for (key, len) in lens {
            faults.unless(len <= NAMES_MAX, || Fault::new(key, format!("must be at most {NAMES_MAX}")));
        }
        for (idx, entry) in self.providers.iter().enumerate() {
            faults.inside(&format!("providers[{idx}]"), entry.validate());
            let before = self.providers[..idx].iter().any(|other| other.provider == entry.provider);
            faults.unless(!before, || Fault::new(format!("providers[{idx}].provider"), "must not be there twice"));
        }
        faults.unless(self.hours.is_within_a_day(), || {
            Fault::new("hours", "must end on the day on which they begin").example("\"08:00-20:00 Europe/Paris\"")
        });
        faults.unless(self.spread.is_none_or(|spread| (Span::s(60)..=Span::s(86_400)).contains(&spread)), || {
            Fault::new("spread", "must be between 1m and 1d").example("\"4h\"")
        });
        faults.within("traffic_percent", self.traffic_percent, 0..=100);
        for (key, percent) in [
            ("refusals_percent", self.refusals_percent),
            ("deferrals_percent", self.deferrals_percent),
            ("complaints_percent", self.complaints_percent),
        ] {
            faults.unless(percent > 0.0 && percent <= 100.0, || {
                Fault::new(key, "must be above 0 and at most 100 (100 looks away)")
            });
        }
        faults.result()
    }
}

impl ProviderVolumes {
    pub(super) fn volumes(&self) -> VolumesEntry<'_> {
        let ProviderVolumes { plan, first, growth, ceiling, .. } = *self;
        VolumesEntry { plan, steps: &self.steps, first, growth, ceiling }
    }

    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.unless(!self.provider.is_empty() && self.provider != super::OTHERS, || {
            Fault::new("provider", "must be a provider of the rules file, or the domain of its mail hosts")
                .example("\"gmail\"")
        });
        plan::check(self.volumes(), true, &mut faults);
        faults.result()
    }
}
