//! Logging in over HTTP, behind a reverse proxy and not: who is shut out, for how long, and who is not; and what one
//! finds inside.

use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, FAILURES_MAX, GUARD_WINDOW, NewAccount, Role};
use api::Limits;

use crate::world::{Answer, PASSWORD, World};

async fn log_in(world: &World, headers: &str, password: &str) -> Answer {
    let head = format!("POST /api/v1/session HTTP/1.1\r\nContent-Type: application/json\r\n{headers}");
    world.ask(&head, &format!("{{\"email\":\"anna@example.org\",\"password\":\"{password}\"}}")).await
}

#[tokio::test]
async fn a_stranger_shuts_the_door_for_himself_alone() {
    let world = World::start(Limits::default()).await;
    let (stranger, anna) = ("X-Forwarded-For: 203.0.113.66\r\n", "X-Forwarded-For: 198.51.100.1\r\n");
    for _ in 0..FAILURES_MAX {
        assert_eq!(log_in(&world, stranger, "a wrong password").await.status, 401);
    }
    world.clock.advance(Duration::from_millis(60_500));
    // He cannot be someone else by writing into the header himself: the proxy adds what it sees.
    for header in [stranger, "X-Forwarded-For: 198.51.100.1, 203.0.113.66\r\n"] {
        let shut = log_in(&world, header, PASSWORD).await;
        assert_eq!(shut.status, 429);
        let wait = (GUARD_WINDOW - Duration::from_secs(60)).as_secs();
        assert_eq!(shut.header("retry-after"), Some(wait.to_string().as_str()), "until the door opens");
    }
    let inside = log_in(&world, anna, PASSWORD).await;
    assert_eq!(inside.status, 200, "{inside:?}");
    assert_eq!(inside.json()["account"]["name"], "Anna");
}

/// The session cookie of an answer, as a header.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a session began");
    format!("Cookie: {}\r\n", set.split(';').next().unwrap_or_default())
}

#[tokio::test]
async fn the_one_time_password_is_typed_once() {
    let world = World::start(Limits::default()).await;
    let accounts = Accounts::open(world.db.clone(), Arc::new(world.clock.clone())).await.unwrap();
    let bob = NewAccount {
        email: "bob@example.org".to_owned(),
        name: String::new(),
        role: Role::Viewer,
        language: None,
        password: None,
    };
    // Two that hand out numbers must not do so in the same moment.
    world.clock.advance(Duration::from_secs(1));
    let secret = accounts.create(bob).await.unwrap().1.expect("a password was made up");
    let enter = async |email: &str, password: &str| {
        let head = "POST /api/v1/session HTTP/1.1\r\nContent-Type: application/json\r\n";
        world.ask(head, &format!("{{\"email\":\"{email}\",\"password\":\"{password}\"}}")).await
    };
    let change = async |headers: &str| {
        let head = format!("PATCH /api/v1/session HTTP/1.1\r\nContent-Type: application/json\r\n{headers}");
        world.ask(&head, "{\"new_password\":\"a sentence of my own\"}").await.status
    };
    let bob = enter("bob@example.org", secret.reveal()).await;
    assert_eq!(bob.json()["account"]["must_change_password"], true);
    let ours = "X-Requested-With: ies\r\n";
    assert_eq!(change(ours).await, 401, "without a session");
    assert_eq!(change(&cookie(&bob)).await, 403, "from a foreign page");
    assert_eq!(change(&format!("{}{ours}", cookie(&bob))).await, 200);
    assert_eq!(change(&format!("{}{ours}", cookie(&bob))).await, 401, "its sessions have ended");
    assert_eq!(enter("bob@example.org", secret.reveal()).await.status, 401);
    assert_eq!(enter("bob@example.org", "a sentence of my own").await.json()["account"]["must_change_password"], false);
    // Anna chose hers: her session alone is not enough.
    let anna = enter("anna@example.org", PASSWORD).await;
    assert_eq!(change(&format!("{}{ours}", cookie(&anna))).await, 401);
}

#[tokio::test]
async fn a_value_that_nobody_knows_comes_with_a_hint() {
    let world = World::start(Limits::default()).await;
    let anna = log_in(&world, "", PASSWORD).await;
    let check = async |q: &str, expected: &[&str]| {
        let head = format!("GET /api/v1/events?q={q} HTTP/1.1\r\n{}", cookie(&anna));
        let answer = world.ask(&head, "").await;
        assert_eq!(answer.status, 200, "{q}: {answer:?}");
        let hints: Vec<String> = answer.json()["hints"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hint| format!("{}+{} {}", hint["position"], hint["length"], hint["suggestion"]))
            .collect();
        assert_eq!(hints, expected, "{q}");
    };
    check("provider:gmail", &[]).await;
    check("provider:gmial", &["9+5 \"gmail\""]).await;
    check("code:421%20-provider:orange,orangee", &["26+7 \"orange\""]).await;
    check("stream:anything", &[]).await;
}

#[tokio::test]
async fn refusals_say_what_is_wrong() {
    let world = World::start(Limits::default()).await;
    let anna = format!("{}X-Requested-With: ies\r\n", cookie(&log_in(&world, "", PASSWORD).await));
    let check = async |line: &str, headers: &str, body: &str, status: u16, expected: (&str, Option<&str>, &str)| {
        let head = format!("{line} HTTP/1.1\r\nContent-Type: application/json\r\n{headers}");
        let answer = world.ask(&head, body).await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        let error = answer.json()["error"].clone();
        let told = (error["code"].as_str().unwrap(), error["field"].as_str(), error["message"].as_str().unwrap());
        assert_eq!(told, expected, "{line}");
        answer
    };
    let takes = ("method-not-allowed", None, "This endpoint takes GET.");
    let wrong = check("DELETE /api/v1/events", "", "", 405, takes).await;
    assert_eq!(wrong.header("allow"), Some("GET"));
    let takes = ("method-not-allowed", None, "This endpoint takes POST, GET, DELETE, PATCH.");
    check("PUT /api/v1/session", &anna, "{}", 405, takes).await;
    let nobody = ("unauthenticated", None, "Log in, or send an API key as a bearer token.");
    check("GET /api/v1/events", "", "", 401, nobody).await;
    let unknown = "This API key is not known: it was mistyped, or revoked. An administrator makes a new one.";
    check("GET /api/v1/events", "Authorization: Bearer ies_x\r\n", "", 401, ("unauthenticated", None, unknown)).await;
    let missing = ("invalid", Some("target.kind"), "\"kind\" is missing.");
    check("POST /api/v1/control", &anna, r#"{"target": {}, "action": "hold"}"#, 400, missing).await;
    let many = ("invalid", Some("limit"), "A page has 1 to 200 rows; `next` leads to the others.");
    check("GET /api/v1/lists?limit=500", &anna, "", 400, many).await;
    let to = vec!["\"zoe@example.com\""; 100_001].join(",");
    let body = format!("{{\"from\": \"a@example.org\", \"text\": \"x\", \"to\": [{to}]}}");
    let large = (
        "too-large",
        Some("to"),
        "at most 100000 recipients in one request; POST /api/v1/messages/stream takes any number",
    );
    check("POST /api/v1/messages", &anna, &body, 413, large).await;
}
