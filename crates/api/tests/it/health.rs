//! `/healthz` fails when, and only when, a part cannot do its work, and names it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use api::{LAG_MAX, Limits};
use model::event::{Event, EventKind};
use model::id::RecipientId;
use model::time::Clock as _;

use crate::world::{Answer, World};

/// The parts that are named.
async fn failing(world: &World) -> Vec<String> {
    let answer = world.ask("GET /healthz HTTP/1.1\r\n", "").await;
    let said = answer.json();
    let parts: Vec<String> =
        said["reasons"].as_array().unwrap().iter().map(|r| r["part"].as_str().unwrap().to_owned()).collect();
    let (status, word) = if parts.is_empty() { (200, "ok") } else { (503, "failing") };
    assert_eq!((answer.status, said["status"].as_str()), (status, Some(word)), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    parts
}

async fn inject(world: &World) -> Answer {
    let head = "POST /api/v1/messages HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer ";
    let mail = r#"{"sender": "bounces@example.org", "raw": "From: shop@example.org\r\nSubject: Hello\r\n\r\nHello.\r\n", "to": ["zoe@example.com"]}"#;
    world.ask(&format!("{head}{}\r\n", world.key), mail).await
}

#[tokio::test]
async fn every_part_that_fails_is_named() {
    let mut world = World::start(Limits::default()).await;
    assert!(failing(&world).await.is_empty());

    // Nobody reads the event log in this world.
    let event = Event::of_recipient(EventKind::Opened, RecipientId(7), 0, world.clock.now());
    world.events.append(vec![event.clone()]).await.unwrap();
    world.clock.advance(LAG_MAX);
    assert!(failing(&world).await.is_empty());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(failing(&world).await, ["campaigns", "monitor"]);

    world.broken.store(true, Ordering::SeqCst);
    world.events.append(vec![event]).await.unwrap_err();
    assert_eq!(failing(&world).await, ["event-log", "campaigns", "monitor"]);
    let refused = inject(&world).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{refused:?}");
    assert_eq!(failing(&world).await, ["spool", "event-log", "campaigns", "monitor"]);

    world.stop_queue.cancel();
    (&mut world.queue).await.unwrap();
    world.db.clone().close().await;
    assert_eq!(failing(&world).await, ["spool", "event-log", "queue", "database", "monitor"]);
}
