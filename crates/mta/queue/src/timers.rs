//! When the parts of the queue other than recipients want to be looked at again: one time for each.

use std::collections::{BTreeSet, HashMap};

use model::time::Timestamp;

/// What wants to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    Domain(u32),
    Line(u32),
    Path(u32),
    Group(u32),
    Gate(u32),
    /// Suspensions that end by themselves.
    Controls,
    /// Forgetting what is not used any more.
    Sweep,
    /// A day of warm-ups ends.
    WarmUp,
}

/// One time for each part.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Timestamp, Part)>,
    times: HashMap<Part, Timestamp>,
}

impl Timers {
    /// Sets, moves or (without a time) clears.
    pub fn set(&mut self, part: Part, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.times.insert(part, at),
            None => self.times.remove(&part),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&(before, part));
        }
        if let Some(at) = at {
            self.order.insert((at, part));
        }
    }

    /// Takes the next part whose time has come.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<Part> {
        let &(at, part) = self.order.first()?;
        if at > now {
            return None;
        }
        self.set(part, None);
        Some(part)
    }

    /// When to look again.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }
}
