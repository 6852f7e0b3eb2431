//! A batch of events folded into what they change, before anything is written. Pure.
//!
//! In: events, and the rows of the recipients they speak of. Out: changed rows, sums, suppressions, memberships left.

use std::collections::{HashMap, HashSet};

use model::event::{Event, EventKind};
use model::id::{CampaignId, ContactId, ListId, RecipientId};
use model::time::Timestamp;

use super::standing::Standing;
use super::tally::Tally;
use crate::audience::suppression::{NewSuppression, Scope};
use crate::audience::types::SuppressionReason;

/// Recipients that a batch speaks of.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) contacts: HashMap<CampaignId, HashSet<ContactId>>,
    /// Where the event does not name the contact (reports by mail name the recipient only).
    pub(crate) recipients: HashSet<RecipientId>,
}

impl Wanted {
    pub(crate) fn of(events: &[Event]) -> Self {
        let mut wanted = Wanted::default();
        for event in events.iter().filter(|event| concerns_us(event.kind)) {
            match (event.campaign, event.contact, event.recipient) {
                (Some(campaign), Some(contact), _) => {
                    wanted.contacts.entry(campaign).or_default().insert(contact);
                }
                (_, None, Some(recipient)) => {
                    wanted.recipients.insert(recipient);
                }
                _ => {}
            }
        }
        wanted
    }
}

/// Other kinds say nothing about a recipient of ours.
fn concerns_us(kind: EventKind) -> bool {
    use EventKind::{
        Bounced, Clicked, Complaint, Deferred, Delivered, Expired, Opened, Received, RemoteBounce, Suppressed,
        Unsubscribed,
    };
    matches!(
        kind,
        Received
            | Delivered
            | Deferred
            | Bounced
            | Expired
            | Suppressed
            | RemoteBounce
            | Complaint
            | Opened
            | Clicked
            | Unsubscribed
    )
}

/// A contact that leaves a list, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub(crate) who: Who,
    pub(crate) list: Option<ListId>,
    pub(crate) at: Timestamp,
}

/// Which contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// This one.
    Contact(ContactId),
    /// The one with this address, if there is one: mail that is not of a campaign names no contact.
    Address(String),
}

/// What a batch changes.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    rows: Vec<(Standing, Standing)>,
    by_contact: HashMap<(CampaignId, ContactId), usize>,
    by_recipient: HashMap<RecipientId, usize>,
    pub(crate) tally: Tally,
    pub(crate) suppressions: Vec<NewSuppression>,
    pub(crate) leaving: Vec<Leaving>,
    /// Events of a campaign whose recipient is not known: a deleted campaign, a foreign database.
    pub(crate) unmatched: u64,
}

impl Fold {
    /// With the rows of the [`Wanted`] recipients.
    pub(crate) fn new(rows: Vec<Standing>) -> Self {
        let mut fold = Fold::default();
        for (place, row) in rows.into_iter().enumerate() {
            fold.by_contact.insert((row.campaign, row.contact), place);
            if let Some(recipient) = row.recipient {
                fold.by_recipient.insert(recipient, place);
            }
            fold.rows.push((row.clone(), row));
        }
        fold
    }

    /// Takes one event in.
    pub(crate) fn take(&mut self, event: &Event) {
        if !concerns_us(event.kind) {
            return;
        }
        let place = self.place(event);
        if let Some(place) = place {
            let (_, standing) = &mut self.rows[place];
            let effect = standing.apply(event);
            if let Some(recipient) = standing.recipient {
                self.by_recipient.insert(recipient, place);
            }
            let (_, standing) = &self.rows[place];
            self.tally.add_event(event, standing, &effect);
        } else if event.campaign.is_some() {
            self.unmatched += 1;
        }
        self.take_consequences(event, place);
    }

    fn place(&self, event: &Event) -> Option<usize> {
        match (event.campaign, event.contact, event.recipient) {
            (Some(campaign), Some(contact), _) => self.by_contact.get(&(campaign, contact)).copied(),
            (_, None, Some(recipient)) => self.by_recipient.get(&recipient).copied(),
            _ => None,
        }
    }

    /// Suppressions and memberships; also for mail that belongs to no campaign.
    fn take_consequences(&mut self, event: &Event, place: Option<usize>) {
        let Some(reason) = reason(event) else { return };
        let standing = place.map(|place| &self.rows[place].1);
        let contact = event.contact.or_else(|| standing.map(|standing| standing.contact));
        // The address as we mailed it, before the one that a report names.
        let address = standing.map(|standing| standing.address.clone()).or_else(|| event.address.clone());
        let scope = match reason {
            SuppressionReason::Unsubscribe => Scope::of_event(event),
            _ => Scope::All,
        };
        let who = contact.map(Who::Contact).or_else(|| address.clone().map(Who::Address));
        let left = match (reason, &scope) {
            (SuppressionReason::Complaint, _) | (SuppressionReason::Unsubscribe, Scope::All) => Some(None),
            (_, Scope::List(list)) => Some(Some(*list)),
            _ => None,
        };
        if let (Some(list), Some(who)) = (left, who) {
            self.leaving.push(Leaving { who, list, at: event.at });
        }
        match address {
            Some(address) => self.suppressions.push(NewSuppression {
                address,
                reason,
                scope,
                note: note(event),
                campaign: event.campaign.or_else(|| standing.map(|standing| standing.campaign)),
                at: event.at,
            }),
            None => {
                self.unmatched += u64::from(event.campaign.is_none());
                tracing::warn!(event = %event.id, kind = event.kind.as_str(), "an address to suppress is not known");
            }
        }
    }

    /// The rows that changed, after adding what they change to the sums. To be called once, at the end.
    pub(crate) fn finish(&mut self) -> Vec<Standing> {
        let rows = std::mem::take(&mut self.rows);
        let changed = rows.into_iter().filter(|(before, after)| before != after);
        let changed = changed.map(|(before, after)| {
            self.tally.add_difference(&before, &after);
            after
        });
        changed.collect()
    }
}

/// Why the address of this event must not be written to again, if so.
fn reason(event: &Event) -> Option<SuppressionReason> {
    match event.kind {
        EventKind::Complaint => Some(SuppressionReason::Complaint),
        EventKind::Unsubscribed => Some(SuppressionReason::Unsubscribe),
        EventKind::Bounced => event.attempt.as_ref()?.suppress.then_some(SuppressionReason::Bounce),
        EventKind::RemoteBounce => event.report.as_ref()?.suppress.then_some(SuppressionReason::Bounce),
        _ => None,
    }
}

/// Longest note of a suppression, in bytes.
const NOTE_MAX: usize = 500;

fn note(event: &Event) -> String {
    let reply = event.attempt.as_ref().and_then(|attempt| attempt.reply.as_ref());
    let reply = reply.or_else(|| event.report.as_ref().and_then(|report| report.reply.as_ref()));
    let report = event.report.as_ref();
    let method = event.touch.as_ref().and_then(|touch| touch.method.clone());
    let mut note = match (reply, report, method) {
        (Some(reply), ..) => reply.to_string(),
        (None, Some(report), _) => match &report.reporter {
            Some(reporter) => format!("{} reported by {reporter}", report.what),
            None => report.what.clone(),
        },
        (None, None, method) => method.unwrap_or_default(),
    };
    note.truncate(note.floor_char_boundary(NOTE_MAX));
    note
}
