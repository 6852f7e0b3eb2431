//! The server closes behind the final dot without a reply: nobody knows whether it took the message.

use delivery::{Config, LostAfterDot};

use crate::kit::{Setup, Stage, raw, show};

async fn check(policy: LostAfterDot, expected: &str) {
    let config = Config { lost_after_dot: policy, ..Config::default() };
    let setup = Setup { config, recipients_per_transaction: 1, ..Setup::default() };
    let mut stage = Stage::new(setup).await;
    stage.host.answer("message", "close");
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test"]).await;
    let (outcomes, trouble) = stage.deliver(tickets).await;
    let why = "message sent, no reply to it: connection closed by the server without a reply";
    let found = show(&outcomes);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with(&format!("a@x.test: {expected} Dot {why}")), "{found:?}");
    assert!(outcomes[0].attempt.transcript.as_deref().unwrap().contains("bytes of message]\n"));
    let trouble = trouble.unwrap();
    assert_eq!(trouble.verdict.disposition.as_str(), "deferred");
}

#[tokio::test]
async fn it_is_sent_again() {
    check(LostAfterDot::Retry, "deferred connection bad-connection").await;
}

#[tokio::test]
async fn it_is_taken_for_delivered() {
    check(LostAfterDot::AssumeDelivered, "delivered recipient -").await;
}
