//! Which retry schedule holds after a failed attempt: `[[queue.retries]]` by provider, stream and what was answered.
//!
//! Precedence, the first that says something: the last fitting entry of `[[queue.retries]]` · the provider's `retry` in
//! the provider file · the stream's `retry`. What a reply asks for comes on top (see `core::end`).

use std::borrow::Cow;
use std::time::Duration;

use model::category::Category;
use model::config::{Fault, Faults};
use model::id::RecipientId;
use model::name::Name;
use model::reply::Phase;
use model::units::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::retry::{JITTER_PERCENT, with_jitter_of};

/// Most entries.
pub const RETRIES_MAX: usize = 1_000;

/// Most intervals of one schedule.
const INTERVALS_MAX: usize = 100;

/// A retry schedule for some failed attempts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryEntry {
    /// For this provider only.
    pub provider: Option<Name>,
    /// For mail of this stream only.
    pub stream: Option<Name>,
    /// After replies of these categories only; any when empty.
    pub category: Vec<Category>,
    /// After failures in this phase of the dialogue only.
    pub phase: Option<Phase>,
    /// The waits one after the other, the last one again and again: `"5m,10m,30m,1h"`, or a list.
    #[serde(deserialize_with = "intervals")]
    pub after: Vec<Span>,
    /// Instead of `after`: the first wait, doubled each time …
    pub first: Option<Span>,
    /// … up to this one.
    pub longest: Option<Span>,
    /// How much longer a wait may be, at random, in per cent (0 to 100).
    pub jitter: Option<u8>,
}

/// What is known of a failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The provider of the site, when known.
    pub provider: Option<&'a Name>,
    /// The stream of the message.
    pub stream: &'a Name,
    /// What the reply is called.
    pub category: Option<Category>,
    /// Where in the dialogue it failed.
    pub phase: Option<Phase>,
}

/// `"5m,10m"` or `["5m", "10m"]`.
fn intervals<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Span>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form<'a> {
        List(Vec<Span>),
        Text(#[serde(borrow)] Cow<'a, str>),
    }
    match Form::deserialize(input)? {
        Form::List(list) => Ok(list),
        Form::Text(text) => text.split(',').map(|part| part.trim().parse().map_err(serde::de::Error::custom)).collect(),
    }
}

impl RetryEntry {
    /// Checks what the form alone cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let doubling = self.first.is_some() || self.longest.is_some();
        faults.unless(self.after.is_empty() != (self.first.is_none() || self.longest.is_none()), || {
            let rule = if doubling { "must be there alone, or `first` and `longest` together" } else { "is missing" };
            Fault::new("after", rule).example("\"5m,10m,30m,1h\"")
        });
        faults.unless(self.after.len() <= INTERVALS_MAX, || {
            Fault::new("after", format!("must have at most {INTERVALS_MAX} intervals"))
        });
        let waits = self.after.iter().chain(&self.first);
        faults.unless(waits.into_iter().all(|wait| *wait >= Span::s(1)), || {
            Fault::new(if doubling { "first" } else { "after" }, "must be at least 1s")
        });
        faults.unless(self.longest >= self.first, || Fault::new("longest", "must not be shorter than").than("first"));
        faults.within("jitter", self.jitter.unwrap_or_default(), 0..=100);
        faults.result()
    }

    /// Whether the entry holds after this failure.
    pub fn fits(&self, failure: Failure<'_>) -> bool {
        self.provider.as_ref().is_none_or(|provider| failure.provider == Some(provider))
            && self.stream.as_ref().is_none_or(|stream| stream == failure.stream)
            && (self.category.is_empty() || failure.category.is_some_and(|category| self.category.contains(&category)))
            && self.phase.is_none_or(|phase| failure.phase == Some(phase))
    }

    /// Wait before the next attempt when `attempts` (from 1) have failed; the same for the same recipient and attempt.
    pub fn delay(&self, attempts: u16, recipient: RecipientId) -> Duration {
        let nth = usize::from(attempts.saturating_sub(1));
        let plain = match self.after.get(nth).or(self.after.last()) {
            Some(wait) => wait.0,
            None => {
                let first = self.first.unwrap_or(Span::s(900)).0;
                first.saturating_mul(1 << nth.min(31)).min(self.longest_wait())
            }
        };
        with_jitter_of(self.jitter.map_or(JITTER_PERCENT, u64::from), plain, recipient, attempts)
    }

    /// The longest wait of the schedule.
    pub fn longest_wait(&self) -> Duration {
        let of_list = self.after.iter().map(|wait| wait.0).max();
        of_list.or(self.longest.map(|longest| longest.0)).unwrap_or(Duration::from_secs(4 * 3_600))
    }

    /// The schedule in words: `5m, 10m, 30m`, or `5m doubling to 1h`.
    pub fn words(&self) -> String {
        if let (Some(first), Some(longest)) = (self.first, self.longest) {
            return format!("{first} doubling to {longest}");
        }
        let waits: Vec<String> = self.after.iter().map(ToString::to_string).collect();
        waits.join(", ")
    }

    /// What the entry is for, in words.
    pub fn conditions(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.provider.as_ref().map(|provider| format!("provider {provider}")));
        words.extend(self.stream.as_ref().map(|stream| format!("stream {stream}")));
        words.extend(self.category.iter().map(ToString::to_string));
        let phase = self.phase.and_then(|phase| serde_json::to_value(phase).ok());
        words.extend(phase.and_then(|phase| phase.as_str().map(|phase| format!("phase {phase}"))));
        if words.is_empty() { "everything".to_owned() } else { words.join(", ") }
    }
}

/// The entry that holds after a failure, with its place in the list: the last fitting one.
pub fn fitting<'a>(entries: &'a [RetryEntry], failure: Failure<'_>) -> Option<(usize, &'a RetryEntry)> {
    entries.iter().enumerate().rev().find(|(_, entry)| entry.fits(failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> RetryEntry {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_list_is_gone_through_and_its_last_wait_repeats() {
        let check = |text: &str, expected: [u64; 4]| {
            let entry = entry(text);
            entry.validate().unwrap();
            let found = [1, 2, 3, 60].map(|attempts| entry.delay(attempts, RecipientId(7)).as_secs() / 60);
            assert_eq!(found, expected, "{text}");
        };
        check("after = '5m, 10m,30m'\njitter = 0", [5, 10, 30, 30]);
        check("after = ['5m', '1h']\njitter = 0", [5, 60, 60, 60]);
        check("first = '5m'\nlongest = '15m'\njitter = 0", [5, 10, 15, 15]);
    }

    #[test]
    fn jitter_is_as_large_as_it_is_said_to_be() {
        let entry = entry("after = '100s'\njitter = 50");
        let delays: Vec<u64> = (0..200).map(|id| entry.delay(1, RecipientId(id)).as_secs()).collect();
        assert!(delays.iter().all(|delay| (100..=150).contains(delay)));
        assert!(delays.iter().any(|delay| *delay > 140) && delays.iter().any(|delay| *delay < 110));
    }

    #[test]
    fn the_last_fitting_entry_holds() {
        let entries = [
            entry("after = '1h'"),
            entry("provider = 'gmail'\nafter = '2h'"),
            entry("category = ['greylisted']\nafter = '5m'"),
            entry("provider = 'gmail'\nstream = 'bulk'\nphase = 'connect'\nafter = '3h'"),
        ];
        let check = |provider: &str, stream: &str, category, phase, expected: usize| {
            let (provider, stream) = (Name::from(provider), Name::from(stream));
            let failure = Failure { provider: Some(&provider), stream: &stream, category, phase };
            assert_eq!(fitting(&entries, failure).map(|(idx, _)| idx), Some(expected));
        };
        check("gmx", "bulk", None, None, 0);
        check("gmail", "bulk", Some(Category::QuotaIssues), Some(Phase::RcptTo), 1);
        check("gmail", "bulk", Some(Category::Greylisted), Some(Phase::RcptTo), 2);
        check("gmail", "bulk", Some(Category::Greylisted), Some(Phase::Connect), 3);
        check("gmail", "transactional", None, Some(Phase::Connect), 1);
    }

    #[test]
    fn mistakes_name_their_key() {
        let check = |text: &str, expected: &str| {
            let found = entry(text).validate().err().map(|faults| faults.to_string()).unwrap_or_default();
            assert_eq!(found, expected, "{text}");
        };
        check("", "after is missing; for example \"5m,10m,30m,1h\"");
        check(
            "first = '5m'",
            "after must be there alone, or `first` and `longest` together; for example \"5m,10m,30m,1h\"; longest must not be shorter than first",
        );
        check("after = '0s'", "after must be at least 1s");
        check("first = '5m'\nlongest = '1m'", "longest must not be shorter than first");
        check("after = '5m'\njitter = 200", "jitter must be between 0 and 100");
    }
}
