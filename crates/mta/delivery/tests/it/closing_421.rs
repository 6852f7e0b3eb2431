//! 421 in the middle of a batch: what was begun is decided, what was not goes back.

use model::handoff::FromDelivery;

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

#[tokio::test]
async fn a_connection_that_has_carried_enough_is_nobodys_failure() {
    // As OpenSMTPD, Microsoft and Netvigator say it, Exim with 421: all but the first keep listening.
    for reply in [
        "421 too many messages in this connection",
        "452 4.5.3 Too many recipients: Too many messages sent",
        "451 4.7.653 The mail server [192.0.2.1] has exceeded the maximum number of messages per connection.",
        "450 4.7.1 Too many messages for this session",
    ] {
        let mut stage = Stage::new(Setup { recipients_per_transaction: 1, ..Setup::default() }).await;
        stage.host.answer("mail", "accept").answer("mail", "accept").answer("mail", reply);
        let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test", "c@x.test", "d@x.test"]).await;
        stage.open().await;
        stage.ready().await;
        stage.give(tickets).await;
        let (mut done, mut limit) = (Vec::new(), None);
        let trouble = loop {
            match stage.next().await {
                FromDelivery::Done(outcome) => done.push(*outcome),
                FromDelivery::HostLimit { messages, .. } => limit = Some(messages),
                FromDelivery::Closed { trouble, .. } => break trouble.unwrap(),
                FromDelivery::Ready { .. } | FromDelivery::Source { .. } => {}
            }
        };
        let taken = ["a", "b"].map(|name| format!("{name}@x.test: delivered recipient - Dot 250 2.0.0 OK"));
        assert_eq!(show(&done), taken, "{reply}: the others were not attempted");
        assert_eq!(limit, Some(2), "{reply}: the next connections keep to it");
        assert_eq!(trouble.attempt.reply.unwrap().to_string(), reply);
        assert_eq!(trouble.verdict.scope.as_str(), "connection", "{reply}");
    }
}

#[tokio::test]
async fn what_is_said_of_the_mail_is_an_attempt() {
    let mut stage = Stage::new(Setup { recipients_per_transaction: 1, ..Setup::default() }).await;
    stage.host.answer("mail", "accept").answer("mail", "451 4.3.0 Try again later");
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test", "c@x.test"]).await;
    let (outcomes, trouble) = stage.deliver(tickets).await;
    assert!(trouble.is_none() && outcomes.len() == 3, "{outcomes:?}");
    assert!(show(&outcomes)[1].starts_with("b@x.test: deferred"), "{outcomes:?}");
}
