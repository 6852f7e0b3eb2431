//! What slows mail now, and why, for people and programs: rules with their counts, effects in force, learned rates,
//! shared limits. Values only; made by `core::shaping_view` and joined with the configuration by [`crate::directory`].

use model::name::Name;
use model::reply::{Phase, Reply};
use model::time::Timestamp;
use model::units::{Rate, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::providers::{Action, Providers, Rule, RuleScope};
use crate::view::RuleCounts;

/// Most shared limits shown: those at which most paths wait, then the busiest.
pub const GATES_MAX: usize = 200;

/// Most effects and learned rates shown.
pub const ACTIVE_MAX: usize = 1_000;

/// What slows mail now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShapingView {
    /// How often rules have matched and fired; rules that never did are left out.
    pub counts: Vec<CountedRule>,
    /// What rules have done that still holds.
    pub active: Vec<ActiveEffect>,
    /// What the adaptive controller has learned.
    pub learned: Vec<LearnedView>,
    /// Limits that several share.
    pub shared: Vec<SharedLimit>,
    /// Rules that persons have put into shadow (true) or taken out of it, whatever the file says.
    pub shadows: std::collections::BTreeMap<Name, bool>,
}

/// A rule by name, and how often it was needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CountedRule {
    /// The rule.
    pub name: Name,
    /// How often.
    #[serde(flatten)]
    pub counts: RuleCounts,
}

/// Something a rule did, until a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActiveEffect {
    /// `path`, `provider`, `source`, `tenant` or `campaign`.
    pub target: String,
    /// Which one, such as `ip-1/gmail`.
    pub name: String,
    /// The rule.
    pub rule: Name,
    /// What it did, in words.
    pub action: String,
    /// The host that is skipped.
    pub host: Option<Name>,
    /// Until when.
    pub until: Timestamp,
    /// The reply that was one too many.
    pub reply: Reply,
}

/// A rate or a number of connections that was learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LearnedView {
    /// The source.
    pub source: Name,
    /// The provider.
    pub provider: Name,
    /// The stream, for a rate.
    pub stream: Option<Name>,
    /// The site, for connections.
    pub site: Option<Name>,
    /// What was learned, in words.
    pub value: String,
    /// The rate that was refused last, in messages per second.
    pub refused_per_s: Option<f64>,
    /// From when on it rises by itself.
    pub until: Timestamp,
    /// The reply that lowered it last.
    pub reply: Option<Reply>,
}

/// One budget that several share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SharedLimit {
    /// What it counts, such as `of tenant acme to gmail`.
    pub of: String,
    /// Who set it.
    pub set_by: String,
    /// The rate that holds now.
    pub rate: Option<Rate>,
    /// The rate of bytes.
    pub byte_rate: Option<model::units::ByteRate>,
    /// Most connections.
    pub connections_max: Option<u32>,
    /// Connections that count.
    pub connections: u32,
    /// Paths that wait at it.
    pub waiting: u64,
    /// When it lets the next message through; absent when it is open.
    pub opens_at: Option<Timestamp>,
}

/// A rule in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleDetail {
    /// Its name.
    pub name: Name,
    /// The providers it is for; none: all.
    pub providers: Vec<Name>,
    /// What the reply must look like: any of these.
    pub patterns: Vec<String>,
    /// Reply codes it is for; none: all.
    pub codes: Vec<u16>,
    /// Phases of the dialogue it is for; none: all.
    pub phases: Vec<Phase>,
    /// How many such replies in what time; at the first one when absent.
    pub threshold: Option<Rate>,
    /// What is done, in words.
    pub actions: Vec<String>,
    /// For how long.
    pub duration: Span,
    /// To what.
    pub scope: RuleScope,
    /// It only counts and tells what it would do.
    pub shadow: bool,
    /// Replies it is meant for.
    pub samples: Vec<String>,
    /// Where it comes from, as the file says.
    pub origin: Option<String>,
    /// File and line.
    pub set_by: String,
    /// How often it was needed since the program started; absent when no suite runs.
    pub counts: Option<RuleCounts>,
    /// Where it is in force now.
    pub active: Vec<ActiveEffect>,
}

impl RuleDetail {
    /// A rule, with what is going on; `now` is absent when no suite runs.
    pub fn new(providers: &Providers, rule: &Rule, book_in_shadow: bool, now: Option<&ShapingView>) -> Self {
        let by_person = now.and_then(|now| now.shadows.get(&rule.name).copied());
        let counts = now.map(|now| {
            let known = now.counts.iter().find(|counted| counted.name == rule.name);
            known.map_or_else(RuleCounts::default, |counted| counted.counts.clone())
        });
        let active = now.map_or_else(Vec::new, |now| {
            now.active.iter().filter(|effect| effect.rule == rule.name).cloned().collect()
        });
        RuleDetail {
            name: rule.name.clone(),
            providers: rule.providers.clone(),
            patterns: rule.patterns.clone(),
            codes: rule.codes.clone(),
            phases: rule.phases.clone(),
            threshold: rule.threshold,
            actions: rule.actions.iter().map(Action::words).collect(),
            duration: Span(rule.duration),
            scope: rule.scope,
            shadow: book_in_shadow || by_person.unwrap_or(rule.shadow),
            samples: rule.samples.clone(),
            origin: rule.origin.clone(),
            set_by: format!("{} line {}", providers.file(), rule.line),
            counts,
            active,
        }
    }
}
