//! The API's own promises: its document is what is written down, and every endpoint stands in the table of access.

mod door;
mod health;
mod injection;
mod serving;
mod world;

use std::collections::BTreeSet;

use expect_test::expect_file;

/// Method and path of every endpoint in the OpenAPI document.
fn documented() -> BTreeSet<(String, String)> {
    let document: serde_json::Value = serde_json::from_str(&api::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| ["get", "post", "put", "patch", "delete"].contains(&key.as_str()));
            methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn reference_openapi() {
    expect_file!["../../../../docs/generated/openapi.json"].assert_eq(&api::openapi());
}

#[tokio::test]
async fn the_document_that_is_served_is_the_one_that_is_written_down() {
    let world = world::World::start(api::Limits::default()).await;
    let answer = world.ask("GET /api/v1/openapi.json HTTP/1.1\r\n", "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    expect_file!["../../../../docs/generated/openapi.json"].assert_eq(&answer.body);
}

#[test]
fn every_endpoint_stands_in_the_table() {
    let listed: BTreeSet<(String, String)> =
        api::access::TABLE.iter().map(|(method, path, _)| (method.to_string(), (*path).to_owned())).collect();
    assert_eq!(listed.len(), api::access::TABLE.len(), "an entry stands twice");
    let open: Vec<_> = documented().difference(&listed).cloned().collect();
    assert!(open.is_empty(), "not in the table, so closed to everyone: {open:?}");
    let extra = [("GET", "/api/v1/openapi.json"), ("HEAD", "/c/{token}")];
    let known = |entry: &&(String, String)| !extra.contains(&(entry.0.as_str(), entry.1.as_str()));
    let gone: Vec<_> = listed.difference(&documented()).filter(known).cloned().collect();
    assert!(gone.is_empty(), "in the table, but there is no such endpoint: {gone:?}");
}

#[test]
fn only_these_are_open_to_strangers() {
    let public: Vec<&str> = api::access::TABLE
        .iter()
        .filter(|(_, _, access)| *access == api::access::Access::Public)
        .map(|(_, path, _)| *path)
        .collect();
    let expected = [
        "/api/v1/session",
        "/api/v1/openapi.json",
        "/healthz",
        "/o/{token}",
        "/c/{token}",
        "/c/{token}",
        "/u/{token}",
        "/u/{token}",
    ];
    assert_eq!(public, expected);
}
