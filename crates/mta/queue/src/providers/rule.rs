//! Automation rules: which reply slows or stops which part, and for how long.
//!
//! A rule only says what is to be done; `core` counts, does it and ends it. The first rule that matches a reply counts:
//! those that name the provider, then those for all, each in the order of the file.

use std::collections::HashMap;
use std::time::Duration;

use model::name::Name;
use model::reply::{Phase, Reply};
use model::units::Rate;
use regex::{RegexSet, RegexSetBuilder};
use serde::{Deserialize, Serialize};

/// Largest compiled set of patterns of one provider, in bytes.
const SET_BYTES_MAX: usize = 8 << 20;

/// A reply that matches changes the limits of a path for a time.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in the file.
    pub name: Name,
    /// The providers it is for; none: all.
    pub providers: Vec<Name>,
    /// The patterns, any of which is to be found in `421 4.7.0 text`, whatever the case.
    pub patterns: Vec<String>,
    /// Reply codes it is for; none: all.
    pub codes: Vec<u16>,
    /// Phases of the dialogue it is for; none: all.
    pub phases: Vec<Phase>,
    /// How many such replies within what time; none: the first one.
    pub threshold: Option<Rate>,
    /// What is done.
    pub actions: Vec<Action>,
    /// For how long.
    pub duration: Duration,
    /// To what.
    pub scope: RuleScope,
    /// Replies it is meant for.
    pub samples: Vec<String>,
    /// It only counts and tells what it would do.
    pub shadow: bool,
    /// Where it comes from, as the file says.
    pub origin: Option<String>,
    /// Line of the file.
    pub line: usize,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RuleAction)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing is sent.
    Suspend,
    /// At most this message rate.
    Rate(Rate),
    /// At most so many connections.
    Connections(u32),
    /// So many connections fewer (or more) than now, at least one.
    ConnectionsBy(i32),
    /// At most so many messages on one connection.
    MessagesPerConnection(u32),
    /// So many messages on one connection fewer (or more) than now, at least one.
    MessagesPerConnectionBy(i32),
    /// At most this rate of new connections.
    ConnectionRate(Rate),
    /// The host that answered so is not connected to, as long as the site has another one.
    SkipMx,
    /// The recipient whose attempt was answered so is given up.
    Bounce,
    /// Whoever is due on the path is given up.
    BounceQueue,
    /// Whoever is due on the path waits until the end.
    DeferQueue,
    /// Whoever is due on the path goes by another pool.
    Reroute(Name),
    /// The source sends nothing anywhere.
    DisableSource,
    /// The path goes on at its backoff rate, with its backoff connections.
    Backoff,
}

impl Action {
    /// Actions of the same kind replace each other.
    pub fn is_like(&self, other: &Action) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// What it does, in words.
    pub fn words(&self) -> String {
        let counted = |count: u32, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
        match self {
            Action::Suspend => "suspend".to_owned(),
            Action::Rate(rate) => rate.to_string(),
            Action::Connections(count) => counted(*count, "connection", "connections"),
            Action::ConnectionsBy(by) => format!("{by:+} connections"),
            Action::MessagesPerConnection(count) => {
                counted(*count, "message on a connection", "messages on a connection")
            }
            Action::MessagesPerConnectionBy(by) => format!("{by:+} messages on a connection"),
            Action::ConnectionRate(rate) => format!("{rate} new connections"),
            Action::SkipMx => "skip the host".to_owned(),
            Action::Bounce => "bounce the recipient".to_owned(),
            Action::BounceQueue => "bounce what is due".to_owned(),
            Action::DeferQueue => "defer what is due".to_owned(),
            Action::Reroute(pool) => format!("reroute to pool {pool}"),
            Action::DisableSource => "disable the source".to_owned(),
            Action::Backoff => "backoff".to_owned(),
        }
    }

    /// True when it stops or ends mail rather than to slow it down.
    pub fn stops(&self) -> bool {
        let stops = [Action::Suspend, Action::Bounce, Action::BounceQueue, Action::DeferQueue, Action::DisableSource];
        stops.contains(self)
    }
}

/// How far a rule reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleScope {
    /// The path: this source to this site.
    #[default]
    Path,
    /// This source at all sites of the provider.
    Provider,
    /// This source everywhere.
    Source,
    /// The tenant whose mail it was, at the provider.
    Tenant,
    /// The campaign whose mail it was, at the provider; without one, its tenant.
    Campaign,
}

impl RuleScope {
    /// Its name in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            RuleScope::Path => "path",
            RuleScope::Provider => "provider",
            RuleScope::Source => "source",
            RuleScope::Tenant => "tenant",
            RuleScope::Campaign => "campaign",
        }
    }
}

impl Rule {
    /// True when the rule is for this reply, its pattern aside.
    pub(super) fn is_for(&self, reply: &Reply, phase: Option<Phase>) -> bool {
        let code_fits = self.codes.is_empty() || self.codes.contains(&reply.code);
        code_fits && (self.phases.is_empty() || phase.is_some_and(|phase| self.phases.contains(&phase)))
    }
}

/// The rules, arranged by provider.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleBook {
    rules: Vec<Rule>,
    /// Sets for the providers that rules name; each ends with the rules for all.
    by_provider: HashMap<Name, RuleSet>,
    general: RuleSet,
}

#[derive(Clone, Debug, Default)]
struct RuleSet {
    members: Vec<usize>,
    patterns: RegexSet,
}

impl RuleBook {
    /// Arranges rules whose patterns have been seen to compile.
    ///
    /// # Errors
    /// The patterns of one provider are too large together.
    pub fn new(rules: Vec<Rule>) -> Result<Self, String> {
        let general: Vec<usize> = (0..rules.len()).filter(|&idx| rules[idx].providers.is_empty()).collect();
        let mut named: HashMap<Name, Vec<usize>> = HashMap::new();
        for (idx, rule) in rules.iter().enumerate() {
            for provider in &rule.providers {
                named.entry(provider.clone()).or_default().push(idx);
            }
        }
        let by_provider = named.into_iter().map(|(provider, mut members)| {
            members.extend(&general);
            Ok((provider, rule_set(&rules, members)?))
        });
        Ok(RuleBook {
            by_provider: by_provider.collect::<Result<_, String>>()?,
            general: rule_set(&rules, general)?,
            rules,
        })
    }

    /// All rules, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that a reply of this provider fires.
    pub fn find(&self, provider: &str, reply: &Reply, phase: Option<Phase>) -> Option<usize> {
        let set = self.by_provider.get(provider).unwrap_or(&self.general);
        if set.members.is_empty() {
            return None;
        }
        let matches = set.patterns.matches(&reply.to_string());
        matches.iter().map(|nth| set.members[nth]).find(|&idx| self.rules[idx].is_for(reply, phase))
    }

    /// The rules that are tried for a provider, in their order.
    pub fn order(&self, provider: &str) -> Vec<usize> {
        let mut order = self.by_provider.get(provider).unwrap_or(&self.general).members.clone();
        order.dedup();
        order
    }

    /// Makes a rule act, or only tell.
    pub fn set_shadow(&mut self, idx: usize, shadow: bool) {
        self.rules[idx].shadow = shadow;
    }
}

/// The set of the patterns of these rules, in their order; each pattern is one member.
fn rule_set(rules: &[Rule], members: Vec<usize>) -> Result<RuleSet, String> {
    let each = members.iter().flat_map(|&idx| rules[idx].patterns.iter().map(move |pattern| (idx, pattern.as_str())));
    let (members, patterns): (Vec<usize>, Vec<&str>) = each.unzip();
    let patterns = RegexSetBuilder::new(patterns).case_insensitive(true).size_limit(SET_BYTES_MAX).build();
    Ok(RuleSet { members, patterns: patterns.map_err(|error| error.to_string())? })
}
