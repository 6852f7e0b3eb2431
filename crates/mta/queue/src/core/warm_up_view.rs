//! Warm-ups for people: the plan, the days, and why a source takes nothing more now.

use model::time::Timestamp;

use super::QueueCore;
use super::warm_up::SourceState;
use crate::view::{Limiter, LimiterKind};
use crate::warmup::OTHERS;
use crate::warmup::plan::Plan;
use crate::warmup::track::{Track, trouble};
use crate::warmup::view::{TrackState, TrackView, WarmUpView, grouped, used_in_words};

impl QueueCore {
    /// All warm-ups, in the order of the sources.
    pub fn warm_ups(&self, now: Timestamp) -> Vec<WarmUpView> {
        let sources = self.warm_ups.sources.iter().enumerate();
        sources.filter_map(|(number, state)| Some(self.warm_up_view(now, number as u16, state.as_ref()?))).collect()
    }

    fn warm_up_view(&self, now: Timestamp, number: u16, state: &SourceState) -> WarmUpView {
        let of_source = || self.warm_ups.tracks.iter().filter(|track| track.source == number);
        let mut tracks: Vec<TrackView> = of_source().map(|track| self.track_view(now, track, state)).collect();
        tracks.sort_by(|a, b| b.today.attempts().cmp(&a.today.attempts()).then_with(|| a.provider.cmp(&b.provider)));
        let config = &state.plan.config;
        WarmUpView {
            source: config.source.clone(),
            plan: config.plan.map(|plan| plan.to_string()),
            set_by: state.plan.set_by.clone(),
            hours: config.hours.to_string(),
            overflow: config.overflow,
            streams: config.streams.clone(),
            tenants: config.tenants.clone(),
            traffic_percent: config.traffic_percent,
            refusals_percent: config.refusals_percent,
            deferrals_percent: config.deferrals_percent,
            complaints_percent: config.complaints_percent,
            paused_by: state.paused_by.clone(),
            finished: state.finished || of_source().count() > 0 && of_source().all(|track| track.memory.finished),
            tracks,
        }
    }

    fn track_view(&self, now: Timestamp, track: &Track, state: &SourceState) -> TrackView {
        let finished = state.finished || track.memory.finished;
        TrackView {
            provider: track.memory.provider.clone(),
            state: match track.memory.date {
                _ if finished => TrackState::Finished,
                _ if track.is_stopped() => TrackState::Stopped,
                _ if state.paused_by.is_some() => TrackState::Paused,
                None => TrackState::Waiting,
                Some(_) => TrackState::Warming,
            },
            day: track.memory.day,
            date: track.memory.date.map(|date| date.to_string()),
            volume: track.volume(),
            today: track.today().clone(),
            in_flight: track.in_flight,
            left: track.left(),
            next_volume: if finished { None } else { track.volumes().of(track.memory.day + 1) },
            next_at: state.plan.end_of(state.plan.date(now)),
            trouble: trouble(&state.plan, track.today()).map(|(_, text)| text),
            volumes: track.volumes().days().to_vec(),
            history: track.memory.history.clone(),
        }
    }

    /// Why a source takes nothing more for a site now because of its plan; `None` while it does.
    pub(super) fn warm_up_limiter(&self, now: Timestamp, source: u16, site: u32) -> Option<Limiter> {
        let found = self.warm_ups.find(source, &self.sites[site].spec.provider);
        let (track, plan) = self.warm_ups.limited(found)?;
        if track.room(plan, now) > 0 {
            return None;
        }
        let provider = if track.memory.provider == OTHERS { "other providers" } else { &*track.memory.provider };
        let source = &self.sources[usize::from(source)].spec.name;
        let text = if track.is_stopped() {
            format!("{source} is warming up, and today went too badly at {provider}.")
        } else if track.left() > 0 {
            format!("{source} is warming up at {provider}, and spreads the volume of the day.")
        } else {
            format!("{source} is warming up, and the volume of the day for {provider} is used up.")
        };
        Some(Limiter {
            kind: LimiterKind::WarmUp,
            text,
            value: Some(day_in_words(track, plan, now)),
            set_by: plan.set_by.clone(),
            until: Some(track.reopens_at(plan, now)),
        })
    }

    /// The plan of a path's source there as a limiter, while it lets nothing out.
    pub(super) fn warm_up_limiter_of_path(&self, now: Timestamp, path: u32) -> Option<Limiter> {
        let state = &self.paths[path];
        (self.warm_up_allows(now, path, 1) == 0).then(|| self.warm_up_limiter(now, state.source, state.site))?
    }
}

fn day_in_words(track: &Track, plan: &Plan, now: Timestamp) -> String {
    let next = match track.volumes().of(track.memory.day + 1) {
        Some(next) => format!("{} when the day goes well", grouped(next)),
        None => "no limit when the day goes well".to_owned(),
    };
    let at = plan.end_of(plan.date(now));
    let used = track.today().delivered + u64::from(track.in_flight);
    let today = used_in_words(track.memory.day, used, track.volume());
    format!("{today}, tomorrow {next}, from {at} ({})", plan.zone_name())
}
