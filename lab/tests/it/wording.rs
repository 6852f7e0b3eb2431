//! The words of the providers under the eyes of the suite's reply dictionary: what the lab means, the suite understands.
//!
//! When a scenario's wording changes, this tells whether the dashboards would still say the same.

use lab::Scenario;
use lab::scenario::Replies;
use mail::bounce::Dictionary;
use mail::provider::Providers;
use model::category::Category::{self, *};

/// The categories that may stand for each kind of refusal. Yahoo for one has the same words for "too fast" and for
/// "too many complaints": slow down is what they mean.
fn kinds(replies: &Replies) -> [(&'static str, &str, &'static [Category]); 10] {
    [
        ("unknown", &replies.unknown, &[BadMailbox]),
        ("full", &replies.full, &[QuotaIssues]),
        ("disabled", &replies.disabled, &[InactiveMailbox, BadMailbox]),
        ("greylisted", &replies.greylisted, &[Greylisted, RateLimited, Reputation]),
        ("rate", &replies.rate, &[RateLimited, Reputation]),
        ("connections", &replies.connections, &[RateLimited, Reputation]),
        ("messages", &replies.messages, &[RateLimited]),
        ("slowed", &replies.slowed, &[RateLimited, Reputation, BadConnection]),
        ("blocked", &replies.blocked, &[Reputation, PolicyRelated, SpamRelated]),
        ("spam", &replies.spam, &[SpamRelated, PolicyRelated, Reputation]),
    ]
}

#[test]
fn the_suite_understands_every_provider() {
    let dictionary = Dictionary::builtin();
    let scenario = Scenario::parse(lab::scenario::DEMO).unwrap();
    let mut misunderstood = Vec::new();
    for provider in &scenario.providers {
        for (kind, reply, meant) in kinds(&provider.replies) {
            let line =
                reply.replace("{ip}", "127.0.20.1").replace("{rcpt}", "zoe@example.org").replace("{id}", "7f3a2");
            let found = dictionary.classify_line(&line, Some(&provider.name));
            // Some say the same of a mailbox that is gone and of one that is disabled.
            let may_suppress = matches!(kind, "unknown" | "disabled");
            if !meant.contains(&found.category) || (found.suppress && !may_suppress) {
                let name = &provider.name;
                misunderstood.push(format!("{name}.{kind}: {} by {}: {line}", found.category, found.template));
            }
            if kind == "unknown" && !found.suppress {
                misunderstood.push(format!("{}.{kind}: does not suppress: {line}", provider.name));
            }
        }
    }
    assert!(misunderstood.is_empty(), "{}", misunderstood.join("\n"));
}

#[test]
fn the_suite_knows_every_mail_exchanger() {
    let providers = Providers::builtin();
    let scenario = Scenario::parse(lab::scenario::DEMO).unwrap();
    for provider in &scenario.providers {
        for host in &provider.mx {
            assert_eq!(
                providers.of_host(host).map(|known| known.name.as_str()),
                Some(provider.name.as_str()),
                "{host}"
            );
        }
    }
}
