//! Suppression is checked at the attempt, not only when the audience was made.

use crate::kit::{Setup, Stage, raw, show};

#[tokio::test]
async fn an_address_that_was_suppressed_meanwhile_is_not_written_to() {
    let mut stage = Stage::new(Setup::default()).await;
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test"]).await;
    stage.open().await;
    stage.ready().await;
    stage.list.0.lock().unwrap().push("a@x.test".to_owned());
    stage.give(tickets).await;
    stage.say(model::handoff::ToDelivery::Close { session: crate::kit::SESSION }).await;
    let (outcomes, trouble) = stage.until_closed().await;
    assert!(trouble.is_none());
    assert_eq!(
        show(&outcomes),
        [
            "a@x.test: suppressed recipient suppressed Route complaint of 2026-03-01",
            "b@x.test: delivered recipient - Dot 250 2.0.0 OK",
        ]
    );
    assert!(stage.host.seen().iter().all(|seen| !seen.contains("a@x.test")));
}
