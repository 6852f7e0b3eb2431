//! A warm-up for people and for the API: the plan, today, and the past days of each provider.

use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::config::Overflow;
use super::ledger::Plans;
use super::track::{PastDay, Tally};
use crate::config::Config;
use crate::providers::Providers;

/// The plan of one source, and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WarmUpView {
    /// The source.
    pub source: Name,
    /// The ready-made plan it follows, where it does.
    pub plan: Option<String>,
    /// Where it is configured.
    pub set_by: String,
    /// When the source sends, such as `08:00-20:00 Europe/Paris`.
    pub hours: String,
    /// What happens with mail that finds no room.
    pub overflow: Overflow,
    /// Only mail of these streams leaves from the source; all when empty.
    pub streams: Vec<Name>,
    /// Only mail of these tenants leaves from the source; all when empty.
    pub tenants: Vec<Name>,
    /// A day on which less than this part of its volume was taken is repeated, in per cent.
    pub traffic_percent: u8,
    /// Most refusals of a day, in per cent.
    pub refusals_percent: f64,
    /// Most deferrals of a day, in per cent.
    pub deferrals_percent: f64,
    /// Most complaints of a day, in per cent.
    pub complaints_percent: f64,
    /// Who paused it.
    pub paused_by: Option<Name>,
    /// Ended by a person, or behind its last day at every provider: nothing is held back.
    pub finished: bool,
    /// Each provider with mail so far, most volume first.
    pub tracks: Vec<TrackView>,
}

/// One source at one provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = WarmUpTrack)]
pub struct TrackView {
    /// The provider; `*` for all that have no volumes of their own.
    pub provider: Name,
    /// How the plan is there.
    pub state: TrackState,
    /// The day of the plan, from 1.
    pub day: u32,
    /// Today by the calendar of the plan; absent before the first mail.
    pub date: Option<String>,
    /// The volume of the day.
    pub volume: u64,
    /// What was counted today.
    pub today: Tally,
    /// Given to connections and not answered: kept for within the volume.
    pub in_flight: u32,
    /// How many more may leave today.
    pub left: u64,
    /// The volume of the next day, when this one goes well; absent when the plan ends.
    pub next_volume: Option<u64>,
    /// When the next day begins.
    pub next_at: Timestamp,
    /// What is beyond its limit today, in words.
    pub trouble: Option<String>,
    /// The volumes of all days of the plan.
    pub volumes: Vec<u64>,
    /// Past days with mail, oldest first.
    pub history: Vec<PastDay>,
}

model::names! {
    /// How a plan is at a provider.
    #[derive(ToSchema)]
    #[schema(as = WarmUpState)]
    TrackState {
        /// No mail yet.
        Waiting "waiting",
        /// On its way.
        Warming "warming",
        /// Nothing more today: it went too badly.
        Stopped "stopped",
        /// A person has paused it at its day.
        Paused "paused",
        /// Nothing is held back.
        Finished "finished",
    }
}

/// The limit of a source at a provider and where it is configured, for who asks what holds there; `None` where no plan
/// holds anything back. `now`: what the running queue says; without it the first day of the plan.
pub(crate) fn limit(
    config: &Config,
    providers: &Providers,
    now: &[WarmUpView],
    source: &Name,
    provider: &Name,
) -> Option<(String, String)> {
    let plans = Plans::new(config, providers);
    let plan = plans.of(source)?;
    let name = plans.track_name(plan, provider);
    let view = now.iter().find(|view| view.source == *source);
    if view.is_some_and(|view| view.finished) {
        return None;
    }
    let track = view.and_then(|view| view.tracks.iter().find(|track| track.provider == name));
    let value = match track {
        Some(track) if track.state == TrackState::Finished => return None,
        Some(track) => {
            let used = used_in_words(track.day, track.today.delivered + u64::from(track.in_flight), track.volume);
            let next = track.next_volume.map(|next| format!(", then {}", grouped(next))).unwrap_or_default();
            let trouble = track.trouble.as_ref().map(|trouble| format!("; {trouble}")).unwrap_or_default();
            format!("{used}{next} ({}){trouble}", track.state)
        }
        None => format!("warm-up day 1: {} a day", grouped(plan.volumes(&name).of(1).unwrap_or_default())),
    };
    Some((value, plan.set_by.clone()))
}

/// `warm-up day 6: 1,500 of 1,500`.
pub(crate) fn used_in_words(day: u32, used: u64, volume: u64) -> String {
    format!("warm-up day {day}: {} of {}", grouped(used), grouped(volume))
}

/// Thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
