//! Orders about warm-ups, and what of them outlives a restart.
//!
//! An order is answered when the state file with it is on disk, like every order of a person. The counts of the days are
//! not in the core's memory: the driver reads them from the event log (see `driver::follow`) and gives them back.

use model::event::EventKind;
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::tell::Change;
use super::warm_up::SourceState;
use super::{Out, QueueCore};
use crate::warmup::ledger::Ledger;
use crate::warmup::track::{Track, TrackMemory};
use crate::warmup::{Action, Order, OrderError};

/// What outlives a restart of all warm-ups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WarmUpMemory {
    /// Each source that has a plan.
    pub sources: Vec<SourceMemory>,
    /// The counts of the days, as the event log tells them. Kept by the driver.
    pub ledger: Ledger,
}

/// What outlives a restart of one source's plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceMemory {
    /// The source.
    pub source: Name,
    /// Who paused the plan.
    #[serde(default)]
    pub paused_by: Option<Name>,
    /// A person has ended it.
    #[serde(default)]
    pub finished: bool,
    /// The day on which providers begin that had no mail yet.
    pub first_day: u32,
    /// Where it has had mail.
    #[serde(default)]
    pub tracks: Vec<TrackMemory>,
}

impl QueueCore {
    /// Carries out an order of a person about the plan of a source.
    ///
    /// # Errors
    /// [`OrderError`]: the person mends the order.
    pub fn order_warm_up(
        &mut self,
        now: Timestamp,
        source: &Name,
        order: &Order,
        by: &str,
        out: &mut Out,
    ) -> Result<(), OrderError> {
        self.roll_warm_ups(now, out);
        let no_plan = || OrderError::NoPlan(source.to_string());
        let number = self.sources.iter().position(|state| state.spec.name == *source).ok_or_else(no_plan)? as u16;
        let plan = self.warm_ups.state(number).ok_or_else(no_plan)?.plan.clone();
        if let Some(provider) = &order.provider {
            if self.warm_ups.plans.track_name(&plan, provider) != *provider {
                let (source_name, provider) = (source.to_string(), provider.to_string());
                return Err(OrderError::NoProvider { source_name, provider });
            }
            // Its first mail is still to come, perhaps.
            self.warm_ups.track_of(number, provider);
        }
        let concerned = |track: &&mut Track| {
            track.source == number && order.provider.as_ref().is_none_or(|name| *name == track.memory.provider)
        };
        if order.action == Action::SetDay {
            let tracks = self.warm_ups.tracks.iter_mut().filter(concerned).map(|track| track.volumes().last_day());
            let last = tracks.chain([plan.volumes(crate::warmup::OTHERS).last_day()]).max().unwrap_or(1);
            if !order.day.is_some_and(|day| (1..=last).contains(&day)) {
                return Err(OrderError::Day { last });
            }
        }
        let day = order.day.unwrap_or(1);
        for track in self.warm_ups.tracks.iter_mut().filter(concerned) {
            match order.action {
                Action::SetDay => track.set_day(&plan, day),
                Action::Resume => track.resume(),
                Action::Finish => track.memory.finished = true,
                Action::Pause => {}
            }
        }
        if let Some(state) = &mut self.warm_ups.sources[usize::from(number)] {
            state.obey(order, by, day);
        }
        self.tell_warm_up_order(now, source, order, by, out);
        self.routes_changed();
        self.settle(now, out);
        Ok(())
    }

    fn tell_warm_up_order(&mut self, now: Timestamp, source: &Name, order: &Order, by: &str, out: &mut Out) {
        let change = Change {
            kind: EventKind::Control,
            target: "warm-up",
            name: match &order.provider {
                Some(provider) => format!("{source}/{provider}"),
                None => source.to_string(),
            },
            action: order.action.as_str(),
            value: order.day.map(|day| format!("day {day}")),
            until: None,
            by: by.to_owned(),
            reply: None,
        };
        self.tell_change(now, change, None, out);
    }

    /// What is to outlive a restart; the ledger is the driver's.
    pub(super) fn warm_up_memory(&self) -> WarmUpMemory {
        let of_source = |(number, state): (usize, &Option<SourceState>)| {
            let state = state.as_ref()?;
            let tracks = self.warm_ups.tracks.iter().filter(|track| usize::from(track.source) == number);
            Some(SourceMemory {
                source: self.sources[number].spec.name.clone(),
                paused_by: state.paused_by.clone(),
                finished: state.finished,
                first_day: state.first_day,
                tracks: tracks.map(|track| track.memory.clone()).collect(),
            })
        };
        let sources = self.warm_ups.sources.iter().enumerate().filter_map(of_source).collect();
        WarmUpMemory { sources, ledger: Ledger::default() }
    }

    /// Takes up what was remembered, with the days as the ledger has counted them.
    pub(super) fn restore_warm_ups(&mut self, memory: WarmUpMemory, now: Timestamp, out: &mut Out) {
        let WarmUpMemory { sources, ledger } = memory;
        for remembered in sources {
            let number = self.sources.iter().position(|state| state.spec.name == remembered.source);
            let Some(state) = number.and_then(|number| self.warm_ups.sources[number].as_mut()) else { continue };
            let SourceMemory { paused_by, finished, first_day, tracks, .. } = remembered;
            (state.paused_by, state.finished, state.first_day) = (paused_by, finished, first_day.max(1));
            for memory in tracks {
                self.restore_track(number.unwrap_or_default() as u16, memory, &ledger);
            }
        }
        // Tracks that had their first mail behind the last writing of the file.
        for day in &ledger.days {
            let number = self.sources.iter().position(|state| state.spec.name == day.source);
            let Some(number) = number.map(|number| number as u16) else { continue };
            let Some(idx) = self.warm_ups.track_of(number, &day.provider) else { continue };
            let mut memory = self.warm_ups.tracks[idx as usize].memory.clone();
            if memory.date.is_none() && memory.history.is_empty() {
                (memory.date, memory.last_mail) = (Some(day.date), Some(day.date));
                self.restore_track(number, memory, &ledger);
            }
        }
        self.roll_warm_ups(now, out);
        // The day is another than the one that was remembered: what the log knows of it.
        for idx in 0..self.warm_ups.tracks.len() {
            let memory = self.warm_ups.tracks[idx].memory.clone();
            self.restore_track(self.warm_ups.tracks[idx].source, memory, &ledger);
        }
    }

    fn restore_track(&mut self, source: u16, memory: TrackMemory, ledger: &Ledger) {
        let Some(state) = self.warm_ups.state(source) else { return };
        let name = &self.sources[usize::from(source)].spec.name;
        let of_day = memory.date.and_then(|date| ledger.tally(name, &memory.provider, date));
        let tally = of_day.cloned().unwrap_or_default();
        let provider = memory.provider.clone();
        let track = Track::remembered(source, &state.plan, memory, tally);
        match self.warm_ups.index.get(&(source, provider)) {
            Some(&idx) => self.warm_ups.tracks[idx as usize] = track,
            None => drop(self.warm_ups.insert(track)),
        }
    }
}

impl SourceState {
    /// What an order changes beside the tracks there are.
    fn obey(&mut self, order: &Order, by: &str, day: u32) {
        match (order.action, &order.provider) {
            (Action::Pause, _) => self.paused_by = Some(Name::from(by)),
            (Action::Resume, _) => (self.paused_by, self.finished) = (None, false),
            (Action::SetDay, None) => (self.first_day, self.finished) = (day, false),
            (Action::SetDay, Some(_)) => self.finished = false,
            (Action::Finish, None) => self.finished = true,
            (Action::Finish, Some(_)) => {}
        }
    }
}
