//! Dovecot takes mail over LMTP, by TCP and by its socket: several recipients of one message, each with his own outcome.

use serde_json::Value;

use super::kit::{Stage, mails, sender, until};
use crate::world::{Talk, count, ended, events_of, letter};

const USERS: &str = "zoe@example.org:::::::\njoe@example.org:::::::\nann@local.example:::::::\n\
                     full@example.org:::::::userdb_quota_rule=*:storage=1K\n";

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_has_an_outcome_of_his_own() {
    let Some(stage) = Stage::new("/usr/lib/dovecot/lmtp") else { return };
    stage.folder("mail");
    stage.write("users", USERS);
    stage.write("dovecot.conf", include_str!("dovecot.conf"));
    let peer = stage.start(&["sh", "-c", "exec dovecot -F -c $PWD/dovecot.conf"]).await;
    let more = format!(
        "transcript_sample = 1\n[[queue.routes]]\nname = \"store\"\ndomains = [\"example.org\"]\nprotocol = \"lmtp\"\n\
         hosts = [{{ host = \"127.0.0.1\", port = {} }}]\n[[queue.routes]]\nname = \"socket\"\n\
         domains = [\"local.example\"]\nprotocol = \"lmtp\"\nhosts = [{{ host = \"unix:{}\" }}]\n",
        peer.port,
        peer.path("run/lmtp").display()
    );
    let (_dir, program) = sender(peer.port, "", &more).await;
    let mut talk = Talk::open(program.smtp()).await;
    let mut lines = vec!["MAIL FROM:<shop@example.com>".to_owned()];
    let everybody = ["zoe@example.org", "full@example.org", "nobody@example.org", "joe@example.org"];
    lines.extend(everybody.map(|to| format!("RCPT TO:<{to}>")));
    for line in lines {
        assert!(talk.say(&line).await.starts_with("250"));
    }
    assert!(talk.say("DATA").await.starts_with("354"));
    let filled =
        [&b"From: shop@example.com\r\nSubject: four\r\n\r\n"[..], &b"0123456789\r\n".repeat(300), b".\r\n"].concat();
    assert!(talk.bytes(&filled).await.starts_with("250"));
    let client = &program.client;
    let outcome = async |to: &str| {
        let found = |events: &[Value]| count(events, &["delivered", "bounced", "deferred"]) > 0;
        events_of(client, to, found).await.last().unwrap().clone()
    };
    for to in ["zoe@example.org", "joe@example.org"] {
        let event = outcome(to).await;
        assert_eq!(
            (&event["kind"], &event["attempt"]["reply"]["code"]),
            (&"delivered".into(), &250.into()),
            "{event:#}"
        );
        assert!(event["attempt"]["reply"]["text"].as_str().unwrap().contains(to), "his own reply: {event:#}");
    }
    let full = outcome("full@example.org").await;
    assert_eq!(
        (&full["attempt"]["reply"]["code"], &full["attempt"]["category"]),
        (&552.into(), &"quota-issues".into()),
        "{full:#}"
    );
    assert_eq!(full["attempt"]["phase"], "dot", "behind the message: {full:#}");
    let nobody = outcome("nobody@example.org").await;
    assert_eq!(
        (&nobody["kind"], &nobody["attempt"]["category"]),
        (&"bounced".into(), &"bad-mailbox".into()),
        "{nobody:#}"
    );
    let sessions = peer.log().matches("Connect from 127.0.0.1").count();
    assert!(talk.send("ann@local.example", &letter("by the socket")).await.starts_with("250"));
    assert_eq!(events_of(client, "ann@local.example", ended).await.last().unwrap()["kind"], "delivered");
    until(async || (mails(&peer.path("mail/ann@local.example/new")).len() == 1).then_some(())).await;
    assert_eq!(mails(&peer.path("mail/zoe@example.org/new")).len(), 1);
    assert_eq!(mails(&peer.path("mail/full@example.org/new")).len(), 0);
    assert!(sessions >= 1, "{}", peer.log());
    program.stop().await;
}
