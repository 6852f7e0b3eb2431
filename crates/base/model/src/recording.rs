//! Dialogues that somebody wants to read whole, also of what is delivered: whose, for how long, at most how many.
//!
//! Said by people to delivery, and shown to them. What is recorded stands in the events of the attempts.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{CampaignId, MessageId, RecipientId};
use crate::name::Name;
use crate::time::Timestamp;
use crate::units::Span;

/// Most recordings at a time.
pub const RECORDINGS_MAX: usize = 20;
/// Most dialogues of one recording.
pub const DIALOGUES_MAX: u32 = 1_000;
/// Longest recording.
pub const LASTS_MAX: Span = Span::s(7 * 86_400);
/// Shortest recording.
pub const LASTS_MIN: Span = Span::s(10);
/// Most recipients that a recording names of those whose dialogues it took.
pub const LATEST_MAX: usize = 20;
/// Longest reason, in bytes.
pub const REASON_MAX: usize = 500;
/// Longest value of a term, in bytes.
const VALUE_MAX: usize = 320;

/// Whose dialogues: terms that all have to hold; at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = RecordingSubject)]
#[serde(default, deny_unknown_fields)]
pub struct Subject {
    /// Recipients of this domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Name>,
    /// Recipients with this address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Name>,
    /// This recipient of one message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<RecipientId>,
    /// Recipients of this message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// Sites of this provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Name>,
    /// Sessions of this source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Name>,
    /// Mail of this job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Name>,
    /// Mail of this campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
}

/// What somebody asks to be recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecording {
    /// Whose dialogues.
    pub about: Subject,
    /// For how long, [`LASTS_MIN`] to [`LASTS_MAX`].
    #[serde(default = "NewRecording::default_lasts")]
    pub lasts: Span,
    /// It ends with this many dialogues, 1 to [`DIALOGUES_MAX`].
    #[serde(default = "NewRecording::default_count_max")]
    pub count_max: u32,
    /// Why; kept with it and told with its event.
    #[serde(default)]
    pub reason: String,
}

/// What is being recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recording {
    /// Its number; never given again.
    pub id: u32,
    /// Whose dialogues.
    pub about: Subject,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when at the latest.
    pub until: Timestamp,
    /// It ends with this many dialogues.
    pub count_max: u32,
    /// Dialogues so far.
    pub taken: u32,
    /// The last recipients whose dialogues were taken, the newest first; forgotten over a restart.
    #[serde(default)]
    pub latest: Vec<RecipientId>,
}

/// Why something cannot be recorded; names the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RecordingError {
    /// The field: `about`, `lasts`, `count_max`, `reason`.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl NewRecording {
    /// Half an hour, a hundred dialogues.
    pub fn new(about: Subject) -> Self {
        let (lasts, count_max) = (Self::default_lasts(), Self::default_count_max());
        NewRecording { about, lasts, count_max, reason: String::new() }
    }

    fn default_lasts() -> Span {
        Span::s(30 * 60)
    }

    fn default_count_max() -> u32 {
        100
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`RecordingError`]: whoever asks mends it.
    pub fn validate(&self) -> Result<(), RecordingError> {
        let refuse = |field, reason: String| Err(RecordingError { field, reason });
        if self.about.terms().is_empty() {
            return refuse("about", format!("say whose dialogues: one of {}", Subject::TERMS.join(", ")));
        }
        if let Some((term, _)) =
            self.about.terms().into_iter().find(|(_, value)| value.len() > VALUE_MAX || value.is_empty())
        {
            return refuse("about", format!("{term} is not 1 to {VALUE_MAX} bytes long"));
        }
        if !(LASTS_MIN..=LASTS_MAX).contains(&self.lasts) {
            return refuse("lasts", format!("must lie between {LASTS_MIN} and {LASTS_MAX}"));
        }
        if !(1..=DIALOGUES_MAX).contains(&self.count_max) {
            return refuse("count_max", format!("must lie between 1 and {DIALOGUES_MAX}"));
        }
        if self.reason.len() > REASON_MAX {
            return refuse("reason", format!("must not be longer than {REASON_MAX} bytes"));
        }
        Ok(())
    }
}

impl Subject {
    /// Every term, as it is written.
    pub const TERMS: [&str; 8] = ["domain", "address", "recipient", "message", "provider", "source", "job", "campaign"];

    /// Reads `term:value` or `term=value` words.
    ///
    /// # Errors
    /// [`RecordingError`] points at the word.
    pub fn parse<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Result<Self, RecordingError> {
        let mut subject = Subject::default();
        for word in words {
            let word = word.as_ref();
            let shown: String = word.chars().take(80).collect();
            let refuse = |reason: String| RecordingError { field: "about", reason };
            let pair = word.split_once([':', '=']).map(|(term, value)| (term, value.trim()));
            let (term, value) =
                pair.filter(|(term, value)| Self::TERMS.contains(term) && !value.is_empty()).ok_or_else(|| {
                    refuse(format!("{shown:?} is no term: write TERM:VALUE with one of {}", Self::TERMS.join(", ")))
                })?;
            if subject.terms().iter().any(|(known, _)| *known == term) {
                return Err(refuse(format!("{term} stands there twice; all terms have to hold, so give it once")));
            }
            subject.set(term, value).ok_or_else(|| refuse(format!("{shown:?} names nothing that exists")))?;
        }
        Ok(subject)
    }

    fn set(&mut self, term: &str, value: &str) -> Option<()> {
        let name = Some(Name::from(value));
        match term {
            "domain" => self.domain = Some(Name::from(value.to_ascii_lowercase())),
            "address" => self.address = name,
            "recipient" => self.recipient = Some(value.parse().ok()?),
            "message" => self.message = Some(value.parse().ok()?),
            "provider" => self.provider = name,
            "source" => self.source = name,
            "job" => self.job = name,
            _ => self.campaign = Some(value.parse().ok()?),
        }
        Some(())
    }

    /// The terms that are given, with their values.
    pub fn terms(&self) -> Vec<(&'static str, String)> {
        let name = |name: &Option<Name>| name.as_ref().map(ToString::to_string);
        let values = [
            name(&self.domain),
            name(&self.address),
            self.recipient.map(|id| id.to_string()),
            self.message.map(|id| id.to_string()),
            name(&self.provider),
            name(&self.source),
            name(&self.job),
            self.campaign.map(|id| id.to_string()),
        ];
        Self::TERMS.into_iter().zip(values).filter_map(|(term, value)| Some((term, value?))).collect()
    }
}

/// As it is written: `domain:example.org source:ip-1`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (term, value)) in self.terms().iter().enumerate() {
            write!(f, "{}{term}:{value}", if place == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl Recording {
    /// Whether it goes on.
    pub fn is_on(&self, now: Timestamp) -> bool {
        now < self.until && self.taken < self.count_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_read_as_they_are_written() {
        let check = |words: &[&str], expected: Result<&str, &str>| {
            let read = Subject::parse(words).map(|subject| subject.to_string());
            let expected = expected.map(str::to_owned);
            assert_eq!(read.map_err(|error| error.reason), expected.map_err(str::to_owned), "{words:?}");
        };
        check(&["source=ip-1", "domain:Example.ORG"], Ok("domain:example.org source:ip-1"));
        check(&["job:spring sale: part 2"], Ok("job:spring sale: part 2"));
        check(&["address:a@b.example"], Ok("address:a@b.example"));
        let id = RecipientId(7).to_string();
        check(&[&format!("recipient:{id}")], Ok(&format!("recipient:{id}")));
        let terms = Subject::TERMS.join(", ");
        check(&["domain"], Err(&format!("\"domain\" is no term: write TERM:VALUE with one of {terms}")));
        check(&["domain:"], Err(&format!("\"domain:\" is no term: write TERM:VALUE with one of {terms}")));
        check(&["pool:x"], Err(&format!("\"pool:x\" is no term: write TERM:VALUE with one of {terms}")));
        check(&["recipient:?"], Err("\"recipient:?\" names nothing that exists"));
        check(&["job:a", "job:b"], Err("job stands there twice; all terms have to hold, so give it once"));
    }

    #[test]
    fn what_is_asked_has_limits() {
        let good = NewRecording::new(Subject::parse(["domain:example.org"]).unwrap());
        let check = |change: fn(&mut NewRecording), field: &str| {
            let mut new = good.clone();
            change(&mut new);
            assert_eq!(new.validate().err().map_or("", |error| error.field), field, "{new:?}");
        };
        check(|_| (), "");
        check(|new| new.lasts = LASTS_MAX, "");
        check(|new| new.about = Subject::default(), "about");
        check(|new| new.about.domain = Some(Name::from("x".repeat(321))), "about");
        check(|new| new.about.job = Some(Name::from("")), "about");
        check(|new| new.lasts = Span::s(9), "lasts");
        check(|new| new.lasts = Span::s(7 * 86_400 + 1), "lasts");
        check(|new| new.count_max = 0, "count_max");
        check(|new| new.count_max = 1_001, "count_max");
        check(|new| new.reason = "x".repeat(501), "reason");
    }
}
