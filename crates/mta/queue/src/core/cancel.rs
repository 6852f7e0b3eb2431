//! Cancellations: mail that a person has given up.
//!
//! In force at once, by a mark on the messages and the domain concerned; recipients end in portions afterwards (see
//! `sweep`), those in flight when they come back. Until every end is on disk a crash brings recipients back as live, so a
//! cancellation is part of [`super::Memory`] and is taken up before anything is admitted. It covers a recipient by when
//! it was received, not by when the queue gets it: what comes out of the spool after a restart is covered like what was
//! in the queue, and what was received later is not.
//!
//! Forgotten when it is [`CANCEL_MEMORY`] old, nobody it covers is left, and the driver has said that everything told
//! until then is on disk (see [`QueueCore::settled`]). Limit: [`CANCELS_MAX`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::id::{RecipientId, born_at};
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Out, QueueCore};
use crate::control::{OrderError, Target};
use crate::entries::{Chain, Place};
use crate::messages::Common;

/// Most cancellations remembered at a time.
pub const CANCELS_MAX: usize = 10_000;

/// What is still added to a cancelled campaign or message within this time is cancelled too; and a cancellation is
/// remembered for at least so long.
pub(super) const CANCEL_MEMORY: Duration = Duration::from_secs(300);

/// A cancellation in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancel {
    target: Target,
    /// Who.
    by: Name,
    since: Timestamp,
    /// The newest recipient that was in the queue: ids made in a burst may lie ahead of the clock.
    newest: RecipientId,
    /// Recipients received before are covered, whether they were in the queue or on their way to it.
    before: Timestamp,
}

impl Cancel {
    fn covers(&self, recipient: RecipientId) -> bool {
        recipient <= self.newest || born_at(recipient.0) < self.before
    }

    /// One that covers what either covers; said by the first.
    fn and(&self, other: &Cancel) -> Cancel {
        Cancel { newest: self.newest.max(other.newest), before: self.before.max(other.before), ..self.clone() }
    }
}

/// A cancellation, and when nobody was left whom it covers.
#[derive(Debug)]
pub(super) struct Remembered {
    pub cancel: Arc<Cancel>,
    done_at: Option<Timestamp>,
}

impl QueueCore {
    /// Everything that was told before `until` is on disk, and everything that was committed to the spool before it has
    /// been admitted: cancellations that were carried out before it may be forgotten. A caller that never says so only
    /// makes the queue remember more.
    pub fn settled(&mut self, until: Timestamp) {
        self.settled_until = self.settled_until.max(until);
    }

    pub(super) fn start_cancel(
        &mut self,
        now: Timestamp,
        target: &Target,
        by: &str,
        out: &mut Out,
    ) -> Result<(), OrderError> {
        let late = matches!(target, Target::Campaign(_) | Target::Message(_));
        let cancel = Cancel {
            target: target.clone(),
            by: Name::from(by),
            since: now,
            newest: self.newest,
            before: if late { now.plus(CANCEL_MEMORY) } else { now },
        };
        self.add_cancel(cancel)?;
        for message in self.messages_of(target).collect::<Vec<_>>() {
            self.sweep_message(message);
        }
        match target {
            Target::Recipient(id) => {
                let Some(idx) = self.ids.get(&self.entries, *id) else { return Ok(()) };
                self.entries.get_mut(idx).cancelled = true;
                if self.entries.get(idx).place != Place::InFlight {
                    self.take_out(idx);
                    self.may_proceed(now, idx, out);
                }
            }
            Target::Domain(name) => {
                if let Some(&domain) = self.domain_names.get(name) {
                    self.sweep_domain(domain);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts a cancellation in force for what is in the queue and for what comes in.
    pub(super) fn add_cancel(&mut self, cancel: Cancel) -> Result<(), OrderError> {
        let target = cancel.target.clone();
        let cancel = match self.cancels.get(&target) {
            Some(before) => cancel.and(&before.cancel),
            None if self.cancels.len() >= CANCELS_MAX => return Err(OrderError::TooManyCancels(CANCELS_MAX)),
            None => cancel,
        };
        self.cancels.insert(target.clone(), Remembered { cancel: Arc::new(cancel), done_at: None });
        self.mark_cancelled(&target);
        Ok(())
    }

    /// Marks what a target is made of anew, after its cancellation was added or forgotten.
    fn mark_cancelled(&mut self, target: &Target) {
        for series in self.series_of_target(target).clone() {
            let cancel = self.cancel_of(&self.messages.series(series).common);
            self.messages.series_mut(series).cancel = cancel;
        }
        if let Target::Message(id) = target
            && let Some(message) = self.messages.find(*id)
        {
            self.messages[message].cancelled = self.cancels.contains_key(target);
        }
        if let Target::Domain(name) = target
            && let Some(&domain) = self.domain_names.get(name)
        {
            self.domains[domain].cancel = self.cancel_of_domain(name);
        }
    }

    /// The cancellations of campaign and job that cover recipients of a series, as one.
    pub(super) fn cancel_of(&self, common: &Common) -> Option<Arc<Cancel>> {
        if self.cancels.is_empty() {
            return None;
        }
        let cancels = common.targets().filter_map(|target| Some(self.cancels.get(&target)?.cancel.clone()));
        cancels.reduce(|one, other| Arc::new(one.and(&other)))
    }

    pub(super) fn cancel_of_domain(&self, name: &Name) -> Option<Arc<Cancel>> {
        if self.cancels.is_empty() {
            return None;
        }
        Some(self.cancels.get(&Target::Domain(name.clone()))?.cancel.clone())
    }

    pub(super) fn is_recipient_cancelled(&self, recipient: RecipientId) -> bool {
        !self.cancels.is_empty() && self.cancels.contains_key(&Target::Recipient(recipient))
    }

    /// Who gave a recipient up; `None` while nobody did.
    pub(super) fn cancelled_by(&self, idx: u32) -> Option<Name> {
        let entry = self.entries.get(idx);
        let message = &self.messages[entry.message];
        let of_message = || self.cancels.get(&Target::Message(message.id)).map(|known| &known.cancel);
        let of_message = message.cancelled.then(of_message).flatten();
        let of_series = self.messages.series_of(entry.message).cancel.iter();
        let mut marks = of_series.chain(of_message).chain(&self.domains[entry.domain].cancel);
        if let Some(cancel) = marks.find(|cancel| cancel.covers(entry.id)) {
            return Some(cancel.by.clone());
        }
        let of_itself = || self.cancels.get(&Target::Recipient(entry.id)).map(|known| known.cancel.by.clone());
        entry.cancelled.then(|| of_itself().unwrap_or_default())
    }

    /// Forgets cancellations that are old and carried out.
    pub(super) fn forget_cancels(&mut self, now: Timestamp, out: &mut Out) {
        if self.cancels.is_empty() || !self.sweeps.is_empty() {
            return;
        }
        let busy = self.cancels_in_flight();
        let settled_until = self.settled_until;
        let mut over = Vec::new();
        for (target, known) in &mut self.cancels {
            if busy.contains(target) || now < known.cancel.since.plus(CANCEL_MEMORY) {
                known.done_at = None;
            } else if *known.done_at.get_or_insert(now) < settled_until {
                over.push(target.clone());
            }
        }
        for target in over {
            self.cancels.remove(&target);
            self.mark_cancelled(&target);
            out.memory_changed = true;
        }
    }

    /// The targets of cancelled recipients that are in flight: once no sweep is left, all others have ended.
    fn cancels_in_flight(&self) -> BTreeSet<Target> {
        let mut busy = BTreeSet::new();
        for (_, session) in self.sessions.iter() {
            let in_flight =
                std::iter::successors(session.in_flight.head(), |&idx| self.entries.next(Chain::Place, idx));
            for idx in in_flight.filter(|&idx| self.cancelled_by(idx).is_some()) {
                let entry = self.entries.get(idx);
                busy.extend(self.messages.series_of(entry.message).common.targets());
                busy.insert(Target::Message(self.messages[entry.message].id));
                busy.insert(Target::Recipient(entry.id));
                busy.insert(Target::Domain(self.domains[entry.domain].name.clone()));
            }
        }
        busy
    }

    pub(super) fn cancels_memory(&self) -> Vec<Cancel> {
        self.cancels.values().map(|known| Cancel::clone(&known.cancel)).collect()
    }
}
