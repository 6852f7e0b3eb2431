//! From due to a line: which site serves the domain, and what happens when there is none.

use std::sync::Arc;

use model::category::{Category, Scope};
use model::event::{Attempt, EventKind};
use model::name::Name;
use model::reply::Phase;
use model::route::{MxHost, Site as SiteSpec};
use model::time::Timestamp;

use super::end::Failed;
use super::tables::{Line, Route, Site};
use super::{NoRoute, Out, QueueCore, STEP_MAX, SiteAnswer};
use crate::entries::{Chain, Place};
use crate::fair::FairQueue;
use crate::fair::NEVER;
use crate::pools::Rotation;
use crate::timers::Part;

impl QueueCore {
    /// A recipient's time has come. It has been taken out of its place.
    pub(super) fn become_due(&mut self, now: Timestamp, idx: u32, out: &mut Out) {
        if !self.may_proceed(now, idx, out) {
            return;
        }
        self.assign(idx);
        let entry = self.entries.get(idx);
        let domain = entry.domain;
        let Some(pool) = self.pool_of(idx) else {
            let pool = self.series_of(idx).common.routing.pool.clone().unwrap_or_default();
            let reason = format!("there is no pool {:?} in the configuration", &*pool);
            self.unroutable(now, idx, &NoRoute::Temporary(reason), out);
            return;
        };
        if let Some(site) = self.smarthost_of(idx, pool) {
            return self.enter_line(now, idx, site, pool, out);
        }
        match self.domains[domain].route {
            Route::Known { site, until } if now < until => self.enter_line(now, idx, site, pool, out),
            Route::Known { site, .. } => self.ask(domain, idx, Some(site), out),
            Route::Unknown => self.ask(domain, idx, None, out),
            Route::Asking { .. } | Route::Failing(_) => self.wait_for_route(domain, idx),
        }
    }

    fn ask(&mut self, domain: u32, idx: u32, stale: Option<u32>, out: &mut Out) {
        let state = &mut self.domains[domain];
        state.route = Route::Asking { stale };
        out.resolve.push(state.name.clone());
        self.lookups += 1;
        self.wait_for_route(domain, idx);
    }

    fn wait_for_route(&mut self, domain: u32, idx: u32) {
        let deadline = self.entries.get(idx).deadline();
        let state = &mut self.domains[domain];
        self.entries.push_back(Chain::Place, &mut state.waiting, idx);
        if deadline < state.deadline_min {
            state.deadline_min = deadline;
            self.timers.set(Part::Domain(domain), Some(deadline));
        }
        self.put(idx, Place::Route, domain);
    }

    /// The DNS has answered.
    pub(super) fn resolved(&mut self, now: Timestamp, domain: &Name, answer: Result<SiteAnswer, NoRoute>) {
        let Some(&idx) = self.domain_names.get(domain) else { return };
        let Route::Asking { stale } = self.domains[idx].route else { return };
        self.lookups = self.lookups.saturating_sub(1);
        let until = now.plus(self.config.limits.route_max_age.0);
        let site = match answer {
            Ok(answer) if !answer.hosts.is_empty() => self.site_of(answer, domain),
            Err(NoRoute::Temporary(reason)) if stale.is_some() => {
                tracing::debug!(%domain, %reason, "the DNS does not answer; its last answer is used");
                stale.expect("invariant: just checked")
            }
            answer => {
                let failure = answer.err().unwrap_or_else(|| NoRoute::Temporary("no MX hosts".to_owned()));
                self.set_route(idx, stale, Route::Failing(failure));
                self.failing.push_back(idx);
                return;
            }
        };
        self.set_route(idx, stale, Route::Known { site, until });
        self.domains[idx].deadline_min = NEVER;
        self.timers.set(Part::Domain(idx), None);
        self.routed.push_back(idx);
    }

    /// Sends some of those who waited for an answer that has come on their way. True when there are more.
    pub(super) fn route_some(&mut self, now: Timestamp, out: &mut Out) -> bool {
        let mut budget = STEP_MAX;
        while let Some(&domain) = self.routed.front() {
            // Forgotten meanwhile, or being asked about again: then there will be another answer.
            let is_known = self.domains.get(domain).is_some_and(|state| matches!(state.route, Route::Known { .. }));
            while is_known && let Some(idx) = self.domains[domain].waiting.head() {
                if budget == 0 {
                    return true;
                }
                budget -= 1;
                self.take_out(idx);
                self.become_due(now, idx, out);
            }
            self.routed.pop_front();
        }
        false
    }

    fn set_route(&mut self, domain: u32, before: Option<u32>, route: Route) {
        if let Some(before) = before {
            self.sites[before].domains -= 1;
        }
        if let Route::Known { site, .. } = route {
            self.sites[site].domains += 1;
        }
        self.domains[domain].route = route;
    }

    /// Tells some of those who wait that there is no route. True when there are more.
    pub(super) fn fail_some(&mut self, now: Timestamp, out: &mut Out) -> bool {
        let mut budget = STEP_MAX;
        while let Some(&domain) = self.failing.front() {
            let Some(state) = self.domains.get(domain) else {
                self.failing.pop_front();
                continue;
            };
            let Route::Failing(failure) = state.route.clone() else {
                self.failing.pop_front();
                continue;
            };
            while let Some(idx) = self.domains[domain].waiting.head() {
                if budget == 0 {
                    return true;
                }
                budget -= 1;
                self.take_out(idx);
                if self.may_proceed(now, idx, out) {
                    self.unroutable(now, idx, &failure, out);
                }
            }
            self.failing.pop_front();
            let state = &mut self.domains[domain];
            (state.route, state.deadline_min) = (Route::Unknown, NEVER);
            self.timers.set(Part::Domain(domain), None);
        }
        false
    }

    /// Expires those whose time is up while the DNS is being asked.
    pub(super) fn expire_waiting(&mut self, now: Timestamp, domain: u32, out: &mut Out) {
        let Some(state) = self.domains.get(domain) else { return };
        let head = state.waiting.head();
        let waiting = std::iter::successors(head, |&idx| self.entries.next(Chain::Place, idx));
        let (mut overdue, mut least) = (Vec::new(), NEVER);
        for idx in waiting {
            let deadline = self.entries.get(idx).deadline();
            if deadline <= now && overdue.len() < STEP_MAX { overdue.push(idx) } else { least = least.min(deadline) }
        }
        self.domains[domain].deadline_min = least;
        self.timers.set(Part::Domain(domain), (least != NEVER).then_some(least));
        for idx in overdue {
            self.take_out(idx);
            if self.may_proceed(now, idx, out) {
                self.wait_for_route(domain, idx);
            }
        }
    }

    /// An attempt that ended before any connection.
    fn unroutable(&mut self, now: Timestamp, idx: u32, failure: &NoRoute, out: &mut Out) {
        let entry = self.entries.get_mut(idx);
        entry.attempts = entry.attempts.saturating_add(1);
        let (number, row) = (entry.attempts, entry.row());
        let (category, error) = match failure {
            NoRoute::NullMx => (Category::BadDomain, "the domain takes no mail (null MX)".to_owned()),
            NoRoute::NoDomain => (Category::BadDomain, "the domain has neither MX nor address".to_owned()),
            NoRoute::Temporary(reason) => (Category::RoutingErrors, reason.clone()),
        };
        let attempt = Attempt {
            number,
            phase: Some(Phase::Route),
            error: Some(error),
            category: Some(category),
            scope: Some(Scope::Recipient),
            // A missing name may be a mistake of a resolver; a null MX is the domain's own word.
            suppress: *failure == NoRoute::NullMx,
            ..Attempt::default()
        };
        if matches!(failure, NoRoute::Temporary(_)) {
            self.defer(now, idx, Failed { attempt, path: None, at: now, address: None, wait_s: None }, out);
            return;
        }
        let event = self.attempt_event(idx, EventKind::Bounced, now, attempt, None);
        out.events.push(self.told(idx, event, row));
        self.finish(idx, EventKind::Bounced, out);
    }

    /// The site of these hosts, made when it is new.
    fn site_of(&mut self, answer: SiteAnswer, domain: &str) -> u32 {
        let provider = match self.providers.of_site(&answer.hosts, domain) {
            Some(provider) => provider.clone(),
            None => registrable(&answer.hosts),
        };
        // A provider chosen by the recipient domain may share its hosts with others: another site then.
        let by_domain = self.providers.of_site(&answer.hosts, "") != Some(&provider)
            && self.providers.of_site(&answer.hosts, domain).is_some();
        let name = if by_domain { Name::from(format!("{}@{provider}", answer.name)) } else { answer.name };
        if let Some(&site) = self.site_names.get(&name) {
            return site;
        }
        self.new_site(SiteSpec { name, provider, hosts: answer.hosts, smarthost: None })
    }

    pub(super) fn new_site(&mut self, spec: SiteSpec) -> u32 {
        let name = spec.name.clone();
        let limits = self.providers.limits(&Name::default(), &spec.provider, None, &[]);
        let site = self.sites.insert(Site {
            spec: Arc::new(spec),
            domains: 0,
            lines: Vec::new(),
            paths: Vec::new(),
            retry: limits.retry.map(|retry| retry.value),
            max_age: limits.max_age.map(|max_age| max_age.value),
        });
        self.site_names.insert(name, site);
        site
    }

    /// Puts a recipient behind the others that are due for its site.
    fn enter_line(&mut self, now: Timestamp, idx: u32, site: u32, pool: u16, out: &mut Out) {
        if let Some(max_age) = self.sites[site].max_age {
            let deadline = self.ages_from(idx).plus(max_age.0);
            let entry = self.entries.get_mut(idx);
            entry.set_deadline(entry.deadline().min(deadline));
            if deadline <= now {
                self.expire(now, idx, out);
                return;
            }
        }
        let line = self.line_of(now, site, pool);
        let seat = self.seat(idx);
        self.lines[line].backlog.push_back(&mut self.entries, idx, seat);
        self.put(idx, Place::Backlog, line);
        self.mark_line(line);
    }

    pub(super) fn line_of(&mut self, now: Timestamp, site: u32, pool: u16) -> u32 {
        if let Some(&line) = self.sites[site].lines.iter().find(|&&line| self.lines[line].pool == pool) {
            return line;
        }
        let line = self.lines.insert(Line {
            site,
            pool,
            backlog: FairQueue::default(),
            rotation: Rotation::default(),
            dirty: false,
            swept_at: Timestamp::default(),
            used_at: now,
        });
        self.sites[site].lines.push(line);
        line
    }
}

/// The registrable domain of the best host: who runs it, when no rule knows.
fn registrable(hosts: &[MxHost]) -> Name {
    let Some(host) = hosts.first() else { return Name::default() };
    let host = host.name.trim_end_matches('.').to_ascii_lowercase();
    match psl::domain_str(&host) {
        Some(domain) => Name::from(domain),
        None => Name::from(host),
    }
}
