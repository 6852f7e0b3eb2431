//! The queue at one moment, for people and for the API.

use model::name::Name;
use model::time::Timestamp;

use super::QueueCore;
use super::effect;
use crate::handle::Show;
use crate::providers::Setting;
use crate::view::{DomainView, LimitsView, PathView, Progress, Snapshot};

impl QueueCore {
    /// Totals and the busiest parts.
    pub fn snapshot(&self, now: Timestamp, show: Show) -> Snapshot {
        let mut paths: Vec<(u64, u32)> = self
            .paths
            .iter()
            .map(|(idx, path)| {
                let backlog = self.backlog(path.site);
                (u64::from(path.ready.len()) + u64::from(path.in_flight) + backlog, idx)
            })
            .collect();
        let paths_total = paths.len() as u64;
        top(&mut paths, show.paths);
        let mut domains: Vec<(u64, u32)> = self
            .domains
            .iter()
            .filter(|(_, domain)| !domain.recipients.is_empty())
            .map(|(idx, domain)| (u64::from(domain.recipients.len()), idx))
            .collect();
        let domains_total = domains.len() as u64;
        top(&mut domains, show.domains);
        Snapshot {
            at: now,
            totals: self.totals,
            connections: self.sessions.len() as u32,
            lookups: self.lookups,
            paths: paths.into_iter().map(|(_, idx)| self.path_view(now, idx)).collect(),
            paths_total,
            domains: domains.into_iter().map(|(_, idx)| self.domain_view(idx)).collect(),
            domains_total,
            campaigns: self.campaigns_view(show.campaigns),
            controls: self.controls.values().cloned().collect(),
            traffic: self.traffic_view(now),
        }
    }

    /// One path, when there is one.
    pub fn path(&self, now: Timestamp, source: &Name, site: &Name) -> Option<PathView> {
        let source = self.sources.iter().position(|known| known.spec.name == *source)? as u16;
        let site = *self.site_names.get(site)?;
        self.path_keys.get(&(source, site)).map(|&path| self.path_view(now, path))
    }

    pub(super) fn backlog(&self, site: u32) -> u64 {
        self.sites[site].lines.iter().map(|&line| u64::from(self.lines[line].backlog.len())).sum()
    }

    fn path_view(&self, now: Timestamp, idx: u32) -> PathView {
        let path = &self.paths[idx];
        let group = &self.groups[path.group];
        PathView {
            source: path.spec.path.source.clone(),
            site: path.spec.path.site.clone(),
            provider: group.provider.clone(),
            ready: u64::from(path.ready.len()),
            backlog: self.backlog(path.site),
            in_flight: u64::from(path.in_flight),
            connections: path.sessions.len() as u32,
            limits: LimitsView {
                connections_now: self.connections_now(idx).min(self.group_connections_now(path.group)),
                rate_now: effect::slowest(&[], path.rate_now.into_iter().chain(self.learned_rate(idx).map(|(_, r)| r))),
                ..limits_view(&path.limits)
            },
            throttle: self.throttle_view(now, idx),
            last_reply: path.last_reply.clone(),
            counts: path.counts,
            delivered_per_s: path.delivered.per_s(now),
        }
    }

    fn domain_view(&self, idx: u32) -> DomainView {
        let domain = &self.domains[idx];
        let site = domain.site().map(|site| &self.sites[site].spec);
        DomainView {
            domain: domain.name.clone(),
            recipients: u64::from(domain.recipients.len()),
            site: site.map(|site| site.name.clone()),
            provider: site.map(|site| site.provider.clone()),
        }
    }

    fn campaigns_view(&self, max: usize) -> Vec<Progress> {
        let mut campaigns: Vec<(Timestamp, u32)> =
            self.campaigns.iter().map(|(idx, campaign)| (campaign.used_at, idx)).collect();
        campaigns.sort_unstable_by(|a, b| b.cmp(a));
        campaigns.truncate(max);
        campaigns.into_iter().map(|(_, idx)| self.progress(self.campaigns[idx].progress.campaign)).collect()
    }
}

/// Leaves the `max` largest, largest first.
pub(super) fn top(items: &mut Vec<(u64, u32)>, max: usize) {
    let order = |a: &(u64, u32), b: &(u64, u32)| b.0.cmp(&a.0).then(a.1.cmp(&b.1));
    if items.len() > max && max > 0 {
        items.select_nth_unstable_by(max - 1, order);
    }
    items.truncate(max);
    items.sort_unstable_by(order);
}

fn limits_view(limits: &crate::providers::PathLimits) -> LimitsView {
    let value = |setting: &Option<Setting<model::units::Rate>>| setting.as_ref().map(|setting| setting.value);
    LimitsView {
        connections: limits.connections.value,
        connections_now: limits.connections.value,
        rate: value(&limits.rate),
        rate_now: value(&limits.rate),
        provider_connections: limits.provider_connections.as_ref().map(|setting| setting.value),
        provider_rate: value(&limits.provider_rate),
        connection_rate: value(&limits.connection_rate),
        messages_per_connection: limits.messages_per_connection.value,
        recipients_per_transaction: limits.recipients_per_transaction.value,
        tls: limits.tls,
        set_by: limits.connections.set_by.to_string(),
    }
}
