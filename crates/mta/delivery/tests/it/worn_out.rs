//! The server ends a connection that has been in use, as some do after so many messages, without a word.

use crate::kit::{Setup, Stage, raw, show};

#[tokio::test]
async fn the_rest_goes_back_without_having_been_attempted() {
    let mut stage = Stage::new(Setup { recipients_per_transaction: 1, ..Setup::default() }).await;
    stage.host.answer("mail", "accept").answer("mail", "accept").answer("mail", "close");
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test", "c@x.test", "d@x.test"]).await;
    let (outcomes, trouble) = stage.deliver(tickets).await;
    assert_eq!(
        show(&outcomes),
        ["a@x.test: delivered recipient - Dot 250 2.0.0 OK", "b@x.test: delivered recipient - Dot 250 2.0.0 OK",]
    );
    assert!(trouble.is_none());
}

#[tokio::test]
async fn closing_a_fresh_connection_is_trouble() {
    let mut stage = Stage::new(Setup::default()).await;
    stage.host.answer("mail", "close");
    let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    let (outcomes, trouble) = stage.deliver(tickets).await;
    let why = "connection closed by the server without a reply";
    assert_eq!(show(&outcomes), [format!("a@x.test: deferred connection bad-connection MailFrom {why}")]);
    assert_eq!(trouble.unwrap().attempt.error.as_deref(), Some(why));
}
