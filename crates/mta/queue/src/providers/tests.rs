//! The built-in file is sound, errors name their place, the linter finds the dead rules of the field.

use expect_test::{Expect, expect};
use model::route::TlsPolicy;

use super::*;
use crate::config::Override;
use crate::providers::lint::read_reply;

fn hosts(names: &[&str]) -> Vec<MxHost> {
    names.iter().map(|&name| MxHost { name: Name::from(name), preference: 10 }).collect()
}

#[test]
fn the_built_in_file_has_no_findings() {
    let providers = Providers::builtin();
    assert_eq!(providers.lint(), []);
    assert!(providers.rules().len() > 40);
}

#[test]
fn a_site_belongs_to_whom_all_its_hosts_belong() {
    let providers = Providers::builtin();
    let check = |names: &[&str], expected: Option<&str>| {
        assert_eq!(providers.of_site(&hosts(names), "example.org").map(|name| &**name), expected, "{names:?}");
    };
    check(&["gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"], Some("gmail"));
    check(&["ASPMX.L.GOOGLE.COM."], Some("gmail"));
    check(&["outlook-com.olc.protection.outlook.com"], Some("outlook"));
    check(&["example-org.mail.protection.outlook.com"], Some("microsoft365"));
    check(&["mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net"], Some("yahoo"));
    check(&["mx01.mail.icloud.com"], Some("icloud"));
    check(&["smtp-in.orange.fr"], Some("orange"));
    check(&["mx1.free.fr"], Some("free"));
    check(&["smtp-in.sfr.fr"], Some("sfr"));
    check(&["smtpz4.laposte.net"], Some("laposte"));
    check(&["mx00.gmx.net", "mx-ha02.web.de"], Some("gmx"));
    check(&["notgoogle.com"], None);
    check(&["aspmx.l.google.com", "mx.example.org"], None);
    check(&[], None);
}

#[test]
fn a_provider_has_a_name_for_people_and_a_page_for_senders() {
    let file = r#"
        [[provider]]
        name = "gmail"
        [[provider]]
        name = "sfr"
        [[provider]]
        name = "own"
        suffix = ["mx.own.example"]
    "#;
    let entries = Providers::parse(file, "providers.toml").unwrap().entries();
    let check = |name: &str, label: &str, page: Option<&str>| {
        let entry = entries.iter().find(|entry| entry.name == *name).unwrap();
        assert_eq!((&*entry.label, entry.postmaster_url.as_deref()), (label, page));
    };
    check("gmail", "Gmail and Google Workspace", Some("https://postmaster.google.com"));
    check("sfr", "SFR, Neuf, Cegetel, Club-Internet, Numericable, Noos", None);
    check("own", "own", None);
}

#[test]
fn limits_are_inherited_value_by_value() {
    let providers = Providers::builtin();
    let overrides = [
        Override { source: Some(Name::from("cold")), connections: Some(1), ..Override::default() },
        Override { provider: Some(Name::from("gmail")), rate: "7/s".parse().ok(), ..Override::default() },
    ];
    let limits = providers.limits(&Name::from("cold"), &Name::from("gmail"), None, &overrides);
    assert_eq!((limits.connections.value, &*limits.connections.set_by), (1, "queue.overrides[0].connections"));
    assert_eq!(limits.rate.unwrap().value.count, 7);
    assert_eq!(limits.messages_per_connection.value, 50);
    assert!(limits.messages_per_connection.set_by.starts_with("providers.toml line "));
    let other = providers.limits(&Name::from("warm"), &Name::from("example.net"), None, &overrides);
    assert_eq!((other.connections.value, other.rate.unwrap().value.to_string()), (10, "100/s".to_owned()));
    let empty = Providers::parse("", "none.toml").unwrap();
    assert_eq!(&*empty.limits(&Name::from("a"), &Name::from("b"), None, &[]).connections.set_by, "built-in default");
}

#[test]
fn rules_fire_on_their_provider_only() {
    let providers = Providers::builtin();
    let check = |provider: &str, line: &str, phase: Phase, expected: Option<&str>| {
        let found = providers.rule_for(provider, &read_reply(line).unwrap(), Some(phase));
        assert_eq!(found.map(|idx| &*providers.rules()[idx].name), expected, "{provider}: {line}");
    };
    let tss = "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints";
    check("yahoo", tss, Phase::MailFrom, Some("yahoo-tss04"));
    check("example.org", tss, Phase::MailFrom, Some("address-deferred"));
    check("gmx", "554 Reject due to policy restrictions.", Phase::Dot, Some("gmx-policy-block"));
    check("gmx", "450 Reject due to policy restrictions.", Phase::Dot, Some("gmx-policy"));
    check("example.org", "421 too many connections", Phase::Greeting, Some("too-many-connections"));
    check("example.org", "421 too many connections", Phase::Dot, None);
    check("gmail", "250 our system has detected that this message is fine", Phase::Dot, None);
}

#[test]
fn replies_as_they_come_find_their_rule() {
    let providers = Providers::builtin();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fixtures/replies/provider-replies.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let mut reader = recorded::Reader::new(&providers, model::time::Timestamp::default());
    let (mut expected, mut wrong, mut seen) = ("-", Vec::new(), std::collections::BTreeSet::new());
    for line in text.lines() {
        if let Some(rule) = line.strip_prefix("# rule ") {
            expected = rule;
            continue;
        }
        let recorded::Line::Reply(found) = reader.line(line) else {
            assert!(line.is_empty() || line.starts_with('#'), "unread: {line}");
            continue;
        };
        let phase = found.phase.or(Some(Phase::MailFrom));
        let rule = providers.rule_for(&found.provider, &found.reply, phase);
        let rule = rule.map_or("-", |idx| &*providers.rules()[idx].name);
        if rule != expected {
            wrong.push(format!("{rule} in place of {expected}: {line}"));
        }
        seen.insert(rule.to_owned());
    }
    assert_eq!(wrong, Vec::<String>::new());
    let unseen: Vec<&str> =
        providers.rules().iter().map(|rule| &*rule.name).filter(|name| !seen.contains(*name)).collect();
    assert_eq!(unseen, Vec::<&str>::new(), "rules without a reply of their own");
}

/// The reference of the field: connections, messages on a connection, TLS, for each provider that has values of its own.
#[test]
fn every_provider_has_its_values() {
    let providers = Providers::builtin();
    let check = |name: &str, connections, messages, tls: TlsPolicy| {
        let limits = providers.limits(&Name::from("ip-1"), &Name::from(name), None, &[]);
        let total = limits.provider_connections.as_ref().map_or(u32::MAX, |limit| limit.value);
        let found = (limits.connections.value.min(total), limits.messages_per_connection.value, limits.tls);
        assert_eq!(found, (connections, messages, tls), "{name}");
    };
    let (opportunistic, required) = (TlsPolicy::Opportunistic, TlsPolicy::Required);
    check("example.org", 10, 100, opportunistic);
    check("gmail", 5, 50, required);
    check("yahoo", 10, 20, opportunistic);
    check("outlook", 5, 50, required);
    check("microsoft365", 5, 50, required);
    check("icloud", 10, 5, opportunistic);
    check("comcast", 25, 400, required);
    check("orange", 2, 100, required);
    check("laposte", 2, 100, opportunistic);
    check("sfr", 2, 50, opportunistic);
    check("free", 2, 20, opportunistic);
    check("gmx", 4, 20, required);
    check("mail.com", 4, 100, opportunistic);
    check("t-online", 2, 20, opportunistic);
    check("mimecast", 10, 100, opportunistic);
    check("barracuda", 10, 15, required);
    check("netvigator", 5, 10, required);
    check("kpn", 10, 10, required);
    check("yahoo-japan", 2, 20, opportunistic);
    check("qq", 4, 8, required);
    check("netease", 4, 7, required);
    check("mail.ru", 5, 50, opportunistic);
    check("libero", 4, 10, opportunistic);
    check("arcor", 4, 20, opportunistic);
    assert_eq!(providers.entries().iter().filter(|entry| entry.has_limits).count(), 23);
}

fn check_error(text: &str, expected: Expect) {
    expected.assert_eq(&Providers::parse(text, "p.toml").expect_err("wrong on purpose").to_string());
}

#[test]
fn errors_name_key_path_and_line() {
    check_error(
        "[default]\nconnections = 3\n\n[[provider]]\nname = \"gmail\"\nrate = \"5/week\"\n",
        expect![[
            r#"p.toml, line 6, provider.gmail.rate: "5/week" is not a rate such as "20/s", "100/min" or "100/15m,max_burst=5""#
        ]],
    );
    check_error(
        "[[provider]]\nname = \"x\"\nconections = 3\n",
        expect![
            "p.toml, line 3, provider.x.conections: unknown field `conections`, expected one of `name`, `suffix`, `domains`, `connections`, `provider_connections`, `total_connections`, `address_connections`, `rate`, `provider_rate`, `total_rate`, `byte_rate`, `provider_byte_rate`, `total_byte_rate`, `connection_rate`, `provider_connection_rate`, `total_connection_rate`, `messages_per_connection`, `recipients_per_transaction`, `connection_failures`, `backoff_rate`, `backoff_connections`, `tls`, `idle_timeout`, `max_age`, `retry`, `source`"
        ],
    );
    check_error(
        "[[provider]]\nname = \"x\"\n\nconnections = 0\n",
        expect!["p.toml, line 4, provider.x.connections: must be at least 1"],
    );
    check_error("[default\n", expect!["p.toml, line 1, default: unclosed table, expected `]`"]);
    check_error("[[provider]]\nconnections = 1\n", expect!["p.toml, line 1, provider.?.name: a provider needs a name"]);
    let rule = |pattern: &str| {
        format!("\n[[rule]]\nname = 'r'\nmatch = '{pattern}'\nactions = ['suspend']\nduration = '1h'\nsample = []\n")
    };
    check_error(
        &rule("(unclosed"),
        expect![[r#"
        p.toml, line 4, rule.r.match: regex parse error:
            (unclosed
            ^
        error: unclosed group"#]],
    );
    check_error(&rule("x*"), expect!["p.toml, line 4, rule.r.match: matches the empty text, and so every reply"]);
}

#[path = "tests/lint.rs"]
mod lint_tests;
