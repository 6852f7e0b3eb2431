//! Histories: everything that happened to one message, one recipient or one address, and what state that leaves.
//!
//! The state is told by the events alone, so it holds for mail that left the queue long ago. An event that the log told
//! twice counts once. Limits: the store's [`store::HISTORY_EVENTS_MAX`]; [`RECIPIENTS_MAX`].

use std::collections::{BTreeMap, HashSet};

use model::event::{Event, EventKind};
use model::id::{CampaignId, EventId, MessageId, RecipientId};
use model::name::Name;
use model::reply::Reply;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Most recipients listed with a message or an address.
pub const RECIPIENTS_MAX: usize = 200;

/// Where a recipient stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = HistoryState)]
pub enum RecipientState {
    /// Accepted, not attempted yet.
    #[default]
    Queued,
    /// Attempted, waiting for the next attempt.
    Deferred,
    /// Taken by the receiving host.
    Delivered,
    /// Taken by the receiving host, and reported as undeliverable later.
    RemoteBounced,
    /// Refused for good.
    Bounced,
    /// Queued for too long.
    Expired,
    /// Not attempted: suppressed or cancelled.
    Suppressed,
}

/// What the events of a recipient say, in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecipientSummary {
    /// The recipient.
    pub recipient: RecipientId,
    /// The message.
    pub message: Option<MessageId>,
    /// Its address.
    pub address: Option<String>,
    /// The campaign.
    pub campaign: Option<CampaignId>,
    /// The provider.
    pub provider: Option<Name>,
    /// Where it stands.
    pub state: RecipientState,
    /// Attempts so far.
    pub attempts: u16,
    /// When it was accepted.
    pub received_at: Option<Timestamp>,
    /// When it was delivered, bounced, expired or suppressed.
    pub finished_at: Option<Timestamp>,
    /// When the next attempt is due, while it is deferred.
    pub next_attempt: Option<Timestamp>,
    /// The last reply of the receiving host.
    pub last_reply: Option<Reply>,
    /// The last error, when an attempt ended without a reply.
    pub last_error: Option<String>,
    /// Pixels fetched.
    pub opens: u32,
    /// Links followed.
    pub clicks: u32,
    /// The recipient complained.
    pub complained: bool,
    /// The recipient unsubscribed.
    pub unsubscribed: bool,
    /// When the last event happened.
    pub last_event: Timestamp,
}

/// The history of a recipient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecipientHistory {
    /// In short.
    #[serde(flatten)]
    pub summary: RecipientSummary,
    /// Everything, in the order of time, with transcripts.
    pub events: Vec<Event>,
    /// There are more events than these.
    pub truncated: bool,
}

/// The history of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MessageHistory {
    /// The message.
    pub message: MessageId,
    /// The campaign.
    pub campaign: Option<CampaignId>,
    /// The stream.
    pub stream: Option<Name>,
    /// The tenant.
    pub tenant: Option<Name>,
    /// The return path.
    pub sender: Option<String>,
    /// When its first recipient was accepted.
    pub received_at: Option<Timestamp>,
    /// How many of `recipients` are in which state.
    pub states: Vec<StateCount>,
    /// Its recipients, at most [`RECIPIENTS_MAX`].
    pub recipients: Vec<RecipientSummary>,
    /// Everything, in the order of time, with transcripts.
    pub events: Vec<Event>,
    /// There are more events or recipients than these: look at single recipients, or at the campaign.
    pub truncated: bool,
}

/// How many recipients are in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StateCount {
    /// The state.
    pub state: RecipientState,
    /// How many.
    pub count: u64,
}

impl RecipientHistory {
    /// From the events of a recipient in order; none when there are none.
    pub(crate) fn of(recipient: RecipientId, events: Vec<Event>, truncated: bool) -> Option<RecipientHistory> {
        let events = once_each(events);
        if events.is_empty() {
            return None;
        }
        Some(RecipientHistory { summary: RecipientSummary::of(recipient, &events), events, truncated })
    }
}

impl MessageHistory {
    /// From the events of a message in order; none when there are none.
    pub(crate) fn of(message: MessageId, events: Vec<Event>, truncated: bool) -> Option<MessageHistory> {
        let events = once_each(events);
        if events.is_empty() {
            return None;
        }
        let mut recipients = summaries(&events);
        let mut states: BTreeMap<RecipientState, u64> = BTreeMap::new();
        recipients.iter().for_each(|summary| *states.entry(summary.state).or_default() += 1);
        let truncated = truncated || recipients.len() > RECIPIENTS_MAX;
        recipients.truncate(RECIPIENTS_MAX);
        let first = |value: fn(&Event) -> Option<&Name>| events.iter().find_map(value).cloned();
        Some(MessageHistory {
            message,
            campaign: events.iter().find_map(|event| event.campaign),
            stream: first(|event| event.stream.as_ref()),
            tenant: first(|event| event.tenant.as_ref()),
            sender: events.iter().find_map(|event| event.sender.clone()),
            received_at: events.iter().find(|event| event.kind == EventKind::Received).map(|event| event.at),
            states: states.into_iter().map(|(state, count)| StateCount { state, count }).collect(),
            recipients,
            events,
            truncated,
        })
    }
}

/// One summary for each recipient, the one with the newest event first.
pub(crate) fn summaries(events: &[Event]) -> Vec<RecipientSummary> {
    let mut by_recipient: BTreeMap<RecipientId, Vec<&Event>> = BTreeMap::new();
    for event in events {
        if let Some(recipient) = event.recipient {
            by_recipient.entry(recipient).or_default().push(event);
        }
    }
    let mut summaries: Vec<RecipientSummary> =
        by_recipient.into_iter().map(|(recipient, events)| RecipientSummary::of(recipient, events)).collect();
    summaries.sort_by(|a, b| b.last_event.cmp(&a.last_event).then_with(|| a.recipient.cmp(&b.recipient)));
    summaries
}

fn once_each(mut events: Vec<Event>) -> Vec<Event> {
    let mut seen: HashSet<EventId> = HashSet::with_capacity(events.len());
    events.retain(|event| seen.insert(event.id));
    events
}

impl RecipientSummary {
    /// From events in the order of time.
    pub(crate) fn of<'a>(recipient: RecipientId, events: impl IntoIterator<Item = &'a Event>) -> RecipientSummary {
        let mut summary = RecipientSummary { recipient, ..RecipientSummary::default() };
        events.into_iter().for_each(|event| summary.tell(event));
        summary
    }

    fn tell(&mut self, event: &Event) {
        self.message = self.message.or(event.message);
        self.campaign = self.campaign.or(event.campaign);
        self.address = self.address.take().or_else(|| event.address.clone());
        self.provider = event.provider.clone().or_else(|| self.provider.take());
        self.last_event = self.last_event.max(event.at);
        if let Some(attempt) = &event.attempt {
            self.attempts = self.attempts.max(attempt.number);
            self.next_attempt = attempt.next_attempt;
            if attempt.reply.is_some() || attempt.error.is_some() {
                self.last_reply.clone_from(&attempt.reply);
                self.last_error.clone_from(&attempt.error);
            }
        }
        match event.kind {
            EventKind::Received => self.received_at = self.received_at.or(Some(event.at)),
            EventKind::Deferred if self.finished_at.is_none() => self.state = RecipientState::Deferred,
            EventKind::Delivered => self.finish(RecipientState::Delivered, event.at),
            EventKind::Bounced => self.finish(RecipientState::Bounced, event.at),
            EventKind::Expired => self.finish(RecipientState::Expired, event.at),
            EventKind::Suppressed => self.finish(RecipientState::Suppressed, event.at),
            EventKind::RemoteBounce if event.report.as_ref().is_none_or(|report| report.what != "delayed") => {
                self.state = RecipientState::RemoteBounced;
            }
            EventKind::Complaint => self.complained = true,
            EventKind::Opened => self.opens += 1,
            EventKind::Clicked => self.clicks += 1,
            EventKind::Unsubscribed => self.unsubscribed = true,
            _ => {}
        }
    }

    fn finish(&mut self, state: RecipientState, at: Timestamp) {
        if self.state != RecipientState::RemoteBounced {
            self.state = state;
        }
        self.finished_at = Some(at);
        self.next_attempt = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::event::{Attempt, RemoteReport};

    fn event(kind: EventKind, ordinal: u16) -> Event {
        let at = Timestamp::from_unix_s(1_000 + i64::from(ordinal));
        let mut event = Event::of_recipient(kind, RecipientId(7), ordinal, at);
        event.attempt = kind.disposition().map(|_| Attempt {
            number: ordinal,
            reply: Some(Reply::new(if kind == EventKind::Delivered { 250 } else { 451 }, "4.7.1 text")),
            next_attempt: (kind == EventKind::Deferred).then(|| Timestamp::from_unix_s(2_000)),
            ..Attempt::default()
        });
        event
    }

    #[track_caller]
    fn check(events: &[Event], state: RecipientState, attempts: u16) {
        let summary = RecipientSummary::of(RecipientId(7), events);
        assert_eq!((summary.state, summary.attempts), (state, attempts));
        assert_eq!(summary.next_attempt.is_some(), state == RecipientState::Deferred);
    }

    #[test]
    fn states_follow_the_events() {
        let received = event(EventKind::Received, 0);
        let deferred = event(EventKind::Deferred, 1);
        let delivered = event(EventKind::Delivered, 2);
        check(&[], RecipientState::Queued, 0);
        check(std::slice::from_ref(&received), RecipientState::Queued, 0);
        check(&[received.clone(), deferred.clone()], RecipientState::Deferred, 1);
        check(&[received.clone(), deferred.clone(), delivered.clone()], RecipientState::Delivered, 2);
        let mut late = event(EventKind::RemoteBounce, 3);
        late.report = Some(RemoteReport { what: "failed".into(), ..RemoteReport::default() });
        check(&[received.clone(), delivered.clone(), late.clone()], RecipientState::RemoteBounced, 2);
        late.report = Some(RemoteReport { what: "delayed".into(), ..RemoteReport::default() });
        check(&[received, delivered, late], RecipientState::Delivered, 2);
    }

    #[test]
    fn what_is_told_twice_counts_once() {
        let opened = event(EventKind::Opened, 0);
        let history = RecipientHistory::of(RecipientId(7), vec![opened.clone(), opened], false).unwrap();
        assert_eq!((history.summary.opens, history.events.len()), (1, 1));
    }
}
