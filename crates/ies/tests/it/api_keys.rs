//! Keys of programs from the command line: made with a quota, used, changed while the suite runs, renewed, removed.

use serde_json::{Value, json};

use crate::ies;
use crate::world::{World, output};

async fn run(world: &World, words: &[&str], succeeds: bool) -> String {
    let mut command = ies();
    command.args(words).arg("--config").arg(&world.config_file);
    let (success, said) = output(command).await;
    assert_eq!(success, succeeds, "{words:?}: {said}");
    said
}

/// Injects a mail with this key; the status of the answer.
async fn inject(world: &World, secret: &str, from: &str) -> u16 {
    let raw = format!("From: {from}\r\nTo: zoe@example.org\r\nSubject: Hello\r\n\r\nHello\r\n");
    let body = json!({ "raw": raw, "to": ["zoe@example.org"], "sender": from, "stream": "transactional" });
    let client = suite::client::Client::new(&suite::client::Door {
        url: world.door.url.clone(),
        key: secret.to_owned(),
        pid: world.door.pid,
        smtp: None,
    });
    let body = reqwest::Body::from(serde_json::to_vec(&body).unwrap());
    client.unwrap().hand_in("/api/v1/messages", "application/json", body, None).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_have_quotas_and_scopes_from_the_command_line() {
    let mut world = World::open().await;
    let add = ["key", "add", "shop", "--scope", "inject", "--per-day", "2", "--from-domain", "example.com", "--json"];
    let made: Value = serde_json::from_str(&run(&world, &add, true).await).unwrap();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!(made["key"]["limits"]["per_day"], 2, "{made}");
    let again = run(&world, &["key", "add", "shop"], false).await;
    assert!(again.contains("there is a key \"shop\" already"), "{again}");
    let wrong = run(&world, &["key", "add", "x", "--scope", "all"], false).await;
    assert!(wrong.contains("there are inject, read and manage"), "{wrong}");

    // Its limits hold at once, and a change of them from the next request on.
    assert_eq!(inject(&world, &secret, "shop@other.example").await, 403, "not its domain");
    assert_eq!(inject(&world, &secret, "shop@example.com").await, 202);
    assert_eq!(inject(&world, &secret, "shop@example.com").await, 202);
    assert_eq!(inject(&world, &secret, "shop@example.com").await, 429, "two a day");
    let changed = run(&world, &["key", "change", "shop", "--per-day", "3"], true).await;
    assert!(changed.contains("3 a day; from example.com"), "{changed}");
    assert_eq!(inject(&world, &secret, "shop@example.com").await, 202);
    for _ in 0..3 {
        assert_eq!(world.receiver.next_to().await, "zoe@example.org");
    }
    let listed = run(&world, &["key", "list"], true).await;
    assert!(listed.contains("shop") && listed.contains("3 a day") && !listed.contains(&secret), "{listed}");

    // A new secret, and the end.
    let renewed = run(&world, &["key", "renew", "shop"], true).await;
    let renewed = renewed.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(inject(&world, &secret, "shop@example.com").await, 401);
    assert_eq!(inject(&world, &renewed, "shop@example.com").await, 429, "what it has sent today stays");
    let slip = run(&world, &["key", "remove", "shpo"], false).await;
    assert!(slip.contains("did you mean \"shop\"?"), "{slip}");
    run(&world, &["key", "remove", "shop"], true).await;
    assert_eq!(inject(&world, &renewed, "shop@example.com").await, 401);
    world.end().await;
}
