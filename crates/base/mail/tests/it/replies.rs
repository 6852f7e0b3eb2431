//! The reply dictionary against its own samples (linter) and against three foreign collections.
//!
//! The collections are opinions of their sources. Where we differ on purpose, the test says why;
//! thresholds stand just below what is reached, so that a change for the worse is noticed.

use mail::bounce::{Dictionary, Failure, ReplyClass};
use mail::provider::Providers;
use model::category::{Category, Family};
use serde_json::Value;

fn fixture(name: &str) -> Value {
    let path = format!("{}/../../../fixtures/replies/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_rule_wins_its_own_samples() {
    let dictionary = Dictionary::builtin();
    let mut faults = Vec::new();
    for entry in dictionary.entries() {
        let no_reply = entry.id.starts_with("local-") || entry.id == "unknown";
        if entry.sample.is_empty() && !no_reply {
            faults.push(format!("{} has no sample", entry.id));
        }
        for sample in &entry.sample {
            let mut providers: Vec<Option<&str>> = entry.provider.iter().map(|name| Some(name.as_str())).collect();
            if !entry.strict {
                providers.push(None);
            }
            for provider in providers {
                let found = dictionary.classify_line(sample, provider);
                if found.template != entry.id {
                    faults.push(format!("{} ({provider:?}): taken by {}: {sample}", entry.id, found.template));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn providers_of_rules_are_known() {
    let providers = Providers::builtin();
    let dictionary = Dictionary::builtin();
    for entry in dictionary.entries() {
        for name in &entry.provider {
            assert!(providers.entries().iter().any(|known| known.name == *name), "{} names {name}", entry.id);
        }
    }
}

#[test]
fn every_failure_has_its_rule() {
    let dictionary = Dictionary::builtin();
    let mut ids: Vec<_> = Failure::ALL.iter().map(|&failure| dictionary.classify_failure(failure).template).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), Failure::ALL.len());
    assert!(ids.iter().all(|id| id.starts_with("local-")), "{ids:?}");
}

/// Agreement in family and in the flag "never again", with the lines that differ.
///
/// On purpose: "user unknown" is believed whatever the phase (the source calls it `filtered` after DATA), a temporary
/// reply never writes an address off, and a bare protocol complaint is no fault of the content.
fn compare(dictionary: &Dictionary) -> (usize, usize, usize, Vec<String>) {
    let (mut lines, mut same_family, mut same_hard, mut differing) = (0, 0, 0, Vec::new());
    for row in fixture("replies-open.json")["lines"].as_array().unwrap() {
        let text = row["line"].as_str().unwrap();
        let found = dictionary.classify_line(text, None);
        let family = row["family"].as_str().unwrap();
        let family_fits = family == "any" || family == found.family.as_str();
        // Their "hard" is our "suppress": the address may be written off for good.
        let hard_fits = row["hard"].as_bool().unwrap() == found.suppress;
        lines += 1;
        same_family += usize::from(family_fits);
        same_hard += usize::from(hard_fits);
        if !family_fits || !hard_fits {
            differing.push(format!(
                "{}{} {family}/{} hard={} | {} {} {} suppress={} | {}",
                if family_fits { " " } else { "F" },
                if hard_fits { " " } else { "H" },
                row["reason"].as_str().unwrap(),
                row["hard"],
                found.family,
                found.category,
                found.template,
                found.suppress,
                text.chars().take(230).collect::<String>()
            ));
        }
    }
    (lines, same_family, same_hard, differing)
}

#[test]
fn agrees_with_the_open_replies() {
    let (lines, family, hard, differing) = compare(&Dictionary::builtin());
    println!("{lines} lines, family {family}, hard {hard}\n{}", differing.join("\n"));
    assert_eq!(lines, 191);
    assert!(family >= 186, "family agrees on {family} of {lines}");
    assert!(hard >= 173, "hard agrees on {hard} of {lines}");
}

/// The categories that stand for a label of the postalsys collection.
fn label_fits(label: &str, found: &ReplyClass) -> bool {
    use Category as C;
    let fitting: &[Category] = match label {
        "user_unknown" => &[C::BadMailbox],
        "invalid_address" => &[C::BadMailbox, C::BadDomain],
        "mailbox_disabled" => &[C::InactiveMailbox],
        "mailbox_full" => &[C::QuotaIssues],
        "greylisting" => &[C::Greylisted],
        "rate_limited" => &[C::RateLimited, C::TooManyRecipients],
        "server_error" => &[C::BadConnection, C::BadConfiguration],
        "ip_blacklisted" | "domain_blacklisted" => &[C::Reputation],
        "auth_failure" => &[C::AuthenticationFailed],
        "spam_blocked" => &[C::SpamRelated],
        "policy_blocked" => &[C::PolicyRelated],
        "relay_denied" => &[C::RelayingIssues],
        "virus_detected" => &[C::VirusRelated],
        "geo_blocked" => &[C::PolicyRelated],
        other => panic!("label {other}"),
    };
    fitting.contains(&found.category)
}

#[test]
fn agrees_with_the_postalsys_labels() {
    let dictionary = Dictionary::builtin();
    let mut differing = Vec::new();
    let rows = fixture("postalsys-cases.json");
    for row in rows["labels"].as_array().unwrap() {
        let text = row["line"].as_str().unwrap();
        let found = dictionary.classify_line(text, None);
        let intended = row["intended"].as_str().unwrap();
        let allowed: Vec<&str> = match row["allowed"].as_array() {
            Some(labels) => labels.iter().map(|label| label.as_str().unwrap()).collect(),
            None => vec![intended],
        };
        if !allowed.iter().any(|label| label_fits(label, &found)) {
            differing.push(format!("{intended}: {} {}: {text}", found.category, found.template));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn waiting_times_are_read() {
    let dictionary = Dictionary::builtin();
    let mut differing = Vec::new();
    for row in fixture("postalsys-cases.json")["retry"].as_array().unwrap() {
        let text = row["line"].as_str().unwrap();
        let line = if text.starts_with('4') { text.to_owned() } else { format!("499 {text}") };
        let found = dictionary.classify_line(&line, None).wait_s;
        let rule = dictionary.classify_line(&line, None).template;
        let of_rule = dictionary.entry(&rule).unwrap().wait_s;
        let expected = row["retry_after_seconds"].as_u64().map(|s| s as u32);
        if found != expected.or(of_rule) {
            differing.push(format!("{text}: {found:?}, not {expected:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn blocklists_are_named() {
    let dictionary = Dictionary::builtin();
    let mut differing = Vec::new();
    for row in fixture("postalsys-cases.json")["blocklists"].as_array().unwrap() {
        let text = row["line"].as_str().unwrap();
        let found = dictionary.blocklists_in(text);
        let any_of = row["any_of"].as_array();
        let fits = match any_of {
            Some(names) => names.iter().any(|name| found.iter().any(|known| known == name.as_str().unwrap())),
            None => row["count"].as_u64().map_or(found.is_empty(), |count| found.len() == count as usize),
        };
        if !fits {
            differing.push(format!("{text}: {found:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn codes_alone_lead_to_the_class_of_the_register() {
    let dictionary = Dictionary::builtin();
    let check = |line: &str, category: Category| {
        let found = dictionary.classify_line(line, None);
        assert_eq!(found.category, category, "{line}: {}", found.template);
    };
    for row in fixture("kumomta-iana-cases.json")["cases"].as_array().unwrap() {
        let category = match row["class"].as_str().unwrap() {
            "QuotaIssues" => Category::QuotaIssues,
            "InactiveMailbox" => Category::InactiveMailbox,
            "InvalidRecipient" => Category::BadMailbox,
            "BadDomain" => Category::BadDomain,
            "Uncategorized" => Category::Other,
            other => panic!("class {other}"),
        };
        check(row["line"].as_str().unwrap(), category);
    }
    check("452 4.2.2", Category::QuotaIssues);
    check("550 5.2.2", Category::QuotaIssues);
    check("550 5.7.1", Category::PolicyRelated);
    check("452 4.5.3", Category::TooManyRecipients);
    check("550 5.7.26", Category::AuthenticationFailed);
    check("whatever", Category::Other);
}

/// Whatever a reply says: one that names a blocklist, and one that may pass later, suppresses nobody.
#[test]
fn suppression_is_never_rash() {
    let dictionary = Dictionary::builtin();
    let listed = [
        "550 5.1.1 user unknown, blocked using zen.spamhaus.org",
        "550 No such user; see http://uribl.com",
        "550 5.1.1 rbl",
    ];
    for line in listed {
        assert!(!dictionary.classify_line(line, None).suppress, "{line}");
    }
    for entry in dictionary.entries() {
        for sample in &entry.sample {
            let found = dictionary.classify_line(sample, None);
            assert!(!found.suppress || (found.hard && found.blocklist.is_none()), "{sample}");
            assert!(!found.suppress || found.family == Family::Recipient, "{sample}");
            assert!(!(found.hard && sample.starts_with('4')), "{sample}");
        }
    }
}

mod anything {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(Dictionary::builtin);

    proptest! {
        #[test]
        fn is_classified(line in "\\PC{0,300}", code in 200_u16..600, provider in prop::option::of("[a-z]{3,8}")) {
            let line = format!("{code} {line}");
            let found = DICTIONARY.classify_line(&line, provider.as_deref());
            prop_assert!(DICTIONARY.entry(&found.template).is_some());
            prop_assert!(!found.suppress || code >= 500);
            prop_assert_eq!(found.family, found.category.family());
        }
    }
}
