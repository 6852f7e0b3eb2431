//! Some recipients, or the whole message, are refused.

use crate::kit::{Setup, Stage, raw, show};

#[tokio::test]
async fn some_recipients_are_refused() {
    let mut stage = Stage::new(Setup::default()).await;
    stage.host.answer("b@x.test", "550 5.1.1 User unknown").answer("c@x.test", "452 4.2.2 Mailbox full");
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test", "c@x.test"]).await;
    let (outcomes, trouble) = stage.deliver(tickets).await;
    assert!(trouble.is_none());
    assert_eq!(
        show(&outcomes),
        [
            "a@x.test: delivered recipient - Dot 250 2.0.0 OK",
            "b@x.test: bounced recipient bad-mailbox suppress RcptTo 550 5.1.1 User unknown",
            "c@x.test: deferred recipient quota-issues RcptTo 452 4.2.2 Mailbox full",
        ]
    );
    assert!(outcomes[1].attempt.transcript.as_deref().unwrap().contains("S: 550 5.1.1 User unknown\n"));
}

#[tokio::test]
async fn a_transaction_without_recipients_is_reset_and_the_next_one_goes_through() {
    let mut stage = Stage::new(Setup::default()).await;
    stage.host.answer("a@x.test", "550 5.1.1 User unknown");
    let mut tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    tickets.extend(stage.admit(raw("two"), &["b@x.test"]).await);
    let (outcomes, _) = stage.deliver(tickets).await;
    assert_eq!(
        show(&outcomes),
        [
            "a@x.test: bounced recipient bad-mailbox suppress RcptTo 550 5.1.1 User unknown",
            "b@x.test: delivered recipient - Dot 250 2.0.0 OK",
        ]
    );
    assert_eq!(*stage.host.connections.lock().unwrap(), 1);
}

#[tokio::test]
async fn the_message_is_refused() {
    let mut stage = Stage::new(Setup::default()).await;
    stage.host.answer("message", "554 5.7.1 Message rejected as spam");
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test"]).await;
    let (outcomes, _) = stage.deliver(tickets).await;
    let line = |to| format!("{to}: bounced message spam-related Dot 554 5.7.1 Message rejected as spam");
    assert_eq!(show(&outcomes), [line("a@x.test"), line("b@x.test")]);
}

#[tokio::test]
async fn too_many_recipients_are_spread_over_transactions() {
    let mut stage = Stage::new(Setup::default()).await;
    stage.host.answer("b@x.test", "452 4.5.3 Too many recipients").answer("c@x.test", "452 4.5.3 Too many recipients");
    stage.host.answer("c@x.test", "452 4.5.3 Too many recipients");
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test", "c@x.test"]).await;
    let (outcomes, _) = stage.deliver(tickets).await;
    let lines = ["a@x.test", "b@x.test", "c@x.test"].map(|to| format!("{to}: delivered recipient - Dot 250 2.0.0 OK"));
    assert_eq!(show(&outcomes), lines);
    assert_eq!(stage.host.seen().len(), 3);
}

#[tokio::test]
async fn nobody_is_taken_of_too_many() {
    let mut stage = Stage::new(Setup::default()).await;
    stage.host.answer("a@x.test", "452 4.5.3 Too many recipients");
    let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    let (outcomes, _) = stage.deliver(tickets).await;
    let expected = "a@x.test: deferred connection too-many-recipients RcptTo 452 4.5.3 Too many recipients";
    assert_eq!(show(&outcomes), [expected]);
}

#[tokio::test]
async fn turned_away_at_the_door() {
    let mut stage = Stage::new(Setup { hosts: vec!["mx.test", "dead.test"], ..Setup::default() }).await;
    stage
        .host
        .answer("connect", "554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked using zen.spamhaus.org");
    stage.open().await;
    let (outcomes, trouble) = stage.until_closed().await;
    let (verdict, attempt) = trouble.map(|trouble| (trouble.verdict, trouble.attempt)).unwrap();
    assert!(outcomes.is_empty());
    assert_eq!(format!("{} {}", verdict.disposition, verdict.scope), "deferred source");
    // The address is blocked: the other host is not asked.
    assert_eq!(attempt.mx_host.as_deref(), Some("mx.test"));
    assert!(attempt.reply.unwrap().text.contains("spamhaus"));
    assert!(attempt.transcript.unwrap().starts_with("S: 554 5.7.1 Service unavailable"));
}
