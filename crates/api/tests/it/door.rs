//! Logging in over HTTP, behind a reverse proxy and not: who is shut out, for how long, and who is not.

use std::time::Duration;

use accounts::{FAILURES_MAX, GUARD_WINDOW};
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
