//! Events that are told twice: known by their ids, as far back as memory goes.
//!
//! Reading the log again never doubles anything: cursor and events are written by one manifest, so an event that is read
//! again after a crash was not kept the first time. What is left is an emitter that appends one event twice, under the
//! same id: a report by mail that its sender repeats, an append whose answer was lost. The second one is dropped and
//! counted ([`crate::StoreStats::events_repeated`]) while the first is among the newest [`REMEMBERED_MAX`].
//!
//! Known gap: a repeat that comes later than that, or in the next life of the process, is stored and counted twice.
//! Reports of campaigns are not concerned: they are kept by the state of each recipient.

use std::collections::{HashSet, VecDeque};

use model::event::Event;
use model::id::EventId;

/// Ids remembered, about 50 bytes each: minutes at full speed, hours on an ordinary day.
pub(crate) const REMEMBERED_MAX: usize = 65_536;

/// Ids of the newest events.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    known: HashSet<EventId>,
    order: VecDeque<EventId>,
}

impl Repeats {
    /// Leaves each event once, and none that is known; how many that were. They become known by [`Repeats::remember`].
    pub fn sift(&self, events: &mut Vec<Event>) -> u64 {
        let before = events.len();
        let mut fresh = HashSet::with_capacity(before);
        events.retain(|event| !self.known.contains(&event.id) && (is_nameless(event.id) || fresh.insert(event.id)));
        (before - events.len()) as u64
    }

    /// These are in the store now.
    pub fn remember(&mut self, ids: Vec<EventId>) {
        for id in ids.into_iter().filter(|id| !is_nameless(*id)) {
            if !self.known.insert(id) {
                continue;
            }
            self.order.push_back(id);
            if self.order.len() > REMEMBERED_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }
}

/// An event that nobody has given an id is never taken for another.
fn is_nameless(id: EventId) -> bool {
    id == EventId::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::event::EventKind;
    use model::id::RecipientId;
    use model::time::Timestamp;

    fn event(recipient: u64) -> Event {
        Event::of_recipient(EventKind::Complaint, RecipientId(recipient), 0, Timestamp(0))
    }

    #[track_caller]
    fn check(repeats: &mut Repeats, recipients: &[u64], expected: &[u64]) {
        let mut events: Vec<Event> = recipients.iter().map(|recipient| event(*recipient)).collect();
        let dropped = repeats.sift(&mut events);
        let left: Vec<u64> = events.iter().map(|event| event.id.root).collect();
        assert_eq!((left.as_slice(), dropped), (expected, (recipients.len() - expected.len()) as u64));
        repeats.remember(events.iter().map(|event| event.id).collect());
    }

    #[test]
    fn an_id_counts_once_while_it_is_remembered() {
        let mut repeats = Repeats::default();
        check(&mut repeats, &[1, 2, 1], &[1, 2]);
        check(&mut repeats, &[2, 3], &[3]);
        let many: Vec<u64> = (10..10 + REMEMBERED_MAX as u64).collect();
        check(&mut repeats, &many, &many);
        assert_eq!((repeats.known.len(), repeats.order.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
        check(&mut repeats, &[1], &[1]);
        let mut nameless = vec![Event::default(), Event::default()];
        assert_eq!(repeats.sift(&mut nameless), 0);
    }
}
