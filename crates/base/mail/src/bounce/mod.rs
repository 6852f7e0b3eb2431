//! The reply dictionary: what does this reply mean, whom does it concern, what is to be done.
//!
//! The only place that gives a refusal its [`Category`]. The knowledge is data (`data/replies.toml`, linted by a test);
//! this module compiles it once and looks replies up. It decides nothing about queues: `delivery::verdict` reads the
//! [`ReplyClass`] and decides.
//!
//! Order of look-up: text rules of the provider in question, then general text rules, then (a forwarded reply) text
//! rules of other providers, then rules by enhanced code (RFC 3463), then weak text rules, then rules by reply code
//! (RFC 5321). Within each group the order of the file. Without a provider all text rules count that are not strict.
//!
//! Invariants: looking up never fails and never panics; a reply that names a blocklist never suppresses; only a
//! permanent reply is `hard`, only a hard one suppresses.
//! Limits: [`TEXT_MAX`], [`WAIT_MAX_S`], [`MEMO_MAX`].   Known gaps: texts in languages other than English, French and a little German.

mod dictionary;
mod failure;
mod hint;
mod memo;
mod rule;

pub use dictionary::{Dictionary, DictionaryError, Entry};
pub use failure::Failure;

use model::category::{Category, Family, Scope};
use model::name::Name;

/// So much of a reply's text is looked at, in bytes.
pub const TEXT_MAX: usize = 4_096;

/// Longest wait that is believed when a reply names one, in seconds: one day.
pub const WAIT_MAX_S: u32 = 86_400;

/// Different replies whose meaning is remembered; the least recently asked one is forgotten.
pub const MEMO_MAX: usize = 2_048;

/// What a reply means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyClass {
    /// Its name among the bounce categories.
    pub category: Category,
    /// The group of that category.
    pub family: Family,
    /// Whom it concerns, and so what has to wait or stop.
    pub scope: Scope,
    /// The same message will never be accepted for this recipient.
    pub hard: bool,
    /// The address itself is bad: never write to it again.
    pub suppress: bool,
    /// How long to wait before the next attempt, in seconds, when the reply or the rule names a time.
    pub wait_s: Option<u32>,
    /// The blocklist the reply names.
    pub blocklist: Option<Name>,
    /// Id of the entry that matched; look it up with [`Dictionary::entry`].
    pub template: Name,
}
