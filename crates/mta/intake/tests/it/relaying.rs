//! Not an open relay: what strangers try, over a real socket.

use model::event::EventKind;

use crate::kit::*;

#[tokio::test]
async fn strangers_reach_nobody_but_us() {
    let mut house = House::open(strangers()).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let message = "Subject: cheap\n\nbuy\n";
    for recipient in [
        "victim@example.com",
        "\"victim@example.com\"@bounce.example.org",
        "victim%example.com@bounce.example.org",
        "@bounce.example.org:victim@example.com",
        "@bounce.example.org,@example.org:victim@example.com",
        "example.com!victim@bounce.example.org",
        "b.x@example.com",
        "victim@[127.0.0.1]",
        "victim@[IPv6:::1]",
        "victim@localhost",
        "victim@example.org",
        "nobody@bounce.example.org",
        "fbl@example.org@example.com",
    ] {
        for sender in ["", "victim@example.com", "fbl@example.org", "b.x@bounce.example.org", "not an address"] {
            let reply = client.send(sender, &[recipient], message).await;
            assert!(reply.starts_with('5') || reply.starts_with("421"), "{sender} to {recipient}: {reply}");
            if reply.starts_with("421") || reply.contains("Bad sender address syntax") {
                client = house.client().await;
                client.expect("EHLO c", "250").await;
            }
        }
        house.nothing_taken();
    }
    // Not through a recipient of ours in front of one of others either.
    let reply = client.send("x@example.net", &["fbl@example.org", "victim@example.com"], message).await;
    assert_eq!(reply, "550 5.7.1 Relaying denied");
    house.nothing_taken();
    let rejected = house.close(EventKind::Rejected).await;
    assert!(!rejected.is_empty() && rejected.len() <= 101, "{} events", rejected.len());
    assert!(rejected.iter().all(|event| event.origin.as_ref().unwrap().peer == Some([127, 0, 0, 1].into())));
}

#[tokio::test]
async fn recipients_of_both_kinds_come_in_two_transactions() {
    let mut house = House::open(config()).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    for (first, second) in [("u@example.com", "postmaster"), ("postmaster", "u@example.com")] {
        client.expect("MAIL FROM:<a@example.org>", "250").await;
        client.expect(&format!("RCPT TO:<{first}>"), "250").await;
        client.expect(&format!("RCPT TO:<{second}>"), "452 4.5.3").await;
        client.expect("DATA", "354").await;
        client.expect("Subject: x\r\n\r\nx\r\n.", "250").await;
    }
    let (admitted, _) = house.taken().await;
    assert_eq!(admitted.recipients[0].address.as_deref(), Some("u@example.com"));
    house.nothing_taken();
    assert_eq!(house.close(EventKind::Inbound).await.len(), 1);
}

#[tokio::test]
async fn refusals_do_not_fill_the_event_log() {
    let mut config = strangers();
    config.stranger_events = "10/s,max_burst=5".parse().unwrap();
    let house = House::open(config).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<a@example.net>", "250").await;
    for n in 0..15 {
        client.expect(&format!("RCPT TO:<u{n}@example.com>"), "550").await;
    }
    house.clock.advance(std::time::Duration::from_secs(1));
    client.expect("RCPT TO:<last@example.com>", "550").await;
    client.expect("QUIT", "221").await;
    let rejected = house.close(EventKind::Rejected).await;
    assert_eq!(rejected.len(), 6);
    assert_eq!(rejected[0].address.as_deref(), Some("u0@example.com"));
    let note = rejected[5].note.as_deref();
    assert_eq!(note, Some("550 5.7.1 Relaying denied (10 more events like this were left out before)"));
}
