//! Files of the operator: provider rules, reply dictionary, MX table.
//!
//! Holds: a file is read, or its line is named, and the line is one of the file; what is read can be linted and asked.

use crate::bytes::text;
use mail::bounce::Dictionary;
use model::name::Name;
use model::reply::{Phase, Reply};
use queue::providers::Providers;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let text = text(data);
    let lines = text.matches('\n').count() + 1;
    match Providers::parse(&text, "rules.toml") {
        Ok(providers) => {
            for finding in providers.lint() {
                assert!(finding.line <= lines && !finding.text.is_empty());
            }
            let reply = Reply::new(421, "4.7.0 too fast, try again later");
            if let Some(rule) = providers.rule_for("gmail", &reply, Some(Phase::Dot)) {
                assert!(rule < providers.rules().len());
            }
            assert!(!providers.entries().is_empty());
            let limits = providers.limits(&Name::from("a"), &Name::from("gmail"), None, &[]);
            assert!(limits.connections.value > 0 && limits.messages_per_connection.value > 0);
        }
        Err(error) => assert!(error.line <= lines, "{error}"),
    }
    if let Ok(dictionary) = Dictionary::parse(&text) {
        let class = dictionary.classify(&Reply::new(550, "5.1.1 no such user"), None);
        assert!(dictionary.entry(&class.template).is_some());
    }
    if let Ok(table) = mail::provider::Providers::parse(&text) {
        for provider in table.entries() {
            for suffix in &provider.suffix {
                assert_eq!(table.of_host(&format!("mx.{suffix}")).map(|found| &found.name), Some(&provider.name));
            }
        }
    }
}
