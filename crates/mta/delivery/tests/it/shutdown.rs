//! At shutdown sessions say QUIT; the queue hears of each of them.

use model::handoff::FromDelivery;

use crate::kit::{Setup, Stage, raw};

#[tokio::test]
async fn idle_sessions_are_closed() {
    let mut stage = Stage::new(Setup::default()).await;
    stage.open().await;
    stage.ready().await;
    stage.shutdown.cancel();
    let (outcomes, trouble) = stage.until_closed().await;
    assert!(outcomes.is_empty() && trouble.is_none());
    (&mut stage.task).await.unwrap();
}

#[tokio::test]
async fn what_was_not_begun_is_not_done() {
    let mut stage = Stage::new(Setup { recipients_per_transaction: 1, ..Setup::default() }).await;
    let to: Vec<String> = (0..64).map(|number| format!("{number}@x.test")).collect();
    let tickets = stage.admit(raw("one"), &to.iter().map(String::as_str).collect::<Vec<_>>()).await;
    stage.open().await;
    stage.ready().await;
    stage.give(tickets).await;
    let FromDelivery::Done(_) = stage.next().await else { panic!("a first outcome") };
    stage.shutdown.cancel();
    let (outcomes, trouble) = stage.until_closed().await;
    assert!(trouble.is_none());
    // Every message the host took was told of, and nothing else.
    assert_eq!(stage.host.seen().len(), outcomes.len() + 1);
    assert!(outcomes.len() < 63);
    (&mut stage.task).await.unwrap();
}
