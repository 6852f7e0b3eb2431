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
    /// The pattern, matched against `421 4.7.0 text` whatever the case.
    pub pattern: String,
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
    /// Line of the file.
    pub line: usize,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RuleAction)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing is sent.
    Suspend,
    /// At most this message rate.
    Rate(Rate),
    /// At most so many connections.
    Connections(u32),
    /// At most so many messages on one connection.
    MessagesPerConnection(u32),
}

/// How far a rule reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleScope {
    /// The path: this source to this site.
    #[default]
    Path,
    /// This source at all sites of the provider.
    Provider,
}

impl Rule {
    /// True when the rule is for this reply, its pattern aside.
    fn is_for(&self, reply: &Reply, phase: Option<Phase>) -> bool {
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
}

fn rule_set(rules: &[Rule], members: Vec<usize>) -> Result<RuleSet, String> {
    let patterns = members.iter().map(|&idx| rules[idx].pattern.as_str());
    let patterns = RegexSetBuilder::new(patterns).case_insensitive(true).size_limit(SET_BYTES_MAX).build();
    Ok(RuleSet { members, patterns: patterns.map_err(|error| error.to_string())? })
}
