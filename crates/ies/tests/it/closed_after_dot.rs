//! A provider that closes the connection behind the final dot without a reply: nobody knows whether it took the message.
//! It is sent again, the history says why, and there is one end.

use std::sync::atomic::Ordering;

use crate::world::{FINAL, QUICK_RETRIES, Setup, Talk, World, count, ended, events_of, letter};

#[tokio::test(flavor = "multi_thread")]
async fn the_message_is_sent_again_and_ends_once() {
    let mut world = World::with(Setup { config: QUICK_RETRIES, ..Setup::default() }).await;
    world.receiver.manners.mute.store(2, Ordering::SeqCst);
    let reply = Talk::open(world.smtp).await.send("zoe@example.org", &letter("was it taken?")).await;
    assert!(reply.starts_with("250 2.0.0 Queued"), "{reply}");

    let mut copies = Vec::new();
    for _ in 0..3 {
        copies.push(world.receiver.mails.recv().await.unwrap().data);
    }
    let events = events_of(&world.client, "zoe@example.org", ended).await;
    assert_eq!((count(&events, &["received"]), count(&events, &["deferred"])), (1, 2), "{events:#?}");
    assert_eq!((count(&events, &FINAL), count(&events, &["delivered"])), (1, 1), "{events:#?}");
    for event in events.iter().filter(|event| event["kind"] == "deferred") {
        let attempt = &event["attempt"];
        assert_eq!((attempt["phase"].as_str(), attempt["category"].as_str()), (Some("dot"), Some("bad-connection")));
        let error = attempt["error"].as_str().unwrap();
        assert!(error.starts_with("message sent, no reply to it"), "{error}");
        let transcript = attempt["transcript"].as_str().unwrap();
        let end = "S: 250 2.1.5 OK\n-- connection closed by the server without a reply";
        assert!(transcript.contains("bytes of message]"), "the whole message was sent:\n{transcript}");
        assert!(transcript.trim_end().ends_with(end), "nothing was said to it:\n{transcript}");
    }
    // The receiving host can tell that they are one message.
    let ids = copies.iter().map(|copy| message_id(copy)).collect::<Vec<_>>();
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[0].contains('@'), "{ids:?}");
    assert!(world.receiver.mails.try_recv().is_err(), "no fourth copy");
    world.end().await;
}

fn message_id(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message).into_owned();
    let line = text.lines().find(|line| line.to_ascii_lowercase().starts_with("message-id:"));
    line.unwrap_or_else(|| panic!("no Message-ID in {text}")).to_owned()
}
