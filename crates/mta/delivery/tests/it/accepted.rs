//! Everything is taken: shared transactions, times, samples of the dialogue, asking ahead.

use delivery::Config;
use model::handoff::{FromDelivery, ToDelivery};

use crate::kit::{SESSION, Setup, Stage, raw, show};

#[tokio::test]
async fn recipients_of_a_raw_message_share_a_transaction() {
    let setup = Setup { recipients_per_transaction: 2, tls: true, ..Setup::default() };
    let mut stage = Stage::new(setup).await;
    let mut tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test", "c@x.test"]).await;
    tickets.extend(stage.admit(raw("two"), &["d@x.test"]).await);
    let (outcomes, trouble) = stage.deliver(tickets).await;
    assert!(trouble.is_none());
    let lines = ["a@x.test", "b@x.test", "c@x.test", "d@x.test"];
    assert_eq!(show(&outcomes), lines.map(|to| format!("{to}: delivered recipient - Dot 250 2.0.0 OK")));
    let one = "From: a@out.test\r\nSubject: one\r\n\r\none\r\n";
    let two = "From: a@out.test\r\nSubject: two\r\n\r\ntwo\r\n";
    assert_eq!(
        stage.host.seen(),
        [
            format!("sender@out.test -> a@x.test, b@x.test: {one}"),
            format!("sender@out.test -> c@x.test: {one}"),
            format!("sender@out.test -> d@x.test: {two}"),
        ]
    );
    let (first, third) = (&outcomes[0].attempt, &outcomes[2].attempt);
    assert_eq!(first.mx_host.as_deref(), Some("mx.test"));
    assert_eq!(first.mx_address.as_deref(), Some("127.0.0.1"));
    assert_eq!(first.source_address.as_deref(), Some("127.0.0.1"));
    assert_eq!((first.number, first.queued_ms), (1, Some(5_000)));
    assert!(first.tls.as_deref().unwrap().starts_with("TLSv1.3 "));
    assert!(first.connect_ms.is_some() && first.tls_ms.is_some() && first.transaction_ms.is_some());
    assert!(third.connect_ms.is_none() && third.tls_ms.is_none() && third.transaction_ms.is_some());
}

#[tokio::test]
async fn the_dialogue_of_every_delivery_or_of_none() {
    for (transcript_sample, kept) in [(1, true), (0, false)] {
        let setup = Setup { config: Config { transcript_sample, ..Config::default() }, ..Setup::default() };
        let mut stage = Stage::new(setup).await;
        let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
        let (outcomes, _) = stage.deliver(tickets).await;
        let transcript = outcomes[0].attempt.transcript.as_deref();
        assert_eq!(transcript.is_some(), kept);
        if let Some(transcript) = transcript {
            let expected =
                "C: RCPT TO:<a@x.test>\nC: BDAT 39 LAST\nC: [39 bytes of message]\nS: 250 2.1.0 OK\nS: 250 2.1.5 OK\n";
            assert!(transcript.starts_with("S: 220 mx.test ESMTP\nC: EHLO out.test\n"), "{transcript}");
            assert!(transcript.contains(expected) && transcript.ends_with("OK\nS: 250 2.0.0 OK\n"), "{transcript}");
        }
    }
}

#[tokio::test]
async fn dialogues_that_somebody_asked_for() {
    use delivery::recordings::Recordings;
    use model::recording::{NewRecording, Subject};
    let recordings = Recordings::default();
    let begin = |words: &[&str], count_max: u32| {
        let new = NewRecording { count_max, ..NewRecording::new(Subject::parse(words).unwrap()) };
        recordings.begin(&recordings.prepare(new, "ann", crate::kit::NOW).unwrap()).unwrap();
    };
    begin(&["domain:x.test", "source:source"], 2);
    begin(&["domain:y.test", "source:other"], 2);
    let config = Config { transcript_sample: 0, ..Config::default() };
    let mut stage = Stage::new(Setup { config, recordings: recordings.clone(), ..Setup::default() }).await;
    let mut tickets = Vec::new();
    for (text, to) in [("one", "a@x.test"), ("two", "b@y.test"), ("three", "c@X.test"), ("four", "d@x.test")] {
        tickets.extend(stage.admit(raw(text), &[to]).await);
    }
    let (outcomes, _) = stage.deliver(tickets).await;
    let kept: Vec<bool> = outcomes.iter().map(|outcome| outcome.attempt.transcript.is_some()).collect();
    assert_eq!(kept, [true, false, true, false], "the source is another; the number is over");
    assert!(outcomes[2].attempt.transcript.as_deref().unwrap().contains("RCPT TO:<c@X.test>"));
    let ended = recordings.take_ended(crate::kit::NOW).unwrap();
    assert_eq!((ended.len(), ended[0].taken, ended[0].latest[0]), (1, 2, outcomes[2].recipient));
}

#[tokio::test]
async fn more_is_asked_for_before_the_last_is_sent() {
    let config = Config { batch_max: 4, ready_ahead: 2, ..Config::default() };
    let setup = Setup { config, messages_per_connection: 7, recipients_per_transaction: 1, ..Setup::default() };
    let mut stage = Stage::new(setup).await;
    let to: Vec<String> = (0..7).map(|number| format!("{number}@x.test")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let mut tickets = stage.admit(raw("one"), &to).await;
    stage.open().await;
    let mut log = Vec::new();
    loop {
        match stage.next().await {
            FromDelivery::Ready { session, room } => {
                assert_eq!(session, SESSION);
                log.push(format!("ready {room}"));
                let batch = tickets.drain(..tickets.len().min(room as usize)).collect();
                stage.give(batch).await;
            }
            FromDelivery::Done(_) => log.push("done".to_owned()),
            FromDelivery::HostLimit { .. } | FromDelivery::Source { .. } => {}
            FromDelivery::Closed { trouble, .. } => {
                assert!(trouble.is_none());
                break;
            }
        }
    }
    assert_eq!(log.iter().filter(|line| *line == "done").count(), 7, "{log:?}");
    // Asked ahead: with two done and two in hand there is room for three more on this connection.
    assert_eq!(log[..4], ["ready 4", "done", "done", "ready 3"], "{log:?}");
    assert_eq!(stage.host.seen().len(), 7);
    assert_eq!(*stage.host.connections.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_session_that_is_closed_before_it_was_given_anything() {
    let mut stage = Stage::new(Setup::default()).await;
    stage.open().await;
    assert_eq!(stage.ready().await, 64);
    stage.say(ToDelivery::Close { session: SESSION }).await;
    let (outcomes, trouble) = stage.until_closed().await;
    assert!(outcomes.is_empty() && trouble.is_none());
}
