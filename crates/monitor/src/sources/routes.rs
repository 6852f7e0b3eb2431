//! Which way a recipient's mail went, for the events that do not know it.
//!
//! A complaint, a bounce after acceptance, an open or a click names its recipient and not the provider: whoever reports
//! it did not see the delivery. Without the provider it would stand under "unknown", and the complaint rate of every
//! provider would be nought. So the routes of the newest deliveries are remembered, and those of older ones are looked
//! up in the store. Events of mail that had no route (no such domain, suppressed before an attempt) stay without one.
//!
//! Must not: change a provider or source that an event states itself; hold up the reading of the log (a look-up that
//! fails leaves its events as they are).
//! Limits: [`REMEMBERED_MAX`], [`LOOKUPS_MAX`], [`LOOK_BACK`].

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::event::{Event, EventKind};
use model::id::RecipientId;
use model::name::Name;
use model::time::Timestamp;
use store::{Cell, Dimension, EventStore, Field, Filter, Measure, Query, QueryError};

/// Recipients whose route is remembered, about 50 bytes each.
pub const REMEMBERED_MAX: usize = 200_000;

/// Recipients looked up for one batch; the events of others stay without a provider.
pub const LOOKUPS_MAX: usize = 500;

/// How long after its delivery a recipient is still looked up.
pub const LOOK_BACK: Duration = Duration::from_secs(14 * 86_400);

/// Provider and source of one delivery, as places in the list of names; both 0 when it is known that none is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Route {
    provider: u32,
    source: u32,
}

/// The routes of the newest deliveries.
#[derive(Debug, Default)]
pub(crate) struct Routes(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    routes: HashMap<RecipientId, Route>,
    /// In the order in which they came; the oldest goes first.
    order: VecDeque<RecipientId>,
    /// From 1 on; there are as many as providers and sources.
    names: Vec<Name>,
    places: HashMap<Name, u32>,
}

impl Routes {
    /// Puts provider and source into the events that do not say them.
    pub async fn complete(&self, events: &mut [Event], store: &EventStore, now: Timestamp) {
        let mut unknown = self.fill(events);
        if unknown.is_empty() {
            return;
        }
        unknown.truncate(LOOKUPS_MAX);
        match look_up(store, &unknown, now).await {
            Ok(found) => {
                self.learn(&unknown, &found);
                self.fill(events);
            }
            Err(error) => tracing::warn!(%error, recipients = unknown.len(), "providers could not be looked up"),
        }
    }

    /// From memory; returns the recipients that are not in it, each once.
    fn fill(&self, events: &mut [Event]) -> Vec<RecipientId> {
        let mut memory = self.memory();
        let mut unknown = Vec::new();
        for event in events {
            let Some(recipient) = event.recipient else { continue };
            if let Some(provider) = &event.provider {
                let (provider, source) = (provider.clone(), event.source.clone());
                memory.remember(recipient, Some(&provider), source.as_ref());
            } else if comes_later(event.kind) {
                match memory.routes.get(&recipient).copied() {
                    Some(route) => {
                        event.provider = memory.name(route.provider);
                        event.source = event.source.take().or_else(|| memory.name(route.source));
                    }
                    None => unknown.push(recipient),
                }
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    /// What a look-up has found; who was not found is not looked up again.
    fn learn(&self, asked: &[RecipientId], found: &HashMap<RecipientId, (Name, Option<Name>)>) {
        let mut memory = self.memory();
        for recipient in asked {
            match found.get(recipient) {
                Some((provider, source)) => memory.remember(*recipient, Some(provider), source.as_ref()),
                None => memory.remember(*recipient, None, None),
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn remember(&mut self, recipient: RecipientId, provider: Option<&Name>, source: Option<&Name>) {
        let route = Route { provider: self.place(provider), source: self.place(source) };
        if self.routes.insert(recipient, route).is_some() {
            return;
        }
        self.order.push_back(recipient);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.routes.remove(&oldest);
        }
    }

    fn place(&mut self, name: Option<&Name>) -> u32 {
        let Some(name) = name else { return 0 };
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        self.names.push(name.clone());
        let place = u32::try_from(self.names.len()).unwrap_or(0);
        self.places.insert(name.clone(), place);
        place
    }

    fn name(&self, place: u32) -> Option<Name> {
        self.names.get((place as usize).checked_sub(1)?).cloned()
    }
}

/// Kinds that happen after a delivery, told by somebody who did not see it.
fn comes_later(kind: EventKind) -> bool {
    use EventKind::{Clicked, Complaint, Opened, RemoteBounce, Unsubscribed};
    matches!(kind, Opened | Clicked | Unsubscribed | Complaint | RemoteBounce)
}

/// Routes of deliveries that are in the store.
async fn look_up(
    store: &EventStore,
    recipients: &[RecipientId],
    now: Timestamp,
) -> Result<HashMap<RecipientId, (Name, Option<Name>)>, QueryError> {
    let ids: Vec<String> = recipients.iter().map(ToString::to_string).collect();
    let delivered = Filter::one_of(Field::Kind, [EventKind::Delivered.as_str()]);
    let wanted = Filter::one_of(Field::Recipient, ids.iter().map(String::as_str));
    let dimensions = [Field::Recipient, Field::Provider, Field::Source].map(|field| Dimension::Field { field });
    let query = Query {
        from: now.minus(LOOK_BACK),
        to: now.plus(Duration::from_secs(3_600)),
        filter: Some(Filter::And { of: vec![delivered, wanted] }),
        measures: vec![Measure::Count],
        dimensions: dimensions.to_vec(),
        order: Vec::new(),
        limit: Some(recipients.len() as u32),
    };
    let mut found = HashMap::new();
    for row in store.query(query).await?.rows {
        if let [Cell::Text(recipient), Cell::Text(provider), source, ..] = row.as_slice()
            && let Ok(recipient) = recipient.parse()
        {
            let source = if let Cell::Text(source) = source { Some(Name::from(source.as_str())) } else { None };
            found.insert(recipient, (Name::from(provider.as_str()), source));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, recipient: u64, provider: Option<&str>) -> Event {
        let mut event = Event::of_recipient(kind, RecipientId(recipient), 0, Timestamp(0));
        event.provider = provider.map(Name::from);
        event
    }

    #[test]
    fn only_what_comes_later_is_filled_in() {
        let routes = Routes::default();
        let mut events = [
            event(EventKind::Delivered, 1, Some("gmail")),
            event(EventKind::Complaint, 1, None),
            event(EventKind::Opened, 2, None),
            event(EventKind::Clicked, 1, Some("orange")),
            event(EventKind::Suppressed, 3, None),
        ];
        assert_eq!(routes.fill(&mut events), [RecipientId(2)]);
        let providers: Vec<&str> = events.iter().map(|event| event.provider.as_deref().unwrap_or("-")).collect();
        assert_eq!(providers, ["gmail", "gmail", "-", "orange", "-"]);
        routes.learn(&[RecipientId(2)], &HashMap::new());
        assert!(routes.fill(&mut events).is_empty(), "nobody is looked up twice in vain");
    }

    #[test]
    fn memory_is_bounded() {
        let routes = Routes::default();
        for recipient in 0..=REMEMBERED_MAX as u64 {
            routes.fill(&mut [event(EventKind::Delivered, recipient, Some("gmail"))]);
        }
        let memory = routes.memory();
        assert_eq!((memory.routes.len(), memory.order.len(), memory.names.len()), (REMEMBERED_MAX, REMEMBERED_MAX, 1));
        assert!(!memory.routes.contains_key(&RecipientId(0)));
    }
}
