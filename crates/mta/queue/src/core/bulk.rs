//! Bulk orders: counted first, then put in force, then carried out in portions (see `walk`).
//!
//! An order in force is a sentence about mail (its filter), looked at whenever somebody's place is decided; so it holds
//! at once, also for those whom the walk has not reached, and for those whom the spool brings back after a crash. Holds
//! cover what comes in later; all others cover what was accepted before them, and are forgotten like cancellations: when
//! they are old enough, a census finds nobody left, and everything that was told until then is on disk.

use std::sync::Arc;

use model::event::EventKind;
use model::id::{RecipientId, born_at};
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::cancel::CANCEL_MEMORY;
use super::end::EndedBy;
use super::tell::Change;
use super::walk::{Answer, Answered, Durable, Purpose};
use super::{Out, QueueCore, Settled};
use crate::bulk::{BulkDone, BulkError, BulkOrder, BulkView, STANDING_MAX, Work};
use crate::entries::{DueBy, Place};
use crate::select::Filter;

/// A bulk order that stays in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    number: u32,
    action: Work,
    filter: Filter,
    by: Name,
    reason: String,
    since: Timestamp,
    affected: u64,
    /// Not for holds: the newest recipient there was, since ids made in a burst may lie ahead of the clock.
    newest: RecipientId,
    #[serde(default)]
    pool: Option<Name>,
    #[serde(default)]
    source: Option<Name>,
    #[serde(default)]
    priority: Option<u8>,
    #[serde(default)]
    notify: bool,
}

/// One in force, with what it means by the configuration of today.
#[derive(Debug)]
pub(super) struct Active {
    pub standing: Arc<Standing>,
    pool: Option<u16>,
    class: Option<u8>,
    done: u64,
    at_work: bool,
    /// Since when nobody is left whom it covers.
    gone_at: Option<Timestamp>,
}

impl Active {
    fn bit(&self) -> u64 {
        1 << (self.standing.number % STANDING_MAX as u32)
    }

    pub fn covers(&self, recipient: RecipientId) -> bool {
        let standing = &self.standing;
        standing.action == Work::Hold || recipient <= standing.newest || born_at(recipient.0) < standing.since
    }
}

/// What a walk carries out.
#[derive(Debug)]
pub(super) enum Task {
    /// Everybody to the place where the orders in force want it.
    Reconcile { order: Option<u32> },
    /// Everybody to the pool or the class of an order.
    Assign { order: u32 },
    /// Something that is done once, to who is there now.
    Once(Box<Once>),
}

/// See [`Task::Once`].
#[derive(Debug)]
pub(super) struct Once {
    ticket: u64,
    order: BulkOrder,
    by: Name,
    done: BulkDone,
    /// To how many it was done.
    count: u64,
    /// Who was accepted later is not meant.
    newest: RecipientId,
}

impl QueueCore {
    /// Takes a bulk order; the answer comes with this or a later step, under the ticket. `by` names the person.
    pub fn bulk(&mut self, now: Timestamp, ticket: u64, order: BulkOrder, by: &str, out: &mut Out) {
        let begun = order
            .validate()
            .and_then(|()| self.with_known_names(order))
            .and_then(|order| self.count_first(now, ticket, order, Name::from(by)));
        if let Err(error) = begun {
            out.answers.push(Answer { ticket, found: Answered::Refused(error) });
        }
        self.settle(now, out);
    }

    /// The bulk orders in force, by number.
    pub fn bulk_orders(&self) -> Vec<BulkView> {
        let view = |active: &Active| {
            let standing = &active.standing;
            BulkView {
                order: standing.number,
                action: standing.action,
                filter: standing.filter.to_string(),
                value: standing.value(),
                by: standing.by.to_string(),
                reason: standing.reason.clone(),
                since: standing.since,
                affected: standing.affected,
                done: active.done,
                at_work: active.at_work,
            }
        };
        self.orders.values().map(view).collect()
    }

    /// Checks names against the configuration and the orders in force; a release gets the filter of its hold.
    fn with_known_names(&self, mut order: BulkOrder) -> Result<BulkOrder, BulkError> {
        let unknown = |kind, name: &dyn ToString| BulkError::Unknown { kind, name: name.to_string() };
        if order.action == Work::Reroute {
            if let Some(pool) = order.pool.as_ref().filter(|pool| self.pool_named(pool).is_none()) {
                return Err(unknown("pool", pool));
            }
            if let Some(source) = order.source.as_ref().filter(|source| self.pool_of_source(source).is_none()) {
                return Err(unknown("source", source));
            }
        }
        if order.action == Work::Release {
            let hold = match order.hold {
                Some(number) => self.orders.get(&number).filter(|active| active.standing.action == Work::Hold),
                None => {
                    order.filter.recipient.sort_unstable();
                    order.filter.recipient.dedup();
                    self.holds().find(|active| active.standing.filter == order.filter)
                }
            };
            let shown = order.hold.map_or_else(|| order.filter.to_string(), |number| number.to_string());
            order.filter = hold.ok_or_else(|| unknown("hold", &shown))?.standing.filter.clone();
        }
        Ok(order)
    }

    pub(super) fn pool_named(&self, name: &Name) -> Option<u16> {
        let found = self.pools.iter().position(|pool| !pool.of_source && pool.name == *name);
        found.map(|idx| idx as u16)
    }

    fn pool_of_source(&self, name: &Name) -> Option<u16> {
        let found = self.pools.iter().position(|pool| pool.of_source && pool.name == *name);
        found.map(|idx| idx as u16)
    }

    fn holds(&self) -> impl Iterator<Item = &Active> {
        self.orders.values().filter(|active| active.standing.action == Work::Hold)
    }

    /// It is known whom an order concerns: now it is carried out, unless that was all.
    pub(super) fn counted(
        &mut self,
        now: Timestamp,
        ticket: u64,
        order: BulkOrder,
        by: &Name,
        mut done: BulkDone,
        out: &mut Out,
    ) {
        let mut answer = |found| out.answers.push(Answer { ticket, found });
        if order.dry_run {
            answer(Answered::Done(done, Durable::Nothing));
            return;
        }
        let filter = order.filter.clone().fixed(now);
        let once = order.action == Work::Requeue || !order.filter.passing().is_empty();
        let task = match order.action {
            Work::Release => {
                self.release(&order);
                Task::Reconcile { order: None }
            }
            _ if once => {
                let newest = self.newest;
                let (order, by, done) = (order.clone(), by.clone(), done.clone());
                Task::Once(Box::new(Once { ticket, order, by, done, count: 0, newest }))
            }
            _ => match self.enact(now, &order, by, done.affected) {
                Ok(number) => {
                    done.order = Some(number);
                    match order.action {
                        Work::Reroute | Work::Prioritise => Task::Assign { order: number },
                        _ => Task::Reconcile { order: Some(number) },
                    }
                }
                Err(error) => {
                    answer(Answered::Refused(error));
                    return;
                }
            },
        };
        if !matches!(task, Task::Once(_)) {
            answer(Answered::Done(done.clone(), Durable::Memory));
        }
        self.tell_bulk(now, &order, by, done.affected, out);
        let started = self.start_walk(filter, Purpose::Work { work: task });
        debug_assert!(started.is_ok(), "only walks of persons are refused");
    }

    fn release(&mut self, order: &BulkOrder) {
        let ends = |number: u32, active: &Active| {
            let standing = &active.standing;
            let meant = order.hold.is_none_or(|hold| hold == number);
            standing.action == Work::Hold && meant && standing.filter == order.filter
        };
        self.orders.retain(|number, active| !ends(*number, active));
    }

    fn enact(&mut self, now: Timestamp, order: &BulkOrder, by: &Name, affected: u64) -> Result<u32, BulkError> {
        if self.orders.len() >= STANDING_MAX {
            return Err(BulkError::TooMany);
        }
        // Numbers in force differ in what a census tells them apart by.
        let used = self.orders.values().fold(0, |used, active| used | active.bit());
        let mut number = self.order_number.wrapping_add(1);
        while used & (1 << (number % STANDING_MAX as u32)) != 0 {
            number = number.wrapping_add(1);
        }
        self.order_number = number;
        self.add_standing(Standing {
            number,
            action: order.action,
            filter: order.filter.clone().fixed(now),
            by: by.clone(),
            reason: order.reason.clone(),
            since: now,
            affected,
            newest: self.newest,
            pool: order.pool.clone(),
            source: order.source.clone(),
            priority: order.priority,
            notify: order.notify,
        });
        Ok(number)
    }

    /// Puts an order in force; one remembered from before a restart comes back with its number.
    pub(super) fn add_standing(&mut self, mut standing: Standing) {
        let of_pool = standing.pool.as_ref().and_then(|name| self.pool_named(name));
        let pool = of_pool.or_else(|| standing.source.as_ref().and_then(|name| self.pool_of_source(name)));
        if standing.action == Work::Reroute && pool.is_none() {
            tracing::warn!(order = standing.number, "the pool or source of an order is not configured any more");
        }
        self.order_number = self.order_number.max(standing.number);
        // One from a state file is as a person wrote it.
        let filter = std::mem::take(&mut standing.filter);
        standing.filter = filter.fixed(standing.since);
        let class = standing.priority.map(|priority| self.class_of(priority));
        let number = standing.number;
        let active = Active { standing: Arc::new(standing), pool, class, done: 0, at_work: true, gone_at: None };
        self.orders.insert(number, active);
    }

    /// The class of the streams with this priority; between two of them the lower one, below all the last.
    fn class_of(&self, priority: u8) -> u8 {
        let not_above = self.streams.iter().filter(|stream| stream.config.priority <= priority);
        let last = self.streams.iter().map(|stream| stream.class).max().unwrap_or(0);
        not_above.map(|stream| stream.class).min().unwrap_or(last)
    }

    pub(super) fn standing_memory(&self) -> Vec<Standing> {
        self.orders.values().map(|active| Standing::clone(&active.standing)).collect()
    }

    // Whom orders in force concern.

    fn in_force(&self, idx: u32) -> impl Iterator<Item = &Active> {
        let recipient = self.entries.get(idx).id;
        let covering = self.orders.values().filter(move |active| active.covers(recipient));
        covering.filter(move |active| self.matches(&active.standing.filter, idx))
    }

    /// One bit for each order, holds left out, that covers somebody.
    pub(super) fn orders_of(&self, idx: u32) -> u64 {
        let lasting = self.in_force(idx).filter(|active| active.standing.action != Work::Hold);
        lasting.fold(0, |seen, active| seen | active.bit())
    }

    /// The holds in force for somebody.
    pub(super) fn holds_on(&self, idx: u32) -> impl Iterator<Item = &Standing> {
        let holds = self.in_force(idx).filter(|active| active.standing.action == Work::Hold);
        holds.map(|active| &*active.standing)
    }

    /// The order by which somebody is given up.
    pub(super) fn ended_by_order(&self, idx: u32) -> Option<EndedBy> {
        if self.orders.is_empty() {
            return None;
        }
        let ends = |active: &&Active| matches!(active.standing.action, Work::Cancel | Work::Expire);
        let standing = &self.in_force(idx).find(ends)?.standing;
        Some(standing.end())
    }

    /// Gives somebody, taken out of its place, the pool and the class that orders in force want.
    pub(super) fn assign(&mut self, idx: u32) {
        if self.orders.is_empty() {
            return;
        }
        let (mut pool, mut class) = (None, None);
        for active in self.in_force(idx) {
            pool = active.pool.or(pool);
            class = active.class.or(class);
        }
        let entry = self.entries.get_mut(idx);
        if pool.is_some() {
            entry.set_pool(pool);
        }
        if class.is_some() {
            entry.set_class(class);
        }
    }

    // Carrying out.

    /// Does to somebody what a task wants; true when that was anything.
    pub(super) fn work_on(&mut self, now: Timestamp, idx: u32, task: &mut Task, out: &mut Out) -> bool {
        match task {
            Task::Reconcile { order } => {
                let changed = self.reconcile(now, idx, out);
                self.count_work(*order, changed);
                changed
            }
            Task::Assign { order } => {
                let place = self.entries.get(idx).place;
                let covered = self.orders.get(order).is_some_and(|active| active.covers(self.entries.get(idx).id));
                // What is in flight, or waits for its time, gets them when it is due.
                if !covered || !matches!(place, Place::Backlog | Place::Ready) {
                    return false;
                }
                self.take_out(idx);
                self.become_due(now, idx, out);
                self.count_work(Some(*order), true);
                true
            }
            Task::Once(once) => {
                let Once { order, by, count, newest, .. } = &mut **once;
                let entry = self.entries.get(idx);
                if entry.place == Place::InFlight || entry.id > *newest {
                    return false;
                }
                let changed = match order.action {
                    Work::Requeue => self.requeue(now, idx, out),
                    action => {
                        let end = EndedBy {
                            expired: action == Work::Expire,
                            by: by.clone(),
                            reason: order.reason.clone(),
                            notify: order.notify,
                        };
                        self.take_out(idx);
                        self.give_up(now, idx, &end, out);
                        true
                    }
                };
                *count += u64::from(changed);
                changed
            }
        }
    }

    fn count_work(&mut self, order: Option<u32>, changed: bool) {
        if let Some(active) = order.and_then(|number| self.orders.get_mut(&number)) {
            active.done += u64::from(changed);
        }
    }

    /// Tries somebody now who waits for its time; on disk it has this time as well.
    fn requeue(&mut self, now: Timestamp, idx: u32, out: &mut Out) -> bool {
        let entry = self.entries.get(idx);
        if entry.place != Place::Wheel || entry.due() <= now {
            return false;
        }
        self.take_out(idx);
        self.note_due(idx, now, DueBy::Person, "");
        let entry = self.entries.get(idx);
        let (recipient, row, attempts) = (entry.id, entry.row(), entry.attempts);
        out.settled.push(Settled::Deferred { recipient, row, attempts, due: now });
        self.become_due(now, idx, out);
        true
    }

    pub(super) fn work_ended(&mut self, _now: Timestamp, task: Task, out: &mut Out) {
        match task {
            Task::Reconcile { order } => {
                if let Some(active) = order.and_then(|number| self.orders.get_mut(&number)) {
                    active.at_work = false;
                }
            }
            Task::Assign { order } => {
                if let Some(active) = self.orders.get_mut(&order) {
                    active.at_work = false;
                }
            }
            Task::Once(once) => {
                let Once { ticket, done, count, .. } = *once;
                let done = BulkDone { affected: count, ..done };
                out.answers.push(Answer { ticket, found: Answered::Done(done, Durable::Events) });
            }
        }
    }

    // Forgetting.

    /// Looks who is left of old orders, when there are any and nothing is at work.
    pub(super) fn take_census(&mut self, now: Timestamp) {
        let old =
            |active: &Active| active.standing.action != Work::Hold && active.standing.since.plus(CANCEL_MEMORY) <= now;
        if self.walks.is_empty() && self.orders.values().any(old) {
            let started = self.start_walk(Filter::default(), Purpose::Census { seen: 0, since: now });
            debug_assert!(started.is_ok(), "only walks of persons are refused");
        }
    }

    pub(super) fn census_taken(&mut self, now: Timestamp, seen: u64, since: Timestamp, out: &mut Out) {
        let settled_until = self.settled_until;
        let before = self.orders.len();
        self.orders.retain(|_, active| {
            if active.standing.action == Work::Hold || active.standing.since.plus(CANCEL_MEMORY) > since {
                return true;
            }
            if seen & active.bit() != 0 {
                active.gone_at = None;
                return true;
            }
            *active.gone_at.get_or_insert(now) >= settled_until
        });
        out.memory_changed |= self.orders.len() != before;
    }

    /// The event that tells of an order: who, what, how many, why.
    fn tell_bulk(&mut self, now: Timestamp, order: &BulkOrder, by: &Name, affected: u64, out: &mut Out) {
        let to = order.value().map_or_else(String::new, |value| format!(" to {value}"));
        let change = Change {
            kind: EventKind::Control,
            target: "filter",
            name: order.filter.to_string(),
            action: order.action.as_str(),
            value: Some(format!("{affected} recipients{to}")),
            until: None,
            by: by.to_string(),
            reply: None,
        };
        self.tell_change(now, change, None, out);
        if let Some(told) = out.events.last_mut().filter(|_| !order.reason.is_empty()) {
            told.event.note = Some(order.reason.clone());
        }
    }
}

impl BulkOrder {
    /// Where to, or which priority.
    fn value(&self) -> Option<String> {
        value(self.pool.as_ref(), self.source.as_ref(), self.priority)
    }
}

impl Standing {
    fn value(&self) -> Option<String> {
        value(self.pool.as_ref(), self.source.as_ref(), self.priority)
    }

    fn end(&self) -> EndedBy {
        EndedBy {
            expired: self.action == Work::Expire,
            by: self.by.clone(),
            reason: self.reason.clone(),
            notify: self.notify,
        }
    }

    /// Who gave the order, when and why, in one line.
    pub(super) fn words(&self) -> String {
        let why = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        format!("{}, order {} of {}{why}", self.by, self.number, self.since)
    }

    /// Whom it concerns.
    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }
}

fn value(pool: Option<&Name>, source: Option<&Name>, priority: Option<u8>) -> Option<String> {
    pool.map(|pool| format!("pool {pool}"))
        .or_else(|| source.map(|source| format!("source {source}")))
        .or_else(|| priority.map(|priority| format!("priority {priority}")))
}
