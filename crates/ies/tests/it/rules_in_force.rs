//! A provider throttles; an operator finds out from the command line which rule answered, what it does and why, what holds
//! for the way there, and stops and mends things: rules, resolve, explain, sources.

use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::ies;
use crate::world::{Setup, Talk, World, letter, output};

/// Two sources of which one has limits of its own, rules that answer what the receiving host says when it is busy, and a
/// limit for one domain.
const CONFIG: &str = r#"
[queue]
providers_file = "RULES"
[[queue.sources]]
name = "ip-1"
ehlo_name = "mta1.example.com"
[[queue.sources]]
name = "ip-2"
ehlo_name = "mta2.example.com"
[[queue.pools]]
name = "default"
members = [{ source = "ip-1" }]
[[queue.overrides]]
provider = "corp"
source = "ip-1"
connections = 3
"#;

const RULES: &str = r#"
[[provider]]
name = "corp"
suffix = ["mx.example.org"]
connections = 7
source = "own"

[[rule]]
name = "corp-busy"
providers = ["corp"]
match = 'busy, come again'
actions = ["suspend"]
scope = "provider"
duration = "1h"
sample = ["451 4.3.2 Busy, come again"]
source = "own"
"#;

async fn run(world: &World, words: &[&str], succeeds: bool) -> String {
    let mut command = ies();
    command.args(words).arg("--config").arg(&world.config_file);
    let (success, said) = output(command).await;
    assert_eq!(success, succeeds, "{words:?}: {said}");
    said
}

async fn json(world: &World, words: &[&str]) -> Value {
    let said = run(world, &[words, &["--json"]].concat(), true).await;
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{words:?}: {error}: {said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_provider_is_explained_and_mended() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules.toml");
    std::fs::write(&rules, RULES).unwrap();
    let config = CONFIG.replace("RULES", rules.to_str().unwrap());
    let mut world = World::with(Setup { config: &config, ..Setup::default() }).await;
    let file = rules.to_str().unwrap();

    // Before anything happened.
    assert!(run(&world, &["rules", "lint"], true).await.contains("1 rules, 0 warnings"));
    assert!(run(&world, &["rules", "active"], true).await.starts_with("nothing is slowed or stopped"));
    let listed = run(&world, &["rules", "list", "--provider", "corp"], true).await;
    assert!(listed.contains("corp-busy") && listed.contains("suspend"), "{listed}");
    let slip = run(&world, &["rules", "list", "--provider", "crop"], false).await;
    assert!(slip.contains("did you mean \"corp\"?"), "{slip}");
    let slip = run(&world, &["rules", "show", "corp-bsy"], false).await;
    assert!(slip.contains("did you mean \"corp-busy\"?"), "{slip}");
    world.receiver.manners.busy.store(true, Ordering::SeqCst);
    let mut talk = Talk::open(world.smtp).await;
    assert!(talk.send("a@example.org", &letter("first")).await.starts_with("250"));

    // The rule fires; from here one sees what is in force, by which line, because of which reply.
    let active = loop {
        let active = json(&world, &["rules", "active"]).await;
        if active["active"].as_array().is_some_and(|active| !active.is_empty()) {
            break active;
        }
    };
    assert_eq!(active["active"][0]["rule"], "corp-busy");
    let said = run(&world, &["rules", "active"], true).await;
    assert!(said.contains("by rule corp-busy") && said.contains("because of: 451 4.3.2 Busy"), "{said}");
    let shown = run(&world, &["rules", "show", "corp-busy"], true).await;
    assert!(shown.contains("in force") && shown.contains("fired 1"), "{shown}");
    assert!(talk.send("b@example.org", &letter("second")).await.starts_with("250"));
    let why = loop {
        let why = run(&world, &["explain", "b@example.org"], true).await;
        if why.contains("suspended: ") {
            break why;
        }
    };
    assert!(why.contains("corp-busy"), "{why}");

    limits_have_origins(&world, file).await;

    // Mended: the rule only tells, and mail goes.
    world.receiver.manners.busy.store(false, Ordering::SeqCst);
    run(&world, &["rules", "shadow", "on", "corp-busy"], true).await;
    assert_eq!(world.receiver.next_to().await, "b@example.org");
    world.end().await;
}

/// What holds for the way there: by domain, by provider, by path.
async fn limits_have_origins(world: &World, file: &str) {
    let by_domain = run(world, &["resolve", "example.org", "--source", "ip-1", "--all"], true).await;
    assert!(by_domain.contains("queue.overrides[0].connections") && by_domain.contains("(lost)"), "{by_domain}");
    assert!(by_domain.contains(&format!("{file} line")) && by_domain.contains("now: "), "{by_domain}");
    let by_provider = json(world, &["resolve", "provider:corp", "--source", "ip-1"]).await;
    let connections = |answer: &Value| {
        let limits = answer["sources"][0]["limits"].as_array().unwrap();
        let limit = limits.iter().find(|limit| limit["key"] == "connections").unwrap();
        (limit["value"].as_str().unwrap().to_owned(), limit["set_by"].as_str().unwrap().to_owned())
    };
    assert_eq!(connections(&by_provider), ("3".to_owned(), "queue.overrides[0].connections".to_owned()));
    let other = json(world, &["resolve", "path:ip-2/mx.example.org"]).await;
    assert_eq!((other["provider"].as_str(), connections(&other).0.as_str()), (Some("corp"), "7"));
    assert!(connections(&other).1.starts_with(file), "{other}");
    let offline = run(world, &["resolve", "provider:corp", "--offline"], true).await;
    assert!(offline.contains("No running suite was asked"), "{offline}");
    for (asked, expected) in
        [("provider:crop", "provider"), ("path:ip-9/mx.example.org", "ip-9"), ("exa mple", "not the name")]
    {
        let refused = run(world, &["resolve", asked], false).await;
        assert!(refused.contains(expected), "{asked}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_suspended_with_a_reason_that_everybody_sees() {
    let config = "[[queue.sources]]\nname = \"ip-1\"\nehlo_name = \"mta1.example.com\"\n";
    let mut world = World::with(Setup { config, ..Setup::default() }).await;
    let slip = run(&world, &["sources", "suspend", "ip-l"], false).await;
    assert!(slip.contains("there is no source \"ip-l\"") && slip.contains("did you mean \"ip-1\"?"), "{slip}");
    let said =
        run(&world, &["sources", "suspend", "ip-1", "--reason", "listed at Spamhaus", "--for", "2h"], true).await;
    assert!(said.starts_with("ip-1: suspend"), "{said}");
    let mut talk = Talk::open(world.smtp).await;
    assert!(talk.send("a@example.org", &letter("waits")).await.starts_with("250"));
    let listed = run(&world, &["sources"], true).await;
    assert!(listed.contains("ip-1 is suspended by") && listed.contains(": listed at Spamhaus"), "{listed}");
    let view = json(&world, &["sources"]).await;
    assert_eq!(view["items"][0]["suspension"]["reason"], "listed at Spamhaus");
    assert!(view["items"][0]["suspension"]["until"].is_string(), "{view}");
    assert!(run(&world, &["queue"], true).await.contains("listed at Spamhaus"));
    let why = loop {
        let why = run(&world, &["explain", "a@example.org"], true).await;
        if why.contains("suspended: ") {
            break why;
        }
    };
    assert!(why.contains("listed at Spamhaus"), "{why}");
    run(&world, &["sources", "resume", "ip-1"], true).await;
    assert_eq!(world.receiver.next_to().await, "a@example.org");
    assert_eq!(json(&world, &["sources"]).await["items"][0]["suspended"], false);
    world.end().await;
}

/// What an operator meets who works in the wrong place: each is told in a sentence, and nothing is done.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_suite_every_command_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = dir.path().join("ies.toml");
    std::fs::write(&nobody, "data_dir = \"data\"\n").unwrap();
    let all: [&[&str]; 14] = [
        &["status"],
        &["queue"],
        &["queue", "list"],
        &["queue", "orders"],
        &["sources"],
        &["sources", "suspend", "ip-1"],
        &["rules", "active"],
        &["rules", "shadow", "on", "yahoo-ts02"],
        &["explain", "a@example.org"],
        &["hold", "domain:example.org"],
        &["release", "--hold", "3"],
        &["requeue", "domain:example.org"],
        &["cancel", "domain:example.org"],
        &["expire", "domain:example.org"],
    ];
    for words in all {
        let mut command = ies();
        command.args(words).arg("--config").arg(&nobody);
        let ran = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(1), 0), "{words:?}: {said}");
        assert!(said.contains("no suite runs") && said.contains("`ies serve` starts one"), "{words:?}: {said}");
        assert!(said.contains(nobody.to_str().unwrap()), "{words:?}: {said}");
    }
    // These need none: they say what is configured.
    for words in [
        &["rules", "list"][..],
        &["rules", "lint"],
        &["dkim", "list"],
        &["resolve", "provider:orange"],
        &["tls", "--broken"],
    ] {
        let mut command = ies();
        command.args(words).arg("--config").arg(&nobody);
        let (success, said) = output(command).await;
        assert!(success, "{words:?}: {said}");
    }
    // A word that is no command, and a value that is none: wrong usage, 2.
    for words in [&["qeue"][..], &["prioritise", "domain:a", "--priority", "101"], &["reroute", "domain:a"]] {
        let mut command = ies();
        command.args(words).arg("--config").arg(&nobody);
        let ran = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert_eq!(ran.status.code(), Some(2), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}
