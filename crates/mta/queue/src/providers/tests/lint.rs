//! What the linter finds: the mistakes that other rule files were shipped with, and each of them mended.

use super::*;

fn findings(text: &str) -> String {
    let providers = Providers::parse(text, "p.toml").unwrap();
    let line =
        |finding: lint::Finding| format!("line {}: {}", finding.line, finding.to_string().split("; ").next().unwrap());
    providers.lint().into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&findings(text));
}

fn rule(rest: &str) -> String {
    format!("[[rule]]\nname = 'r'\nactions = ['suspend']\nduration = '1h'\n{rest}\n")
}

#[test]
fn a_provider_that_nothing_leads_to() {
    check(
        "[[provider]]\nname = 'mine'\nconnections = 1\n",
        expect!["line 1: error: provider.mine: no MX suffix and no domain leads to it, so its limits never hold"],
    );
}

#[test]
fn suffixes() {
    check(
        "[[provider]]\nname = 'mine'\nsuffix = ['.Google.com.', 'mx.mine.example', 'MX.mine.example']\n",
        expect![[r#"
            line 1: error: provider.mine.suffix: google.com belongs to gmail already
            line 1: warning: provider.mine.suffix: mx.mine.example is there twice
            line 1: warning: provider.mine.suffix: ".Google.com." is no end of a host name: hosts are compared without a final dot, letter by letter"#]],
    );
}

#[test]
fn a_rule_for_a_provider_of_another_name() {
    let text = rule("providers = ['google']\nmatch = 'unusual rate'\nsample = ['421 4.7.28 unusual rate']");
    check(&text, expect![[r#"line 1: error: rule.r: there is no provider "google""#]]);
}

#[test]
fn patterns_that_want_what_no_reply_has() {
    check(
        &rule(
            r"match = '\\\\[HCM1\\\\]'
sample = ['421 [HCM1] deferred']",
        ),
        expect![[r#"
    line 1: error: rule.r: "\\\\\\\\[HCM1\\\\\\\\]" wants a backslash in the reply
    line 1: error: rule.r: does not match its sample "421 [HCM1] deferred""#]],
    );
    check(
        &rule(
            r"match = '^5\.5\.0.+mailbox unavailable'
sample = ['550 5.5.0 mailbox unavailable']",
        ),
        expect![[r#"
    line 1: error: rule.r: "^5\\.5\\.0.+mailbox unavailable" is anchored to the start, where the three digits of the code stand
    line 1: error: rule.r: does not match its sample "550 5.5.0 mailbox unavailable""#]],
    );
    check(
        &rule(
            r"match = 'Quota exceeded (mailbox for user is full)'
sample = ['452 Quota exceeded (mailbox for user is full)']",
        ),
        expect![[r#"
    line 1: warning: rule.r: "Quota exceeded (mailbox for user is full)" has parentheses with a whole phrase in them and nothing to choose or repeat
    line 1: error: rule.r: does not match its sample "452 Quota exceeded (mailbox for user is full)""#]],
    );
    check(
        &rule("match = '^421 busy'\ncode = [550]\nsample = ['421 busy']"),
        expect![[r#"
        line 1: error: rule.r: "^421 busy" wants the code 421, but `code` has [550]
        line 1: error: rule.r: does not match its sample "421 busy""#]],
    );
    check(
        &rule("match = 'x'\nsample = []"),
        expect!["line 1: error: rule.r: has no sample, so nobody knows whether it can fire"],
    );
}

#[test]
fn rules_behind_others() {
    let two = |first: &str, second: &str| {
        rule(&format!("match = '{first}'\nsample = ['421 {first}']"))
            + &rule(&format!("match = '{second}'\nsample = ['554 {second}']")).replace("'r'", "'second'")
    };
    check(
        &two("policy restrictions", "554 policy restrictions"),
        expect![[r#"
        line 7: error: rule.second: shadowed: rule r takes the sample "554 554 policy restrictions"
        line 7: error: rule.second: shadowed: whatever it matches goes to rule r before it"#]],
    );
    check(
        &two("policy", "policy restrictions"),
        expect![[r#"
        line 7: error: rule.second: shadowed: rule r takes the sample "554 policy restrictions"
        line 7: error: rule.second: shadowed: whatever it matches goes to rule r before it"#]],
    );
    check(&two("policy restrictions", "policy"), expect![""]);
}

#[test]
fn limits_and_actions_that_contradict() {
    check(
        "[default]\nrate = '10/s'\nprovider_rate = '100/min'\nconnections = 5\ntotal_connections = 3\n",
        expect![[r#"
        line 0: warning: default: connections 5 is above total_connections 3
        line 0: warning: default: rate 10/s is above provider_rate 100/min"#]],
    );
    check(
        &rule("match = 'busy'\nsample = ['421 busy']").replace("['suspend']", "['suspend', {rate = '1/min'}]"),
        expect!["line 1: warning: rule.r: it stops what it also slows down"],
    );
    check(
        &rule("match = 'busy'\nsample = ['421 busy']\nthreshold = '3/h'").replace("'suspend'", "'bounce'"),
        expect!["line 1: warning: rule.r: it gives recipients up, but only every 3th of 3/h"],
    );
}

#[test]
fn what_other_files_got_wrong_fires_here() {
    let providers = Providers::builtin();
    let fires = |provider: &str, line: &str, expected: &str| {
        let found = providers.rule_for(provider, &read_reply(line).unwrap(), Some(Phase::Dot));
        assert_eq!(found.map(|idx| &*providers.rules()[idx].name), Some(expected), "{provider}: {line}");
    };
    // 1: under a name of the provider that hosts lead to.
    let google = providers.of_host("alt1.gmail-smtp-in.l.google.com").unwrap();
    fires(google, "421 4.7.28 Our system has detected an unusual rate of unsolicited mail", "gmail-unusual-rate");
    // 2: suffixes without a final dot.
    for (host, provider) in
        [("d1.ess.barracudanetworks.com", "barracuda"), ("mx1.netvigator.com", "netvigator"), ("mx.kpnmail.nl.", "kpn")]
    {
        assert_eq!(providers.of_host(host).map(|name| &**name), Some(provider), "{host}");
    }
    fires("netvigator", "452 4.3.1 Too many messages for this session", "netvigator-session");
    // 3: escaped once.
    fires("icloud", "421 [HCM1] Your mail was deferred", "icloud-deferred");
    // What counted for one message of a source stops the campaign, and a code of a family is tried before the family.
    fires("gmail", "550 5.7.1 Our system has detected that this message is likely spam", "gmail-likely-spam");
    fires("comcast", "421 4.1.0 Throttled. RL000010", "comcast-tenant");
    fires("comcast", "421 4.1.0 Throttled. RL000002", "comcast-rate");
}
