//! What is done differently in the dialogue with some providers or for some streams, and what hosts have taught about
//! it: `[[delivery.dialogue]]`, hosts that offer CHUNKING without knowing it, messages whose fate nobody knows.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;
use model::config::{Fault, Faults};
use model::id::RecipientId;
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{Config, LostAfterDot};

/// What is done differently; the last entry that fits and says something decides, value by value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DialogueRule {
    /// Only with this provider (for a route: `route:NAME`).
    pub provider: Option<Name>,
    /// Only for mail of this stream. Says nothing about `chunking` and `pipeline_ahead`, which belong to connections.
    pub stream: Option<Name>,
    /// Send by BDAT (RFC 3030) where the host offers CHUNKING.
    pub chunking: Option<bool>,
    /// Send the commands of the next message in one group with the final dot (RFC 2920) where the host offers
    /// PIPELINING and the message does not go by BDAT: a message then takes one round trip in place of two.
    pub pipeline_ahead: Option<bool>,
    /// What to do when the whole message was sent and the connection broke before the reply.
    pub lost_after_dot: Option<LostAfterDot>,
    /// Whether 8-bit parts are encoded anew for hosts without 8BITMIME.
    pub convert_8bit: Option<Convert8bit>,
}

/// What to do with bytes beyond ASCII when the host does not offer 8BITMIME.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Convert8bit {
    /// Encode the parts anew (quoted-printable, base64) before signing. Not inside of signed or encrypted parts, and
    /// not when the message carries a DKIM signature of somebody else and none of ours would replace it.
    #[default]
    WhenSafe,
    /// Leave messages as they are; `assume_8bit` decides.
    Never,
}

/// The settings of one session's provider.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    rules: Vec<DialogueRule>,
    /// See [`DialogueRule::chunking`].
    pub chunking: bool,
    /// See [`DialogueRule::pipeline_ahead`].
    pub pipeline_ahead: bool,
    lost_after_dot: LostAfterDot,
    convert_8bit: Convert8bit,
}

impl Manners {
    /// What holds with this provider.
    pub fn with(config: &Config, provider: &str) -> Self {
        let of_provider = |rule: &&DialogueRule| rule.provider.as_ref().is_none_or(|name| **name == *provider);
        let rules: Vec<DialogueRule> = config.dialogue.iter().filter(of_provider).cloned().collect();
        let of_connection = || rules.iter().rev().filter(|rule| rule.stream.is_none());
        let chunking = of_connection().find_map(|rule| rule.chunking).unwrap_or(config.chunking);
        let pipeline_ahead = of_connection().find_map(|rule| rule.pipeline_ahead).unwrap_or(config.pipeline_ahead);
        let (lost_after_dot, convert_8bit) = (config.lost_after_dot, config.convert_8bit);
        Manners { rules, chunking, pipeline_ahead, lost_after_dot, convert_8bit }
    }

    fn of_stream(&self, stream: &str) -> impl Iterator<Item = &DialogueRule> {
        self.rules.iter().rev().filter(move |rule| rule.stream.as_ref().is_none_or(|name| **name == *stream))
    }

    /// What to do with a message of this stream that is lost after the dot.
    pub fn lost_after_dot(&self, stream: &str) -> LostAfterDot {
        self.of_stream(stream).find_map(|rule| rule.lost_after_dot).unwrap_or(self.lost_after_dot)
    }

    /// What to do with 8-bit parts of a message of this stream.
    pub fn convert_8bit(&self, stream: &str) -> Convert8bit {
        self.of_stream(stream).find_map(|rule| rule.convert_8bit).unwrap_or(self.convert_8bit)
    }
}

/// Checks what the types cannot.
///
/// # Errors
/// Every mistake.
pub(crate) fn validate(rules: &[DialogueRule]) -> Result<(), Faults> {
    let mut faults = Faults::default();
    for (place, rule) in rules.iter().enumerate() {
        let of_connection = rule.chunking.is_some() || rule.pipeline_ahead.is_some();
        faults.unless(rule.stream.is_none() || !of_connection, || {
            let key = format!("dialogue[{place}].stream");
            Fault::new(key, "cannot be given with `chunking` or `pipeline_ahead`, which belong to connections")
        });
    }
    faults.result()
}

/// What hosts have taught. Bounded; forgotten at a restart.
#[derive(Debug)]
pub(crate) struct Lessons {
    no_chunking: Mutex<LruCache<Name, Timestamp>>,
    memory: Duration,
    lost: Mutex<LruCache<RecipientId, u32>>,
}

impl Lessons {
    /// At most so many hosts that do not know what they offer.
    const HOSTS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

    /// At most so many recipients whose message may have arrived already.
    const LOST_MAX: NonZeroUsize = NonZeroUsize::new(100_000).expect("not zero");

    pub fn new(memory: Duration) -> Self {
        Lessons {
            no_chunking: Mutex::new(LruCache::new(Self::HOSTS_MAX)),
            memory,
            lost: Mutex::new(LruCache::new(Self::LOST_MAX)),
        }
    }

    /// The host offers CHUNKING and answers BDAT with "what?".
    pub fn note_no_chunking(&self, host: &Name, now: Timestamp) {
        let mut hosts = self.no_chunking.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.put(host.clone(), now.plus(self.memory));
    }

    /// Whether BDAT may be tried with this host.
    pub fn knows_chunking(&self, host: &str, now: Timestamp) -> bool {
        let mut hosts = self.no_chunking.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(host).is_none_or(|until| *until <= now)
    }

    /// A message for this recipient was lost after the dot. Returns how often that has happened, this time included.
    pub fn note_lost(&self, recipient: RecipientId) -> u32 {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let times = lost.get_or_insert_mut(recipient, || 0);
        *times = times.saturating_add(1);
        *times
    }

    /// There is an answer now.
    pub fn forget_lost(&self, recipient: RecipientId) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if !lost.is_empty() {
            lost.pop(&recipient);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_that_says_something_decides() {
        let config: Config = toml::from_str(
            "lost_after_dot = \"retry\"\n\
             [[dialogue]]\nlost_after_dot = \"assume-delivered\"\nstream = \"bulk\"\n\
             [[dialogue]]\nprovider = \"gmail\"\nchunking = false\npipeline_ahead = true\n\
             [[dialogue]]\nprovider = \"gmail\"\nstream = \"bulk\"\nlost_after_dot = \"retry\"\nconvert_8bit = \"never\"\n",
        )
        .unwrap();
        config.validate().unwrap();
        let (gmail, other) = (Manners::with(&config, "gmail"), Manners::with(&config, "x"));
        assert_eq!((gmail.chunking, gmail.pipeline_ahead), (false, true));
        assert_eq!((other.chunking, other.pipeline_ahead), (true, false));
        for (manners, stream, lost, convert) in [
            (&gmail, "bulk", LostAfterDot::Retry, Convert8bit::Never),
            (&gmail, "news", LostAfterDot::Retry, Convert8bit::WhenSafe),
            (&other, "bulk", LostAfterDot::AssumeDelivered, Convert8bit::WhenSafe),
        ] {
            assert_eq!((manners.lost_after_dot(stream), manners.convert_8bit(stream)), (lost, convert), "{stream}");
        }
        let wrong: Config = toml::from_str("[[dialogue]]\nstream = \"bulk\"\nchunking = true\n").unwrap();
        assert_eq!(
            wrong.validate().unwrap_err().to_string(),
            "dialogue[0].stream cannot be given with `chunking` or `pipeline_ahead`, which belong to connections"
        );
    }

    #[test]
    fn lessons_are_remembered_for_a_time() {
        let lessons = Lessons::new(Duration::from_secs(10));
        let (host, now) = (Name::from("mx"), Timestamp::from_unix_s(1_000));
        assert!(lessons.knows_chunking("mx", now));
        lessons.note_no_chunking(&host, now);
        assert!(!lessons.knows_chunking("mx", now.plus(Duration::from_secs(9))));
        assert!(lessons.knows_chunking("mx", now.plus(Duration::from_secs(10))));
        let recipient = RecipientId(7);
        assert_eq!([lessons.note_lost(recipient), lessons.note_lost(recipient)], [1, 2]);
        lessons.forget_lost(recipient);
        assert_eq!(lessons.note_lost(recipient), 1);
    }
}
