//! What became of one recipient: the row of the table `recipient`, and how events change it. Pure.
//!
//! Events may be told again, late, or more than once (a crash, a retention gap, a rebuild): a final outcome stands, an
//! attempt counts once by its number, a reception once by its recipient id.

use model::event::{Event, EventKind};
use model::id::{CampaignId, ContactId, RecipientId};
use model::time::Timestamp;

use super::machine::is_automatic;
use super::types::RecipientState;

/// Longest reply kept with a recipient, in bytes.
pub const LAST_REPLY_MAX: usize = 500;

/// How far a row of the audience is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not handed over yet.
    Waiting,
    /// Will not be handed over: the contact is gone, or the engine refuses it.
    Skipped,
    /// In the engine's hands.
    HandedOver(RecipientState),
}

impl Stage {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Stage::Waiting => "waiting",
            Stage::Skipped => "skipped",
            Stage::HandedOver(state) => state.as_str(),
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "waiting" => Some(Stage::Waiting),
            "skipped" => Some(Stage::Skipped),
            state => RecipientState::from_name(state).map(Stage::HandedOver),
        }
    }

    /// Final states stay.
    fn is_final(self) -> bool {
        matches!(self, Stage::HandedOver(state) if state.is_final())
    }
}

/// One recipient of one campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) campaign: CampaignId,
    pub(crate) seq: u64,
    pub(crate) contact: ContactId,
    pub(crate) address: String,
    pub(crate) recipient: Option<RecipientId>,
    pub(crate) stage: Stage,
    pub(crate) provider: Option<String>,
    pub(crate) attempts: u16,
    pub(crate) category: Option<String>,
    pub(crate) last_reply: Option<String>,
    pub(crate) changed_at: Timestamp,
    pub(crate) opened_at: Option<Timestamp>,
    pub(crate) clicked_at: Option<Timestamp>,
    pub(crate) complained_at: Option<Timestamp>,
    pub(crate) unsubscribed_at: Option<Timestamp>,
    /// When a program first opened it or followed a link without being asked to; nothing of that counts as the person's.
    pub(crate) automatic_at: Option<Timestamp>,
    /// When it came back after it was taken.
    pub(crate) came_back_at: Option<Timestamp>,
    /// Bitmap of the links that the person followed.
    pub(crate) links: Vec<u8>,
}

/// What an event meant for a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Told before, or overtaken: counts for nothing.
    Nothing,
    /// Counts.
    Counts,
    /// A link was followed, for the first time by this recipient or again.
    Clicked {
        /// Which link.
        link: u16,
        /// For the first time.
        first: bool,
    },
    /// A program opened it, or followed this link.
    Automatic {
        /// Which link.
        link: Option<u16>,
    },
}

impl Standing {
    /// Takes an event of this recipient in.
    pub(crate) fn apply(&mut self, event: &Event) -> Effect {
        match event.kind {
            EventKind::Received => self.receive(event),
            EventKind::Delivered | EventKind::Bounced | EventKind::Expired | EventKind::Suppressed => self.end(event),
            EventKind::Deferred => self.defer(event),
            EventKind::RemoteBounce => self.come_back(event),
            EventKind::Complaint => once(&mut self.complained_at, event.at),
            EventKind::Unsubscribed => once(&mut self.unsubscribed_at, event.at),
            EventKind::Opened | EventKind::Clicked if is_automatic(event) => {
                once(&mut self.automatic_at, event.at);
                Effect::Automatic { link: event.touch.as_ref().and_then(|touch| touch.link) }
            }
            EventKind::Opened => {
                once(&mut self.opened_at, event.at);
                Effect::Counts
            }
            EventKind::Clicked => self.click(event),
            _ => Effect::Nothing,
        }
    }

    fn receive(&mut self, event: &Event) -> Effect {
        if self.recipient.is_some() {
            return Effect::Nothing;
        }
        self.hand_over(event);
        Effect::Counts
    }

    /// The engine has it; told by its reception, or by an attempt when the reception was not seen.
    fn hand_over(&mut self, event: &Event) {
        self.recipient = self.recipient.or(event.recipient);
        if matches!(self.stage, Stage::Waiting | Stage::Skipped) {
            self.stage = Stage::HandedOver(RecipientState::Queued);
            self.changed_at = event.at;
        }
    }

    fn defer(&mut self, event: &Event) -> Effect {
        let number = event.attempt.as_ref().map_or(0, |attempt| attempt.number);
        if self.stage.is_final() || number <= self.attempts || self.is_of_another(event) {
            return Effect::Nothing;
        }
        self.hand_over(event);
        self.note_attempt(event);
        self.stage = Stage::HandedOver(RecipientState::Deferred);
        self.changed_at = event.at;
        Effect::Counts
    }

    fn end(&mut self, event: &Event) -> Effect {
        if self.stage.is_final() || self.is_of_another(event) {
            return Effect::Nothing;
        }
        let state = match event.kind {
            EventKind::Delivered => RecipientState::Delivered,
            EventKind::Bounced => RecipientState::Bounced,
            EventKind::Expired => RecipientState::Expired,
            _ => RecipientState::Suppressed,
        };
        self.hand_over(event);
        self.note_attempt(event);
        self.stage = Stage::HandedOver(state);
        self.changed_at = event.at;
        Effect::Counts
    }

    /// The receiving host took it and sent it back later. Of what was refused at once, a report says nothing new.
    fn come_back(&mut self, event: &Event) -> Effect {
        if self.stage != Stage::HandedOver(RecipientState::Delivered) {
            return Effect::Nothing;
        }
        if let Some(report) = &event.report {
            self.category = report.category.map(|category| category.as_str().to_owned());
            self.last_reply = report.reply.as_ref().map(|reply| cut(reply.to_string()));
        }
        once(&mut self.came_back_at, event.at)
    }

    /// A contact is handed over once; an outcome of another recipient would be one of a second mail.
    fn is_of_another(&self, event: &Event) -> bool {
        matches!((self.recipient, event.recipient), (Some(own), Some(other)) if own != other)
    }

    fn note_attempt(&mut self, event: &Event) {
        if let Some(provider) = &event.provider {
            self.provider = Some(provider.to_string());
        }
        let Some(attempt) = &event.attempt else { return };
        self.attempts = self.attempts.max(attempt.number);
        if event.kind == EventKind::Delivered {
            return;
        }
        let category = attempt.category.map(|category| category.as_str().to_owned());
        let reply = attempt.reply.as_ref().map(ToString::to_string).or_else(|| attempt.error.clone());
        // An expiry often carries no reply of its own: the last one stays.
        self.category = category.or(self.category.take());
        self.last_reply = reply.map(cut).or(self.last_reply.take());
    }

    fn click(&mut self, event: &Event) -> Effect {
        once(&mut self.clicked_at, event.at);
        let Some(link) = event.touch.as_ref().and_then(|touch| touch.link) else { return Effect::Counts };
        let (byte, bit) = (usize::from(link / 8), 1_u8 << (link % 8));
        if self.links.len() <= byte {
            self.links.resize(byte + 1, 0);
        }
        let first = self.links[byte] & bit == 0;
        self.links[byte] |= bit;
        Effect::Clicked { link, first }
    }
}

/// Keeps the first time.
fn once(place: &mut Option<Timestamp>, at: Timestamp) -> Effect {
    match place {
        Some(_) => Effect::Nothing,
        None => {
            *place = Some(at);
            Effect::Counts
        }
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LAST_REPLY_MAX));
    text
}
