//! The last five minutes, second by second, for numbers that move while one looks at them.
//!
//! Fed from the same batches as the store, by the time of the events. Memory only: after a restart it begins anew, the
//! dashboards do not. Limits: [`SECONDS`] of ring, [`PROVIDERS_MAX`] providers told apart; further ones are `(other)`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::event::{Event, EventKind};
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Length of the ring in seconds.
pub const SECONDS: usize = 300;
/// Most providers told apart.
pub const PROVIDERS_MAX: usize = 256;
const SECONDS_I64: i64 = 300;
const UNKNOWN: &str = "(unknown)";
const OTHER: &str = "(other)";

/// How many events of the kinds one watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LiveCounts {
    /// Recipients accepted.
    pub received: u64,
    /// Attempts: delivered, deferred and bounced.
    pub attempts: u64,
    /// Taken by the receiving host.
    pub delivered: u64,
    /// Put off.
    pub deferred: u64,
    /// Refused for good.
    pub bounced: u64,
    /// Queued for too long.
    pub expired: u64,
    /// Pixels fetched.
    pub opens: u64,
    /// Links followed.
    pub clicks: u64,
    /// Complaints.
    pub complaints: u64,
    /// Unsubscribed.
    pub unsubscribes: u64,
    /// Attempts whose message was sent whole and had no reply: whether the recipient has it, nobody knows.
    #[serde(default)]
    pub lost_after_dot: u64,
}

/// What happened at one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LiveProvider {
    /// The provider; `(unknown)` for events without one.
    pub provider: Name,
    /// In the last whole second.
    pub second: LiveCounts,
    /// In the last whole minute, up to now.
    pub minute: LiveCounts,
    /// Since the program started.
    pub total: LiveCounts,
}

/// What happened just now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LiveTick {
    /// When this was read.
    pub at: Timestamp,
    /// In the last whole second.
    pub second: LiveCounts,
    /// In the last ten whole seconds: divided by ten, a rate that does not flicker.
    pub ten_seconds: LiveCounts,
    /// In the last sixty whole seconds.
    pub minute: LiveCounts,
    /// In the last five minutes.
    pub five_minutes: LiveCounts,
    /// Since the program started.
    pub total: LiveCounts,
    /// Each provider, the busiest of the last minute first.
    pub providers: Vec<LiveProvider>,
}

impl LiveCounts {
    fn count(&mut self, event: &Event) {
        let kind = event.kind;
        match kind {
            EventKind::Received => self.received += 1,
            EventKind::Delivered => self.delivered += 1,
            EventKind::Deferred => self.deferred += 1,
            EventKind::Bounced => self.bounced += 1,
            EventKind::Expired => self.expired += 1,
            EventKind::Opened => self.opens += 1,
            EventKind::Clicked => self.clicks += 1,
            EventKind::Complaint => self.complaints += 1,
            EventKind::Unsubscribed => self.unsubscribes += 1,
            _ => {}
        }
        self.attempts += u64::from(matches!(kind, EventKind::Delivered | EventKind::Deferred | EventKind::Bounced));
        let wire = event.attempt.as_ref().and_then(|attempt| attempt.wire.as_ref());
        self.lost_after_dot += u64::from(wire.is_some_and(|wire| wire.lost_after_dot));
    }

    fn add(&mut self, other: &LiveCounts) {
        self.received += other.received;
        self.attempts += other.attempts;
        self.delivered += other.delivered;
        self.deferred += other.deferred;
        self.bounced += other.bounced;
        self.expired += other.expired;
        self.opens += other.opens;
        self.clicks += other.clicks;
        self.complaints += other.complaints;
        self.unsubscribes += other.unsubscribes;
        self.lost_after_dot += other.lost_after_dot;
    }
}

/// What a batch adds: counted before the batch is handed on, applied when it is in the store.
#[derive(Debug, Default)]
pub(crate) struct LiveDelta(HashMap<(i64, Option<Name>), LiveCounts>);

impl LiveDelta {
    pub fn of(events: &[Event]) -> LiveDelta {
        let mut counts: HashMap<(i64, Option<Name>), LiveCounts> = HashMap::new();
        for event in events {
            counts.entry((event.at.as_unix_s(), event.provider.clone())).or_default().count(event);
        }
        LiveDelta(counts)
    }
}

/// The ring.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// Slot `second % SECONDS`: which second it holds, and its counts by provider.
    slots: Vec<Slot>,
    names: Vec<Name>,
    by_name: HashMap<Name, usize>,
    totals: Vec<LiveCounts>,
}

#[derive(Clone, Debug)]
struct Slot {
    second: i64,
    counts: Vec<(usize, LiveCounts)>,
}

impl Live {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what happened in the last five minutes; all of it counts for the totals.
    pub fn add(&self, delta: &LiveDelta, now: Timestamp) {
        let mut ring = self.ring();
        let now = now.as_unix_s();
        for ((second, provider), counts) in &delta.0 {
            let name = provider.clone().unwrap_or_else(|| Name::from(UNKNOWN));
            let place = ring.place_of(name);
            ring.totals[place].add(counts);
            // A clock that runs ahead elsewhere must not push the present out of the ring.
            if *second > now - SECONDS_I64 && *second <= now + 1 {
                ring.slot(*second).add(place, counts);
            }
        }
    }

    /// What happened up to the last whole second.
    pub fn tick(&self, now: Timestamp) -> LiveTick {
        let ring = self.ring();
        let last = now.as_unix_s() - 1;
        let total = |seconds: i64| ring.sum(last, seconds).into_values().fold(LiveCounts::default(), summed);
        let (second, minute) = (ring.sum(last, 1), ring.sum(last, 60));
        let at = |sums: &HashMap<usize, LiveCounts>, place: usize| sums.get(&place).copied().unwrap_or_default();
        let provider = |(place, name): (usize, &Name)| LiveProvider {
            provider: name.clone(),
            second: at(&second, place),
            minute: at(&minute, place),
            total: ring.totals[place],
        };
        let mut providers: Vec<LiveProvider> = ring.names.iter().enumerate().map(provider).collect();
        providers.sort_by(|a, b| b.minute.attempts.cmp(&a.minute.attempts).then_with(|| a.provider.cmp(&b.provider)));
        LiveTick {
            at: now,
            second: total(1),
            ten_seconds: total(10),
            minute: total(60),
            five_minutes: total(SECONDS_I64 - 1),
            total: ring.totals.iter().copied().fold(LiveCounts::default(), summed),
            providers,
        }
    }
}

fn summed(mut sum: LiveCounts, counts: LiveCounts) -> LiveCounts {
    sum.add(&counts);
    sum
}

impl Ring {
    fn place_of(&mut self, name: Name) -> usize {
        if let Some(&place) = self.by_name.get(&name) {
            return place;
        }
        if self.names.len() >= PROVIDERS_MAX && name != OTHER {
            return self.place_of(Name::from(OTHER));
        }
        self.names.push(name.clone());
        self.totals.push(LiveCounts::default());
        self.by_name.insert(name, self.names.len() - 1);
        self.names.len() - 1
    }

    fn slot(&mut self, second: i64) -> &mut Slot {
        if self.slots.is_empty() {
            self.slots = vec![Slot { second: i64::MIN, counts: Vec::new() }; SECONDS];
        }
        let slot = &mut self.slots[place_in_ring(second)];
        if slot.second != second {
            *slot = Slot { second, counts: Vec::new() };
        }
        slot
    }

    /// Sums by provider over `seconds` seconds that end with `last`.
    fn sum(&self, last: i64, seconds: i64) -> HashMap<usize, LiveCounts> {
        let mut sums: HashMap<usize, LiveCounts> = HashMap::new();
        for second in (last - seconds + 1)..=last {
            let slot = self.slots.get(place_in_ring(second)).filter(|slot| slot.second == second);
            for (place, counts) in slot.into_iter().flat_map(|slot| &slot.counts) {
                sums.entry(*place).or_default().add(counts);
            }
        }
        sums
    }
}

impl Slot {
    fn add(&mut self, place: usize, counts: &LiveCounts) {
        match self.counts.iter_mut().find(|(known, _)| *known == place) {
            Some((_, sum)) => sum.add(counts),
            None => self.counts.push((place, *counts)),
        }
    }
}

fn place_in_ring(second: i64) -> usize {
    usize::try_from(second.rem_euclid(SECONDS_I64)).expect("invariant: not negative")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::id::RecipientId;

    fn event(kind: EventKind, second: i64, provider: Option<&str>) -> Event {
        let mut event = Event::of_recipient(kind, RecipientId(1), 1, Timestamp::from_unix_s(second));
        event.provider = provider.map(Name::from);
        event
    }

    #[test]
    fn counts_by_second_minute_and_provider() {
        let live = Live::default();
        let events = [
            event(EventKind::Delivered, 1_000, Some("gmail")),
            event(EventKind::Deferred, 1_000, Some("gmail")),
            event(EventKind::Delivered, 995, Some("orange")),
            event(EventKind::Opened, 950, None),
            event(EventKind::Delivered, 800, Some("orange")),
            event(EventKind::Delivered, 10, Some("orange")),
            event(EventKind::Delivered, 9_000, Some("orange")),
        ];
        live.add(&LiveDelta::of(&events), Timestamp::from_unix_s(1_001));
        let tick = live.tick(Timestamp::from_unix_s(1_001));
        assert_eq!((tick.second.attempts, tick.second.delivered, tick.second.deferred), (2, 1, 1));
        assert_eq!(tick.ten_seconds.attempts, 3);
        assert_eq!((tick.minute.attempts, tick.minute.opens), (3, 1));
        assert_eq!(tick.five_minutes.delivered, 3);
        assert_eq!(tick.total.delivered, 5);
        let names: Vec<&str> = tick.providers.iter().map(|provider| provider.provider.as_str()).collect();
        assert_eq!(names, ["gmail", "orange", "(unknown)"]);
        assert_eq!(tick.providers[1].total.delivered, 4);
    }

    #[test]
    fn old_seconds_make_room() {
        let live = Live::default();
        live.add(&LiveDelta::of(&[event(EventKind::Delivered, 1_000, None)]), Timestamp::from_unix_s(1_000));
        live.add(&LiveDelta::of(&[event(EventKind::Delivered, 1_300, None)]), Timestamp::from_unix_s(1_300));
        assert_eq!(live.tick(Timestamp::from_unix_s(1_301)).five_minutes.delivered, 1);
        assert_eq!(live.tick(Timestamp::from_unix_s(2_000)).five_minutes.delivered, 0);
    }

    #[test]
    fn too_many_providers_are_one() {
        let live = Live::default();
        let events: Vec<Event> = (0..PROVIDERS_MAX + 50)
            .map(|number| event(EventKind::Delivered, 100, Some(&format!("p{number}"))))
            .collect();
        live.add(&LiveDelta::of(&events), Timestamp::from_unix_s(100));
        let tick = live.tick(Timestamp::from_unix_s(101));
        assert_eq!(tick.providers.len(), PROVIDERS_MAX + 1);
        assert_eq!(tick.second.delivered, (PROVIDERS_MAX + 50) as u64);
    }
}
