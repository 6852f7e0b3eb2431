//! Bad input and bad times: the correct refusal, and nothing in the spool.

use journal::Options;
use model::event::EventKind;
use model::units::Size;

use crate::kit::*;

async fn refused(house: &mut House, message: &str) -> String {
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let reply = client.send("a@example.org", &["u@example.com"], message).await;
    house.nothing_taken();
    reply
}

#[tokio::test]
async fn oversized_messages() {
    let mut house = House::open(strangers_with_size("100KB")).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    assert!(client.said.contains("SIZE 102400\r\n"), "{}", client.said);
    client.expect("MAIL FROM:<a@example.org> SIZE=102401", "552 5.3.4").await;
    let reply = client.send("a@example.org", &["fbl@example.org"], &"x\n".repeat(60_000)).await;
    assert_eq!(reply, "552 5.3.4 Message too big");
    client.expect("NOOP", "250").await;
    house.nothing_taken();
    assert_eq!(house.close(EventKind::Inbound).await, []);
}

fn strangers_with_size(size: &str) -> intake::Config {
    intake::Config { message_size_max: size.parse().unwrap(), ..config() }
}

#[tokio::test]
async fn a_message_is_never_larger_than_a_record() {
    let house = House::open(config()).await;
    let expected = (house.spool.admission_bytes_max() - (64 << 10)).to_string();
    let mut client = house.client().await;
    let reply = client.expect("EHLO c", "250").await;
    assert!(reply.contains(&format!("SIZE {expected}")), "{reply}");
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let line = format!("{}\n", "x".repeat(98));
    let lines = house.intake.message_bytes_max() as usize / 100 - 1;
    let reply = client.send("a@example.org", &["u@example.com"], &format!("A: b\n\n{}", line.repeat(lines))).await;
    assert!(reply.starts_with("250 "), "{reply}");
}

#[tokio::test]
async fn malformed_messages() {
    let mut house = House::open(config()).await;
    assert_eq!(
        refused(&mut house, "no header at all\nof any kind\n").await,
        "554 5.6.0 The header of the message is not well-formed"
    );
    let bare = refused(&mut house, "Subject: x\n\na\rb\n").await;
    assert!(bare.starts_with("554 5.6.11 Bare CR"), "{bare}");
    let long = format!("X-Job: {}\n\n", "j".repeat(300));
    assert_eq!(refused(&mut house, &long).await, "554 5.6.0 x-job: longer than 255 bytes");
    let rejected = house.close(EventKind::Rejected).await;
    let notes: Vec<_> = rejected.iter().map(|event| event.note.as_deref().unwrap()).collect();
    assert_eq!(
        notes,
        ["554 5.6.0 The header of the message is not well-formed", "554 5.6.0 x-job: longer than 255 bytes"]
    );
    assert_eq!(rejected[0].size_bytes, Some(33));
}

#[tokio::test]
async fn loops_are_broken() {
    let mut house = House::open(config()).await;
    let hops = "Received: from a by b; date\n".repeat(50);
    let reply = refused(&mut house, &format!("{hops}Subject: x\n\nx\n")).await;
    assert_eq!(reply, "554 5.4.6 Too many hops: the message is in a loop");
}

#[tokio::test]
async fn little_free_disk() {
    let mut house = House::open(intake::Config { free_disk_min: Size(1 << 60), ..config() }).await;
    let reply = refused(&mut house, "Subject: x\n\nx\n").await;
    assert_eq!(reply, "452 4.3.1 Insufficient system storage, try again later");
    assert!(house.intake.check_room().is_err());
}

#[tokio::test]
async fn a_full_spool_refuses_and_takes_again() {
    let log = Options { bytes_max: Some(3 << 20), ..log_options() };
    let mut house = House::open_with(config(), log).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let message = format!("Subject: x\n\n{}", "line of text\n".repeat(10_000));
    let mut taken = Vec::new();
    let reply = loop {
        let reply = client.send("a@example.org", &["u@example.com"], &message).await;
        if !reply.starts_with("250") {
            break reply;
        }
        taken.extend(house.taken().await.0.recipients);
        assert!(taken.len() < 100);
    };
    assert_eq!(reply, "452 4.3.1 Insufficient system storage, try again later");
    house.nothing_taken();
    let acks = taken.iter().map(|r| journal::spool::Ack::Done(r.id, r.row)).collect();
    house.spool.ack(acks).await.unwrap();
    for attempt in 0.. {
        let reply = client.send("a@example.org", &["u@example.com"], "Subject: again\n\n").await;
        if reply.starts_with("250") {
            break;
        }
        assert!(reply.starts_with("452") && attempt < 10_000, "{reply}");
    }
    house.taken().await;
}
