//! Malformed and oversized mail over SMTP: the right refusal, the connection stays usable (but for odd line ends, behind
//! which nothing is read), and nothing of it is queued.

use crate::world::{Talk, World, count, ended, events_of, letter};

#[tokio::test(flavor = "multi_thread")]
async fn each_is_refused_and_the_connection_goes_on() {
    let config = "[intake]\nmessage_size_max = \"256KB\"\n";
    let mut world = World::with(crate::world::Setup { config, ..Default::default() }).await;
    let mut talk = Talk::open(world.smtp).await;
    let long_line = format!("Subject: long\r\n\r\n{}\r\n.\r\n", "x".repeat(70_000));
    let too_big = format!("Subject: big\r\n\r\n{}.\r\n", "line of text\r\n".repeat(30_000));
    for (what, message, expected) in [
        ("bare LF", "Subject: a\r\n\r\none\ntwo\r\n.\r\n", "554 5.6.11 Bare LF"),
        ("bare CR", "Subject: a\r\n\r\none\rtwo\r\n.\r\n", "554 5.6.11 Bare CR"),
        ("an end that is none", "Subject: a\r\n\r\none\n.\n\r\n.\r\n", "554 5.6.11 Bare LF"),
        ("NUL", "Subject: a\r\n\r\none\0two\r\n.\r\n", "554 5.6.0 NUL"),
        ("a line too long", long_line.as_str(), "554 5.6.0 A line of the message is too long"),
        ("no header", "Hello\r\n\r\nworld\r\n.\r\n", "554 5.6.0 The header of the message is not well-formed"),
        ("larger than allowed", too_big.as_str(), "552 5.3.4 Message too big"),
    ] {
        let reply = talk.send("zoe@example.org", message.as_bytes()).await;
        assert!(reply.starts_with(expected), "{what}: {reply}");
        if expected.starts_with("554 5.6.11") {
            // Nothing behind an odd line end is taken for a command.
            talk = Talk::open(world.smtp).await;
        }
        assert!(talk.say("NOOP").await.starts_with("250"), "{what}: the connection is usable");
    }
    let announced = talk.say("MAIL FROM:<shop@example.com> SIZE=262145").await;
    assert!(announced.starts_with("552 5.3.4"), "{announced}");
    for (line, expected) in
        [("RCPT TO:<zoe@example.org>", "503"), ("MAIL FROM:<", "501"), ("FROBNICATE", "500"), ("NOOP", "250")]
    {
        let reply = talk.say(line).await;
        assert!(reply.starts_with(expected), "{line}: {reply}");
    }

    // A client that goes away before the end of its message.
    let mut gone = Talk::open(world.smtp).await;
    for line in ["MAIL FROM:<shop@example.com>", "RCPT TO:<zoe@example.org>", "DATA"] {
        gone.say(line).await;
    }
    gone.leave_after(b"Subject: cut\r\n\r\nthe end is missing\r\n").await;

    let reply = talk.send("zoe@example.org", &letter("fine")).await;
    assert!(reply.starts_with("250 2.0.0 Queued"), "{reply}");
    let taken = world.receiver.mails.recv().await.unwrap();
    assert!(String::from_utf8_lossy(&taken.data).contains("Subject: fine"));
    // `events_of` would find more than one mail to this address.
    let events = events_of(&world.client, "zoe@example.org", ended).await;
    assert_eq!((count(&events, &["received"]), count(&events, &["delivered"])), (1, 1), "{events:#?}");
    assert!(world.receiver.mails.try_recv().is_err(), "nothing else was delivered");
    world.end().await;
}
