//! Checks that every rule can fire, and that what the file says fits together.
//!
//! Rules that never fire look like protection and are none. An error is a rule or a provider that cannot work as it
//! stands; a warning is something that is probably meant otherwise. Each finding says how to mend it. Run by a test on the
//! built-in file, by `ies check-config`, by `ies rules lint` and at the start of the queue.

use model::name::Name;
use model::reply::{Phase, Reply};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::limits::Layer;
use super::{Action, Conflict, Providers, Rule};
use crate::adapt::per_s;

/// Something in the rules that cannot work as meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RuleFinding)]
pub struct Finding {
    /// Whether it cannot work, or is only odd.
    pub severity: Severity,
    /// The key path: `rule.NAME` or `provider.NAME`.
    pub key: String,
    /// Line of the file; 0 where there is none.
    pub line: usize,
    /// What is wrong.
    pub text: String,
    /// How to mend it.
    pub mend: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = FindingSeverity)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It works, and is probably meant otherwise.
    Warning,
    /// It cannot work as it stands.
    Error,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = if self.severity == Severity::Error { "error" } else { "warning" };
        write!(f, "{severity}: {}: {}; {}", self.key, self.text, self.mend)
    }
}

/// What is wrong with one rule, before its place is put to it.
type Wrong = (Severity, String, &'static str);

impl Providers {
    /// All findings; none for a sound file.
    pub fn lint(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.conflicts.iter().map(conflict).collect();
        findings.extend(self.odd_suffixes.iter().map(odd_suffix));
        let unreached = self.limits.keys().filter(|name| !self.is_reached(name));
        findings.extend(unreached.map(|name| self.unreached(name)));
        let layers = self.limits.iter().map(|(name, own)| (format!("provider.{name}"), self.line_of(name), own));
        for (key, line, own) in layers.chain([("default".to_owned(), 0, &self.default)]) {
            let contradictions = contradictions(own, &self.default);
            findings.extend(contradictions.into_iter().map(|text| Finding {
                severity: Severity::Warning,
                key: key.clone(),
                line,
                text,
                mend: "lower the first, or raise the second".to_owned(),
            }));
        }
        for (idx, rule) in self.rules().iter().enumerate() {
            let wrong = self.lint_rule(idx, rule);
            findings.extend(wrong.into_iter().map(|(severity, text, mend)| Finding {
                severity,
                key: format!("rule.{}", rule.name),
                line: rule.line,
                text,
                mend: mend.to_owned(),
            }));
        }
        findings.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
        findings
    }

    fn is_reached(&self, provider: &Name) -> bool {
        self.suffixes.values().chain(self.domains.values()).any(|known| known == provider)
    }

    fn line_of(&self, provider: &Name) -> usize {
        self.places.get(provider).map_or(0, |(line, _)| *line)
    }

    fn unreached(&self, name: &Name) -> Finding {
        Finding {
            severity: Severity::Error,
            key: format!("provider.{name}"),
            line: self.line_of(name),
            text: "no MX suffix and no domain leads to it, so its limits never hold".to_owned(),
            mend: "give it `suffix` or `domains`, or the name that data/mx.toml has for it".to_owned(),
        }
    }

    fn lint_rule(&self, idx: usize, rule: &Rule) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = Vec::new();
        for provider in rule.providers.iter().filter(|provider| !self.knows(provider)) {
            let mend = "use a name from `ies rules list` or data/mx.toml";
            wrong.push((Severity::Error, format!("there is no provider {:?}", &**provider), mend));
        }
        for pattern in &rule.patterns {
            wrong.extend(lint_pattern(pattern, &rule.codes));
        }
        wrong.extend(lint_actions(rule));
        if rule.samples.is_empty() {
            let text = "has no sample, so nobody knows whether it can fire".to_owned();
            wrong.push((Severity::Error, text, "add a reply that it is meant for to `sample`"));
        }
        self.lint_samples(idx, rule, &mut wrong);
        wrong.extend(self.superset_before(idx, rule));
        wrong.dedup();
        wrong
    }

    /// Every sample goes to the rule, for every provider it names; and every pattern takes one of them.
    fn lint_samples(&self, idx: usize, rule: &Rule, wrong: &mut Vec<Wrong>) {
        let anyone = [Name::default()];
        let providers: &[Name] = if rule.providers.is_empty() { &anyone } else { &rule.providers };
        let phase = rule.phases.first().copied().unwrap_or(Phase::Dot);
        let mut replies = Vec::new();
        for sample in &rule.samples {
            let Some(reply) = read_reply(sample) else {
                let mend = "write it as it comes: the code, a space, the text";
                wrong.push((Severity::Error, format!("sample {sample:?} is not a reply"), mend));
                continue;
            };
            for provider in providers {
                match self.rule_for(provider, &reply, Some(phase)) {
                    Some(found) if found == idx => {}
                    Some(other) => {
                        let text = format!("shadowed: rule {} takes the sample {sample:?}", self.rules()[other].name);
                        wrong.push((Severity::Error, text, "put it before that rule, or make that rule narrower"));
                    }
                    None => {
                        let text = format!("does not match its sample {sample:?}");
                        wrong.push((Severity::Error, text, "mend `match`, `code` or the sample"));
                    }
                }
            }
            replies.push(reply);
        }
        if replies.is_empty() {
            return;
        }
        for pattern in rule.patterns.iter().filter(|_| rule.patterns.len() > 1) {
            let compiled = compile(pattern);
            if !replies.iter().any(|reply| compiled.is_match(&reply.to_string())) {
                let text = format!("no sample matches its pattern {pattern:?}");
                wrong.push((Severity::Warning, text, "add a sample for it, or take the pattern out"));
            }
        }
    }

    /// An earlier rule that takes whatever this one could: its pattern is a plain text within the beginning of this one's.
    fn superset_before(&self, idx: usize, rule: &Rule) -> Option<Wrong> {
        let covers = |earlier: &Rule| {
            let providers = earlier.providers.is_empty() && rule.providers.is_empty()
                || rule.providers.iter().all(|name| earlier.providers.contains(name)) && !rule.providers.is_empty();
            let codes = earlier.codes.is_empty()
                || !rule.codes.is_empty() && rule.codes.iter().all(|code| earlier.codes.contains(code));
            let phases = earlier.phases.is_empty()
                || !rule.phases.is_empty() && rule.phases.iter().all(|phase| earlier.phases.contains(phase));
            let patterns = rule.patterns.iter().all(|pattern| {
                let own = literal_parts(pattern);
                earlier.patterns.iter().any(|before| {
                    plain(before).is_some_and(|text| !own.is_empty() && own.iter().all(|part| part.contains(&text)))
                })
            });
            providers && codes && phases && patterns
        };
        let before = self.rules()[..idx].iter().find(|earlier| covers(earlier))?;
        let text = format!("shadowed: whatever it matches goes to rule {} before it", before.name);
        Some((Severity::Error, text, "put it before that rule"))
    }
}

/// What can be said of a pattern by itself.
fn lint_pattern(pattern: &str, codes: &[u16]) -> Vec<Wrong> {
    let mut wrong: Vec<Wrong> = Vec::new();
    let mut say = |severity, text: String, mend| wrong.push((severity, text, mend));
    if pattern.contains("\\\\") {
        let text = format!("{pattern:?} wants a backslash in the reply");
        say(Severity::Error, text, "in '…' a backslash is written once: '\\['");
    }
    let anchored = pattern.strip_prefix('^').or_else(|| pattern.strip_prefix("\\A"));
    if let Some(rest) = anchored
        && !begins_with_code(rest)
    {
        let text = format!("{pattern:?} is anchored to the start, where the three digits of the code stand");
        say(Severity::Error, text, "take the ^ off, or begin with the code: '^550 5\\.5\\.0 …'");
    }
    if let Some(rest) = anchored
        && let Some(code) = rest.get(..3).and_then(|code| code.parse::<u16>().ok())
        && !codes.is_empty()
        && !codes.contains(&code)
    {
        let text = format!("{pattern:?} wants the code {code}, but `code` has {codes:?}");
        say(Severity::Error, text, "make them agree");
    }
    let unescaped = pattern.contains("(mailbox for user is full)") || odd_group(pattern);
    if unescaped {
        let text = format!("{pattern:?} has parentheses with a whole phrase in them and nothing to choose or repeat");
        say(Severity::Warning, text, "parentheses of the reply are written \\( and \\)");
    }
    wrong
}

/// True for a group that neither chooses, repeats nor looks at options: probably parentheses of the text.
fn odd_group(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    let mut open: Vec<(usize, bool)> = Vec::new();
    let (mut at, mut class) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' if !class => class = true,
            b']' if class => class = false,
            b'(' if !class => open.push((at, false)),
            b'|' if !class => open.iter_mut().for_each(|(_, chooses)| *chooses = true),
            b')' if !class => {
                if let Some((start, chooses)) = open.pop() {
                    let repeated = bytes.get(at + 1).is_some_and(|b| b"?*+{".contains(b));
                    let special = bytes.get(start + 1) == Some(&b'?');
                    if !chooses && !repeated && !special && pattern[start..at].contains(' ') {
                        return true;
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// True when what stands behind the anchor can be the first digits of a code.
fn begins_with_code(rest: &str) -> bool {
    let rest = rest.trim_start_matches(['(', '?', ':']);
    let first = rest.chars().next();
    matches!(first, Some('4' | '5' | '[' | '.'))
        && !rest.get(1..3).is_some_and(|two| two.starts_with("\\.") || two.starts_with('.'))
        || rest.starts_with("\\d")
}

fn lint_actions(rule: &Rule) -> Vec<Wrong> {
    let mut wrong: Vec<Wrong> = Vec::new();
    let stops = rule.actions.iter().any(|action| matches!(action, Action::Suspend | Action::DisableSource));
    let slows = rule.actions.iter().any(|action| matches!(action, Action::Rate(_) | Action::Connections(_)));
    if stops && slows {
        let text = "it stops what it also slows down".to_owned();
        wrong.push((Severity::Warning, text, "leave one of the two out, or make two rules of it"));
    }
    if let Some(threshold) = rule.threshold.filter(|threshold| threshold.count > 1)
        && rule.actions.contains(&Action::Bounce)
    {
        let text = format!("it gives recipients up, but only every {}th of {threshold}", threshold.count);
        wrong.push((Severity::Warning, text, "a rule that bounces recipients has no threshold"));
    }
    wrong
}

/// Limits of which one makes the other senseless.
fn contradictions(own: &Layer, default: &Layer) -> Vec<String> {
    let mut found = Vec::new();
    let counts = [
        ("connections", &own.connections, &default.connections),
        ("provider_connections", &own.provider_connections, &default.provider_connections),
        ("total_connections", &own.total_connections, &default.total_connections),
    ];
    let rates = [
        ("rate", &own.rate, &default.rate),
        ("provider_rate", &own.provider_rate, &default.provider_rate),
        ("total_rate", &own.total_rate, &default.total_rate),
    ];
    let connecting = [
        ("connection_rate", &own.connection_rate, &default.connection_rate),
        ("provider_connection_rate", &own.provider_connection_rate, &default.provider_connection_rate),
        ("total_connection_rate", &own.total_connection_rate, &default.total_connection_rate),
    ];
    for (place, (narrow, value, _)) in counts.iter().enumerate() {
        for (wide, above, _) in &counts[place + 1..] {
            if let (Some(value), Some(above)) = (value, above)
                && value.value > above.value
            {
                found.push(format!("{narrow} {} is above {wide} {}", value.value, above.value));
            }
        }
    }
    for family in [rates, connecting] {
        for (place, (narrow, value, _)) in family.iter().enumerate() {
            for (wide, above, _) in &family[place + 1..] {
                if let (Some(value), Some(above)) = (value, above)
                    && per_s(value.value) > per_s(above.value)
                {
                    found.push(format!("{narrow} {} is above {wide} {}", value.value, above.value));
                }
            }
        }
    }
    found
}

fn compile(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).case_insensitive(true).build().expect("invariant: patterns of rules compile")
}

/// The pattern as plain text in lower case; `None` when it means anything but itself.
fn plain(pattern: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped) if !escaped.is_alphanumeric() => text.push(escaped),
                _ => return None,
            },
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            other => text.push(other),
        }
    }
    Some(text.to_lowercase())
}

/// The plain beginnings of the alternatives of a pattern, in lower case; none when one has no plain beginning.
fn literal_parts(pattern: &str) -> Vec<String> {
    let beginning = |part: &str| {
        let end = part.find(['.', '*', '+', '?', '(', '[', '{', '^', '$']).unwrap_or(part.len());
        // Not in the middle of an escape, nor with what the next sign repeats.
        let cut = part[..end].trim_end_matches('\\');
        let cut = if end < part.len() { &cut[..cut.len() - cut.chars().last().map_or(0, char::len_utf8)] } else { cut };
        plain(cut)
    };
    if pattern.contains('(') && pattern.contains('|') {
        return Vec::new();
    }
    pattern.split('|').map(beginning).collect::<Option<Vec<String>>>().unwrap_or_default()
}

fn conflict(Conflict { suffix, first, second, line }: &Conflict) -> Finding {
    let (text, severity) = if first == second {
        (format!("{suffix} is there twice"), Severity::Warning)
    } else {
        (format!("{suffix} belongs to {first} already"), Severity::Error)
    };
    let mend = "a suffix belongs to one provider: take it out here".to_owned();
    Finding { severity, key: format!("provider.{second}.suffix"), line: *line, text, mend }
}

fn odd_suffix((provider, line, suffix): &(Name, usize, String)) -> Finding {
    Finding {
        severity: Severity::Warning,
        key: format!("provider.{provider}.suffix"),
        line: *line,
        text: format!("{suffix:?} is no end of a host name: hosts are compared without a final dot, letter by letter"),
        mend: "write it without final dot, stars and slashes, such as \"google.com\"".to_owned(),
    }
}

/// A reply from a line such as `421 4.7.0 text`.
pub fn read_reply(line: &str) -> Option<Reply> {
    let (code, text) = line.split_once([' ', '-']).unwrap_or((line, ""));
    let code: u16 = code.parse().ok().filter(|code| (200..600).contains(code))?;
    Some(Reply::new(code, text))
}
