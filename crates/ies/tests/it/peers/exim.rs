//! Exim as the next hop: it takes so many messages a connection and ends it with 421; it checks that nobody speaks out of
//! turn; it lets users relay who log in by PLAIN or by LOGIN.

use serde_json::Value;

use super::kit::{Peer, Stage, free_port, sender};
use crate::world::{Talk, count, ended, events_of, letter};

/// So many messages does it take on one connection (`exim.conf`).
const PER_CONNECTION: usize = 60;

async fn start(login_port: u16) -> Option<Peer> {
    let stage = Stage::new("/usr/sbin/exim4")?;
    stage.certificates();
    stage.folder("mail");
    let text = include_str!("exim.conf").replace("@LOGIN_PORT@", &login_port.to_string());
    stage.write("exim.conf", &text);
    let start = "mkdir -p spool && chown Debian-exim . spool && exec exim4 -C $PWD/exim.conf -bdf -q1m";
    Some(stage.start(&["sh", "-c", start]).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn exim_is_the_next_hop() {
    let login_port = free_port();
    let Some(exim) = start(login_port).await else { return };
    let secret = exim.path("password");
    std::fs::write(&secret, "se cret\n").unwrap();
    let wrong = exim.path("wrong");
    std::fs::write(&wrong, "guess\n").unwrap();
    let route = |name: &str, port: u16, password: &std::path::Path| {
        format!(
            "[[queue.routes]]\nname = \"{name}\"\ndomains = [\"{name}.example\"]\ntls = \"verified\"\nuser = \"joe\"\n\
             password_file = \"{}\"\nhosts = [{{ host = \"mx.example.org\", port = {port} }}]\n",
            password.display()
        )
    };
    let more = format!(
        "transcript_sample = 1\ntls_authorities = \"{}\"\n[[queue.overrides]]\nconnections = 1\n\
         messages_per_connection = 500\n{}{}{}",
        exim.path("authority.pem").display(),
        route("plain", exim.port, &secret),
        route("login", login_port, &secret),
        route("wrong", exim.port, &wrong),
    );
    let (_dir, program) = sender(exim.port, "", &more).await;
    let mut talk = Talk::open(program.smtp()).await;
    for n in 0..200 {
        let reply = talk.send(&format!("u{n}@example.org"), &letter(&format!("number {n}"))).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
    let log = exim.logged(" <= shop@example.com", 200).await;
    assert_eq!(log.lines().filter(|line| line.contains(" <= ") && line.contains(" K ")).count(), 200, "by BDAT: {log}");
    for n in [0, PER_CONNECTION - 1, PER_CONNECTION, 2 * PER_CONNECTION, 199] {
        let events = events_of(&program.client, &format!("u{n}@example.org"), ended).await;
        assert_eq!(count(&events, &["deferred"]), 0, "a connection that is used up is nobody's failure: {events:#?}");
    }
    let told: Value = program.client.get("/api/v1/events?q=kind%3Athrottled&limit=50").await.unwrap();
    let lowered =
        told["items"].as_array().unwrap().iter().filter(|event| event["control"]["by"] == "adaptive controller");
    assert_eq!(lowered.count(), 0, "nor a reason to be slower: {told:#}");
    for to in ["a@plain.example", "a@login.example", "a@wrong.example", "gone@example.org", "grey@example.org"] {
        assert!(talk.send(to, &letter("hi")).await.starts_with("250"));
    }
    for (to, said) in [("a@plain.example", "AUTH PLAIN [hidden]"), ("a@login.example", "AUTH LOGIN")] {
        let events = events_of(&program.client, to, ended).await;
        let transcript = events.last().unwrap()["attempt"]["transcript"].as_str().unwrap().to_owned();
        assert!(count(&events, &["delivered"]) == 1 && transcript.contains(said), "{events:#?}");
    }
    let wrong =
        events_of(&program.client, "a@wrong.example", |events| count(events, &["deferred", "bounced"]) > 0).await;
    assert!(wrong.last().unwrap()["attempt"]["reply"]["code"] == 535, "{wrong:#?}");
    let gone = events_of(&program.client, "gone@example.org", ended).await;
    let gone = &gone.last().unwrap()["attempt"];
    assert_eq!((&gone["reply"]["code"], &gone["category"]), (&550.into(), &"bad-mailbox".into()), "{gone:#}");
    let grey = events_of(&program.client, "grey@example.org", |events| count(events, &["deferred"]) > 0).await;
    assert_eq!(grey.last().unwrap()["attempt"]["reply"]["code"], 451, "{grey:#?}");
    let log = exim.log();
    assert!(log.contains("A=plain:joe") && log.contains("A=login:joe"), "{log}");
    assert!(!log.contains("synchronization error") && !log.contains("unexpected disconnection"), "{log}");
    program.stop().await;
}
