//! Work in portions: recipients that a hold, a release or a cancellation concerns; and what is not used any more.

use std::time::Duration;

use model::id::{MessageId, RecipientId};
use model::name::Name;
use model::time::Timestamp;

use super::tables::Route;
use super::{Out, QueueCore, STEP_MAX};
use crate::entries::{Chain, NONE, Place};
use crate::timers::Part;

/// What is not used any more is looked for this often.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// A walk over recipients, to bring each to the place where its marks want it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sweep {
    Message(MessageId),
    Domain(Name),
    Recipient(RecipientId),
}

impl QueueCore {
    pub(super) fn sweep_message(&mut self, message: u32) {
        let state = &mut self.messages[message];
        let first = state.recipients.head().unwrap_or(NONE);
        // One that stands on somebody is in line already.
        if std::mem::replace(&mut state.sweep, first) == NONE {
            self.sweeps.push_back(Sweep::Message(state.id));
        }
    }

    pub(super) fn sweep_domain(&mut self, domain: u32) {
        let state = &mut self.domains[domain];
        let first = state.recipients.head().unwrap_or(NONE);
        if std::mem::replace(&mut state.sweep, first) == NONE {
            self.sweeps.push_back(Sweep::Domain(state.name.clone()));
        }
    }

    /// Goes on with the walks. True when there is more to do.
    pub(super) fn sweep_some(&mut self, now: Timestamp, out: &mut Out) -> bool {
        for _ in 0..STEP_MAX {
            let Some(sweep) = self.sweeps.front().cloned() else { return false };
            let next = self.next_of(&sweep);
            if let Some(idx) = next {
                self.reconcile(now, idx, out);
            }
            if next.is_none() || matches!(sweep, Sweep::Recipient(_)) {
                self.sweeps.pop_front();
            }
        }
        !self.sweeps.is_empty()
    }

    /// The next recipient of a walk; the walk then stands on the one behind it.
    fn next_of(&mut self, sweep: &Sweep) -> Option<u32> {
        let (chain, idx) = match sweep {
            Sweep::Message(id) => (Chain::Message, self.messages[self.messages.find(*id)?].sweep),
            Sweep::Domain(name) => (Chain::Domain, self.domains[*self.domain_names.get(name)?].sweep),
            Sweep::Recipient(id) => return self.ids.get(&self.entries, *id),
        };
        if idx == NONE {
            return None;
        }
        let next = self.entries.next(chain, idx).unwrap_or(NONE);
        let entry = self.entries.get(idx);
        match chain {
            Chain::Message => self.messages[entry.message].sweep = next,
            _ => self.domains[entry.domain].sweep = next,
        }
        Some(idx)
    }

    /// Brings a recipient to the place where its marks want it. True when it had to be moved.
    pub(super) fn reconcile(&mut self, now: Timestamp, idx: u32, out: &mut Out) -> bool {
        let place = self.entries.get(idx).place;
        // What is in flight is dealt with when it comes back.
        if place == Place::InFlight || self.ended_by(idx).is_none() && self.is_held(idx) == (place == Place::Held) {
            return false;
        }
        self.take_out(idx);
        if self.entries.get(idx).due() <= now {
            self.become_due(now, idx, out);
        } else if self.may_proceed(now, idx, out) {
            self.put_on_wheel(idx);
        }
        true
    }

    /// Forgets paths, lines, sites, domains and campaigns that have had nothing to do for a while.
    pub(super) fn forget_unused(&mut self, now: Timestamp, out: &mut Out) {
        self.timers.set(Part::Sweep, Some(now.plus(SWEEP_INTERVAL)));
        let before = now.minus(self.config.limits.forget_after.0);
        self.forget_cancels(now, out);
        self.take_census(now);
        self.remembered.retain(|_, memory| !memory.is_over(now));
        self.forget_paths(now, before);
        self.forget_lines(before);
        self.forget_gates(now);
        self.forget_domains(before);
        let unused =
            self.sites.iter().filter(|(_, site)| site.domains == 0 && site.lines.is_empty() && site.paths.is_empty());
        let unused: Vec<u32> = unused.map(|(idx, _)| idx).collect();
        for idx in unused {
            let site = self.sites.remove(idx);
            self.site_names.remove(&site.spec.name);
        }
        let ended =
            self.campaigns.iter().filter(|(_, campaign)| campaign.series.is_empty() && campaign.used_at < before);
        let ended: Vec<u32> = ended.map(|(idx, _)| idx).collect();
        for idx in ended {
            let campaign = self.campaigns.remove(idx);
            self.campaign_ids.remove(&campaign.progress.campaign);
        }
    }

    fn forget_paths(&mut self, now: Timestamp, before: Timestamp) {
        let unused = self.paths.iter().filter(|(idx, path)| {
            let at_rest = path.ready.is_empty() && path.sessions.is_empty() && path.used_at < before;
            let waits = path.dirty || path.waits_for_group || path.waits_for_total || !path.waits.is_empty();
            let marked = !path.effects.is_empty() || !path.learned.is_idle() || path.rests > 0;
            at_rest && !waits && !marked && self.blocked(now, *idx).is_none()
        });
        let unused: Vec<u32> = unused.map(|(idx, _)| idx).collect();
        for idx in unused {
            let path = self.paths.remove(idx);
            self.path_keys.remove(&(path.source, path.site));
            self.sites[path.site].paths.retain(|&other| other != idx);
            self.timers.set(Part::Path(idx), None);
            let group = &mut self.groups[path.group];
            group.paths.retain(|&other| other != idx);
            let learned = group.flows.iter().any(|flow| !flow.learned.is_idle());
            if group.paths.is_empty() && group.effects.is_empty() && !learned && !group.dirty {
                let group = self.groups.remove(path.group);
                self.group_keys.remove(&(group.source, group.provider));
                self.timers.set(Part::Group(path.group), None);
            }
        }
    }

    fn forget_lines(&mut self, before: Timestamp) {
        let unused =
            self.lines.iter().filter(|(_, line)| line.backlog.is_empty() && !line.dirty && line.used_at < before);
        let unused: Vec<u32> = unused.map(|(idx, _)| idx).collect();
        for idx in unused {
            let line = self.lines.remove(idx);
            self.sites[line.site].lines.retain(|&other| other != idx);
            self.timers.set(Part::Line(idx), None);
        }
    }

    fn forget_domains(&mut self, before: Timestamp) {
        let unused = self.domains.iter().filter(|(_, domain)| {
            let busy = matches!(domain.route, Route::Asking { .. } | Route::Failing(_));
            domain.recipients.is_empty() && !busy && domain.used_at < before
        });
        let unused: Vec<u32> = unused.map(|(idx, _)| idx).collect();
        for idx in unused {
            let domain = self.domains.remove(idx);
            self.domain_names.remove(&domain.name);
            self.timers.set(Part::Domain(idx), None);
            if let Some(site) = domain.site() {
                self.sites[site].domains -= 1;
            }
        }
    }
}
