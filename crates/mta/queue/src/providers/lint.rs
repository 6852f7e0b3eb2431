//! Checks that every rule can fire.
//!
//! Rules that never fire look like protection and are none. A finding is a rule that names an unknown provider, that does
//! not match its own samples, or whose samples all go to an earlier rule; a provider that no MX host leads to; a suffix
//! given to two providers. Run by a test on the built-in file, and by `ies check-config` on the operator's.

use model::reply::{Phase, Reply};

use super::{Providers, Rule};

/// Something in the rules that cannot work as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The key path: `rule.NAME` or `provider.NAME`.
    pub key: String,
    /// Line of the file; 0 where there is none.
    pub line: usize,
    /// What is wrong.
    pub text: String,
}

impl Providers {
    /// All findings; none for a sound file.
    pub fn lint(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.conflicts.iter().map(conflict).collect();
        for name in self.limits.keys() {
            let led_to = self.suffixes.values().chain(self.domains.values()).any(|known| known == name);
            if !led_to {
                let text = "no MX suffix and no domain leads to it, so its limits never hold".to_owned();
                findings.push(Finding { key: format!("provider.{name}"), line: 0, text });
            }
        }
        for (idx, rule) in self.rules().iter().enumerate() {
            let texts = self.lint_rule(idx, rule);
            findings.extend(texts.into_iter().map(|text| Finding {
                key: format!("rule.{}", rule.name),
                line: rule.line,
                text,
            }));
        }
        findings.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
        findings
    }

    fn lint_rule(&self, idx: usize, rule: &Rule) -> Vec<String> {
        let mut texts = Vec::new();
        for provider in &rule.providers {
            let known = self.limits.contains_key(provider) || self.suffixes.values().any(|name| name == provider);
            if !known {
                texts.push(format!("there is no provider {:?}", &**provider));
            }
        }
        if rule.samples.is_empty() {
            texts.push("has no sample, so nobody knows whether it can fire".to_owned());
        }
        let providers: Vec<&str> = match rule.providers.as_slice() {
            [] => vec![""],
            named => named.iter().map(|name| &**name).collect(),
        };
        let phase = rule.phases.first().copied().unwrap_or(Phase::Dot);
        for sample in &rule.samples {
            let Some(reply) = read_reply(sample) else {
                texts.push(format!("sample {sample:?} is not a reply"));
                continue;
            };
            for provider in &providers {
                match self.rule_for(provider, &reply, Some(phase)) {
                    Some(found) if found == idx => {}
                    Some(other) => {
                        let other = &self.rules()[other].name;
                        texts.push(format!("shadowed: rule {other} takes the sample {sample:?}"));
                    }
                    None => texts.push(format!("does not match its sample {sample:?}")),
                }
            }
        }
        texts.dedup();
        texts
    }
}

fn conflict((suffix, first, second): &(String, model::name::Name, model::name::Name)) -> Finding {
    Finding { key: format!("provider.{second}.suffix"), line: 0, text: format!("{suffix} belongs to {first} already") }
}

/// A reply from a line such as `421 4.7.0 text`.
pub fn read_reply(line: &str) -> Option<Reply> {
    let (code, text) = line.split_once(' ').unwrap_or((line, ""));
    let code: u16 = code.parse().ok().filter(|code| (200..600).contains(code))?;
    Some(Reply::new(code, text))
}
