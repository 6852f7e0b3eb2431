//! Real peers: mail handed in by swaks and smtp-source, delivered to smtp-sink, signatures verified by dkimpy.
//!
//! A peer that is not installed is named and left out (`make test` installs them where it may).

mod clients;
mod dane;
mod dovecot;
mod exim;
mod kit;
mod opensmtpd;
mod postfix;
mod proxies;
mod signatures;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use accounts::{NewApiKey, Scope};

use crate::world::{Setup, World, output, program};

#[tokio::test(flavor = "multi_thread")]
async fn swaks_hands_in_with_starttls_and_password() {
    let Some(swaks) = program(&["/usr/bin/swaks"]) else { return };
    let mut world = World::open().await;
    let new = NewApiKey { name: "shop".to_owned(), scopes: vec![Scope::Inject], ..NewApiKey::default() };
    let (_, secret) = world.suite.accounts().create_api_key(new, "test").await.unwrap();
    let server = world.smtp.to_string();
    let run = |more: &[&str]| {
        let mut command = Command::new(&swaks);
        command.args(["--server", &server, "--from", "shop@example.com", "--header", "Subject: from swaks"]).args(more);
        output(command)
    };
    let login = [
        "--to",
        "zoe@example.org",
        "--tls",
        "--auth",
        "PLAIN",
        "--auth-user",
        "shop",
        "--auth-password",
        secret.reveal(),
    ];
    let (success, said) = run(&login).await;
    assert!(success && said.contains("235"), "{said}");
    let mail = world.receiver.mails.recv().await.unwrap();
    assert_eq!(mail.recipients[0].address, "zoe@example.org");
    let wrong =
        ["--to", "zoe@example.org", "--tls", "--auth", "LOGIN", "--auth-user", "shop", "--auth-password", "guess"];
    let (success, said) = run(&wrong).await;
    assert!(!success && said.contains("535"), "{said}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_source_hands_in_a_hundred_on_five_connections() {
    let Some(source) = program(&["/usr/sbin/smtp-source", "/usr/local/sbin/smtp-source"]) else { return };
    let mut world = World::open().await;
    let mut command = Command::new(source);
    command.args(["-d", "-s", "5", "-m", "100", "-l", "4096", "-f", "a@example.com", "-t", "b@example.org"]);
    command.arg(world.smtp.to_string());
    let (success, said) = output(command).await;
    assert!(success, "{said}");
    for _ in 0..100 {
        world.receiver.mails.recv().await.unwrap();
    }
    assert!(world.receiver.mails.try_recv().is_err(), "each once");
    world.end().await;
}

/// smtp-sink, stopped when dropped.
struct Sink(Child);

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_sink_is_delivered_to() {
    let Some(program) = program(&["/usr/sbin/smtp-sink", "/usr/local/sbin/smtp-sink"]) else { return };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // It prints MAIL, RCPT … of every dialogue.
    let child = Command::new(program)
        .args(["-v", "-u", "nobody", &format!("127.0.0.1:{port}"), "10"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut sink = Sink(child);
    let said = BufReader::new(sink.0.stderr.take().unwrap());
    let world = World::with(Setup { port: Some(port), ..Setup::default() }).await;
    let smtp = world.smtp.to_string();
    let mut command = crate::ies();
    command.args(["send", "--server", &smtp, "--from", "a@example.com", "--to", "zoe@example.org"]);
    let (success, answer) = output(command).await;
    assert!(success && answer.contains("250"), "{answer}");
    let seen = tokio::task::spawn_blocking(move || {
        said.lines().map_while(Result::ok).any(|line| line.contains("zoe@example.org"))
    });
    assert!(seen.await.unwrap());
    world.end().await;
}

/// Verifies every signature of the mail on standard input with the keys in the arguments (name, record, name, record …).
const VERIFY: &str = "
import sys, dkim
records = {name.rstrip('.'): text for name, text in zip(sys.argv[1::2], sys.argv[2::2])}
message = sys.stdin.buffer.read()
def dns(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return records[name.rstrip('.')].encode()
count = message.lower().count(b'dkim-signature:')
verifier = dkim.DKIM(message)
print(count, *[verifier.verify(idx=idx, dnsfunc=dns) for idx in range(count)])
";

#[tokio::test(flavor = "multi_thread")]
async fn dkimpy_finds_both_signatures_good() {
    let Some(python) = kit::python() else { return };
    let mut world = World::open().await;
    let smtp = world.smtp.to_string();
    let mut command = crate::ies();
    command.args([
        "send",
        "--server",
        &smtp,
        "--from",
        "a@example.com",
        "--to",
        "zoe@example.org",
        "--subject",
        "Été — 秋",
    ]);
    let (success, said) = output(command).await;
    assert!(success, "{said}");
    let mail = world.receiver.mails.recv().await.unwrap();
    let records: Vec<String> =
        world.keys.iter().flat_map(|key| [key.record_name(), key.record_text().unwrap()]).collect();
    let verified = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(python)
            .args(["-c", VERIFY])
            .args(records)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&mail.data).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    });
    assert_eq!(verified.await.unwrap().trim(), "2 True True");
    world.end().await;
}
