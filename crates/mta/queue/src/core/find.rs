//! Finding recipients: by themselves, their message, campaign, job, domain or route.

use std::collections::BTreeSet;

use model::id::CampaignId;

use super::QueueCore;
use super::tables::Path;
use crate::control::Target;
use crate::entries::{Chain, List, Place};
use crate::view::{Found, Progress, RecipientView, State};

/// Most recipients shown in full.
pub const FOUND_MAX: usize = 10_000;

impl QueueCore {
    /// The recipients that a target concerns; the first `limit` in full. For routes: those bound to them.
    pub fn find(&self, target: &Target, limit: usize) -> Found {
        let limit = limit.min(FOUND_MAX);
        let of_list = |chain: Chain, list: &List| -> Vec<u32> {
            std::iter::successors(list.head(), |&idx| self.entries.next(chain, idx)).take(limit).collect()
        };
        let mut indices: Vec<u32> = match target {
            Target::Recipient(id) => self.ids.get(&self.entries, *id).into_iter().collect(),
            Target::Domain(name) => match self.domain_names.get(name) {
                Some(&domain) => of_list(Chain::Domain, &self.domains[domain].recipients),
                None => Vec::new(),
            },
            Target::Campaign(_) | Target::Job(_) | Target::Message(_) => {
                let messages = self.messages_of(target);
                messages.flat_map(|idx| of_list(Chain::Message, &self.messages[idx].recipients)).take(limit).collect()
            }
            Target::Source(_) | Target::Site(_) | Target::Provider(_) | Target::Path(_) => {
                let paths = self.paths.iter().filter(|(_, path)| self.path_fits(path, target));
                let bound = paths.flat_map(|(_, path)| {
                    let in_flight = path
                        .sessions
                        .iter()
                        .flat_map(|&session| of_list(Chain::Place, &self.sessions[session].in_flight));
                    in_flight.chain(path.ready.indices(&self.entries))
                });
                bound.take(limit).collect()
            }
        };
        indices.truncate(limit);
        Found { total: self.affected(target), items: indices.into_iter().map(|idx| self.view(idx)).collect() }
    }

    /// How far a campaign has come.
    pub fn progress(&self, campaign: CampaignId) -> Progress {
        let mut progress = match self.campaign_ids.get(&campaign) {
            Some(&idx) => self.campaigns[idx].progress,
            None => Progress { campaign, ..Progress::default() },
        };
        progress.held = self.controls.contains_key(&Target::Campaign(campaign));
        progress
    }

    /// The series of a target that is made of whole series: a campaign or a job.
    pub(super) fn series_of_target(&self, target: &Target) -> &BTreeSet<u32> {
        static NO_SERIES: BTreeSet<u32> = BTreeSet::new();
        let found = match target {
            Target::Campaign(id) => self.campaign_ids.get(id).map(|&campaign| &self.campaigns[campaign].series),
            Target::Job(name) => self.job_names.get(name),
            _ => None,
        };
        found.unwrap_or(&NO_SERIES)
    }

    /// The messages of a target that is made of messages.
    pub(super) fn messages_of(&self, target: &Target) -> impl Iterator<Item = u32> {
        let itself = match target {
            Target::Message(id) => self.messages.find(*id),
            _ => None,
        };
        let of_series = self.series_of_target(target).iter();
        of_series.flat_map(|&series| self.messages.in_series(series)).chain(itself)
    }

    /// How many recipients a target concerns; for routes: those bound to them.
    pub(super) fn affected(&self, target: &Target) -> u64 {
        match target {
            Target::Recipient(id) => u64::from(self.ids.get(&self.entries, *id).is_some()),
            Target::Domain(name) => {
                self.domain_names.get(name).map_or(0, |&idx| u64::from(self.domains[idx].recipients.len()))
            }
            Target::Campaign(_) | Target::Job(_) | Target::Message(_) => {
                self.messages_of(target).map(|idx| u64::from(self.messages[idx].recipients.len())).sum()
            }
            Target::Source(_) | Target::Site(_) | Target::Provider(_) | Target::Path(_) => {
                let paths = self.paths.iter().filter(|(_, path)| self.path_fits(path, target));
                paths.map(|(_, path)| u64::from(path.ready.len()) + u64::from(path.in_flight)).sum()
            }
        }
    }

    pub(super) fn path_fits(&self, path: &Path, target: &Target) -> bool {
        let spec = &path.spec;
        match target {
            Target::Source(name) => spec.path.source == *name,
            Target::Site(name) => spec.path.site == *name,
            Target::Provider(name) => spec.site.provider == *name,
            Target::Path(name) => spec.path.source == name.source && spec.path.site == name.site,
            _ => false,
        }
    }

    pub(super) fn path_of_entry(&self, idx: u32) -> Option<u32> {
        let entry = self.entries.get(idx);
        match entry.place {
            Place::Ready => Some(entry.holder),
            Place::InFlight => Some(self.sessions[entry.holder].path),
            _ => None,
        }
    }

    pub(super) fn view(&self, idx: u32) -> RecipientView {
        let entry = self.entries.get(idx);
        let routing = &self.series_of(idx).common.routing;
        let domain = &self.domains[entry.domain];
        let path = self.path_of_entry(idx).map(|path| &self.paths[path].spec.path);
        let site = path.map(|path| path.site.clone());
        RecipientView {
            recipient: entry.id,
            message: self.messages[entry.message].id,
            campaign: routing.campaign,
            tenant: routing.tenant.clone(),
            stream: routing.stream.clone(),
            job: routing.job.clone(),
            domain: domain.name.clone(),
            state: match entry.place {
                Place::Ready => State::Ready,
                Place::InFlight => State::InFlight,
                _ => State::Scheduled,
            },
            held: self.is_held(idx),
            attempts: entry.attempts,
            due: entry.due(),
            source: path.map(|path| path.source.clone()),
            site: site.or_else(|| domain.site().map(|site| self.sites[site].spec.name.clone())),
            category: entry.category(),
            received_at: self.received_at(idx),
            expires_at: entry.deadline(),
        }
    }
}
