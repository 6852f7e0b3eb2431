//! Postfix as the next hop: two hundred mails over one connection, TLS by an authority of the configuration or by nobody,
//! BDAT, SIZE, SMTPUTF8, delivery reports, refused and deferred recipients. Both sides are asked what happened.

use serde_json::Value;

use super::kit::{Peer, Stage, sender, until};
use crate::world::{Talk, count, ended, events_of, letter};

/// Also a listener that shows a certificate for which nobody vouches. It resumes no session: one of the other listener
/// would be as good as that one's certificate.
pub async fn start(own_port: u16) -> Option<Peer> {
    let stage = Stage::new("/usr/sbin/postfix")?;
    stage.certificates();
    stage.folder("mail");
    stage.write("conf/main.cf", include_str!("postfix-main.cf"));
    let own = format!(
        "127.0.0.1:{own_port} inet n - n - - smtpd -o smtpd_tls_cert_file=@DIR@/self.pem -o smtpd_tls_key_file=@DIR@/self-key.pem -o tls_ssl_options=NO_TICKET\n"
    );
    stage.write("conf/master.cf", &format!("{}{own}", include_str!("postfix-master.cf")));
    let start = "mkdir -p queue data && chown postfix data && exec postfix -c $PWD/conf start";
    Some(stage.start(&["sh", "-c", start]).await)
}

fn attempt<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    &events.iter().find(|event| event["kind"] == kind).unwrap_or_else(|| panic!("no {kind}: {events:#?}"))["attempt"]
}

#[tokio::test(flavor = "multi_thread")]
async fn postfix_is_the_next_hop() {
    let own_port = super::kit::free_port();
    let Some(postfix) = start(own_port).await else { return };
    let more = format!(
        "transcript_sample = 1\ntls_authorities = \"{authority}\"\n[[queue.overrides]]\nconnections = 1\n\
         messages_per_connection = 500\ntls = \"verified\"\n\
         [[queue.routes]]\nname = \"self\"\ndomains = [\"self.example\"]\ntls = \"required\"\n\
         hosts = [{{ host = \"mx.example.org\", port = {own_port} }}]\n\
         [[queue.routes]]\nname = \"strict\"\ndomains = [\"strict.example\"]\ntls = \"verified\"\n\
         hosts = [{{ host = \"mx.example.org\", port = {own_port} }}]\n",
        authority = postfix.path("authority.pem").display(),
    );
    let (_dir, program) = sender(postfix.port, "", &more).await;
    let mut talk = Talk::open(program.smtp()).await;
    for n in 0..200 {
        let reply = talk.send(&format!("u{n}@example.org"), &letter(&format!("number {n}"))).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
    postfix.logged("status=sent (delivered to maildir)", 200).await;
    let first = events_of(&program.client, "u0@example.org", ended).await;
    let last = events_of(&program.client, "u199@example.org", ended).await;
    let (first, last) = (attempt(&first, "delivered"), attempt(&last, "delivered"));
    assert_eq!(first["tls_use"]["policy"], "verified", "{first:#}");
    assert!(first["tls_use"]["verified"] == true && first["wire"]["chunked"] == true, "{first:#}");
    assert_eq!(first["wire"]["session"], last["wire"]["session"], "one connection: {last:#}");
    let said = first["transcript"].as_str().unwrap();
    assert!(said.contains("BDAT") && said.contains(" SIZE=") && !said.contains("DATA\n"), "{said}");

    failures(&postfix, &program.client, &mut talk).await;
    policies(&program.client, &mut talk).await;
    reports(&postfix, &mut talk).await;
    utf8(&postfix, &program.client, &mut talk).await;
    program.stop().await;
    let log = postfix.logged("bdat=20", 1).await;
    // What it counted on the connection of the two hundred: one handshake, no command that it did not know.
    let line = log.lines().find(|line| line.contains("bdat=20")).unwrap();
    assert!(line.contains("ehlo=2 starttls=1") && line.contains("quit=1"), "{line}");
    assert!(!line.contains("unknown=") && !log.contains("improper command pipelining"), "{log}");
}

/// Refused and deferred recipients, and a message that is too large.
async fn failures(postfix: &Peer, client: &suite::client::Client, talk: &mut Talk) {
    for to in ["gone@example.org", "grey@example.org"] {
        assert!(talk.send(to, &letter("hi")).await.starts_with("250"));
    }
    let gone = events_of(client, "gone@example.org", ended).await;
    let gone = attempt(&gone, "bounced");
    assert_eq!(
        (&gone["reply"]["code"], &gone["category"], &gone["phase"]),
        (&550.into(), &"bad-mailbox".into(), &"rcpt-to".into()),
        "{gone:#}"
    );
    assert_eq!(gone["reply"]["enhanced"], "5.1.1", "{gone:#}");
    let grey = events_of(client, "grey@example.org", |events| count(events, &["deferred"]) > 0).await;
    let grey = attempt(&grey, "deferred");
    assert_eq!((&grey["reply"]["code"], &grey["scope"]), (&450.into(), &"recipient".into()), "{grey:#}");
    let large = [
        letter("large").strip_suffix(b".\r\n").unwrap(),
        &b"0123456789012345678901234567890123456789\r\n".repeat(6_000),
        b".\r\n",
    ]
    .concat();
    assert!(talk.send("large@example.org", &large).await.starts_with("250"));
    let events = events_of(client, "large@example.org", ended).await;
    let large = attempt(&events, "bounced");
    assert_eq!(large["category"], "content-related", "{large:#}");
    assert!(!postfix.log().contains("large@example.org"), "it was not sent: what the host takes is known from EHLO");
}

/// A certificate for which nobody vouches is good enough where TLS is required, and not where it is to be verified.
async fn policies(client: &suite::client::Client, talk: &mut Talk) {
    for to in ["a@self.example", "a@strict.example"] {
        assert!(talk.send(to, &letter("hi")).await.starts_with("250"));
    }
    let taken = events_of(client, "a@self.example", ended).await;
    let taken = attempt(&taken, "delivered");
    assert!(taken["tls_use"]["policy"] == "required" && taken["tls_use"]["verified"] == false, "{taken:#}");
    let refused = events_of(client, "a@strict.example", |events| count(events, &["deferred", "bounced"]) > 0).await;
    let refused = attempt(&refused, "deferred");
    assert!(refused["error"].as_str().unwrap().contains("certificate"), "{refused:#}");
}

/// Who asks for news gets them from Postfix, with what was said in MAIL and RCPT.
async fn reports(postfix: &Peer, talk: &mut Talk) {
    for (line, code) in [
        ("MAIL FROM:<shop@example.com> RET=HDRS ENVID=order+2B4711", "250"),
        ("RCPT TO:<news@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;News@example.org", "250"),
        ("DATA", "354"),
    ] {
        let reply = talk.say(line).await;
        assert!(reply.starts_with(code), "{line}: {reply}");
    }
    assert!(talk.bytes(&letter("with news")).await.starts_with("250"));
    let report = until(async || {
        let mails = super::kit::mails(&postfix.path("mail/all/new"));
        mails.into_iter().find(|mail| mail.contains("multipart/report"))
    })
    .await;
    for words in [
        "Action: delivered",
        "Original-Envelope-Id: order+4711",
        "Original-Recipient: rfc822;News@example.org",
        "Final-Recipient: rfc822; news@example.org",
    ] {
        assert!(report.contains(words), "{words}: {report}");
    }
}

async fn utf8(postfix: &Peer, client: &suite::client::Client, talk: &mut Talk) {
    for (line, code) in
        [("MAIL FROM:<zoë@example.com> SMTPUTF8", "250"), ("RCPT TO:<josé@müller.example>", "250"), ("DATA", "354")]
    {
        let reply = talk.say(line).await;
        assert!(reply.starts_with(code), "{line}: {reply}");
    }
    assert!(
        talk.bytes("From: zoë@example.com\r\nSubject: Été\r\n\r\nGrüße\r\n.\r\n".as_bytes()).await.starts_with("250")
    );
    let events = events_of(client, "josé@xn--mller-kva.example", ended).await;
    let taken = attempt(&events, "delivered");
    assert!(taken["transcript"].as_str().unwrap().contains(" SMTPUTF8"), "{taken:#}");
    let found = until(async || {
        super::kit::mails(&postfix.path("mail/all/new")).into_iter().find(|mail| mail.contains("Subject: Été"))
    })
    .await;
    assert!(found.contains("Grüße") && found.contains("From: zoë@example.com"), "{found}");
}
