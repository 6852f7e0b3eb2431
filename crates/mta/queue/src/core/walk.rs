//! Walks over the queue for searches and bulk orders, in portions between which mail goes on.
//!
//! Where an index leads to few recipients (by id, message, campaign, job, domain) those are looked at in one portion;
//! otherwise all records are gone through by number, [`LOOKED_MAX`] in a portion: about a millisecond, and some 15
//! portions for a million. Numbers do not move, so a walk needs no place in any list and survives whatever happens
//! between its portions: it sees everybody who is there from its begin to its end, once.
//!
//! Limits: [`WALKS_MAX`] walks at a time; they take turns.

use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use model::id::RecipientId;
use model::name::Name;
use model::time::Timestamp;

use super::{Out, QueueCore, STEP_MAX};
use crate::bulk::{
    BulkDone, BulkError, BulkOrder, EXAMPLES_MAX, GROUPS_MAX, Group, Groups, Place as Position, Search, SearchResult,
    Sort,
};
use crate::control::Target;
use crate::entries::{Chain, Place};
use crate::select::{Filter, Where};

/// Most walks at a time.
pub const WALKS_MAX: usize = 64;

/// Most records looked at in one portion.
const LOOKED_MAX: usize = 65_536;

/// Whom a walk looks at.
#[derive(Debug)]
enum Course {
    /// These, from this place on.
    Listed(Vec<RecipientId>, usize),
    /// All records from this number on.
    All(u32),
}

/// A walk under way.
#[derive(Debug)]
pub(super) struct Walk {
    filter: Arc<Filter>,
    course: Course,
    purpose: Purpose,
}

/// What a walk is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A page of those who match.
    Find { ticket: u64, search: Search, found: Found },
    /// Who is concerned by an order, before it is carried out.
    Count { ticket: u64, order: BulkOrder, by: Name, found: Found },
    /// Carrying out.
    Work { work: super::bulk::Task },
    /// Which orders still have somebody: one bit for each place in the list of orders.
    Census { seen: u64, since: Timestamp },
}

/// An answer to who waits for a walk.
#[derive(Debug)]
pub struct Answer {
    /// The number that was given with the question.
    pub ticket: u64,
    /// What was found.
    pub found: Answered,
}

/// What was found or done.
#[derive(Debug)]
pub enum Answered {
    /// A search.
    Found(SearchResult),
    /// An order, and how it becomes durable.
    Done(BulkDone, Durable),
    /// An order that was not carried out.
    Refused(BulkError),
}

/// What has to be on disk before an order is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// Nothing: it was only counted.
    Nothing,
    /// What is remembered (see [`QueueCore::memory`]).
    Memory,
    /// The events of this step and of all before.
    Events,
}

/// Who was found so far: the first ones, and everybody counted.
#[derive(Debug, Default)]
pub(super) struct Found {
    total: u64,
    in_flight: u64,
    limit: usize,
    sort: Sort,
    after: Option<Position>,
    /// How many are behind it.
    behind: u64,
    /// The first ones behind `after`, the last of them on top.
    first: BinaryHeap<Position>,
    jobs: HashMap<u32, u64>,
    domains: HashMap<u32, u64>,
    states: [u64; STATES.len()],
    names: Counts,
}

/// How many by name.
#[derive(Debug, Default)]
struct Counts {
    domains: HashMap<Name, u64>,
    providers: HashMap<Name, u64>,
    tenants: HashMap<Name, u64>,
    streams: HashMap<Name, u64>,
    jobs: HashMap<Name, u64>,
    campaigns: HashMap<Name, u64>,
}

const STATES: [Where; 5] = [Where::Held, Where::Waiting, Where::Due, Where::Ready, Where::InFlight];

impl Found {
    pub fn new(limit: usize, sort: Sort, after: Option<Position>) -> Self {
        Found { limit, sort, after, ..Found::default() }
    }
}

impl QueueCore {
    /// Searches the queue; the answer comes with a later step, under the ticket.
    pub fn search(&mut self, now: Timestamp, ticket: u64, mut search: Search, out: &mut Out) {
        search.limit = search.limit.min(super::FOUND_MAX);
        let found = Found::new(search.limit, search.sort, search.after);
        let filter = search.filter.clone().fixed(now);
        let purpose = Purpose::Find { ticket, search, found };
        if let Err(error) = self.start_walk(filter, purpose) {
            out.answers.push(Answer { ticket, found: Answered::Refused(error) });
        }
        self.settle(now, out);
    }

    /// Begins to count whom an order concerns.
    pub(super) fn count_first(
        &mut self,
        now: Timestamp,
        ticket: u64,
        order: BulkOrder,
        by: Name,
    ) -> Result<(), BulkError> {
        let filter = order.filter.clone().fixed(now);
        let found = Found::new(EXAMPLES_MAX, Sort::Due, None);
        self.start_walk(filter, Purpose::Count { ticket, order, by, found })
    }

    pub(super) fn start_walk(&mut self, filter: Filter, purpose: Purpose) -> Result<(), BulkError> {
        let of_person = matches!(purpose, Purpose::Find { .. } | Purpose::Count { .. });
        if of_person && self.walks.len() >= WALKS_MAX {
            return Err(BulkError::Busy(WALKS_MAX));
        }
        let course = self.course(&filter);
        self.walks.push_back(Walk { filter: Arc::new(filter), course, purpose });
        Ok(())
    }

    /// The shortest way to everybody whom a filter can mean.
    fn course(&self, filter: &Filter) -> Course {
        if !filter.recipient.is_empty() {
            return Course::Listed(filter.recipient.clone(), 0);
        }
        let mut messages: Option<Vec<u32>> = None;
        if let Some(id) = &filter.message {
            messages = Some(self.messages_of(&Target::Message(*id)).collect());
        } else if let Some(id) = &filter.campaign {
            messages = Some(self.messages_of(&Target::Campaign(*id)).collect());
        } else if let Some(name) = &filter.job {
            messages = Some(self.messages_of(&Target::Job(name.clone())).collect());
        }
        let of_messages = messages.map(|messages| {
            let len: u64 = messages.iter().map(|&idx| u64::from(self.messages[idx].recipients.len())).sum();
            (len, messages)
        });
        let of_domain = filter.domain.as_ref().map(|name| self.domain_names.get(name).copied());
        let domain_len = match of_domain {
            Some(Some(idx)) => u64::from(self.domains[idx].recipients.len()),
            Some(None) => 0,
            None => u64::MAX,
        };
        let id_of = |idx: u32| self.entries.get(idx).id;
        match of_messages {
            Some((len, messages)) if len <= domain_len && len <= LOOKED_MAX as u64 => {
                let heads = messages.into_iter().filter_map(|idx| self.messages[idx].recipients.head());
                Course::Listed(heads.flat_map(|head| self.chain(Chain::Message, head)).map(id_of).collect(), 0)
            }
            _ if domain_len <= LOOKED_MAX as u64 => {
                let head = of_domain.flatten().and_then(|idx| self.domains[idx].recipients.head());
                Course::Listed(
                    head.into_iter().flat_map(|head| self.chain(Chain::Domain, head)).map(id_of).collect(),
                    0,
                )
            }
            _ => Course::All(0),
        }
    }

    fn chain(&self, chain: Chain, head: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(head), move |&idx| self.entries.next(chain, idx))
    }

    /// Goes on with the walk whose turn it is. True when there is more to do.
    pub(super) fn walk_some(&mut self, now: Timestamp, out: &mut Out) -> bool {
        let Some(mut walk) = self.walks.pop_front() else { return false };
        let mut changed = 0;
        let mut ended = false;
        for _ in 0..LOOKED_MAX {
            let Some(found) = self.next_of_walk(&mut walk.course) else {
                ended = true;
                break;
            };
            let Some(idx) = found else { continue };
            if let Purpose::Census { seen, .. } = &mut walk.purpose {
                *seen |= self.orders_of(idx);
            } else if self.matches(&walk.filter, idx) {
                changed += usize::from(self.look_at(now, idx, &mut walk.purpose, out));
                if changed >= STEP_MAX {
                    break;
                }
            }
        }
        self.name_counts(&mut walk.purpose);
        if ended {
            self.end_walk(now, walk, out);
        } else {
            self.walks.push_back(walk);
        }
        !self.walks.is_empty()
    }

    /// The next record of a course: `Some(None)` for a number that is not in use, `None` at the end.
    fn next_of_walk(&self, course: &mut Course) -> Option<Option<u32>> {
        match course {
            Course::Listed(ids, next) => {
                let id = ids.get(*next)?;
                *next += 1;
                Some(self.ids.get(&self.entries, *id))
            }
            Course::All(next) => {
                let idx = *next;
                if idx >= self.entries.end() {
                    return None;
                }
                *next += 1;
                Some((self.entries.get(idx).place != Place::Vacant).then_some(idx))
            }
        }
    }

    /// Looks at somebody who matches; true when something was done to it.
    fn look_at(&mut self, now: Timestamp, idx: u32, purpose: &mut Purpose, out: &mut Out) -> bool {
        match purpose {
            Purpose::Find { found, .. } | Purpose::Count { found, .. } => {
                self.note_found(idx, found);
                false
            }
            Purpose::Work { work } => self.work_on(now, idx, work, out),
            Purpose::Census { .. } => false,
        }
    }

    fn end_walk(&mut self, now: Timestamp, walk: Walk, out: &mut Out) {
        match walk.purpose {
            Purpose::Find { ticket, search, found } => {
                let found = Answered::Found(self.result_of(search.limit, found));
                out.answers.push(Answer { ticket, found });
            }
            Purpose::Count { ticket, order, by, found } => {
                let (total, in_flight) = (found.total, found.in_flight);
                let SearchResult { items, groups, .. } = self.result_of(EXAMPLES_MAX, found);
                let counted = BulkDone {
                    order: None,
                    affected: total,
                    in_flight,
                    dry_run: order.dry_run,
                    examples: items,
                    groups,
                };
                self.counted(now, ticket, order, &by, counted, out);
            }
            Purpose::Work { work } => self.work_ended(now, work, out),
            Purpose::Census { seen, since } => self.census_taken(now, seen, since, out),
        }
    }

    fn note_found(&self, idx: u32, found: &mut Found) {
        let entry = self.entries.get(idx);
        found.total += 1;
        found.in_flight += u64::from(entry.place == Place::InFlight);
        *found.jobs.entry(self.series_of(idx).job).or_default() += 1;
        *found.domains.entry(entry.domain).or_default() += 1;
        found.states[state_number(entry.place)] += 1;
        let at = match found.sort {
            Sort::Due => entry.due(),
            Sort::Age => self.received_at(idx),
        };
        let position = Position { at, recipient: entry.id };
        if found.limit == 0 || found.after.is_some_and(|after| position <= after) {
            return;
        }
        found.behind += 1;
        if found.first.len() < found.limit {
            found.first.push(position);
        } else if found.first.peek().is_some_and(|last| position < *last) {
            found.first.pop();
            found.first.push(position);
        }
    }

    /// Numbers of jobs and domains may be given to others between two portions: names are counted at the end of each.
    fn name_counts(&self, purpose: &mut Purpose) {
        let (Purpose::Find { found, .. } | Purpose::Count { found, .. }) = purpose else { return };
        let mut add = |counts: fn(&mut Counts) -> &mut HashMap<Name, u64>, name: &Name, count: u64| {
            if !name.is_empty() {
                *counts(&mut found.names).entry(name.clone()).or_default() += count;
            }
        };
        for (job, count) in std::mem::take(&mut found.jobs) {
            let key = &self.jobs[job].key;
            add(|counts| &mut counts.tenants, &key.tenant, count);
            add(|counts| &mut counts.streams, &key.stream, count);
            add(|counts| &mut counts.jobs, &key.job, count);
            if let Some(campaign) = key.campaign {
                add(|counts| &mut counts.campaigns, &Name::from(campaign.to_string()), count);
            }
        }
        for (domain, count) in std::mem::take(&mut found.domains) {
            let domain = &self.domains[domain];
            add(|counts| &mut counts.domains, &domain.name, count);
            if let Some(site) = domain.site() {
                add(|counts| &mut counts.providers, &self.sites[site].spec.provider, count);
            }
        }
    }

    fn result_of(&self, limit: usize, found: Found) -> SearchResult {
        let page = found.first.into_sorted_vec();
        let next = page.last().filter(|_| found.behind > limit as u64).map(Position::to_string);
        let here = |position: &Position| self.ids.get(&self.entries, position.recipient);
        let states = STATES.into_iter().zip(found.states).filter(|(_, count)| *count > 0);
        let groups = Groups {
            domains: largest(found.names.domains),
            providers: largest(found.names.providers),
            tenants: largest(found.names.tenants),
            streams: largest(found.names.streams),
            jobs: largest(found.names.jobs),
            campaigns: largest(found.names.campaigns),
            states: largest(states.map(|(state, count)| (Name::from(state.as_str()), count)).collect()),
        };
        let items = page.iter().filter_map(here).map(|idx| self.view(idx)).collect();
        SearchResult { total: found.total, items, next, groups }
    }

    /// Whether all terms of a filter, which is [`Filter::fixed`], hold for somebody.
    pub(super) fn matches(&self, filter: &Filter, idx: u32) -> bool {
        let entry = self.entries.get(idx);
        let message = &self.messages[entry.message];
        let routing = &self.messages.series_of(entry.message).common.routing;
        let is = |wanted: &Option<Name>, name: &Name| wanted.as_ref().is_none_or(|wanted| wanted == name);
        let of_mail = filter.message.is_none_or(|id| id == message.id)
            && filter.campaign.is_none_or(|id| routing.campaign == Some(id))
            && is(&filter.tenant, &routing.tenant)
            && is(&filter.stream, &routing.stream)
            && is(&filter.job, &routing.job)
            && is(&filter.domain, &self.domains[entry.domain].name)
            && (filter.recipient.is_empty() || filter.recipient.binary_search(&entry.id).is_ok())
            && filter.before.is_none_or(|before| self.received_at(idx) < before);
        of_mail && self.matches_route(filter, idx) && self.matches_now(filter, idx)
    }

    fn matches_route(&self, filter: &Filter, idx: u32) -> bool {
        let entry = self.entries.get(idx);
        let of_pool = filter.pool.as_ref().is_none_or(|wanted| {
            // Its own, whatever orders say: they have to mean the same after a restart.
            let own = self.messages.series_of(entry.message).pool;
            own.is_some_and(|pool| self.pools[usize::from(pool)].name == *wanted)
        });
        if filter.site.is_none() && filter.provider.is_none() {
            return of_pool;
        }
        let Some(site) = self.domains[entry.domain].site() else { return false };
        let spec = &self.sites[site].spec;
        of_pool
            && filter.site.as_ref().is_none_or(|wanted| *wanted == spec.name)
            && filter.provider.as_ref().is_none_or(|wanted| *wanted == spec.provider)
    }

    /// The passing terms.
    fn matches_now(&self, filter: &Filter, idx: u32) -> bool {
        let entry = self.entries.get(idx);
        filter.attempts.is_none_or(|least| entry.attempts >= least)
            && filter.category.is_none_or(|category| entry.category() == Some(category))
            && filter.state.is_none_or(|state| is_in(entry.place, state))
            && filter.source.as_ref().is_none_or(|wanted| {
                self.path_of_entry(idx).is_some_and(|path| self.paths[path].spec.path.source == *wanted)
            })
    }

    /// Where the row of everybody of a domain lies, for who looks for an address; an error when there are too many.
    ///
    /// # Errors
    /// [`BulkError::AddressTooWide`].
    pub fn rows_of_domain(
        &self,
        domain: &str,
        rows_max: usize,
    ) -> Result<Vec<(RecipientId, model::handoff::RowRef)>, BulkError> {
        let Some(&idx) = self.domain_names.get(domain) else { return Ok(Vec::new()) };
        let recipients = &self.domains[idx].recipients;
        if recipients.len() as usize > rows_max {
            let domain = domain.to_owned();
            return Err(BulkError::AddressTooWide { domain, rows: u64::from(recipients.len()), rows_max });
        }
        let chain = recipients.head().into_iter().flat_map(|head| self.chain(Chain::Domain, head));
        Ok(chain.map(|idx| (self.entries.get(idx).id, self.entries.get(idx).row())).collect())
    }

    /// The pool of a recipient: that of an order, or its message's.
    pub(super) fn pool_of(&self, idx: u32) -> Option<u16> {
        let entry = self.entries.get(idx);
        entry.pool().or(self.messages.series_of(entry.message).pool)
    }
}

fn is_in(place: Place, state: Where) -> bool {
    match state {
        Where::Scheduled => !matches!(place, Place::Ready | Place::InFlight),
        state => STATES[state_number(place)] == state,
    }
}

fn state_number(place: Place) -> usize {
    match place {
        Place::Held => 0,
        Place::Wheel | Place::Vacant | Place::Nowhere => 1,
        Place::Route | Place::Backlog => 2,
        Place::Ready => 3,
        Place::InFlight => 4,
    }
}

/// The largest counts first, the small ones of a long list as one.
fn largest(counts: HashMap<Name, u64>) -> Vec<Group> {
    let mut groups: Vec<Group> = counts.into_iter().map(|(name, recipients)| Group { name, recipients }).collect();
    groups.sort_unstable_by(|a, b| b.recipients.cmp(&a.recipients).then_with(|| a.name.cmp(&b.name)));
    if groups.len() > GROUPS_MAX {
        let others = groups.split_off(GROUPS_MAX).into_iter().map(|group| group.recipients).sum();
        groups.push(Group { name: Name::from("(others)"), recipients: others });
    }
    groups
}
