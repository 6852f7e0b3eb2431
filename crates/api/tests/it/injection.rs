//! Injection over HTTP: keys, quotas, permissions, streams.

use accounts::{Accounts, KeyLimits, NewApiKey, Scope};
use api::Limits;
use model::name::Name;
use std::sync::Arc;

use crate::world::{Answer, World};

const MAIL: &str = r#"{"sender": "b@example.org", "from": "shop@example.org", "text": "x", "to": ["zoe@example.com"]}"#;

async fn post(world: &World, path: &str, key: &str, more: &str, body: &str) -> Answer {
    let kind = if path.ends_with("stream") { "application/x-ndjson" } else { "application/json" };
    let head = format!("POST {path} HTTP/1.1\r\nContent-Type: {kind}\r\nAuthorization: Bearer {key}\r\n{more}");
    world.ask(&head, body).await
}

/// A key with these limits.
async fn limited(world: &World, limits: KeyLimits) -> String {
    let accounts = Accounts::open(world.db.clone(), Arc::new(world.clock.clone())).await.unwrap();
    let new = NewApiKey { name: "limited".to_owned(), scopes: vec![Scope::Inject], limits };
    accounts.create_api_key(new, "the test").await.unwrap().1.reveal().to_owned()
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer() {
    let world = World::start(Limits::default()).await;
    let send = async |key: &str, body: &str| {
        post(&world, "/api/v1/messages", &world.key, &format!("Idempotency-Key: {key}\r\n"), body).await
    };
    let first = send("\"a 1\"", MAIL).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (202, None), "{first:?}");
    let second = send("\"a 1\"", MAIL).await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (202, Some("true")), "{second:?}");
    assert_eq!(first.body, second.body);
    let other = send("\"a 1\"", &MAIL.replace("zoe", "ann")).await;
    assert_eq!(other.status, 422, "{other:?}");
    assert_eq!(other.json()["error"]["field"], "Idempotency-Key");
    assert_eq!(send("", MAIL).await.status, 400);
    assert_eq!(send("b", MAIL).await.status, 202);
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_in_plain_words() {
    let world = World::start(Limits::default()).await;
    let check = async |body: &str, status: u16, field: &str, words: &str| {
        let answer = post(&world, "/api/v1/messages", &world.key, "", body).await;
        let error = &answer.json()["error"];
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(error["field"].as_str().unwrap_or_default(), field, "{answer:?}");
        assert!(error["message"].as_str().unwrap().contains(words), "{answer:?}");
    };
    check("{", 400, "", "The body is not JSON").await;
    check(r#"{"colour": 1}"#, 400, "colour", "There is no field \"colour\" here").await;
    check(r#"{"html": 5}"#, 400, "html", "it must be a text").await;
    check(
        r#"{"from": "a@b.example", "text": "x", "recipients": [{"adress": "x"}]}"#,
        400,
        "recipients[0].adress",
        "no field \"adress\"",
    )
    .await;
    check(
        r#"{"from": "a@b.example", "text": "x", "sender": "", "to": ["a@b.example"], "stream": "no"}"#,
        400,
        "stream",
        "there is no stream",
    )
    .await;
    let many = vec!["\"a@b.example\""; 100_001].join(",");
    check(
        &format!(r#"{{"from": "a@b.example", "text": "x", "sender": "", "to": [{many}]}}"#),
        413,
        "to",
        "at most 100000",
    )
    .await;
    let plain =
        world.ask(&format!("POST /api/v1/messages HTTP/1.1\r\nAuthorization: Bearer {}\r\n", world.key), MAIL).await;
    assert!(plain.status == 400 && plain.body.contains("application/json"), "{plain:?}");
}

#[tokio::test]
async fn a_quota_is_kept() {
    let world = World::start(Limits::default()).await;
    let key = limited(&world, KeyLimits { rate: Some("3/min".parse().unwrap()), ..KeyLimits::default() }).await;
    let two = MAIL.replace(r#"["zoe@example.com"]"#, r#"["a@example.com", "b@example.com"]"#);
    let first = post(&world, "/api/v1/messages", &key, "", &two).await;
    assert_eq!((first.status, first.header("ratelimit-remaining")), (202, Some("1")), "{first:?}");
    assert_eq!(first.header("ratelimit-policy"), Some("\"rate\";q=3;w=60"));
    let second = post(&world, "/api/v1/messages", &key, "Idempotency-Key: k\r\n", &two).await;
    assert_eq!((second.status, second.header("retry-after")), (429, Some("20")), "{second:?}");
    assert_eq!(second.header("ratelimit-limit"), Some("3"));
    world.clock.advance(std::time::Duration::from_secs(20));
    let third = post(&world, "/api/v1/messages", &key, "Idempotency-Key: k\r\n", &two).await;
    assert_eq!(third.status, 202, "what was refused under a key may come again: {third:?}");
    let again = post(&world, "/api/v1/messages", &key, "Idempotency-Key: k\r\n", &two).await;
    assert_eq!(again.status, 202, "an answer that is repeated costs nothing: {again:?}");
    let four =
        MAIL.replace(r#"["zoe@example.com"]"#, r#"["a@b.example", "b@b.example", "c@b.example", "d@b.example"]"#);
    assert_eq!(post(&world, "/api/v1/messages", &key, "", &four).await.status, 413);
}

#[tokio::test]
async fn a_key_writes_in_the_names_that_it_has() {
    let world = World::start(Limits::default()).await;
    let names = |names: &[&str]| names.iter().map(|name| Name::from(*name)).collect();
    let limits = KeyLimits {
        tenants: names(&["acme"]),
        streams: names(&["bulk", "transactional"]),
        from_domains: names(&["acme.example"]),
        ..KeyLimits::default()
    };
    let key = limited(&world, limits).await;
    let check = async |body: &str, status: u16, words: &str| {
        let answer = post(&world, "/api/v1/messages", &key, "", body).await;
        assert!(answer.status == status && answer.body.contains(words), "{body}: {answer:?}");
        let line = body.replace(r#", "to": ["a@b.example"]"#, "").replace(r#""to": ["a@b.example"], "#, "");
        let answer = post(&world, "/api/v1/messages/stream", &key, "", &format!("{line}\n\"a@b.example\"\n")).await;
        assert!(answer.status == status && answer.body.contains(words), "{line}: {answer:?}");
    };
    check(r#"{"from": "a@acme.example", "text": "x", "sender": "", "to": ["a@b.example"]}"#, 202, "").await;
    check(
        r#"{"from": "a@other.example", "text": "x", "sender": "", "to": ["a@b.example"]}"#,
        403,
        "may not write from other.example",
    )
    .await;
    check(
        r#"{"from": "a@acme.example", "text": "x", "sender": "a@c.example", "to": ["a@b.example"]}"#,
        403,
        "c.example",
    )
    .await;
    check(
        r#"{"from": "a@acme.example", "text": "x", "sender": "", "tenant": "other", "to": ["a@b.example"]}"#,
        403,
        "may not name the tenant",
    )
    .await;
    check(r#"{"from": "a@acme.example", "text": "x", "sender": "", "signing_domain": "d.example", "to": ["a@b.example"]}"#, 403, "d.example").await;
    check(
        r#"{"raw": "From: a@acme.example, b@evil.example\n\nx", "sender": "", "to": ["a@b.example"]}"#,
        403,
        "evil.example",
    )
    .await;
    let raw = async |from: &str, status: u16, words: &str| {
        let raw = serde_json::Value::from(format!("{from}\n\nx"));
        check(&format!(r#"{{"raw": {raw}, "sender": "", "to": ["a@b.example"]}}"#), status, words).await;
    };
    raw("From: a@acme.example\nFrom: b@evil.example", 403, "more than one From").await;
    raw("From: nobody", 403, "certain domains only").await;
    // What one reader takes for a name or for nothing, another one takes for the address.
    raw("From: ceo@bank.example <a@acme.example>", 403, "more than one way").await;
    raw("From: a@acme.example, ceo@[192.0.2.1]", 403, "more than one way").await;
    raw("From: ceo..x@bank.example", 403, "bank.example").await;
    raw("From: a@acme.example <a@acme.example>", 202, "").await;
    raw("From: \"ceo@bank.example\" <a@acme.example>", 202, "").await;
    // The return path does not stand in for an author.
    let from = r#"{"raw": "From: ceo@localhost\n\nx", "sender": "a@acme.example", "to": ["a@b.example"]}"#;
    check(from, 403, "more than one way").await;
}

#[tokio::test]
async fn a_stream_is_answered_with_its_numbers() {
    let world = World::start(Limits::default()).await;
    let head = r#"{"from": "a@acme.example", "text": "{{ n }}", "sender": ""}"#;
    let rows: String =
        (0..10_000).map(|n| format!("{{\"address\": \"u{n}@b.example\", \"variables\": {{\"n\": {n}}}}}\n")).collect();
    let body = format!("{head}\n{rows}oops\n");
    let more = "Idempotency-Key: s\r\n";
    let answer = post(&world, "/api/v1/messages/stream", &world.key, more, &body).await;
    let json = answer.json();
    assert_eq!((answer.status, &json["recipients"], &json["lines"]), (202, &10_000.into(), &10_002.into()), "{json}");
    assert_eq!((json["rejected_count"].as_u64(), json["rejected"][0]["place"].as_u64()), (Some(1), Some(10_002)));
    let again = post(&world, "/api/v1/messages/stream", &world.key, more, &body).await;
    assert_eq!(again.body, answer.body);
}
