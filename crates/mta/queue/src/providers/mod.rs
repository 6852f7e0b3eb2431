//! What each mailbox provider takes: limits and rules from `data/providers.toml`, found by the MX hosts of a site.
//!
//! Data, not code: the built-in file can be replaced by one of the operator's. Names and MX suffixes of providers stand in
//! `data/mx.toml` (shared with the rest of the suite); the rules file may add suffixes. A site belongs to a provider when
//! *all* of its hosts do, the longest suffix winning for each; otherwise to nobody, and the defaults hold.
//! Invariants: a rule that stands in the file can fire (see [`lint`]); every limit knows its line.
//! Limits: [`PROVIDERS_MAX`], [`RULES_MAX`], file size 1 MiB, compiled patterns 8 MiB for a provider.

mod file;
mod hits;
mod limits;
pub mod lint;
pub mod recorded;
pub mod replay;
mod rule;

use std::collections::HashMap;
use std::path::Path;

use model::name::Name;
use model::reply::{Phase, Reply};
use model::route::MxHost;
use regex::RegexBuilder;
use serde::Deserialize;

use file::{FileForm, ProviderForm, RuleForm};
pub(crate) use hits::Hits;
use limits::Layer;
pub use limits::{GateLimits, Layers, PathLimits, Setting, domain_limits};
use rule::RuleBook;
pub use rule::{Action, Rule, RuleScope};

/// The file that comes with the program.
pub const BUILTIN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../data/providers.toml"));

/// Which MX suffix belongs to whom; shared with the rest of the suite.
const MX: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../data/mx.toml"));

/// Most providers in a file.
pub const PROVIDERS_MAX: usize = 2_000;

/// Most rules in a file.
pub const RULES_MAX: usize = 4_000;

/// Most patterns of a rule.
pub const PATTERNS_MAX: usize = 50;

/// Longest pattern of a rule, in bytes.
pub const PATTERN_BYTES_MAX: usize = 1_000;

/// Most replies that a threshold may ask for: so many times are remembered.
pub const THRESHOLD_MAX: u64 = 100;

/// Provider limits and rules, ready for use.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    file: Name,
    default: Layer,
    limits: HashMap<Name, Layer>,
    suffixes: HashMap<String, Name>,
    domains: HashMap<String, Name>,
    people: HashMap<Name, ForPeople>,
    /// Suffixes that were given to two providers, or twice to one.
    conflicts: Vec<Conflict>,
    /// Suffixes that are written so that nothing ever ended on them: provider, line, suffix.
    odd_suffixes: Vec<(Name, usize, String)>,
    /// Line and origin of each provider of the file.
    places: HashMap<Name, (usize, Option<String>)>,
    book: RuleBook,
}

/// What is wrong in a file of provider rules, and where. The operator mends the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}, {key}: {reason}")]
pub struct ProvidersError {
    /// The file.
    pub file: String,
    /// The key path, such as `provider.gmail.rate`.
    pub key: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// One provider as the API shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderEntry {
    /// Its name.
    pub name: Name,
    /// Its MX suffixes, in order.
    pub suffixes: Vec<String>,
    /// True when the file has limits for it.
    pub has_limits: bool,
    /// What it is called; its name where `data/mx.toml` does not know it.
    pub label: String,
    /// Where its operator speaks to senders.
    pub postmaster_url: Option<String>,
}

/// A suffix that is there twice.
#[derive(Clone, Debug)]
struct Conflict {
    suffix: String,
    first: Name,
    second: Name,
    line: usize,
}

/// What `data/mx.toml` says of a provider to people.
#[derive(Clone, Debug)]
struct ForPeople {
    label: String,
    site: Option<String>,
}

impl Providers {
    /// The file that comes with the program.
    pub fn builtin() -> Self {
        Self::parse(BUILTIN, "providers.toml").expect("invariant: the built-in file is tested")
    }

    /// The operator's file where there is one, the built-in one otherwise.
    ///
    /// # Errors
    /// [`ProvidersError`]: the file cannot be read, or something in it is wrong.
    pub fn load(path: Option<&Path>) -> Result<Self, ProvidersError> {
        let Some(path) = path else { return Ok(Self::builtin()) };
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &file),
            Err(error) => Err(ProvidersError { file, key: "(file)".to_owned(), line: 0, reason: error.to_string() }),
        }
    }

    /// Reads rules from their text; `file` names it in errors and explanations.
    ///
    /// # Errors
    /// [`ProvidersError`] with key path and line.
    pub fn parse(text: &str, file: &str) -> Result<Self, ProvidersError> {
        let FileForm { default, provider, rule } = file::parse(text, file)?;
        let refuse = |key: String, offset: usize, reason: String| ProvidersError {
            file: file.to_owned(),
            key,
            line: file::line_of(text, offset),
            reason,
        };
        if provider.len() > PROVIDERS_MAX || rule.len() > RULES_MAX {
            return Err(refuse("(file)".to_owned(), 0, "too many providers or rules".to_owned()));
        }
        let mut all = Providers { file: Name::from(file), ..Providers::default() };
        all.default = Layer::from_form(&default, text, file)
            .map_err(|(key, at, reason)| refuse(format!("default.{key}"), at, reason))?;
        all.add_known_suffixes();
        for form in provider {
            all.add_provider(form.get_ref(), form.span().start, text).map_err(|(key, at, reason)| {
                refuse(format!("provider.{}{key}", form.get_ref().name.as_deref().unwrap_or("?")), at, reason)
            })?;
        }
        let mut rules: Vec<Rule> = Vec::with_capacity(rule.len());
        for form in rule {
            let (form, at) = (form.get_ref(), form.span().start);
            let made = make_rule(form, file::line_of(text, at), &rules);
            rules.push(made.map_err(|(key, reason)| {
                let at = if key == "match" { form.pattern.span().start } else { at };
                refuse(format!("rule.{}.{key}", form.name), at, reason)
            })?);
        }
        all.book = RuleBook::new(rules).map_err(|reason| refuse("rule".to_owned(), 0, reason))?;
        Ok(all)
    }

    /// The name of the file.
    pub fn file(&self) -> &Name {
        &self.file
    }

    /// The provider of a site: of its hosts where all fit the same one, otherwise of the recipient domain.
    pub fn of_site(&self, hosts: &[MxHost], domain: &str) -> Option<&Name> {
        let mut names = hosts.iter().map(|host| self.of_host(&host.name));
        let by_hosts = names.next().flatten().filter(|first| names.all(|name| name == Some(first)));
        by_hosts.or_else(|| self.domains.get(&normal(domain)))
    }

    /// The provider of one MX host: the longest suffix of whole labels.
    pub fn of_host(&self, host: &str) -> Option<&Name> {
        let host = normal(host);
        let mut rest = host.as_str();
        loop {
            if let Some(name) = self.suffixes.get(rest) {
                return Some(name);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// The rule that a reply of this provider fires.
    pub fn rule_for(&self, provider: &str, reply: &Reply, phase: Option<Phase>) -> Option<usize> {
        if reply.is_positive() { None } else { self.book.find(provider, reply, phase) }
    }

    /// All rules, in the order of the file; the numbers of [`Providers::rule_for`].
    pub fn rules(&self) -> &[Rule] {
        self.book.rules()
    }

    /// Who set it, for a rule: name, file and line.
    pub fn rule_place(&self, rule: &Rule) -> String {
        format!("rule {} ({} line {})", rule.name, self.file, rule.line)
    }

    /// The rules that are tried for replies of a provider, in their order.
    pub fn rules_for(&self, provider: &str) -> Vec<usize> {
        self.book.order(provider)
    }

    /// Makes a rule act, or only count and tell. False when there is no such rule.
    pub fn set_shadow(&mut self, name: &str, shadow: bool) -> bool {
        let found = self.book.rules().iter().position(|rule| *rule.name == *name);
        found.into_iter().for_each(|idx| self.book.set_shadow(idx, shadow));
        found.is_some()
    }

    /// True when something is known of a provider of this name.
    pub fn knows(&self, provider: &str) -> bool {
        self.limits.contains_key(provider) || self.suffixes.values().any(|known| **known == *provider)
    }

    /// Where the file says that the values of a provider come from.
    pub fn origin(&self, provider: &Name) -> Option<&str> {
        self.places.get(provider)?.1.as_deref()
    }

    /// All providers by name.
    pub fn entries(&self) -> Vec<ProviderEntry> {
        let mut by_name: std::collections::BTreeMap<&Name, Vec<String>> =
            self.limits.keys().map(|name| (name, Vec::new())).collect();
        for (suffix, name) in &self.suffixes {
            by_name.entry(name).or_default().push(suffix.clone());
        }
        let entry = |(name, mut suffixes): (&Name, Vec<String>)| {
            suffixes.sort();
            let known = self.people.get(name);
            ProviderEntry {
                name: name.clone(),
                suffixes,
                has_limits: self.limits.contains_key(name),
                label: known.map_or_else(|| name.to_string(), |known| known.label.clone()),
                postmaster_url: known.and_then(|known| known.site.clone()),
            }
        };
        by_name.into_iter().map(entry).collect()
    }

    fn add_known_suffixes(&mut self) {
        #[derive(Deserialize)]
        struct Known {
            provider: Vec<KnownProvider>,
        }
        #[derive(Deserialize)]
        struct KnownProvider {
            name: String,
            label: String,
            site: Option<String>,
            suffix: Vec<String>,
        }
        let known: Known = toml::from_str(MX).expect("invariant: data/mx.toml is tested where it belongs");
        for provider in known.provider {
            let name = Name::from(provider.name);
            provider.suffix.iter().for_each(|suffix| self.add_suffix(suffix, &name, 0));
            self.people.insert(name, ForPeople { label: provider.label, site: provider.site });
        }
    }

    /// A suffix of the rules file has its line; those of `data/mx.toml`, which it may repeat, have line 0.
    fn add_suffix(&mut self, suffix: &str, name: &Name, line: usize) {
        let suffix = normal(suffix.trim_start_matches('.'));
        match self.suffixes.get(&suffix) {
            Some(first) if first != name => {
                self.conflicts.push(Conflict { suffix, first: first.clone(), second: name.clone(), line });
            }
            _ => drop(self.suffixes.insert(suffix, name.clone())),
        }
    }

    fn add_provider(&mut self, form: &ProviderForm, at: usize, text: &str) -> Result<(), (String, usize, String)> {
        let Some(name) = form.name.as_deref().filter(|name| !name.is_empty() && name.len() <= Name::LEN_MAX) else {
            return Err((".name".to_owned(), at, "a provider needs a name".to_owned()));
        };
        let name = Name::from(name);
        let limits = Layer::from_form(form, text, &self.file);
        let limits = limits.map_err(|(key, at, reason)| (format!(".{key}"), at, reason))?;
        if self.limits.insert(name.clone(), limits).is_some() {
            return Err((".name".to_owned(), at, "is there twice".to_owned()));
        }
        for domain in &form.domains {
            self.domains.insert(normal(domain), name.clone());
        }
        let line = file::line_of(text, at);
        let mut own = std::collections::HashSet::new();
        for suffix in &form.suffix {
            let normal = normal(suffix.trim_start_matches('.'));
            if suffix.ends_with('.') || normal.is_empty() || normal.contains(['*', '/', ' ', '\\', '$']) {
                self.odd_suffixes.push((name.clone(), line, suffix.clone()));
            }
            if !own.insert(normal.clone()) {
                self.conflicts.push(Conflict { suffix: normal, first: name.clone(), second: name.clone(), line });
            }
            self.add_suffix(suffix, &name, line);
        }
        self.places.insert(name, (line, form.origin.clone()));
        Ok(())
    }
}

/// Lower case, without the final dot.
fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn make_rule(form: &RuleForm, line: usize, others: &[Rule]) -> Result<Rule, (&'static str, String)> {
    if form.name.is_empty() || others.iter().any(|other| other.name == *form.name) {
        return Err(("name", "must be unique and not empty".to_owned()));
    }
    let patterns = form.pattern.get_ref().texts();
    if patterns.is_empty() || patterns.len() > PATTERNS_MAX {
        return Err(("match", format!("must be one to {PATTERNS_MAX} patterns")));
    }
    patterns.iter().try_for_each(|pattern| check_pattern(pattern)).map_err(|reason| ("match", reason))?;
    check_actions(&form.actions).map_err(|reason| ("actions", reason))?;
    if form.duration.0.is_zero() {
        return Err(("duration", "must be more than nothing".to_owned()));
    }
    if form.threshold.is_some_and(|threshold| threshold.count > THRESHOLD_MAX) {
        return Err(("threshold", format!("at most {THRESHOLD_MAX} replies can be counted")));
    }
    if let Some(code) = form.code.iter().find(|code| !(400..600).contains(*code)) {
        return Err(("code", format!("{code} is not the code of a reply that fails (400 to 599)")));
    }
    Ok(Rule {
        name: Name::from(form.name.as_str()),
        providers: form.providers.iter().map(|name| Name::from(name.as_str())).collect(),
        patterns,
        codes: form.code.clone(),
        phases: form.phase.clone(),
        threshold: form.threshold,
        actions: form.actions.clone(),
        duration: form.duration.0,
        scope: form.scope,
        samples: form.sample.clone(),
        shadow: form.shadow,
        origin: form.origin.clone(),
        line,
    })
}

fn check_pattern(pattern: &str) -> Result<(), String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("longer than {PATTERN_BYTES_MAX} bytes"));
    }
    let compiled = RegexBuilder::new(pattern).case_insensitive(true).size_limit(1 << 20).build();
    let compiled = compiled.map_err(|error| error.to_string())?;
    if compiled.is_match("") {
        return Err("matches the empty text, and so every reply".to_owned());
    }
    Ok(())
}

fn check_actions(actions: &[Action]) -> Result<(), String> {
    if actions.is_empty() {
        return Err("a rule does at least one thing".to_owned());
    }
    for (place, action) in actions.iter().enumerate() {
        match action {
            Action::Connections(0) | Action::MessagesPerConnection(0) => {
                return Err("0 is written \"suspend\"".to_owned());
            }
            Action::ConnectionsBy(0) | Action::MessagesPerConnectionBy(0) => {
                return Err("by 0 changes nothing".to_owned());
            }
            Action::Reroute(pool) if pool.is_empty() => return Err("reroute needs the name of a pool".to_owned()),
            _ if actions[..place].iter().any(|other| other.is_like(action)) => {
                return Err(format!("{:?} is there twice", action.words()));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
