//! Taking recipients in: their message, job, campaign and domain are found or made, and each gets its place.

use std::hash::{Hash as _, Hasher as _};

use model::event::EventKind;
use model::handoff::{Admitted, MessageHead};
use model::id::{CampaignId, born_at};
use model::name::Name;
use model::time::Timestamp;

use super::tables::{Campaign, Domain, Job, JobKey};
use super::{Out, QueueCore};
use crate::control::Target;
use crate::entries::{Chain, DueBy, Entry, NONE};
use crate::fair::Share;
use crate::messages::{Common, Series, take_apart};
use crate::shares::weights;
use crate::view::Progress;

impl QueueCore {
    pub(super) fn admit(&mut self, now: Timestamp, admitted: Admitted, is_told: bool, out: &mut Out) {
        if admitted.recipients.is_empty() {
            return;
        }
        let messages = self.messages.len();
        let message = self.message_of(now, &admitted.message);
        let messages = (self.messages.len() - messages) as u64;
        let mut fresh = Vec::with_capacity(admitted.recipients.len());
        for recipient in admitted.recipients {
            if self.ids.get(&self.entries, recipient.id).is_some() {
                tracing::warn!(recipient = %recipient.id, "admitted twice; the second time is ignored");
                continue;
            }
            let domain = self.domain_of(now, &recipient.domain);
            let mut entry = Entry::new(recipient.id, recipient.row, message, domain);
            entry.attempts = recipient.attempts;
            entry.due_by = if recipient.attempts == 0 { DueBy::Submission } else { DueBy::Restart };
            let not_before = admitted.message.routing.not_before.unwrap_or_default();
            entry.set_due(recipient.due.max(not_before));
            entry.cancelled = self.is_recipient_cancelled(recipient.id);
            entry.held = !self.controls.is_empty() && self.controls.contains_key(&Target::Recipient(recipient.id));
            self.newest = self.newest.max(recipient.id);
            let idx = self.entries.insert(entry);
            self.entries.set_contact(idx, recipient.contact);
            self.ids.insert(&self.entries, idx);
            self.entries.push_back(Chain::Message, &mut self.messages[message].recipients, idx);
            self.entries.push_back(Chain::Domain, &mut self.domains[domain].recipients, idx);
            let deadline = self.deadline(idx);
            self.entries.get_mut(idx).set_deadline(deadline);
            if !is_told {
                let mut event = self.event(idx, EventKind::Received, 0, self.received_at(idx));
                event.address = recipient.address.map(String::from);
                event.origin = Some(admitted.message.origin.clone());
                out.events.push(self.told(idx, event, recipient.row));
            }
            fresh.push(idx);
        }
        if !is_told {
            self.traffic.received(now, fresh.len() as u64, messages, messages * admitted.message.size_bytes);
        }
        // Only now: one that ends at once must not take its message with it.
        for &idx in &fresh {
            if self.entries.get(idx).due() <= now {
                self.become_due(now, idx, out);
            } else if self.may_proceed(now, idx, out) {
                self.put_on_wheel(idx);
            }
        }
        if fresh.is_empty() {
            self.forget_message_if_done(message);
        }
    }

    /// When the recipient was accepted: the message may have been there long before (a feed adds recipients to it).
    pub(super) fn received_at(&self, idx: u32) -> Timestamp {
        let entry = self.entries.get(idx);
        self.messages[entry.message].received_at.max(born_at(entry.id.0))
    }

    /// From when on the recipient ages: mail for later has its whole time from then.
    pub(super) fn ages_from(&self, idx: u32) -> Timestamp {
        let particulars = self.messages.particulars_of(self.entries.get(idx).message);
        self.received_at(idx).max(particulars.not_before.unwrap_or_default())
    }

    /// When the recipient is given up: at the longest age of its stream, or earlier when its message says so.
    fn deadline(&self, idx: u32) -> Timestamp {
        let message = self.entries.get(idx).message;
        let stream = self.messages.series_of(message).stream;
        let of_stream = self.ages_from(idx).plus(self.streams[usize::from(stream)].config.max_age.0);
        self.messages.particulars_of(message).expires.map_or(of_stream, |expires| expires.min(of_stream))
    }

    fn message_of(&mut self, now: Timestamp, head: &MessageHead) -> u32 {
        if let Some(idx) = self.messages.find(head.id) {
            return idx;
        }
        let (common, particulars) = take_apart(head);
        let series = match self.messages.find_series(&common) {
            Some(series) => series,
            None => self.begin_series(now, common),
        };
        let idx = self.messages.insert(head, series, particulars);
        let itself = Target::Message(head.id);
        let message = &mut self.messages[idx];
        message.held = !self.controls.is_empty() && self.controls.contains_key(&itself);
        message.cancelled = !self.cancels.is_empty() && self.cancels.contains_key(&itself);
        let campaign = self.messages.series(series).campaign;
        if campaign != NONE {
            self.campaigns[campaign].used_at = now;
        }
        idx
    }

    /// Finds out what messages with this in common are to the queue.
    fn begin_series(&mut self, now: Timestamp, common: Common) -> u32 {
        let routing = &common.routing;
        let fallback = self.streams.len() - 1;
        let listed = self.streams[..fallback].iter().position(|stream| stream.config.name == routing.stream);
        let stream = listed.unwrap_or(fallback);
        let pool = match &routing.pool {
            None => Some(self.streams[stream].pool),
            Some(name) => self.pool_named(name),
        };
        let campaign = routing.campaign.map_or(NONE, |campaign| self.campaign_of(now, campaign));
        let class = self.streams[stream].class;
        let (holds, cancel) = (self.holds_of(&common), self.cancel_of(&common));
        let job = self.job_of(&common);
        let name = routing.job.clone();
        let mut series = Series::new(common);
        (series.stream, series.class, series.pool) = (stream as u16, class, pool);
        (series.job, series.campaign) = (job, campaign);
        (series.holds, series.cancel) = (holds, cancel);
        let series = self.messages.begin_series(series);
        if !name.is_empty() {
            self.job_names.entry(name).or_default().insert(series);
        }
        if campaign != NONE {
            self.campaigns[campaign].series.insert(series);
        }
        series
    }

    /// How many holds cover campaign and job of messages that come in.
    fn holds_of(&self, common: &Common) -> u8 {
        if self.controls.is_empty() {
            return 0;
        }
        common.targets().filter(|target| self.controls.contains_key(target)).count() as u8
    }

    fn job_of(&mut self, common: &Common) -> u32 {
        let routing = &common.routing;
        let key = JobKey {
            tenant: routing.tenant.clone(),
            stream: routing.stream.clone(),
            job: routing.job.clone(),
            campaign: routing.campaign,
        };
        let idx = match self.job_keys.get(&key) {
            Some(&idx) => idx,
            None => {
                let flow = self.gates.next_flow();
                let share = self.share_of(&key);
                let idx = self.jobs.insert(Job { key: key.clone(), share, flow, series: 0 });
                self.job_keys.insert(key, idx);
                idx
            }
        };
        self.jobs[idx].series += 1;
        idx
    }

    fn share_of(&self, key: &JobKey) -> Share {
        let (tenant_weight, job_weight) = weights(&self.config.shares, &key.tenant, &key.job);
        let mut hasher = std::hash::DefaultHasher::new();
        key.tenant.hash(&mut hasher);
        let weight = |weight: u32| u16::try_from(weight).unwrap_or(u16::MAX);
        let tenant = hasher.finish() as u32;
        Share { tenant, tenant_weight: weight(tenant_weight), job_weight: weight(job_weight) }
    }

    fn campaign_of(&mut self, now: Timestamp, campaign: CampaignId) -> u32 {
        let idx = *self.campaign_ids.entry(campaign).or_insert_with(|| {
            let progress = Progress { campaign, ..Progress::default() };
            self.campaigns.insert(Campaign { progress, series: Default::default(), used_at: now })
        });
        self.campaigns[idx].used_at = now;
        idx
    }

    fn domain_of(&mut self, now: Timestamp, name: &Name) -> u32 {
        if let Some(&idx) = self.domain_names.get(name) {
            self.domains[idx].used_at = now;
            return idx;
        }
        let mut domain = Domain::new(name.clone(), now);
        domain.held = !self.controls.is_empty() && self.controls.contains_key(&Target::Domain(name.clone()));
        domain.apart = self.gates.may_limit_domain(&self.config.overrides, name);
        domain.cancel = self.cancel_of_domain(name);
        let idx = self.domains.insert(domain);
        self.domain_names.insert(name.clone(), idx);
        idx
    }

    /// Forgets a message without recipients, and its series and job with the last one.
    pub(super) fn forget_message_if_done(&mut self, idx: u32) {
        if !self.messages[idx].recipients.is_empty() {
            return;
        }
        let number = self.messages[idx].series;
        let campaign = self.messages.series(number).campaign;
        if campaign != NONE {
            self.campaigns[campaign].used_at = self.clock;
        }
        let Some(series) = self.messages.remove(idx) else { return };
        if campaign != NONE {
            self.campaigns[campaign].series.remove(&number);
        }
        let job = &mut self.jobs[series.job];
        job.series -= 1;
        if job.series == 0 {
            let job = self.jobs.remove(series.job);
            self.job_keys.remove(&job.key);
        }
        let name = &series.common.routing.job;
        if let Some(of_job) = self.job_names.get_mut(name) {
            of_job.remove(&number);
            if of_job.is_empty() {
                self.job_names.remove(name);
            }
        }
    }
}
