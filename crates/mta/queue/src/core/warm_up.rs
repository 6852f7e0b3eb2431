//! Warming sources in the queue: whom they may take, how many, and what the days lead to.
//!
//! A warming source is preferred while its track has room, and has none otherwise: what was bound to it goes back to its
//! lines, and the other members of the pool take it in the same step. Room is volume less what was accepted, is in flight
//! or is bound, within the hours and the pace. What counts is noted where the event of an attempt is made, by the rule by
//! which the event log is read after a restart (`crate::warmup::track::kind_of`).

use std::collections::HashMap;

use model::event::{Event, EventKind};
use model::name::Name;
use model::time::Timestamp;

use super::tell::Change;
use super::{Out, QueueCore};
use crate::timers::Part;
use crate::warmup::ledger::{Complaint, Plans};
use crate::warmup::plan::Plan;
use crate::warmup::track::{PastDay, Track, Verdict, kind_of, trouble};

/// Who ends days by himself.
const BY: &str = "warm-up plan";

/// All warming sources.
#[derive(Debug)]
pub(super) struct WarmUps {
    pub plans: Plans,
    /// By number of the source.
    pub sources: Vec<Option<SourceState>>,
    pub tracks: Vec<Track>,
    /// By source and the name under which its plan counts a provider.
    pub index: HashMap<(u16, Name), u32>,
    /// When a day ends next.
    rolls_at: Timestamp,
}

/// The plan of one source.
#[derive(Clone, Debug)]
pub(super) struct SourceState {
    pub plan: Plan,
    pub paused_by: Option<Name>,
    pub finished: bool,
    /// The day on which providers begin that had no mail yet.
    pub first_day: u32,
}

impl WarmUps {
    pub fn new(plans: Plans, sources: &[super::tables::SourceState]) -> Self {
        let state = |source: &super::tables::SourceState| {
            let plan = plans.of(&source.spec.name)?.clone();
            Some(SourceState { plan, paused_by: None, finished: false, first_day: 1 })
        };
        WarmUps {
            sources: sources.iter().map(state).collect(),
            plans,
            tracks: Vec::new(),
            index: HashMap::new(),
            rolls_at: Timestamp::default(),
        }
    }

    pub fn state(&self, source: u16) -> Option<&SourceState> {
        self.sources.get(usize::from(source))?.as_ref()
    }

    pub fn find(&self, source: u16, provider: &Name) -> Option<u32> {
        let name = self.plans.track_name(&self.state(source)?.plan, provider);
        self.index.get(&(source, name)).copied()
    }

    /// The track of a source at a provider, made when it is new; `None` for sources without a plan.
    pub fn track_of(&mut self, source: u16, provider: &Name) -> Option<u32> {
        let state = self.state(source)?;
        let name = self.plans.track_name(&state.plan, provider);
        if let Some(&track) = self.index.get(&(source, name.clone())) {
            return Some(track);
        }
        let track = Track::new(source, &state.plan, name, state.first_day);
        Some(self.insert(track))
    }

    pub fn insert(&mut self, track: Track) -> u32 {
        let idx = self.tracks.len() as u32;
        self.index.insert((track.source, track.memory.provider.clone()), idx);
        self.tracks.push(track);
        idx
    }

    /// The track and its plan, while it holds something back.
    pub fn limited(&self, track: Option<u32>) -> Option<(&Track, &Plan)> {
        let track = &self.tracks[track? as usize];
        let state = self.state(track.source)?;
        (!state.finished && !track.memory.finished).then_some((track, &state.plan))
    }

    /// The recipients bound to a track have become more or fewer.
    pub fn bound(&mut self, track: Option<u32>, more: bool) {
        let Some(track) = track.map(|track| &mut self.tracks[track as usize]) else { return };
        track.ready = if more { track.ready + 1 } else { track.ready.saturating_sub(1) };
    }

    /// A recipient is no longer in flight.
    pub fn returned(&mut self, track: Option<u32>) {
        let Some(track) = track.map(|track| &mut self.tracks[track as usize]) else { return };
        track.in_flight = track.in_flight.saturating_sub(1);
    }

    /// For each track what is bound and in flight, as it is kept.
    pub fn kept(&self) -> impl Iterator<Item = (u32, u32)> {
        self.tracks.iter().map(|track| (track.ready, track.in_flight))
    }
}

/// Members of a pool that are warming up: the track of each, `None` for the others. Empty where nobody is.
pub(super) type Warming = Vec<Option<u32>>;

// Who may take what.
impl QueueCore {
    /// Which members warm up at the provider of a site.
    pub(super) fn warming(&mut self, now: Timestamp, sources: &[u16], site: u32) -> Warming {
        if self.warm_ups.plans.is_empty() {
            return Warming::new();
        }
        let provider = self.sites[site].spec.provider.clone();
        let found: Warming = sources.iter().map(|&source| self.warm_ups.track_of(source, &provider)).collect();
        found.iter().for_each(|&track| self.refresh_warm_up(now, track));
        let limited = |track: Option<u32>| self.warm_ups.limited(track).and(track);
        let found: Warming = found.into_iter().map(limited).collect();
        if found.iter().all(Option::is_none) { Warming::new() } else { found }
    }

    fn refresh_warm_up(&mut self, now: Timestamp, track: Option<u32>) {
        let Some(idx) = track.map(|track| track as usize) else { return };
        let source = usize::from(self.warm_ups.tracks[idx].source);
        if let Some(state) = &self.warm_ups.sources[source] {
            self.warm_ups.tracks[idx].refresh(&state.plan, now);
        }
    }

    /// Leaves warming members no more room than their volume and pace have.
    pub(super) fn narrow_rooms(&self, now: Timestamp, warming: &Warming, rooms: &mut [u32]) {
        for (room, track) in rooms.iter_mut().zip(warming) {
            if let Some((track, plan)) = self.warm_ups.limited(*track) {
                *room = (*room).min(track.room(plan, now));
            }
        }
    }

    /// The rooms as they are for a recipient: 0 where its mail may not go, and everywhere else where it has to wait for a
    /// warming source.
    pub(super) fn rooms_for(&self, idx: u32, warming: &Warming, weights: &[u32], rooms: &[u32]) -> Vec<u32> {
        let routing = self.routing_of(idx);
        let plan = |member: usize| self.warm_ups.limited(warming[member]).map(|(_, plan)| plan);
        let admitted = |member: usize| plan(member).is_none_or(|plan| plan.admits(&routing.stream, &routing.tenant));
        let waits_for =
            |member: usize| weights[member] > 0 && admitted(member) && plan(member).is_some_and(Plan::keeps_the_rest);
        let waits = (0..rooms.len()).any(waits_for);
        let able = |member: usize| admitted(member) && (!waits || waits_for(member));
        rooms.iter().enumerate().map(|(member, &room)| if able(member) { room } else { 0 }).collect()
    }

    /// The warming member that takes the next recipient before the others: the one with most room.
    pub(super) fn preferred(warming: &Warming, weights: &[u32], rooms: &[u32]) -> Option<usize> {
        let able = (0..warming.len()).filter(|&m| warming[m].is_some() && weights[m] > 0 && rooms[m] > 0);
        able.max_by_key(|&member| rooms[member])
    }

    /// Whether a source leaves what it has no room for to others, standby members and fallback pools among them.
    pub(super) fn passes_on(&self, source: u16, site: u32) -> bool {
        let Some(state) = self.warm_ups.state(source) else { return false };
        let known = self.warm_ups.find(source, &self.sites[site].spec.provider);
        let limited = known.is_none_or(|track| self.warm_ups.limited(Some(track)).is_some());
        !state.finished && limited && !state.plan.keeps_the_rest()
    }

    /// How many the plan lets a path give now; `wanted` where none holds anything back.
    pub(super) fn warm_up_allows(&self, now: Timestamp, path: u32, wanted: u32) -> u32 {
        let limited = self.warm_ups.limited(self.groups[self.paths[path].group].track);
        limited.map_or(wanted, |(track, plan)| track.open(plan, now).min(wanted))
    }

    /// What is bound to a path that may give nothing now goes back to its lines.
    pub(super) fn unbind_beyond_plan(&mut self, now: Timestamp, path: u32) {
        let track = self.groups[self.paths[path].group].track;
        self.refresh_warm_up(now, track);
        if !self.paths[path].ready.is_empty() && self.warm_up_allows(now, path, 1) == 0 {
            self.unbind(now, path, 0);
        }
    }

    /// When a warming member of a line's pool may have room again.
    pub(super) fn warm_up_reopens(&self, now: Timestamp, line: u32) -> Option<Timestamp> {
        if self.warm_ups.plans.is_empty() {
            return None;
        }
        let (site, pool) = (self.lines[line].site, usize::from(self.lines[line].pool));
        let provider = &self.sites[site].spec.provider;
        let (sources, _) = self.members_now(now, pool, site);
        let limited = sources.into_iter().filter_map(|source| {
            let (track, plan) = self.warm_ups.limited(self.warm_ups.find(source, provider))?;
            Some(track.reopens_at(plan, now))
        });
        limited.min()
    }
}

// What is counted.
impl QueueCore {
    /// So many go out on a path.
    pub(super) fn warm_up_gives(&mut self, now: Timestamp, path: u32, count: u32, out: &mut Out) {
        let Some(idx) = self.groups[self.paths[path].group].track.map(|track| track as usize) else { return };
        let source = usize::from(self.warm_ups.tracks[idx].source);
        if let Some(state) = &self.warm_ups.sources[source] {
            let track = &mut self.warm_ups.tracks[idx];
            out.memory_changed |= track.memory.date.is_none();
            track.give(&state.plan, now, count);
        }
    }

    /// Notes the event of an attempt on a path.
    pub(super) fn note_warm_up(&mut self, now: Timestamp, path: Option<u32>, event: &Event, out: &mut Out) {
        let track = path.and_then(|path| self.groups[self.paths[path].group].track);
        self.note_on_track(now, track, event, out);
    }

    /// A recipient of a warming source has complained.
    pub(super) fn complained(&mut self, now: Timestamp, complaint: &Complaint, out: &mut Out) {
        let source = self.sources.iter().position(|state| state.spec.name == complaint.source);
        let key = source.map(|source| (source as u16, complaint.provider.clone()));
        let track = key.and_then(|key| self.warm_ups.index.get(&key).copied());
        self.note_on_track(now, track, &complaint.event, out);
    }

    fn note_on_track(&mut self, now: Timestamp, track: Option<u32>, event: &Event, out: &mut Out) {
        let (Some(idx), Some(kind)) = (track.map(|track| track as usize), kind_of(event)) else { return };
        let source = usize::from(self.warm_ups.tracks[idx].source);
        let Some(state) = &self.warm_ups.sources[source] else { return };
        if !self.warm_ups.tracks[idx].note(&state.plan, kind, event) || state.finished {
            return;
        }
        let track = &self.warm_ups.tracks[idx];
        let why = trouble(&state.plan, track.today()).map(|(_, text)| text).unwrap_or_default();
        let value = format!("day {}: {why}{}", track.memory.day, said(track.today().reply.as_deref()));
        let until = Some(state.plan.end_of(state.plan.date(now)));
        self.tell_warm_up(now, idx, EventKind::Throttled, "stop", value, until, BY, out);
        self.routes_changed();
    }

    /// Ends the days that are over. Cheap where none is.
    pub(super) fn roll_warm_ups(&mut self, now: Timestamp, out: &mut Out) {
        if self.warm_ups.plans.is_empty() || now < self.warm_ups.rolls_at {
            return;
        }
        for idx in 0..self.warm_ups.tracks.len() {
            let source = usize::from(self.warm_ups.tracks[idx].source);
            let Some(state) = &self.warm_ups.sources[source] else { continue };
            let paused = state.paused_by.is_some();
            let past = self.warm_ups.tracks[idx].roll(&state.plan, paused, now);
            if let Some(past) = past.filter(|_| !state.finished) {
                self.tell_past_day(now, idx, &past, out);
            }
        }
        let plans = self.warm_ups.sources.iter().flatten().map(|state| &state.plan);
        self.warm_ups.rolls_at = plans.map(|plan| plan.end_of(plan.date(now))).min().unwrap_or(Timestamp(i64::MAX));
        self.timers.set(Part::WarmUp, Some(self.warm_ups.rolls_at));
        self.routes_changed();
        out.memory_changed = true;
    }

    fn tell_past_day(&mut self, now: Timestamp, idx: usize, past: &PastDay, out: &mut Out) {
        let track = &self.warm_ups.tracks[idx];
        let next = match past.verdict {
            Verdict::Finish => "nothing is held back any more".to_owned(),
            _ => format!("day {} follows with {}", track.memory.day, track.volume()),
        };
        let evidence = if past.verdict == Verdict::Advance { None } else { past.tally.reply.as_deref() };
        let value = format!("day {} ({}): {}; {next}{}", past.day, past.date, past.reason, said(evidence));
        self.tell_warm_up(now, idx, EventKind::Control, past.verdict.as_str(), value, None, BY, out);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one event")]
    fn tell_warm_up(
        &mut self,
        now: Timestamp,
        idx: usize,
        kind: EventKind,
        action: &str,
        value: String,
        until: Option<Timestamp>,
        by: &str,
        out: &mut Out,
    ) {
        let track = &self.warm_ups.tracks[idx];
        let (source, provider) =
            (self.sources[usize::from(track.source)].spec.name.clone(), track.memory.provider.clone());
        let change = Change {
            kind,
            target: "warm-up",
            name: format!("{source}/{provider}"),
            action,
            value: Some(value),
            until,
            by: by.to_owned(),
            reply: None,
        };
        self.tell_change(now, change, Some((source, provider)), out);
    }
}

fn said(reply: Option<&str>) -> String {
    reply.map_or_else(String::new, |reply| format!("; the last reply: {reply}"))
}
