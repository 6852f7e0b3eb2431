//! Senders are told when their mail could not be delivered.

use intake::Config;
use intake::notices::Notices;
use mail::bounce::Dictionary;
use mail::report::{Action, Report};
use model::event::{Attempt, Event, EventKind};
use model::handoff::{Admitted, RowRef};
use model::reply::Reply;
use model::submission::{
    Content, ContentSource, Envelope, NewMessage, NewRecipient, Origin, Protocol, ReturnPath, Routing, Submission,
};
use tokio_util::sync::CancellationToken;

use crate::kit::*;

/// As the queue tells it: refused by the host.
fn given_up(admitted: &Admitted, place: usize, kind: EventKind) -> (Event, RowRef) {
    let recipient = &admitted.recipients[place];
    let reply = Reply::new(550, "5.1.1 No such user here\nTry another");
    let attempt = Attempt { mx_host: Some("mx.example.com".into()), reply: Some(reply), ..Attempt::default() };
    let event = Event {
        message: Some(admitted.message.id),
        campaign: admitted.message.routing.campaign,
        attempt: Some(attempt),
        ..Event::of_recipient(kind, recipient.id, 1, NOW)
    };
    (event, recipient.row)
}

/// What the senders are told about what was submitted: the texts, and to whom they go.
async fn told(house: &mut House, config: &Config, failures: Vec<(Event, RowRef)>) -> Vec<(String, String)> {
    let (notices, postman) = Notices::new(house.intake.clone(), config, house.dir.path().join("notices")).unwrap();
    notices.given_up(failures);
    drop(notices);
    postman.run(CancellationToken::new()).await;
    let mut found = Vec::new();
    while let Ok(admitted) = house.admitted.try_recv() {
        assert_eq!(admitted.message.envelope.sender, ReturnPath::Null, "no report about a report");
        assert_eq!(admitted.message.origin.protocol, Protocol::Internal);
        let Content::Raw(raw) = (*house.spool.read_content(admitted.message.id).unwrap()).clone() else { panic!() };
        let to = admitted.recipients[0].address.as_deref().unwrap().to_owned();
        found.push((to, String::from_utf8(raw).unwrap()));
    }
    found
}

#[tokio::test]
async fn a_failure_is_told_in_the_form_of_rfc_3464() {
    let mut house = House::open(config()).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<shop@example.org> ENVID=order-7", "250").await;
    client.expect("RCPT TO:<gone@example.com> ORCPT=rfc822;Gone@old.example", "250").await;
    client.expect("RCPT TO:<late@example.com>", "250").await;
    client.expect("DATA", "354").await;
    client.expect("From: shop@example.org\r\nSubject: Your order\r\n\r\nsecret\r\n.", "250").await;
    let (admitted, _) = house.taken().await;
    let failures = vec![given_up(&admitted, 0, EventKind::Bounced), given_up(&admitted, 1, EventKind::Expired)];
    let told = told(&mut house, &config(), failures).await;
    assert_eq!(told.len(), 1, "one report a mail");
    let (to, text) = &told[0];
    assert_eq!(to, "shop@example.org");
    assert!(text.contains("Subject: Your order\r\n") && !text.contains("secret"), "{text}");
    assert!(text.contains("\r\nAuto-Submitted: auto-replied\r\n"), "{text}");
    let Report::Delivery(report) = mail::report::read(text.as_bytes(), &Dictionary::builtin()) else {
        panic!("{text}")
    };
    assert!(report.structured);
    assert_eq!(report.reporting_mta.as_deref(), Some("mx.example.org"));
    assert_eq!(report.envelope_id.as_deref(), Some("order-7"));
    let found: Vec<_> =
        report.recipients.iter().map(|r| (r.action, r.recipient.as_deref(), r.status.map(|s| s.to_string()))).collect();
    let expected = [
        (Action::Failed, Some("gone@example.com"), Some("5.1.1".to_owned())),
        (Action::Failed, Some("late@example.com"), Some("4.4.7".to_owned())),
    ];
    assert_eq!(found, expected);
    assert_eq!(report.recipients[0].original_recipient.as_deref(), Some("Gone@old.example"));
    assert_eq!(report.recipients[0].remote_mta.as_deref(), Some("mx.example.com"));
    assert_eq!(report.recipients[0].reply.as_ref().map(|reply| reply.code), Some(550));
}

/// Which cancellations come here is the queue's to say; those that do are told, with the words of whoever gave the order.
#[tokio::test]
async fn a_cancellation_is_told_with_its_reason() {
    let mut house = House::open(config()).await;
    let admitted = handed_in(&mut house, "", "", "").await;
    let (mut event, row) = given_up(&admitted, 0, EventKind::Suppressed);
    (event.note, event.attempt) = (Some("Cancelled by Ada: wrong link".to_owned()), None);
    let told = told(&mut house, &config(), vec![(event, row)]).await;
    assert_eq!(told.len(), 1);
    for line in ["Action: failed\r\nStatus: 5.0.0\r\n", "Diagnostic-Code: x-ies; Cancelled by Ada: wrong link\r\n"] {
        assert!(told[0].1.contains(line), "{line}: {}", told[0].1);
    }
}

#[tokio::test]
async fn who_is_not_told() {
    let mut house = House::open(config()).await;
    for (mail, rcpt) in [("<>", ""), ("<a@example.org>", " NOTIFY=NEVER"), ("<a@example.org>", " NOTIFY=SUCCESS,DELAY")]
    {
        let mut client = house.client().await;
        client.expect("EHLO c", "250").await;
        client.expect(&format!("MAIL FROM:{mail}"), "250").await;
        client.expect(&format!("RCPT TO:<u@example.com>{rcpt}"), "250").await;
        client.expect("DATA", "354").await;
        client.expect("Subject: x\r\n\r\n.", "250").await;
        let (admitted, _) = house.taken().await;
        let failures = vec![given_up(&admitted, 0, EventKind::Bounced)];
        assert_eq!(told(&mut house, &config(), failures).await, [], "{mail}{rcpt}");
    }
    // Programs read the event log.
    let message = NewMessage {
        content: Content::Raw(b"From: a@example.org\r\n\r\n".to_vec()),
        envelope: Envelope { sender: ReturnPath::Fixed("a@example.org".to_owned()), ..Envelope::default() },
        routing: Routing::default(),
        origin: Origin { protocol: Protocol::Http, peer: None, user: None },
    };
    let recipients = vec![NewRecipient { address: "u@example.com".to_owned(), ..NewRecipient::default() }];
    house
        .intake
        .submit(Submission { content: ContentSource::New(Box::new(message)), recipients, checkpoint: None })
        .await
        .unwrap();
    let (admitted, _) = house.taken().await;
    let failures = vec![given_up(&admitted, 0, EventKind::Bounced)];
    assert_eq!(told(&mut house, &config(), failures).await, []);
}

#[tokio::test]
async fn reports_are_limited_in_rate() {
    let mut house = House::open(config()).await;
    let config = Config { failure_notices: "1/min,max_burst=2".parse().unwrap(), ..config() };
    let mut failures = Vec::new();
    for _ in 0..5 {
        let mut client = house.client().await;
        client.expect("EHLO c", "250").await;
        client.send("a@example.org", &["u@example.com"], "Subject: x\n\n").await;
        let (admitted, _) = house.taken().await;
        failures.push(given_up(&admitted, 0, EventKind::Bounced));
        failures.push(given_up(&admitted, 0, EventKind::Delivered));
    }
    assert_eq!(told(&mut house, &config, failures).await.len(), 2);
}

#[tokio::test]
async fn a_sender_gets_one_notice_for_a_hundred_recipients_of_a_mail() {
    let mut house = House::open(config()).await;
    let mut failures = Vec::new();
    for _ in 0..2 {
        let mut client = house.client().await;
        client.expect("EHLO c", "250").await;
        let to: Vec<String> = (0..150).map(|n| format!("u{n}@example.com")).collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        assert!(client.send("a@example.org", &to, "Subject: x\n\n").await.starts_with("250"));
        let (admitted, _) = house.taken().await;
        failures.push((0..150).map(|place| given_up(&admitted, place, EventKind::Bounced)).collect::<Vec<_>>());
    }
    // As they come: those of several mails one after the other.
    let [one, other] = failures.try_into().unwrap();
    let mixed = one.into_iter().zip(other).flat_map(|(one, other)| [one, other]).collect();
    let told = told(&mut house, &config(), mixed).await;
    let sizes: Vec<usize> = told.iter().map(|(_, text)| text.matches("Final-Recipient:").count()).collect();
    assert_eq!(sizes, [100, 50, 100, 50]);
}

/// A message to `u@example.com`, handed in with these parameters of MAIL and RCPT.
async fn handed_in(house: &mut House, mail: &str, rcpt: &str, header: &str) -> Admitted {
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    client.expect(&format!("MAIL FROM:<shop@example.org>{mail}"), "250").await;
    client.expect(&format!("RCPT TO:<u@example.com>{rcpt}"), "250").await;
    client.expect("DATA", "354").await;
    client.expect(&format!("From: shop@example.org\r\n{header}Subject: x\r\n\r\nsecret\r\n."), "250").await;
    house.taken().await.0
}

/// As the queue tells of an attempt.
fn attempted(admitted: &Admitted, kind: EventKind, attempt: Attempt) -> (Event, RowRef) {
    let (event, row) = given_up(admitted, 0, kind);
    (Event { attempt: Some(attempt), ..event }, row)
}

fn actions(text: &str) -> Vec<(Action, Option<String>)> {
    let Report::Delivery(report) = mail::report::read(text.as_bytes(), &Dictionary::builtin()) else {
        panic!("{text}")
    };
    report.recipients.iter().map(|r| (r.action, r.status.map(|status| status.to_string()))).collect()
}

#[tokio::test]
async fn a_delay_is_told_once_to_those_who_asked_or_may_expect_it() {
    let hours = |hours: u64| {
        let reply = Some(Reply::new(451, "4.7.1 Later"));
        Attempt { reply, queued_ms: Some(hours * 3_600_000), ..Attempt::default() }
    };
    let mut house = House::open(config()).await;
    for (rcpt, header, expected) in [
        (" NOTIFY=DELAY", "", 1),
        ("", "", 1),
        ("", "X-iES-Stream: bulk\r\n", 0),
        (" NOTIFY=DELAY,FAILURE", "X-iES-Stream: bulk\r\n", 1),
        (" NOTIFY=FAILURE", "", 0),
        (" NOTIFY=NEVER", "", 0),
    ] {
        let admitted = handed_in(&mut house, "", rcpt, header).await;
        let early = attempted(&admitted, EventKind::Deferred, hours(3));
        assert_eq!(told(&mut house, &config(), vec![early]).await, [], "{rcpt}");
        let late = attempted(&admitted, EventKind::Deferred, hours(5));
        let first = told(&mut house, &config(), vec![late.clone()]).await;
        assert_eq!(first.len(), expected, "{rcpt} {header}");
        if let Some((_, text)) = first.first() {
            assert_eq!(actions(text), [(Action::Delayed, Some("4.7.1".to_owned()))], "{text}");
            assert!(text.contains("Subject: Delayed mail") && text.contains("remis"), "{text}");
        }
        // Not again, also not after a restart: the directory remembers.
        let later = attempted(&admitted, EventKind::Deferred, hours(9));
        assert_eq!(told(&mut house, &config(), vec![later]).await, [], "{rcpt}");
    }
}

#[tokio::test]
async fn success_is_told_where_the_next_host_will_not() {
    let wire = |without_dsn| {
        let wire = model::dialogue::Wire { without_dsn, ..model::dialogue::Wire::default() };
        let reply = Some(Reply::new(250, "2.0.0 OK"));
        Attempt { reply, wire: Some(wire), ..Attempt::default() }
    };
    let mut house = House::open(config()).await;
    for (rcpt, without_dsn, expected) in
        [(" NOTIFY=SUCCESS", true, 1), (" NOTIFY=SUCCESS", false, 0), ("", true, 0), (" NOTIFY=FAILURE,DELAY", true, 0)]
    {
        let admitted = handed_in(&mut house, " RET=FULL", rcpt, "").await;
        let delivered = attempted(&admitted, EventKind::Delivered, wire(without_dsn));
        let found = told(&mut house, &config(), vec![delivered]).await;
        assert_eq!(found.len(), expected, "{rcpt} {without_dsn}");
        if let Some((_, text)) = found.first() {
            assert_eq!(actions(text), [(Action::Relayed, Some("2.0.0".to_owned()))], "{text}");
            assert!(!text.contains("secret"), "RFC 3461 4.3: all of it with a failure only: {text}");
        }
    }
}

#[tokio::test]
async fn the_mail_comes_back_whole_where_that_was_asked() {
    let mut house = House::open(config()).await;
    let small = Config { notice_content_max: model::units::Size(10), ..config() };
    for (mail, config, whole) in [
        (" RET=FULL", config(), true),
        (" RET=HDRS", config(), false),
        ("", config(), false),
        (" RET=FULL", small, false),
    ] {
        let admitted = handed_in(&mut house, mail, "", "").await;
        let found = told(&mut house, &config, vec![given_up(&admitted, 0, EventKind::Bounced)]).await;
        let text = &found[0].1;
        assert_eq!(text.contains("secret"), whole, "{mail}: {text}");
        let kind = if whole { "message/rfc822" } else { "text/rfc822-headers" };
        assert!(text.contains(&format!("Content-Type: {kind}\r\n")), "{mail}: {text}");
    }
}

#[tokio::test]
async fn notices_that_wait_survive_a_crash() {
    let mut house = House::open(config()).await;
    let admitted = handed_in(&mut house, "", "", "").await;
    let dir = house.dir.path().join("notices");
    let (notices, postman) = Notices::new(house.intake.clone(), &config(), dir).unwrap();
    notices.given_up(vec![given_up(&admitted, 0, EventKind::Bounced)]);
    // The program ends here: nothing was submitted.
    drop((notices, postman));
    house.nothing_taken();
    assert_eq!(told(&mut house, &config(), Vec::new()).await.len(), 1);
    assert_eq!(told(&mut house, &config(), Vec::new()).await.len(), 0, "once");
}
