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
    let (notices, postman) = Notices::new(house.intake.clone(), config);
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
