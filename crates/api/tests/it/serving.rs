//! No client keeps a connection, or the program, waiting for ever.

use std::time::Duration;

use api::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{Answer, PATIENCE, World};

/// Limits that no test reaches by accident.
fn patient() -> Limits {
    Limits {
        connections_max: 100,
        header_timeout: PATIENCE * 10,
        read_idle_max: PATIENCE * 10,
        write_idle_max: PATIENCE * 10,
        shutdown_grace: PATIENCE * 10,
    }
}

const SOON: Duration = Duration::from_millis(100);
const WHO: &str = "GET /api/v1/openapi.json HTTP/1.1\r\n";

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let world = World::start(Limits { header_timeout: SOON, ..patient() }).await;
    for begun in ["", "GET /healthz HTTP/1.1\r\nHost: te"] {
        let mut stream = world.connect().await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        let answer = Answer::read(&mut stream).await;
        assert!(answer.is_none_or(|answer| answer.status == 408), "{begun:?}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_go_on_is_not_waited_for() {
    let world = World::start(Limits { read_idle_max: SOON, ..patient() }).await;
    let mut stream = world.connect().await;
    let begun = "POST /api/v1/session HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
                 Content-Length: 100\r\n\r\n{\"email\":";
    stream.write_all(begun.as_bytes()).await.unwrap();
    assert_eq!(Answer::read(&mut stream).await.expect("a refusal").status, 400);
}

#[tokio::test]
async fn connections_are_bounded_and_who_takes_no_answer_loses_his() {
    let world = World::start(Limits { connections_max: 1, write_idle_max: SOON * 20, ..patient() }).await;
    let mut greedy = world.connect().await;
    greedy.write_all(format!("{WHO}Host: test\r\n\r\n").repeat(1_000).as_bytes()).await.unwrap();
    let mut first = [0; 1];
    greedy.read_exact(&mut first).await.unwrap();
    // From here on it reads nothing. Its place is the only one: this answer comes when it has been taken away.
    let mut second = world.connect().await;
    second.write_all(format!("{WHO}Host: test\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let early = tokio::time::timeout(SOON, second.read_exact(&mut first)).await;
    assert!(early.is_err(), "two connections at a time");
    assert!(Answer::read(&mut second).await.is_some());
}

#[tokio::test]
async fn one_slow_client_does_not_keep_the_program_from_stopping() {
    let world = World::start(Limits { shutdown_grace: SOON, ..patient() }).await;
    let mut slow = world.connect().await;
    slow.write_all(
        b"POST /api/v1/session HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    )
    .await
    .unwrap();
    let mut idle = world.connect().await;
    idle.write_all(format!("{WHO}Host: test\r\n\r\n").as_bytes()).await.unwrap();
    idle.read_exact(&mut [0; 1]).await.unwrap();
    world.stop.cancel();
    tokio::time::timeout(PATIENCE, world.served).await.expect("the service ends").unwrap();
}

#[tokio::test]
async fn idle_connections_end_at_once_when_the_program_stops() {
    let world = World::start(patient()).await;
    let mut idle = world.connect().await;
    idle.write_all(b"GET /o/none HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    idle.read_exact(&mut [0; 1]).await.unwrap();
    world.stop.cancel();
    tokio::time::timeout(PATIENCE, world.served).await.expect("the service ends").unwrap();
}
