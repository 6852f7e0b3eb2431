//! Events: what is said about a recipient, a connection or a limit.

use model::event::{Attempt, ControlChange, Event, EventKind};
use model::handoff::RowRef;
use model::name::Name;
use model::reply::Reply;
use model::submission::{Metadata, ReturnPath, Routing};
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
        let particulars = self.messages.particulars_of(self.entries.get(idx).message);
        let in_rows = particulars.labels().is_some_and(|labels| labels.in_rows);
        let row = (in_rows || event.address.is_none()).then_some(row);
        Told { event: Box::new(event), row }
    }

    /// Stream, tenant and job of a recipient's message.
    pub(super) fn routing_of(&self, idx: u32) -> &Routing {
        &self.series_of(idx).common.routing
    }

    /// An event about a recipient, with everything that its message tells.
    pub(super) fn event(&self, idx: u32, kind: EventKind, ordinal: u16, at: Timestamp) -> Event {
        let entry = self.entries.get(idx);
        let (message, particulars) = (&self.messages[entry.message], self.messages.particulars_of(entry.message));
        let routing = &self.messages.series_of(entry.message).common.routing;
        let labels = particulars.labels();
        let named = |name: &Name| (!name.is_empty()).then(|| name.clone());
        Event {
            message: Some(message.id),
            sender: Some(match &particulars.sender {
                ReturnPath::Null => "<>".to_owned(),
                ReturnPath::Fixed(address) => address.clone(),
                ReturnPath::PerRecipient(domain) => format!("@{domain}"),
            }),
            tenant: named(&routing.tenant),
            stream: named(&routing.stream),
            job: named(&routing.job),
            campaign: routing.campaign,
            contact: self.entries.contact(idx),
            size_bytes: Some(u64::from(message.size_bytes)),
            tags: labels.map_or_else(Vec::new, |labels| labels.tags.clone()),
            metadata: labels.map_or_else(Metadata::new, |labels| labels.metadata.clone()),
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
