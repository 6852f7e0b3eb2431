//! An id that nobody knows, and one that is none: a clear word and an exit code, in the terminal and over HTTP.

use crate::world::{World, output};

const UNKNOWN: &str = "0cq2v7m9hk3xa";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_known_of_it() {
    let world = World::open().await;
    let trace = |id: &str| {
        let mut command = crate::ies();
        command.args(["trace", "--config"]).arg(&world.config_file).arg(id);
        output(command)
    };
    for (id, expected) in [
        (UNKNOWN, "no message or recipient 0cq2v7m9hk3xa is known"),
        ("not-an-id", "\"not-an-id\" is neither an id (thirteen letters and digits) nor an address"),
        ("nobody@example.org", "no mail to nobody@example.org is known"),
    ] {
        let (success, said) = trace(id).await;
        assert!(!success && said.contains(expected), "{id}: {said}");
        assert_eq!(said.lines().count(), 1, "one sentence: {said}");
    }

    let http = reqwest::Client::new();
    for (path, status) in [
        (format!("/api/v1/messages/{UNKNOWN}"), 404_u16),
        (format!("/api/v1/recipients/{UNKNOWN}"), 404),
        (format!("/api/v1/recipients/{UNKNOWN}/explain"), 404),
        ("/api/v1/messages/not-an-id".to_owned(), 404),
    ] {
        let asked = http.get(format!("{}{path}", world.door.url)).bearer_auth(&world.door.key);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(body["error"]["code"], "not-found", "{path}: {body}");
        assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{path}: {body}");
    }

    world.suite.shutdown().await.unwrap();
    let (success, said) = {
        let mut command = crate::ies();
        command.args(["trace", "--config"]).arg(&world.config_file).arg(UNKNOWN);
        output(command).await
    };
    assert!(!success && said.contains("no suite runs"), "{said}");
}
