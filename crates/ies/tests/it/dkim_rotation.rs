//! DKIM keys from the command line, from the first key to its successor: made, published, signing, replaced; and the mail
//! that leaves verifies with whichever key signs.

use std::path::Path;
use std::sync::Arc;

use dns::{Resolver, Zone};
use mail::auth::{DkimResult, Letter, dkim};
use model::time::{Clock as _, SystemClock};
use serde_json::Value;
use suite::config::Config;
use suite::topology::Suite;

use crate::ies;
use crate::world::{Receiver, Talk, config_text, output};

/// A key signs as soon as it is seen in the DNS.
const SIGNING: &str = "[signing]\nsettle = \"0s\"\n";

async fn run(config: &Path, words: &[&str]) -> (bool, String) {
    let mut command = ies();
    command.args(words).arg("--config").arg(config);
    output(command).await
}

/// The keys as `ies dkim list` tells them: selector and state.
async fn keys(config: &Path) -> Vec<(String, String)> {
    let (success, said) = run(config, &["dkim", "list", "--json"]).await;
    assert!(success, "{said}");
    let keys: Vec<Value> = serde_json::from_str(&said).unwrap();
    let text = |key: &Value, field: &str| key[field].as_str().unwrap().to_owned();
    keys.iter().map(|key| (text(key, "selector"), text(key, "state"))).collect()
}

/// Waits until the running suite has brought the keys there; the time limit of the test ends what never comes.
async fn until(config: &Path, enough: impl Fn(&[(String, String)]) -> bool) {
    while !enough(&keys(config).await) {
        tokio::task::yield_now().await;
    }
}

/// Puts the records that the keys want into the zone of the test.
async fn publish(config: &Path) {
    let (_, said) = run(config, &["dkim", "list", "--json"]).await;
    let keys: Vec<Value> = serde_json::from_str(&said).unwrap();
    let path = config.with_file_name("zone.json");
    let mut zone: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for key in keys {
        zone[key["record_name"].as_str().unwrap()] = serde_json::json!({ "TXT": [key["record"]] });
    }
    std::fs::write(path, zone.to_string()).unwrap();
}

/// Sends a mail through a suite; the selectors of the signatures that it arrives with, all of which are good.
async fn signed_by(suite: &Suite, receiver: &mut Receiver, config: &Path) -> Vec<String> {
    let letter = b"From: news@fresh.example\r\nSubject: Hello\r\n\r\nHello\r\n.\r\n";
    let mut talk = Talk::open(suite.smtp()[0]).await;
    assert!(talk.send("zoe@example.org", letter).await.starts_with("250"));
    let data = receiver.mails.recv().await.unwrap().data;
    let zone = std::fs::read_to_string(config.with_file_name("zone.json")).unwrap();
    let resolver = Resolver::zone(Zone::parse(&zone).unwrap());
    let letter = Letter::parse(&data).unwrap();
    let now = SystemClock.now();
    let mut verdicts = resolver.settle(|answers| dkim(&letter, now, answers)).await;
    assert!(verdicts.iter().all(|verdict| verdict.result == DkimResult::Pass), "{verdicts:#?}");
    assert!(verdicts.iter().all(|verdict| verdict.domain == "fresh.example"), "{verdicts:#?}");
    verdicts.sort_by(|a, b| a.selector.cmp(&b.selector));
    verdicts.into_iter().map(|verdict| verdict.selector).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "each step was seen by hand, the whole not yet: run it with --run-ignored=all"]
async fn a_key_is_made_published_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(true).await;
    let config = dir.path().join("ies.toml");
    std::fs::write(&config, config_text(dir.path(), receiver.port, SIGNING)).unwrap();
    let start = || async { Suite::start(Config::read(&config).unwrap(), Arc::new(SystemClock)).await.unwrap() };

    // Made, and not in the DNS yet: said so, with the way out.
    let (success, said) = run(&config, &["dkim", "publish", "fresh.example"]).await;
    assert!(!success && said.contains("`ies dkim new fresh.example` makes one"), "{said}");
    let (success, said) = run(&config, &["dkim", "new", "fresh.example"]).await;
    assert!(success && said.contains("._domainkey.fresh.example. IN TXT"), "{said}");
    let made: Vec<String> = keys(&config).await.into_iter().map(|(selector, _)| selector).collect();
    assert_eq!(made.len(), 2, "one RSA and one Ed25519 key: {made:?}");
    let (success, said) = run(&config, &["dkim", "publish", "fresh.example"]).await;
    assert!(!success && said.contains("are not in the DNS"), "{said}");

    // Published: signs from the first mail on.
    publish(&config).await;
    let (success, said) = run(&config, &["dkim", "publish", "fresh.example"]).await;
    assert!(success && !said.contains("NOT"), "{said}");
    let suite = start().await;
    until(&config, |keys| keys.iter().all(|(_, state)| state == "active")).await;
    let mut expected = made.clone();
    expected.sort();
    // The ring has the keys a moment after the file has.
    while signed_by(&suite, &mut receiver, &config).await != expected {}

    // A successor signs nothing before the DNS carries it.
    let (success, said) = run(&config, &["dkim", "rotate", "fresh.example"]).await;
    assert!(success && said.contains("Publish this"), "{said}");
    let (success, said) = run(&config, &["dkim", "remove", "fresh.example", &made[0]]).await;
    assert!(!success && said.contains("--force"), "a key that signs is not taken away: {said}");
    let both = keys(&config).await;
    assert_eq!(both.iter().filter(|(_, state)| state == "pending").count(), 2, "{both:?}");
    assert_eq!(signed_by(&suite, &mut receiver, &config).await, expected);
    suite.shutdown().await.unwrap();

    // It is in the DNS: it signs, and the old one does not any more.
    publish(&config).await;
    let suite = start().await;
    until(&config, |keys| {
        keys.iter().filter(|(_, state)| state == "active").count() == 2
            && keys.iter().all(|(_, state)| state != "pending")
    })
    .await;
    let states = keys(&config).await;
    let retiring = states.iter().filter(|(selector, state)| made.contains(selector) && state == "retiring");
    assert_eq!(retiring.count(), 2, "{states:?}");
    let mut successors: Vec<String> =
        states.iter().filter(|(_, state)| state == "active").map(|(selector, _)| selector.clone()).collect();
    successors.sort();
    while signed_by(&suite, &mut receiver, &config).await != successors {}
    suite.shutdown().await.unwrap();
}
