//! The invariants, checked by walking everything. For tests and simulations: linear in the size of the queue.

use std::collections::{BTreeSet, HashMap};

use super::QueueCore;
use crate::entries::{Chain, List, Place};
use crate::fair::FairQueue;
use crate::messages::Series;
use crate::view::Totals;

impl QueueCore {
    /// Checks that everybody is in exactly one place and that all counts fit.
    ///
    /// # Errors
    /// What does not fit, in words: a bug in the queue.
    pub fn check(&self) -> Result<(), String> {
        let mut seen: HashMap<u32, Place> = HashMap::new();
        let mut note = |idx: u32, place: Place| match seen.insert(idx, place) {
            None => Ok(()),
            Some(other) => Err(format!("record {idx} is in {other:?} and in {place:?}")),
        };
        for (_, domain) in self.domains.iter() {
            self.each(Chain::Place, &domain.waiting, |idx| note(idx, Place::Route))?;
        }
        for (number, line) in self.lines.iter() {
            self.each_of(&line.backlog, number, |idx| note(idx, Place::Backlog))?;
        }
        for (number, path) in self.paths.iter() {
            self.each_of(&path.ready, number, |idx| note(idx, Place::Ready))?;
        }
        for (_, session) in self.sessions.iter() {
            self.each(Chain::Place, &session.in_flight, |idx| note(idx, Place::InFlight))?;
        }
        let mut totals = Totals { done: self.totals.done, ..Totals::default() };
        for (idx, entry) in self.entries.iter() {
            match entry.place {
                Place::Wheel | Place::Held => note(idx, entry.place)?,
                _ => {}
            }
            if self.ids.get(&self.entries, entry.id) != Some(idx) {
                return Err(format!("{} is not found by its id", entry.id));
            }
            match entry.place {
                Place::Vacant | Place::Nowhere => return Err(format!("{} is nowhere", entry.id)),
                Place::Ready => totals.ready += 1,
                Place::InFlight => totals.in_flight += 1,
                Place::Held => {
                    totals.held += 1;
                    totals.scheduled += 1;
                }
                Place::Wheel | Place::Route | Place::Backlog => totals.scheduled += 1,
            }
        }
        for (idx, entry) in self.entries.iter() {
            if seen.get(&idx) != Some(&entry.place) {
                return Err(format!("{} says {:?}, but is in {:?}", entry.id, entry.place, seen.get(&idx)));
            }
        }
        if totals != self.totals {
            return Err(format!("counted {totals:?}, kept {:?}", self.totals));
        }
        self.check_sizes(seen.len())
    }

    fn check_sizes(&self, seen: usize) -> Result<(), String> {
        let worded = self.entries.iter().filter(|(_, entry)| self.replies.get(entry.wording).is_some()).count() as u64;
        if worded != self.replies.counts().1 {
            return Err(format!("{worded} recipients with a wording, kept {:?}", self.replies.counts()));
        }
        self.messages.check()?;
        self.check_jobs()?;
        let wheel = self.entries.iter().filter(|(_, entry)| entry.place == Place::Wheel).count();
        let of_messages: u64 = self.messages.iter().map(|(_, message)| u64::from(message.recipients.len())).sum();
        let of_domains: u64 = self.domains.iter().map(|(_, domain)| u64::from(domain.recipients.len())).sum();
        let len = self.entries.len();
        let sizes = [seen, self.ids.len(), of_messages as usize, of_domains as usize];
        if sizes.iter().any(|&size| size != len) || wheel != self.schedule.len() {
            return Err(format!("{len} recipients, but {sizes:?}; {wheel} on the wheel of {}", self.schedule.len()));
        }
        self.check_warm_ups()?;
        for (number, path) in self.paths.iter() {
            let in_flight: u32 = path.sessions.iter().map(|&session| self.sessions[session].in_flight.len()).sum();
            if in_flight != path.in_flight {
                return Err(format!("path {number}: {in_flight} in flight, kept {}", path.in_flight));
            }
        }
        let of_paths: usize = self.paths.iter().map(|(_, path)| path.sessions.len()).sum();
        let of_groups: usize = self.groups.iter().map(|(_, group)| group.sessions.len()).sum();
        if of_paths != self.sessions.len() || of_groups != self.sessions.len() {
            return Err(format!("{} sessions, but {of_paths} of paths, {of_groups} of groups", self.sessions.len()));
        }
        Ok(())
    }

    /// Jobs and campaigns know the series that say they belong to them, and no others.
    fn check_jobs(&self) -> Result<(), String> {
        let mut of_jobs: HashMap<u32, u32> = HashMap::new();
        for (number, series) in self.messages.all_series() {
            let of_campaign = self.campaigns.get(series.campaign).map(|campaign| &campaign.series);
            let of_name = self.job_names.get(&series.common.routing.job);
            if of_campaign.into_iter().chain(of_name).any(|known| !known.contains(&number)) {
                return Err(format!("series {number} is not known to its campaign or job"));
            }
            *of_jobs.entry(series.job).or_default() += 1;
        }
        let kept: HashMap<u32, u32> = self.jobs.iter().map(|(idx, job)| (idx, job.series)).collect();
        let named: usize = self.job_names.values().map(BTreeSet::len).sum();
        let with_name = |series: &&Series| !series.common.routing.job.is_empty();
        let named_are = self.messages.all_series().map(|(_, series)| series).filter(with_name).count();
        if of_jobs != kept || named != named_are {
            return Err(format!("series of jobs {of_jobs:?}, kept {kept:?}; {named} of named jobs, not {named_are}"));
        }
        Ok(())
    }

    /// What warm-ups keep count of is what is bound to paths and in flight.
    fn check_warm_ups(&self) -> Result<(), String> {
        let mut counted: Vec<(u32, u32)> = self.warm_ups.kept().map(|_| (0, 0)).collect();
        for (_, path) in self.paths.iter() {
            if let Some(track) = self.groups[path.group].track {
                counted[track as usize].0 += path.ready.len();
                counted[track as usize].1 += path.in_flight;
            }
        }
        let kept: Vec<(u32, u32)> = self.warm_ups.kept().collect();
        if counted == kept { Ok(()) } else { Err(format!("warm-ups: bound and in flight {counted:?}, kept {kept:?}")) }
    }

    fn each(&self, chain: Chain, list: &List, mut f: impl FnMut(u32) -> Result<(), String>) -> Result<(), String> {
        let mut count = 0;
        for idx in std::iter::successors(list.head(), |&idx| self.entries.next(chain, idx)) {
            count += 1;
            f(idx)?;
        }
        if count == list.len() { Ok(()) } else { Err(format!("a list of {count} says it has {}", list.len())) }
    }

    fn each_of(
        &self,
        queue: &FairQueue,
        holder: u32,
        mut f: impl FnMut(u32) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut count = 0;
        for idx in queue.indices(&self.entries) {
            count += 1;
            if self.entries.get(idx).holder != holder {
                return Err(format!("record {idx} says that another holds it"));
            }
            f(idx)?;
        }
        if count == queue.len() { Ok(()) } else { Err(format!("a queue of {count} says it has {}", queue.len())) }
    }
}
