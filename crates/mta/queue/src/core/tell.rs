//! Events: what is said about a recipient, a connection or a limit.

use model::event::{Attempt, ControlChange, Event, EventKind};
use model::handoff::RowRef;
use model::name::Name;
use model::reply::Reply;
use model::submission::ReturnPath;
use model::time::Timestamp;

use super::{Out, QueueCore, Told};

/// A change of what a part of the queue may do.
pub(super) struct Change<'a> {
    pub kind: EventKind,
    pub target: &'a str,
    pub name: String,
    pub action: &'a str,
    pub value: Option<String>,
    pub until: Option<Timestamp>,
    pub by: String,
    pub reply: Option<Reply>,
}

impl QueueCore {
    /// An event about a recipient; what it lacks (the address, metadata of its own) stands in this row.
    pub(super) fn told(&self, idx: u32, event: Event, row: RowRef) -> Told {
        let in_rows = self.messages[self.entries.get(idx).message].head.routing.labels.in_rows;
        let row = (in_rows || event.address.is_none()).then_some(row);
        Told { event: Box::new(event), row }
    }

    /// An event about a recipient, with everything that its message tells.
    pub(super) fn event(&self, idx: u32, kind: EventKind, ordinal: u16, at: Timestamp) -> Event {
        let entry = self.entries.get(idx);
        let head = &self.messages[entry.message].head;
        let named = |name: &Name| (!name.is_empty()).then(|| name.clone());
        Event {
            message: Some(head.id),
            sender: Some(match &head.envelope.sender {
                ReturnPath::Null => "<>".to_owned(),
                ReturnPath::Fixed(address) => address.clone(),
                ReturnPath::PerRecipient(domain) => format!("@{domain}"),
            }),
            tenant: named(&head.routing.tenant),
            stream: named(&head.routing.stream),
            job: named(&head.routing.job),
            campaign: head.routing.campaign,
            contact: entry.contact(),
            size_bytes: Some(head.size_bytes),
            tags: head.routing.labels.tags.clone(),
            metadata: head.routing.labels.metadata.clone(),
            ..Event::of_recipient(kind, entry.id, ordinal, at)
        }
    }

    /// An event about an attempt: where it went, how long it took since acceptance.
    pub(super) fn attempt_event(
        &self,
        idx: u32,
        kind: EventKind,
        at: Timestamp,
        mut attempt: Attempt,
        path: Option<u32>,
    ) -> Event {
        let queued = at.since(self.received_at(idx)).as_millis();
        attempt.queued_ms = Some(u64::try_from(queued).unwrap_or(u64::MAX));
        let mut event = self.event(idx, kind, attempt.number, at);
        let site = match path {
            Some(path) => {
                let spec = &self.paths[path].spec;
                event.source = Some(spec.path.source.clone());
                Some(&spec.site)
            }
            None => self.domains[self.entries.get(idx).domain].site().map(|site| &self.sites[site].spec),
        };
        if let Some(site) = site {
            event.provider = Some(site.provider.clone());
            attempt.site.get_or_insert_with(|| site.name.clone());
        }
        event.attempt = Some(attempt);
        event
    }

    /// An event about the engine, with the route it concerns.
    pub(super) fn tell_change(
        &mut self,
        now: Timestamp,
        change: Change<'_>,
        route: Option<(Name, Name)>,
        out: &mut Out,
    ) {
        let mut event = Event::of_engine(change.kind, self.generator.next(now), now);
        if let Some((source, provider)) = route {
            event.source = Some(source);
            event.provider = Some(provider);
        }
        event.control = Some(ControlChange {
            target: change.target.to_owned(),
            name: change.name,
            action: change.action.to_owned(),
            value: change.value,
            until: change.until,
            by: change.by,
            reply: change.reply,
        });
        out.events.push(Told { event: Box::new(event), row: None });
        out.memory_changed = true;
    }

    /// Source and provider of a path.
    pub(super) fn route_names(&self, path: u32) -> (Name, Name) {
        let spec = &self.paths[path].spec;
        (spec.path.source.clone(), spec.site.provider.clone())
    }
}
