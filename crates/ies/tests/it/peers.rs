//! Real peers: mail handed in by swaks and smtp-source, delivered to smtp-sink, signatures verified by dkimpy.
//!
//! A peer that is not installed is named and left out (`make test` installs them where it may).

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use accounts::{NewApiKey, Scope};
use mail::dkim::{DkimKey, KeyKind};
use model::time::SystemClock;
use smtp::BoxFuture;
use smtp::envelope::{Mail, Recipient, Transaction};
use smtp::server::{Answer, Context, Conversation, Handler, Peer, ServerConfig};
use suite::config::Config;
use suite::topology::Suite;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Takes every mail and hands it to the test.
#[derive(Clone)]
struct Mailbox(mpsc::Sender<Transaction>);

impl Handler for Mailbox {
    fn connect<'a>(&'a self, _: &'a Peer) -> BoxFuture<'a, Result<Box<dyn Conversation>, Answer>> {
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn Conversation>) })
    }
}

impl Conversation for Mailbox {
    fn rcpt<'a>(&'a mut self, _: &'a Context, _: &'a Mail, _: &'a Recipient) -> BoxFuture<'a, Answer> {
        Box::pin(async { Answer::Accept })
    }

    fn message<'a>(&'a mut self, _: &'a Context, transaction: Transaction) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let _ = self.0.send(transaction).await;
            Answer::Accept
        })
    }
}

struct World {
    suite: Suite,
    smtp: SocketAddr,
    mails: mpsc::Receiver<Transaction>,
    keys: Vec<DkimKey>,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

/// A suite whose only destination, `example.org`, is a mailbox of the test, or another server on `port`.
async fn world(port: Option<u16>) -> World {
    let dir = tempfile::tempdir().unwrap();
    let (sender, mails) = mpsc::channel(1_000);
    let stop = CancellationToken::new();
    let port = match port {
        Some(port) => port,
        None => {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = ServerConfig::new("mx.example.org");
            tokio::spawn(smtp::server::serve(listener, Arc::new(Mailbox(sender)), server, None, stop.clone()));
            port
        }
    };
    let zone = r#"{"example.org": {"MX": ["10 mx.example.org"]}, "mx.example.org": {"A": ["127.0.0.1"]}}"#;
    std::fs::write(dir.path().join("zone.json"), zone).unwrap();
    let mut keys = Vec::new();
    for (selector, kind) in [("rsa1", KeyKind::Rsa), ("ed1", KeyKind::Ed25519)] {
        let key = DkimKey::generate(kind, "example.com", selector).unwrap();
        std::fs::write(dir.path().join(format!("{selector}.pem")), key.to_pem().unwrap()).unwrap();
        keys.push(key);
    }
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[[intake.listeners]]\nlisten = \"127.0.0.1:0\"\n[dns]\nservers = [\"127.0.0.1:9\"]\n\
         zone_file = \"{}\"\n[delivery]\nport = {port}\n[[dkim]]\ndomain = \"example.com\"\nselector = \"rsa1\"\nkey_file = \
         \"rsa1.pem\"\n[[dkim]]\ndomain = \"example.com\"\nselector = \"ed1\"\nkey_file = \"ed1.pem\"\n",
        dir.path().join("zone.json").display()
    );
    let mut config = Config::parse(&text, Path::new("test.toml")).unwrap();
    config.data_dir = dir.path().to_owned();
    let suite = Suite::start(config, Arc::new(SystemClock)).await.unwrap();
    World { smtp: suite.smtp()[0], suite, mails, keys, stop, _dir: dir }
}

impl World {
    async fn end(self) {
        self.suite.shutdown().await.unwrap();
        self.stop.cancel();
    }
}

/// The program, where it is installed.
fn program(names: &[&str]) -> Option<PathBuf> {
    let found = names.iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        println!("left out: {} is not installed", names[0]);
    }
    found
}

/// Runs a program off the async threads; its success, and what it printed.
async fn output(mut command: Command) -> (bool, String) {
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn swaks_hands_in_with_starttls_and_password() {
    let Some(swaks) = program(&["/usr/bin/swaks"]) else { return };
    let mut world = world(None).await;
    let new = NewApiKey { name: "shop".to_owned(), scopes: vec![Scope::Inject] };
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
    let mail = world.mails.recv().await.unwrap();
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
    let mut world = world(None).await;
    let mut command = Command::new(source);
    command.args(["-d", "-s", "5", "-m", "100", "-l", "4096", "-f", "a@example.com", "-t", "b@example.org"]);
    command.arg(world.smtp.to_string());
    let (success, said) = output(command).await;
    assert!(success, "{said}");
    for _ in 0..100 {
        world.mails.recv().await.unwrap();
    }
    assert!(world.mails.try_recv().is_err(), "each once");
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
    let world = world(Some(port)).await;
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
    let tools = std::env::var_os("IES_TEST_TOOLS")
        .map(PathBuf::from)
        .unwrap_or_else(|| crate::project_file("target/test-tools"));
    let python = tools.join("python/bin/python");
    let Some(python) = program(&[&python.display().to_string()]) else { return };
    let mut world = world(None).await;
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
    let mail = world.mails.recv().await.unwrap();
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
