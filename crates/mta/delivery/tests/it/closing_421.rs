//! 421 in the middle of a batch: what was begun is decided, what was not goes back.

use crate::kit::{Setup, Stage, raw, show};

#[tokio::test]
async fn to_a_recipient() {
    let mut stage = Stage::new(Setup { recipients_per_transaction: 1, ..Setup::default() }).await;
    stage.host.answer("b@x.test", "421 4.7.0 Too fast, slow down");
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test", "c@x.test"]).await;
    let (outcomes, trouble) = stage.deliver(tickets).await;
    assert!(trouble.is_none());
    assert_eq!(
        show(&outcomes),
        [
            "a@x.test: delivered recipient - Dot 250 2.0.0 OK",
            "b@x.test: deferred source rate-limited RcptTo 421 4.7.0 Too fast, slow down",
        ]
    );
}

#[tokio::test]
async fn to_a_further_message_of_the_connection() {
    let mut stage = Stage::new(Setup { recipients_per_transaction: 1, ..Setup::default() }).await;
    stage.host.answer("mail", "accept").answer("mail", "421 4.7.0 Too many messages in this session, please reconnect");
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test"]).await;
    let (outcomes, trouble) = stage.deliver(tickets).await;
    // The second one was not attempted; the queue learns from the session's end why.
    assert_eq!(show(&outcomes), ["a@x.test: delivered recipient - Dot 250 2.0.0 OK"]);
    let verdict = trouble.unwrap().verdict;
    assert_eq!(verdict.category.unwrap().as_str(), "rate-limited");
    assert_eq!(verdict.scope.as_str(), "connection");
}

#[tokio::test]
async fn to_the_first_message_of_the_connection() {
    let mut stage = Stage::new(Setup::default()).await;
    stage.host.answer("mail", "421 4.3.2 Too busy");
    let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    let (outcomes, _) = stage.deliver(tickets).await;
    assert_eq!(show(&outcomes), ["a@x.test: deferred connection bad-connection MailFrom 421 4.3.2 Too busy"]);
}
