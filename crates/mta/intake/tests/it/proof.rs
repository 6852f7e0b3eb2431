//! What a report may lead to: nobody is kept from his mail by the word of a stranger.

use mail::token::Addressee;
use model::event::{Event, EventKind};
use model::id::RecipientId;
use tokio::io::AsyncWriteExt as _;

use crate::kit::*;

/// Of injected mail: no campaign, no contact.
fn return_path(recipient: u64) -> String {
    keys().return_path(RecipientId(recipient), None, "bounce.example.org")
}

fn addressee(address: &str) -> Addressee {
    Addressee { address: address.into(), tenant: "shop".into(), stream: "alerts".into() }
}

/// A report that names this recipient, in the form of a bounce or a complaint.
fn report(kind: &str, names: &str) -> String {
    let part = match kind {
        "failed" => format!(
            "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; {names}\n\
             Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n"
        ),
        kind => format!(
            "Content-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: x/1\nVersion: 1\n\
             Original-Rcpt-To: {names}\n"
        ),
    };
    let what = if kind == "failed" { "delivery-status" } else { "feedback-report" };
    format!(
        "From: a@example.com\nSubject: report\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type={what}; boundary=\"b1\"\n\n\
         --b1\nContent-Type: text/plain\n\nA report.\n\n--b1\n{part}\n--b1\n\
         Content-Type: text/rfc822-headers\n\nFrom: news@example.org\nSubject: News\n\n--b1--\n"
    )
}

/// The event that a report leads to when the recipient 20 is known under this address.
async fn event_of(kind: &str, names: &str, known: Option<&str>) -> Event {
    let house = House::open(strangers()).await;
    if let Some(known) = known {
        house.book.0.lock().unwrap().insert(RecipientId(20), addressee(known));
    }
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let reply = client.send("", &[&return_path(20)], &report(kind, names)).await;
    assert_eq!(reply, "250 2.0.0 Taken");
    let kind = match kind {
        "failed" => EventKind::RemoteBounce,
        "opt-out" => EventKind::Unsubscribed,
        _ => EventKind::Complaint,
    };
    let mut events = house.close(kind).await;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[tokio::test]
async fn a_report_speaks_of_the_address_we_wrote_to_and_of_no_other() {
    for kind in ["failed", "abuse", "opt-out"] {
        for names in ["victim@example.net", "redacted", "own@example.com"] {
            let event = event_of(kind, names, Some("own@example.com")).await;
            assert_eq!(event.address.as_deref(), Some("own@example.com"), "{kind} that names {names}");
            assert_eq!(event.recipient, Some(RecipientId(20)));
            assert_eq!(event.tenant.is_some(), kind == "opt-out", "leaving holds for a stream");
            let event = event_of(kind, names, None).await;
            assert_eq!(event.address, None, "{kind} that names {names}: nobody knows whom we wrote to");
        }
    }
    let event = event_of("failed", "victim@example.net", None).await;
    assert_eq!(event.note.as_deref(), Some("the report names victim@example.net"));
}

#[tokio::test]
async fn a_report_comes_again_when_nobody_can_be_asked() {
    let house = House::open(strangers()).await;
    house.book.0.lock().unwrap().insert(RecipientId(20), addressee(""));
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let reply = client.send("", &[&return_path(20)], &report("failed", "x@example.com")).await;
    assert_eq!(reply, "451 4.3.0 Cannot take the report now, try again later");
    house.book.0.lock().unwrap().insert(RecipientId(20), addressee("own@example.com"));
    let reply = client.send("", &[&return_path(20)], &report("failed", "x@example.com")).await;
    assert_eq!(reply, "250 2.0.0 Taken");
    assert_eq!(house.close(EventKind::RemoteBounce).await.len(), 1);
}

/// A mail that needs no answer of the database does not wait for those that do.
#[tokio::test]
async fn a_database_that_hangs_stops_no_other_mail() {
    let house = House::open(strangers()).await;
    house.book.0.lock().unwrap().insert(RecipientId(20), addressee("?"));
    let mut hanging = Vec::new();
    for _ in 0..20 {
        let mut client = house.client().await;
        client.expect("EHLO c", "250").await;
        client.expect("MAIL FROM:<>", "250").await;
        client.expect(&format!("RCPT TO:<{}>", return_path(20)), "250").await;
        client.expect("DATA", "354").await;
        let report = report("abuse", "x@example.com").replace('\n', "\r\n");
        client.stream.write_all(format!("{report}\r\n.\r\n").as_bytes()).await.unwrap();
        hanging.push(client);
    }
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let quick = async { client.send("zoe@example.com", &["postmaster"], "Subject: x\n\n").await };
    let reply = tokio::time::timeout(std::time::Duration::from_secs(5), quick).await;
    assert_eq!(reply.as_deref(), Ok("250 2.0.0 Taken"));
}

#[tokio::test]
async fn a_return_path_that_we_did_not_make_has_no_mailbox() {
    let house = House::open(strangers()).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<>", "250").await;
    for guess in ["b.x@bounce.example.org", "B.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bounce.example.org"] {
        assert_eq!(client.say(&format!("RCPT TO:<{guess}>")).await, "550 5.1.1 No such mailbox here");
    }
    client.expect(&format!("RCPT TO:<{}>", return_path(20).to_uppercase()), "250").await;
}

#[tokio::test]
async fn one_transaction_has_few_mailboxes_and_each_once() {
    let house = House::open(strangers()).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<>", "250").await;
    for recipient in 1..=10 {
        for path in [return_path(recipient), return_path(recipient).to_uppercase()] {
            client.expect(&format!("RCPT TO:<{path}>"), "250").await;
        }
    }
    client.expect(&format!("RCPT TO:<{}>", return_path(11)), "452 4.5.3").await;
    client.expect("DATA", "354").await;
    client.expect(&format!("{}.", report("failed", "x@example.com").replace('\n', "\r\n")), "250").await;
    let events = house.close(EventKind::RemoteBounce).await;
    let recipients: Vec<u64> = events.iter().filter_map(|event| Some(event.recipient?.0)).collect();
    assert_eq!(recipients, (1..=10).collect::<Vec<_>>());
}
