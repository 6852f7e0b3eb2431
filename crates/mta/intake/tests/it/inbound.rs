//! Mail that comes back: one event each, attributed by our tokens alone.

use mail::token::{Addressee, MailRef, Token};
use model::category::Category;
use model::event::{Event, EventKind};
use model::id::{CampaignId, ContactId, EventId, ListId, MessageId, RecipientId};

use crate::kit::*;

fn reference() -> MailRef {
    MailRef {
        message: MessageId(10),
        recipient: RecipientId(20),
        contact: Some(ContactId(30)),
        campaign: Some(CampaignId(40)),
    }
}

fn return_path() -> String {
    keys().return_path(RecipientId(20), Some(CampaignId(40)), "bounce.example.org")
}

fn message_id() -> String {
    format!("r.{}@news.example.org", keys().seal(&Token::Ref(reference())))
}

/// The one event of this kind that a mail leads to.
async fn event_of(to: &str, message: &str, kind: EventKind) -> Event {
    let house = House::open(strangers()).await;
    let mut client = house.client().await;
    client.expect("EHLO mx.example.com", "250").await;
    let reply = client.send("", &[to], message).await;
    assert_eq!(reply, "250 2.0.0 Taken");
    client.expect("QUIT", "221").await;
    let mut events = house.close(kind).await;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

fn delivery_report(action: &str, status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example.com
To: {to}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"

--b1
Content-Type: text/plain

I could not deliver it.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; user@example.com
Action: {action}
Status: {status}
Remote-MTA: dns; inner.example.com
Diagnostic-Code: smtp; 550 5.1.1 <user@example.com>: Recipient address rejected: User unknown

--b1
Content-Type: text/rfc822-headers

From: news@example.org
To: user@example.com
Message-ID: <{id}>
Subject: News

--b1--
",
        to = return_path(),
        id = message_id()
    )
}

fn complaint(kind: &str, message_id: &str) -> String {
    format!(
        "From: feedback@provider.example
To: fbl@example.org
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=\"b1\"

--b1
Content-Type: text/plain

This is an email abuse report.

--b1
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Source-IP: 192.0.2.1
Original-Rcpt-To: redacted

--b1
Content-Type: message/rfc822

From: news@example.org
To: user@example.com
Message-ID: <{message_id}>
Subject: News

text

--b1--
"
    )
}

#[tokio::test]
async fn a_delivery_report_becomes_a_remote_bounce() {
    let event = event_of(&return_path(), &delivery_report("failed", "5.1.1"), EventKind::RemoteBounce).await;
    assert_eq!(event.id, EventId { root: 20, leaf: u32::from(EventKind::RemoteBounce.number()) << 16 });
    assert_eq!((event.recipient, event.campaign), (Some(RecipientId(20)), Some(CampaignId(40))));
    assert_eq!((event.message, event.contact), (Some(MessageId(10)), Some(ContactId(30))));
    assert_eq!((event.address, event.at), (None, NOW), "what the report says is no proof");
    assert_eq!(event.note.as_deref(), Some("the report names user@example.com"));
    let report = event.report.unwrap();
    assert_eq!((report.what.as_str(), report.category, report.suppress), ("failed", Some(Category::BadMailbox), true));
    assert_eq!(report.reporter.as_deref(), Some("inner.example.com"));
    assert_eq!(report.reply.unwrap().code, 550);
}

#[tokio::test]
async fn return_paths_come_back_in_capitals() {
    let to = return_path().to_uppercase();
    let event = event_of(&to, &delivery_report("failed", "5.1.1"), EventKind::RemoteBounce).await;
    assert_eq!(event.recipient, Some(RecipientId(20)));
}

#[tokio::test]
async fn a_delay_is_no_bounce() {
    let event = event_of(&return_path(), &delivery_report("delayed", "4.4.1"), EventKind::Inbound).await;
    assert_eq!((event.recipient, event.report.unwrap().what.as_str()), (Some(RecipientId(20)), "delayed"));
}

#[tokio::test]
async fn a_complaint_is_attributed_by_the_quoted_message() {
    let event = event_of("fbl@example.org", &complaint("abuse", &message_id()), EventKind::Complaint).await;
    assert_eq!((event.recipient, event.contact), (Some(RecipientId(20)), Some(ContactId(30))));
    assert_eq!((event.message, event.campaign), (Some(MessageId(10)), Some(CampaignId(40))));
    assert_eq!(event.address, None, "redacted");
    let report = event.report.unwrap();
    assert_eq!((report.what.as_str(), report.reporter.as_deref()), ("abuse", Some("SomeGenerator/1.0")));
    assert_eq!(report.source_address.as_deref(), Some("192.0.2.1"));
}

#[tokio::test]
async fn feedback_that_is_no_complaint() {
    let event = event_of("fbl@example.org", &complaint("not-spam", &message_id()), EventKind::Inbound).await;
    assert_eq!(event.report.unwrap().what, "not-spam");
    let event = event_of("fbl@example.org", &complaint("opt-out", &message_id()), EventKind::Unsubscribed).await;
    assert_eq!(event.touch.unwrap().method.as_deref(), Some("mail"));
}

#[tokio::test]
async fn a_report_that_is_sent_twice_is_one_event() {
    let house = House::open(strangers()).await;
    for _ in 0..2 {
        let mut client = house.client().await;
        client.expect("EHLO mx.example.com", "250").await;
        for _ in 0..2 {
            let reply = client.send("", &["fbl@example.org"], &complaint("abuse", &message_id())).await;
            assert_eq!(reply, "250 2.0.0 Taken");
            house.clock.advance(std::time::Duration::from_secs(60));
        }
    }
    assert_eq!(house.close(EventKind::Complaint).await.len(), 1);
}

#[tokio::test]
async fn a_complaint_that_nothing_attributes_is_kept_as_a_note() {
    let forged = "r.AQ0cq2v7m9hk3xaAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@news.example.org";
    let event = event_of("fbl@example.org", &complaint("abuse", forged), EventKind::Inbound).await;
    assert_eq!((event.recipient, event.campaign), (None, None));
    assert_eq!(event.note.as_deref(), Some("complaint report without a token of ours"));
    assert_eq!((event.address.as_deref(), event.sender.as_deref()), (Some("fbl@example.org"), Some("")));
    assert_eq!(event.report.unwrap().what, "abuse");
    assert_ne!(event.id.root, 0);
}

#[tokio::test]
async fn unsubscribing_by_mail() {
    let token = keys().seal(&Token::Unsubscribe { mail: reference(), list: Some(ListId(50)), to: None });
    let message = format!("From: user@example.com\nSubject: u.{token}\n\n");
    let event = event_of("unsubscribe@bounce.example.org", &message, EventKind::Unsubscribed).await;
    assert_eq!((event.recipient, event.list), (Some(RecipientId(20)), Some(ListId(50))));
    assert_eq!((event.contact, event.campaign), (Some(ContactId(30)), Some(CampaignId(40))));
    assert_eq!(event.touch.unwrap().method.as_deref(), Some("mail"));
    assert_eq!(event.report, None);
    // To somebody who is no contact: the token names address, tenant and stream.
    let to = Addressee { address: "zoe@example.com".into(), tenant: "shop".into(), stream: "alerts".into() };
    let mail = MailRef { contact: None, campaign: None, ..reference() };
    let token = keys().seal(&Token::Unsubscribe { mail, list: None, to: Some(to) });
    let message = format!("From: other@example.com\nSubject: u.{token}\n\n");
    let event = event_of("unsubscribe@bounce.example.org", &message, EventKind::Unsubscribed).await;
    assert_eq!(event.address.as_deref(), Some("zoe@example.com"));
    assert_eq!((event.tenant.as_deref(), event.stream.as_deref()), (Some("shop"), Some("alerts")));
}

#[tokio::test]
async fn people_and_machines_who_answer() {
    let message =
        "From: user@example.com\nTo: x\nSubject: Out of office\nAuto-Submitted: auto-replied\n\nBack on Monday.\n";
    let event = event_of(&return_path(), message, EventKind::Inbound).await;
    assert_eq!(event.recipient, Some(RecipientId(20)));
    assert!(event.note.unwrap().contains("Out of office"));
    let message = "From: user@example.com\nSubject: Hello\nDate: today\n\nWho are you?\n";
    let event = event_of("postmaster", message, EventKind::Inbound).await;
    let note = event.note.unwrap();
    assert!(note.starts_with("mail without a token of ours: subject: Hello; kept as inbound/"), "{note}");
}

#[tokio::test]
async fn strange_mail_is_limited() {
    let mut config = strangers();
    config.stranger_events = "1/min".parse().unwrap();
    let house = House::open(config).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let forged = complaint("abuse", "r.AQ0cq2v7m9hk3xaAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@news.example.org");
    assert!(client.send("", &["fbl@example.org"], &forged).await.starts_with("250"));
    assert!(client.send("", &["fbl@example.org"], &forged).await.starts_with("451 4.7.1"));
    assert!(client.send("", &["postmaster"], "Subject: Hello\n\n").await.starts_with("451 4.7.1"));
    let attributed = complaint("abuse", &message_id());
    assert!(client.send("", &["fbl@example.org"], &attributed).await.starts_with("250"), "ours are always taken");
    assert_eq!(house.close(EventKind::Complaint).await.len(), 1);
}
