//! The world around the program in these tests: a receiving host with its manners, a client that speaks SMTP line by
//! line, and the suite itself, inside this process ([`World`]) or as a process of its own ([`Program`]).

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use mail::dkim::{DkimKey, KeyKind};
use model::time::SystemClock;
use serde_json::Value;
use smtp::BoxFuture;
use smtp::envelope::{Mail, Recipient, Transaction};
use smtp::server::{Answer, Context, Conversation, Handler, Peer, ServerConfig};
use suite::client::{Client, Door};
use suite::config::Config;
use suite::topology::Suite;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Mails and lines that wait for the test; no test has as many.
const HEARD_MAX: usize = 65_536;

/// Retries within seconds; for the tests in which the receiving host is in a bad mood.
pub const QUICK_RETRIES: &str = "
[[queue.streams]]
name = \"transactional\"
priority = 80
pool = \"default\"
max_age = \"1h\"
retry = { first = \"1s\", longest = \"1s\" }
[[queue.streams]]
name = \"bulk\"
priority = 20
pool = \"default\"
max_age = \"1h\"
retry = { first = \"1s\", longest = \"1s\" }
";

/// How the receiving host behaves from now on.
#[derive(Default)]
pub struct Manners {
    /// Every recipient is put off.
    pub busy: AtomicBool,
    /// So many messages are read to the final dot, and then the connection is closed without a reply.
    pub mute: AtomicU32,
}

/// The receiving host: takes every mail and hands it to the test.
#[derive(Clone)]
struct Mailbox {
    mails: mpsc::Sender<Transaction>,
    manners: Arc<Manners>,
}

impl Handler for Mailbox {
    fn connect<'a>(&'a self, _: &'a Peer) -> BoxFuture<'a, Result<Box<dyn Conversation>, Answer>> {
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn Conversation>) })
    }
}

impl Conversation for Mailbox {
    fn rcpt<'a>(&'a mut self, _: &'a Context, _: &'a Mail, _: &'a Recipient) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match self.manners.busy.load(Ordering::SeqCst) {
                true => Answer::reply(451, "4.3.2 Busy, come again"),
                false => Answer::Accept,
            }
        })
    }

    fn message<'a>(&'a mut self, _: &'a Context, transaction: Transaction) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let _ = self.mails.send(transaction).await;
            let less = |left: u32| left.checked_sub(1);
            match self.manners.mute.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
                Ok(_) => Answer::Close,
                Err(_) => Answer::Accept,
            }
        })
    }
}

/// The receiving host as the test sees it.
pub struct Receiver {
    pub port: u16,
    pub mails: mpsc::Receiver<Transaction>,
    pub manners: Arc<Manners>,
    stop: CancellationToken,
}

impl Receiver {
    /// A host that is up until it is dropped. `smtputf8`: whether it offers that.
    pub async fn start(smtputf8: bool) -> Receiver {
        let (sender, mails) = mpsc::channel(HEARD_MAX);
        let (manners, stop) = (Arc::new(Manners::default()), CancellationToken::new());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut server = ServerConfig::new("mx.example.org");
        server.policy.extensions.smtputf8 = smtputf8;
        // Busy for as long as a test wants.
        server.policy.limits.errors_max = u32::MAX;
        server.policy.limits.idle_commands_max = u32::MAX;
        let mailbox = Arc::new(Mailbox { mails: sender, manners: manners.clone() });
        tokio::spawn(smtp::server::serve(listener, mailbox, server, None, stop.clone()));
        Receiver { port, mails, manners, stop }
    }

    /// The next mail: to whom, in the order of arrival.
    pub async fn next_to(&mut self) -> String {
        self.mails.recv().await.unwrap().recipients[0].address.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A configuration with free ports whose mail for `example.org` and `müller.example` goes to `port` of this machine;
/// `first` stands before everything else. Its data is in `data` beside the file. No policies about TLS are looked for:
/// the name server of this machine, which is not there, would be waited for before anything is sent.
pub fn config_text(dir: &Path, port: u16, first: &str) -> String {
    let zone = r#"{"example.org": {"MX": ["10 mx.example.org"]}, "xn--mller-kva.example": {"MX": ["10 mx.example.org"]},
        "mx.example.org": {"A": ["127.0.0.1"]}}"#;
    std::fs::write(dir.join("zone.json"), zone).unwrap();
    format!(
        "{first}\n[http]\nlisten = \"127.0.0.1:0\"\n[[intake.listeners]]\nlisten = \"127.0.0.1:0\"\n[dns]\nservers = \
         [\"127.0.0.1:9\"]\ndnssec = \"off\"\nzone_file = \"{}\"\n[delivery]\nport = {port}\n\
         allow_private_routes = true\nmta_sts = \"off\"\nlost_after_dot_wait = \"1s\"\n",
        dir.join("zone.json").display()
    )
}

/// A suite in this process, and the receiving host that it delivers to.
pub struct World {
    pub suite: Suite,
    pub smtp: SocketAddr,
    pub receiver: Receiver,
    pub keys: Vec<DkimKey>,
    /// The file that subcommands may be given.
    pub config_file: PathBuf,
    pub door: Door,
    pub client: Client,
    _dir: tempfile::TempDir,
}

/// What is different from [`World::open`].
pub struct Setup<'a> {
    /// Another host on this port is delivered to.
    pub port: Option<u16>,
    /// The receiving host offers SMTPUTF8.
    pub smtputf8: bool,
    /// The beginning of the configuration.
    pub config: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Setup { port: None, smtputf8: true, config: "" }
    }
}

impl World {
    pub async fn open() -> World {
        World::with(Setup::default()).await
    }

    pub async fn with(setup: Setup<'_>) -> World {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let receiver = Receiver::start(setup.smtputf8).await;
        let mut text = config_text(dir.path(), setup.port.unwrap_or(receiver.port), setup.config);
        let mut keys = Vec::new();
        for (selector, kind) in [("rsa1", KeyKind::Rsa), ("ed1", KeyKind::Ed25519)] {
            let key = DkimKey::generate(kind, "example.com", selector).unwrap();
            std::fs::write(data_dir.join(format!("{selector}.pem")), key.to_pem().unwrap()).unwrap();
            keys.push(key);
            text.push_str(&format!(
                "[[dkim]]\ndomain = \"example.com\"\nselector = \"{selector}\"\nkey_file = \"{selector}.pem\"\n"
            ));
        }
        let config_file = dir.path().join("ies.toml");
        std::fs::write(&config_file, text).unwrap();
        let config = Config::read(&config_file).unwrap();
        let suite = Suite::start(config, Arc::new(SystemClock)).await.unwrap();
        let door = Door::read(&data_dir).unwrap();
        let client = Client::new(&door).unwrap();
        World { smtp: suite.smtp()[0], suite, receiver, keys, config_file, door, client, _dir: dir }
    }

    pub async fn end(self) {
        self.suite.shutdown().await.unwrap();
    }
}

/// `ies serve` as a process of its own; killed when dropped.
pub struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// What it has said on standard error so far.
    pub said: String,
    pub door: Door,
    pub client: Client,
}

impl Program {
    /// Waits until the suite is running. `data_dir` is where the test finds its data, given its process.
    pub async fn start(mut command: Command, data_dir: impl Fn(u32) -> PathBuf) -> Program {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, mut lines) = mpsc::channel(HEARD_MAX);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.blocking_send(line);
            }
        });
        let mut said = String::new();
        while !said.contains("the suite is running") {
            let line = lines.recv().await.unwrap_or_else(|| panic!("it ended while it started:\n{said}"));
            said.push_str(&line);
            said.push('\n');
        }
        let door = Door::read(&data_dir(child.id())).unwrap();
        let client = Client::new(&door).unwrap();
        Program { child, lines, said, door, client }
    }

    /// `ies serve` with this configuration, whose data directory is beside it.
    pub async fn serve(config_file: &Path) -> Program {
        let mut command = crate::ies();
        command.args(["serve", "--config"]).arg(config_file);
        Program::start(command, |_| config_file.with_file_name("data")).await
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn smtp(&self) -> SocketAddr {
        self.door.smtp.unwrap()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and checks that it does so in good order. All that it said.
    pub async fn stop(mut self) -> String {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        while let Some(line) = self.lines.recv().await {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}:\n{}", self.said);
        std::mem::take(&mut self.said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An SMTP client that says what it is told to, bytes as they are.
pub struct Talk(tokio::io::BufReader<TcpStream>);

impl Talk {
    /// Connects and says EHLO.
    pub async fn open(server: SocketAddr) -> Talk {
        let mut talk = Talk(tokio::io::BufReader::new(TcpStream::connect(server).await.unwrap()));
        let greeting = talk.reply().await;
        assert!(greeting.starts_with("220"), "{greeting}");
        let hello = talk.say("EHLO client.example.com").await;
        assert!(hello.starts_with("250"), "{hello}");
        talk
    }

    /// Says a line; the whole reply, lines joined by line feeds.
    pub async fn say(&mut self, line: &str) -> String {
        self.bytes(format!("{line}\r\n").as_bytes()).await
    }

    /// Sends bytes as they are; the reply to them.
    pub async fn bytes(&mut self, bytes: &[u8]) -> String {
        self.0.get_mut().write_all(bytes).await.unwrap();
        self.reply().await
    }

    /// Sends bytes that nobody answers, and goes away.
    pub async fn leave_after(mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
        self.0.get_mut().shutdown().await.unwrap();
        let mut rest = String::new();
        while self.0.read_line(&mut rest).await.is_ok_and(|count| count > 0) {}
    }

    /// One message, bytes as they are; the reply that decided.
    pub async fn send(&mut self, to: &str, message: &[u8]) -> String {
        let recipient = format!("RCPT TO:<{to}>");
        for (line, expected) in [("MAIL FROM:<shop@example.com>", "250"), (recipient.as_str(), "250"), ("DATA", "354")]
        {
            let reply = self.say(line).await;
            if !reply.starts_with(expected) {
                self.say("RSET").await;
                return reply;
            }
        }
        self.bytes(message).await
    }

    async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let count = self.0.read_line(&mut reply).await.unwrap();
            assert!(count > 0, "the connection was closed after {reply:?}");
            let line = reply[start..].trim_end().to_owned();
            reply.truncate(start);
            reply.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
            reply.push('\n');
        }
    }
}

/// A message that is as it should be.
pub fn letter(subject: &str) -> Vec<u8> {
    format!("From: shop@example.com\r\nSubject: {subject}\r\n\r\nHello\r\n.\r\n").into_bytes()
}

/// The events of the only mail to this address, once `enough` says that they are. The monitoring follows the event log
/// by a moment; the time limit of the test ends what never comes.
pub async fn events_of(client: &Client, address: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    loop {
        let found: Value = client.get(&format!("/api/v1/recipients?address={}", encode(address))).await.unwrap();
        let items = found["items"].as_array().unwrap();
        assert!(items.len() <= 1, "{address} got more than one mail: {found}");
        if let Some(recipient) = items.first().and_then(|item| item["recipient"].as_str()) {
            let history: Value = client.get(&format!("/api/v1/recipients/{recipient}")).await.unwrap();
            let events = history["events"].as_array().unwrap();
            if enough(events) {
                return events.clone();
            }
        }
        tokio::task::yield_now().await;
    }
}

/// How many of the events are of one of these kinds.
pub fn count(events: &[Value], kinds: &[&str]) -> usize {
    events.iter().filter(|event| kinds.contains(&event["kind"].as_str().unwrap())).count()
}

/// The kinds that end a recipient.
pub const FINAL: [&str; 4] = ["delivered", "bounced", "expired", "suppressed"];

/// True when the recipient has come to an end.
pub fn ended(events: &[Value]) -> bool {
    count(events, &FINAL) > 0
}

fn encode(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A program, where it is installed.
pub fn program(names: &[&str]) -> Option<PathBuf> {
    let found = names.iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        println!("left out: {} is not installed", names[0]);
    }
    found
}

/// Runs a program off the async threads; its success, and what it printed.
pub async fn output(mut command: Command) -> (bool, String) {
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}
