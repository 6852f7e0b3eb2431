//! Addresses beyond ASCII: taken from a client that says SMTPUTF8, delivered to a host that offers it, and bounced with
//! the right code where it is not offered.
//!
//! The client is Python's smtplib: swaks (Debian's 20201014) cannot say SMTPUTF8. So swaks stands for the other case, a
//! client that sends such an address without saying so, and for internationalised domains in their ASCII form.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::{FINAL, Setup, World, count, ended, events_of, output, program};

/// Sends one mail: host, port, sender, recipient, whether the message itself has characters beyond ASCII in its header.
/// `send_message` says SMTPUTF8 by itself when an address needs it.
const SEND: &str = "
import smtplib, sys
from email.message import EmailMessage
from email.policy import SMTP
host, port, sender, recipient = sys.argv[1:5]
message = EmailMessage()
message['From'], message['To'], message['Subject'] = sender, recipient, 'Été à Zürich'
message.set_content('Grüße')
with smtplib.SMTP(host, int(port), local_hostname='client.example.com') as server:
    server.ehlo()
    assert server.has_extn('smtputf8'), 'SMTPUTF8 is not offered'
    if recipient.isascii() and sender.isascii():
        text = message.as_bytes(policy=SMTP).replace(b'Subject: =?utf-8?', 'Subject: Été ='.encode() + b'?utf-8?')
        server.sendmail(sender, [recipient], text, mail_options=['SMTPUTF8', 'BODY=8BITMIME'])
    else:
        server.send_message(message)
print('sent')
";

async fn send(python: &Path, world: &World, sender: &str, recipient: &str) {
    let (host, port) = (world.smtp.ip().to_string(), world.smtp.port().to_string());
    let mut command = Command::new(python);
    command.args(["-X", "utf8", "-c", SEND, &host, &port, sender, recipient]);
    let (success, said) = output(command).await;
    assert!(success && said.contains("sent"), "{said}");
}

fn python() -> Option<PathBuf> {
    program(&["/usr/bin/python3", "/usr/local/bin/python3"])
}

#[tokio::test(flavor = "multi_thread")]
async fn delivered_where_it_is_offered() {
    let Some(python) = python() else { return };
    let mut world = World::open().await;
    send(&python, &world, "zoë@example.com", "josé@müller.example").await;
    let mail = world.receiver.mails.recv().await.unwrap();
    assert!(mail.mail.smtputf8);
    assert_eq!(mail.mail.sender, "zoë@example.com");
    assert_eq!(mail.recipients[0].address, "josé@xn--mller-kva.example");
    let text = String::from_utf8(mail.data).unwrap();
    assert!(text.contains("josé@müller.example"), "headers as they were written:\n{text}");
    let events = events_of(&world.client, "josé@xn--mller-kva.example", ended).await;
    assert_eq!((count(&events, &FINAL), count(&events, &["delivered"])), (1, 1), "{events:#?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bounced_where_it_is_not_offered() {
    let Some(python) = python() else { return };
    let mut world = World::with(Setup { smtputf8: false, ..Setup::default() }).await;
    for (sender, recipient, code) in [
        ("shop@example.com", "josé@müller.example", "5.6.7"),
        ("zoë@example.com", "anna@example.org", "5.6.7"),
        ("shop@example.com", "paul@example.org", "5.6.9"),
    ] {
        send(&python, &world, sender, recipient).await;
        let events = events_of(&world.client, &recipient.replace("müller", "xn--mller-kva"), ended).await;
        assert_eq!((count(&events, &FINAL), count(&events, &["bounced"])), (1, 1), "{events:#?}");
        let bounced = events.iter().find(|event| event["kind"] == "bounced").unwrap();
        let error = bounced["attempt"]["error"].as_str().unwrap_or_default();
        assert!(error.starts_with(code), "{sender} to {recipient}: {error}");
        assert_eq!(bounced["attempt"]["suppress"], serde_json::Value::Null, "the address is not bad: {bounced}");
    }
    assert!(world.receiver.mails.try_recv().is_err(), "nothing was sent");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn swaks_without_the_extension() {
    let Some(swaks) = program(&["/usr/bin/swaks"]) else { return };
    let mut world = World::open().await;
    let server = world.smtp.to_string();
    let run = |to: &str| {
        let mut command = Command::new(&swaks);
        command.args(["--server", &server, "--from", "shop@example.com", "--to", to]);
        output(command)
    };
    let (success, said) = run("josé@example.org").await;
    assert!(!success && said.contains("553 5.6.7"), "{said}");
    let (success, said) = run("anna@xn--mller-kva.example").await;
    assert!(success, "{said}");
    let mail = world.receiver.mails.recv().await.unwrap();
    assert_eq!((mail.recipients[0].address.as_str(), mail.mail.smtputf8), ("anna@xn--mller-kva.example", false));
    world.end().await;
}
