//! Mail of people to our own addresses: sent on, kept, or refused; never taken and lost.

use intake::Config;
use model::event::EventKind;
use model::id::RecipientId;
use model::name::Name;
use model::submission::ReturnPath;

use crate::kit::*;

const LETTER: &str = "From: zoe@example.com\nTo: us\nX-iES-Stream: bulk\nSubject: Hello\n\nWho are you?";

fn forwarding() -> Config {
    let mut config = strangers();
    config.inbound.forward_to = Some("Office@Example.net".to_owned());
    config
}

/// The reply to a letter, and how many events `inbound` and messages in the spool come of it.
async fn check(config: Config, to: &[&str], expected: &str, events: usize, messages: usize) {
    let mut house = House::open(config).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let reply = client.send("zoe@example.com", to, LETTER).await;
    assert_eq!(reply, expected, "{to:?}");
    for _ in 0..messages {
        house.taken().await;
    }
    house.nothing_taken();
    assert_eq!(house.close(EventKind::Inbound).await.len(), events, "{to:?}");
}

#[tokio::test]
async fn a_letter_is_read_by_somebody_or_refused() {
    let path = keys().return_path(RecipientId(20), None, "bounce.example.org");
    let refused = "550 5.7.1 Only reports are read here: mail of people is not accepted";
    for to in ["fbl@example.org", "unsubscribe@bounce.example.org", &path] {
        check(strangers(), &[to], refused, 0, 0).await;
        check(forwarding(), &[to], "250 2.0.0 Taken", 1, 1).await;
    }
    check(strangers(), &["postmaster"], "250 2.0.0 Taken", 1, 0).await;
    check(strangers(), &["fbl@example.org", "postmaster@bounce.example.org"], "250 2.0.0 Taken", 1, 0).await;
    check(forwarding(), &["postmaster", "fbl@example.org"], "250 2.0.0 Taken", 1, 1).await;
}

/// Sent on twice by whoever comes again would be worse than an event that is missing.
#[tokio::test]
async fn a_letter_is_taken_once_though_its_event_cannot_be_written() {
    let mut house = House::open(forwarding()).await;
    house.events.clone().close().await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    assert_eq!(client.send("zoe@example.com", &["postmaster"], LETTER).await, "250 2.0.0 Taken");
    house.taken().await;
    house.nothing_taken();
}

#[tokio::test]
async fn what_is_sent_on_is_not_vouched_for() {
    let mut house = House::open(forwarding()).await;
    let mut client = house.client().await;
    client.expect("EHLO client.example", "250").await;
    client.send("zoe@example.com", &["fbl@example.org"], LETTER).await;
    let (admitted, raw) = house.taken().await;
    let head = &admitted.message;
    assert_eq!(head.envelope.sender, ReturnPath::Null, "nothing comes of it when it cannot be delivered");
    assert_eq!(head.routing.signing_domain, Some(Name::default()), "not signed");
    assert_eq!(&*head.routing.stream, "transactional", "a stranger does not choose");
    assert_eq!(admitted.recipients.len(), 1);
    assert_eq!(admitted.recipients[0].address.as_deref(), Some("Office@example.net"));
    assert!(raw.starts_with("Received: from client.example") && raw.ends_with("Who are you?\r\n"), "{raw}");
    let events = house.close(EventKind::Inbound).await;
    assert_eq!(
        events[0].note.as_deref(),
        Some("mail without a token of ours: subject: Hello; sent on to Office@Example.net")
    );
}

#[tokio::test]
async fn the_postmasters_mail_is_kept_whole() {
    let house = House::open(strangers()).await;
    let mut client = house.client().await;
    client.expect("EHLO client.example", "250").await;
    let to: Vec<&str> = std::iter::repeat_n("postmaster", 500).collect();
    assert_eq!(client.send("zoe@example.com", &to, LETTER).await, "250 2.0.0 Taken");
    let files: Vec<_> =
        std::fs::read_dir(house.dir.path().join("inbound")).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert!(text.starts_with("Return-Path: <zoe@example.com>\r\nReceived: from client.example"), "{text}");
    assert!(text.ends_with(&(LETTER.replace('\n', "\r\n") + "\r\n")), "{text}");
    assert_eq!(house.close(EventKind::Inbound).await.len(), 1);
}
