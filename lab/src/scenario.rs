//! A scenario: which providers there are, how they treat senders, and what people do with their mail. TOML files.
//!
//! All waiting times of providers and people are written as in the real world and divided by `time_scale` when the
//! scenario runs, so that a demo of two minutes shows what takes a night outside.

use std::collections::HashSet;
use std::time::Duration;

use model::config::{Fault, Faults};
use model::units::{Rate, Span};
use serde::Deserialize;

/// The scenario of the demo.
pub const DEMO: &str = include_str!("../scenarios/demo.toml");

/// A whole simulated internet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Two runs with the same seed have the same mailboxes and the same people.
    pub seed: u64,
    /// All waiting times are divided by this; at least 1.
    pub time_scale: f64,
    /// What people do with mail that reaches them.
    pub people: People,
    /// The providers.
    #[serde(rename = "provider")]
    pub providers: Vec<Provider>,
}

/// What people do with mail that reaches them. Shares of 0 to 1.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// Mails whose pixel is fetched.
    pub open: f64,
    /// Opened mails in which a link is followed.
    pub click: f64,
    /// Opened mails after which the recipient unsubscribes with one click.
    pub unsubscribe: f64,
    /// Delivered mails about which the recipient complains.
    pub complain: f64,
    /// Delivered mails whose links a scanner follows (GET only) before the recipient sees them.
    pub scanner: f64,
    /// Delivered mails that come back as a delivery report after acceptance.
    pub late_bounce: f64,
    /// Mean time until a mail is opened.
    pub open_after: Span,
}

/// A mailbox provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Short name, as in `data/mx.toml`.
    pub name: String,
    /// Name for people.
    pub label: String,
    /// Its domains; IDNs as people write them.
    pub domains: Vec<Domain>,
    /// Its mail exchangers, best first.
    pub mx: Vec<String>,
    /// Text behind the host name in its greeting.
    pub greeting: String,
    /// It reports complaints to senders (feedback loop).
    #[serde(default)]
    pub feedback_loop: bool,
    /// How long an answer takes, in milliseconds: after RCPT and after the final dot.
    pub latency_ms: Latency,
    /// What it tolerates.
    pub limits: Limits,
    /// What its mailboxes are like.
    pub mailboxes: Mailboxes,
    /// How it says no.
    pub replies: Replies,
}

/// A recipient domain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// Its share of the contacts, relative to all other domains.
    pub share: u32,
}

/// Answer times in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// After RCPT.
    pub rcpt: u64,
    /// After the final dot.
    pub dot: u64,
}

/// What a provider tolerates of one source address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Connections at the same time.
    pub connections: u32,
    /// Messages on one connection.
    pub messages_per_connection: u32,
    /// The connection is closed without a word after the last message allowed (otherwise 421 at the next).
    #[serde(default)]
    pub closes_silently: bool,
    /// Recipients in a time; not divided by the time scale.
    pub rate: Rate,
    /// A first attempt from an unknown pair of source and recipient waits this long; zero for no greylisting.
    pub greylist: Span,
    /// Share of unknown recipients above which a source is slowed.
    pub unknown_share_max: f64,
    /// How long a source that misbehaves is slowed.
    pub slow_for: Span,
    /// Attempts of a slowed source that are refused before it is blocked.
    pub patience: u32,
    /// How long a source that goes on is blocked.
    pub block_for: Span,
}

/// What a provider's mailboxes are like. Shares of 0 to 1, decided for each address by the seed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mailboxes {
    /// There is no such mailbox.
    pub unknown: f64,
    /// The mailbox is full; half of these have room at a later attempt.
    pub full: f64,
    /// The mailbox is disabled.
    pub disabled: f64,
    /// The content is refused as spam.
    pub spam: f64,
}

/// Replies: code and text; `{ip}` `{rcpt}` `{domain}` `{id}` are filled in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replies {
    /// The message was taken.
    pub accepted: String,
    /// No such mailbox.
    pub unknown: String,
    /// Full mailbox.
    pub full: String,
    /// Disabled mailbox.
    pub disabled: String,
    /// Greylisting.
    pub greylisted: String,
    /// Too fast.
    pub rate: String,
    /// Too many connections.
    pub connections: String,
    /// Too many messages on this connection.
    pub messages: String,
    /// Slowed for bad reputation.
    pub slowed: String,
    /// Blocked.
    pub blocked: String,
    /// Taken for spam.
    pub spam: String,
}

/// A scenario that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Not TOML of this form.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// Values that make no sense: all of them.
    #[error(transparent)]
    Values(#[from] Faults),
}

impl Scenario {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`] names what is wrong.
    pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        let scenario: Scenario = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// A time of the real world as it is in this scenario.
    pub fn scaled(&self, span: Span) -> Duration {
        span.0.div_f64(self.time_scale)
    }

    fn check(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let scale = self.time_scale;
        faults.unless(scale.is_finite() && scale >= 1.0, || Fault::new("time_scale", "must be at least 1"));
        let mut domains = HashSet::new();
        for (place, provider) in self.providers.iter().enumerate() {
            let key = |field: &str| format!("provider[{place}].{field}");
            faults.unless(!provider.mx.is_empty(), || Fault::new(key("mx"), "must name at least one host"));
            faults.unless(!provider.domains.is_empty(), || Fault::new(key("domains"), "must name at least one"));
            faults.at_least(&key("limits.connections"), provider.limits.connections, 1);
            faults.at_least(&key("limits.messages_per_connection"), provider.limits.messages_per_connection, 1);
            for domain in &provider.domains {
                faults.unless(domains.insert(&domain.name), || {
                    Fault::new(key("domains"), format!("must not hold {}, which is there twice", domain.name))
                });
            }
            for (field, text) in provider.replies.all() {
                faults.unless(split_reply(text).is_some(), || {
                    let rule = format!("must be a reply and not {text:?}");
                    Fault::new(key(&format!("replies.{field}")), rule).example("\"550 5.1.1 no such user\"")
                });
            }
        }
        faults.result()
    }
}

impl Replies {
    fn all(&self) -> [(&'static str, &str); 11] {
        [
            ("accepted", &self.accepted),
            ("unknown", &self.unknown),
            ("full", &self.full),
            ("disabled", &self.disabled),
            ("greylisted", &self.greylisted),
            ("rate", &self.rate),
            ("connections", &self.connections),
            ("messages", &self.messages),
            ("slowed", &self.slowed),
            ("blocked", &self.blocked),
            ("spam", &self.spam),
        ]
    }
}

/// Code and text of a reply in a scenario.
pub(crate) fn split_reply(text: &str) -> Option<(u16, &str)> {
    let (code, text) = text.split_once(' ')?;
    let code: u16 = code.parse().ok()?;
    (200..600).contains(&code).then_some((code, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_ten_providers() {
        let scenario = Scenario::parse(DEMO).unwrap();
        let names: Vec<&str> = scenario.providers.iter().map(|provider| provider.name.as_str()).collect();
        let ten = ["gmail", "outlook", "microsoft365", "yahoo", "icloud", "orange", "free", "sfr", "laposte", "gmx"];
        assert_eq!(names, ten);
    }

    #[test]
    fn names_what_is_wrong() {
        let check = |from: &str, to: &str, expected: &str| {
            let error = Scenario::parse(&DEMO.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("time_scale = 60", "time_scale = 0", "time_scale must be at least 1");
        check("unknown = \"550", "unknown = \"none", "provider[0].replies.unknown must be a reply and not \"none");
        check("name = \"googlemail.com\"", "name = \"gmail.com\"", "must not hold gmail.com, which is there twice");
        check("seed =", "sead =", "unknown field");
        let two =
            DEMO.replacen("time_scale = 60", "time_scale = 0", 1).replacen("unknown = \"550", "unknown = \"none", 1);
        let error = Scenario::parse(&two).unwrap_err().to_string();
        assert!(error.contains("time_scale must be") && error.contains("replies.unknown must be"), "{error}");
    }
}
