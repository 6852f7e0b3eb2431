//! What people do to the queue from the command line, on a running suite whose receiving host is dead: look, explain,
//! hold, release, requeue, reroute, cancel.

use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::ies;
use crate::world::{QUICK_RETRIES, Setup, Talk, World, count, ended, events_of, letter, output};

/// A second pool, so that mail can be sent elsewhere.
const CONFIG: &str = r#"
[[queue.sources]]
name = "ip-1"
ehlo_name = "mta1.example.com"
[[queue.sources]]
name = "ip-2"
ehlo_name = "mta2.example.com"
[[queue.pools]]
name = "default"
members = [{ source = "ip-1" }]
[[queue.pools]]
name = "warm"
members = [{ source = "ip-2" }]
"#;

/// Runs the program with these words; what it printed.
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

/// Asks until the answer is as it should be; the time limit of the test ends what never comes.
async fn until(world: &World, words: &[&str], enough: impl Fn(&Value) -> bool) -> Value {
    loop {
        let found = json(world, words).await;
        if enough(&found) {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_from_the_command_line() {
    // Nobody listens on a port that was just given back.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let world = World::with(Setup { port: Some(dead), config: CONFIG, ..Setup::default() }).await;
    let mut talk = Talk::open(world.smtp).await;
    for address in ["a@example.org", "b@example.org", "c@example.org"] {
        assert!(talk.send(address, &letter("waits")).await.starts_with("250"));
    }
    let all = until(&world, &["queue", "list", "domain:example.org"], |found| found["total"] == 3).await;
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    let message = all["items"][0]["message"].as_str().unwrap().to_owned();

    // Looking: tables for people, the same as JSON.
    let domains = run(&world, &["queue", "domains"], true).await;
    assert!(domains.contains("example.org") && domains.contains("3 recipients in all"), "{domains}");
    assert!(run(&world, &["queue"], true).await.contains("example.org"));
    assert!(run(&world, &["status"], true).await.contains("3 rcpts in 1 domains"));
    let explained = run(&world, &["explain", "b@example.org"], true).await;
    assert!(explained.contains("to example.org") && explained.contains("waits for"), "{explained}");
    assert_eq!(json(&world, &["explain", &message]).await.as_array().unwrap().len(), 1);

    // A slip is pointed at, and concerns nobody.
    let slip = run(&world, &["cancel", "doman:example.org"], false).await;
    assert!(slip.contains("\"doman:example.org\" is not a term of a filter"), "{slip}");
    assert!(run(&world, &["cancel"], false).await.contains("would concern the whole queue"));
    let gone = run(&world, &["reroute", "domain:example.org", "--to-pool", "cold"], false).await;
    assert!(gone.contains("pool cold"), "{gone}");
    let dry = run(&world, &["cancel", "domain:example.org", "--dry-run"], true).await;
    assert!(dry.starts_with("cancel would concern 3 recipients"), "{dry}");

    // A value with spaces is one word of the shell.
    let spaced = json(&world, &["queue", "list", "job:spring sale", "domain:example.org"]).await;
    assert_eq!(spaced["total"], 0, "{spaced}");
    let dry = json(&world, &["hold", "tenant:Big Shop: north", "--dry-run"]).await;
    assert_eq!(dry["affected"], 0, "{dry}");

    // Holding, and the way back.
    let held = json(&world, &["hold", "domain:example.org", "--reason", "wrong link"]).await;
    assert_eq!(held["affected"], 3);
    until(&world, &["queue", "list", "state:held", "--limit", "0"], |found| found["total"] == 3).await;
    let why = run(&world, &["explain", "a@example.org"], true).await;
    assert!(why.contains("hold: ") && why.contains("wrong link"), "{why}");
    assert!(run(&world, &["queue", "orders"], true).await.contains("wrong link"));
    let number = held["order"].to_string();
    assert_eq!(json(&world, &["release", "--hold", &number]).await["affected"], 3);
    until(&world, &["queue", "list", "state:held", "--limit", "0"], |found| found["total"] == 0).await;

    // Elsewhere, and now.
    assert_eq!(json(&world, &["reroute", "address:c@example.org", "--to-pool", "warm"]).await["affected"], 1);
    until(&world, &["queue", "list", "attempts:1", "--limit", "0"], |found| found["total"] == 3).await;
    json(&world, &["requeue", "address:c@example.org"]).await;
    let events = events_of(&world.client, "c@example.org", |events| {
        events.iter().any(|event| event["kind"] == "deferred" && event["source"] == "ip-2")
    });
    events.await;

    // The end.
    let cancelled = json(&world, &["cancel", "domain:example.org", "--reason", "offer is over"]).await;
    assert_eq!(cancelled["affected"], 3);
    for address in ["a@example.org", "b@example.org", "c@example.org"] {
        let events = events_of(&world.client, address, ended).await;
        assert_eq!(count(&events, &["suppressed"]), 1, "{address}: {events:#?}");
        let end = events.iter().find(|event| event["kind"] == "suppressed").unwrap();
        assert!(end["note"].as_str().unwrap().ends_with(": offer is over"), "{end}");
    }
    until(&world, &["queue", "list", "--limit", "0"], |found| found["total"] == 0).await;
    assert!(run(&world, &["explain", "a@example.org"], false).await.contains("ies trace a@example.org"));
    world.end().await;
}

/// Of two mails of one sender that are cancelled, the one with `--notify` comes back to him.
#[tokio::test(flavor = "multi_thread")]
async fn a_sender_is_told_of_a_cancellation_where_that_was_asked() {
    let mut world = World::with(Setup { config: QUICK_RETRIES, ..Setup::default() }).await;
    world.receiver.manners.busy.store(true, Ordering::SeqCst);
    let mut talk = Talk::open(world.smtp).await;
    for address in ["silent@example.org", "told@example.org"] {
        assert!(talk.say("MAIL FROM:<author@example.org>").await.starts_with("250"));
        assert!(talk.say(&format!("RCPT TO:<{address}>")).await.starts_with("250"));
        assert!(talk.say("DATA").await.starts_with("354"));
        assert!(talk.bytes(&letter("the wrong offer")).await.starts_with("250"));
    }
    until(&world, &["queue", "list", "--limit", "0"], |found| found["total"] == 2).await;
    run(&world, &["cancel", "address:silent@example.org", "--reason", "sold out"], true).await;
    events_of(&world.client, "silent@example.org", ended).await;
    run(&world, &["cancel", "address:told@example.org", "--reason", "wrong link", "--notify"], true).await;
    let events = events_of(&world.client, "told@example.org", ended).await;
    assert_eq!(count(&events, &["suppressed"]), 1, "{events:#?}");

    // Notices go out in the order of what they tell: were there one of the first mail, it would come now.
    world.receiver.manners.busy.store(false, Ordering::SeqCst);
    let notice = world.receiver.mails.recv().await.unwrap();
    let text = String::from_utf8_lossy(&notice.data);
    assert_eq!(notice.recipients[0].address, "author@example.org", "{text}");
    for line in ["Final-Recipient: rfc822; told@example.org", "Action: failed", "wrong link"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("silent@example.org"), "{text}");
    world.end().await;
}
