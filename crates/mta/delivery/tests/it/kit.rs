//! A spool, a scripted server, delivery between them, and the test in the place of the queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use delivery::{Config, DkimKeys, Ports, Suppressed, SuppressionCheck};
use journal::spool::{Admission, AdmitMessage, Hold, Spool, SpoolOptions};
use mail::bounce::Dictionary;
use mail::token::Keys;
use model::handoff::{Admitted, FromDelivery, MessageHead, Outcome, SessionTrouble, Ticket, ToDelivery};
use model::id::{MessageId, RecipientId, SessionId};
use model::name::Name;
use model::route::{MxHost, Path, PathSpec, Site, Source, TlsPolicy};
use model::submission::{Content, Envelope, NewRecipient, Origin, Protocol, ReturnPath, Routing};
use model::time::{ManualClock, Timestamp};
use model::units::Span;
use smtp::BoxFuture;
use smtp::envelope::{Mail, Recipient, Transaction};
use smtp::server::{Answer, Context, Conversation, Handler, Peer, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);
pub const SESSION: SessionId = SessionId(1);

/// The receiving host: accepts everything but what it was told to answer otherwise.
#[derive(Clone, Default)]
pub struct Host {
    answers: Arc<Mutex<VecDeque<(String, Answer)>>>,
    pub received: Arc<Mutex<Vec<Transaction>>>,
    pub connections: Arc<Mutex<u32>>,
}

impl Host {
    /// Answers the next question of this kind (`connect`, `starttls`, `mail`, `data`, `message`), or the next RCPT of
    /// this address, with this: `close`, `accept`, or a reply.
    pub fn answer(&self, question: &str, text: &str) -> &Self {
        let answer = match (text, text.split_once(' ')) {
            ("close", _) => Answer::Close,
            ("accept", _) => Answer::Accept,
            (_, Some((code, text))) => Answer::reply(code.parse().unwrap(), text),
            (_, None) => panic!("no answer: {text:?}"),
        };
        self.answers.lock().unwrap().push_back((question.to_owned(), answer));
        self
    }

    fn take(&self, question: &str) -> Answer {
        let mut answers = self.answers.lock().unwrap();
        match answers.iter().position(|(name, _)| name == question) {
            Some(at) => answers.remove(at).unwrap().1,
            None => Answer::Accept,
        }
    }

    fn soon(&self, question: &str) -> BoxFuture<'static, Answer> {
        Box::pin(std::future::ready(self.take(question)))
    }

    /// `from -> to, to: text` of everything taken.
    pub fn seen(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        let show = |mail: &Transaction| {
            let to: Vec<_> = mail.recipients.iter().map(|recipient| recipient.address.as_str()).collect();
            format!("{} -> {}: {}", mail.mail.sender, to.join(", "), String::from_utf8_lossy(&mail.data))
        };
        received.iter().map(show).collect()
    }
}

impl Handler for Host {
    fn connect<'a>(&'a self, _: &'a Peer) -> BoxFuture<'a, Result<Box<dyn Conversation>, Answer>> {
        *self.connections.lock().unwrap() += 1;
        let conversation: Box<dyn Conversation> = Box::new(self.clone());
        Box::pin(std::future::ready(match self.take("connect") {
            Answer::Accept => Ok(conversation),
            refusal => Err(refusal),
        }))
    }
}

impl Conversation for Host {
    fn starttls<'a>(&'a mut self, _: &'a Context) -> BoxFuture<'a, Answer> {
        self.soon("starttls")
    }

    fn mail<'a>(&'a mut self, _: &'a Context, _: &'a Mail) -> BoxFuture<'a, Answer> {
        self.soon("mail")
    }

    fn rcpt<'a>(&'a mut self, _: &'a Context, _: &'a Mail, recipient: &'a Recipient) -> BoxFuture<'a, Answer> {
        self.soon(&recipient.address)
    }

    fn data<'a>(&'a mut self, _: &'a Context) -> BoxFuture<'a, Answer> {
        self.soon("data")
    }

    fn message<'a>(&'a mut self, _: &'a Context, transaction: Transaction) -> BoxFuture<'a, Answer> {
        let answer = self.take("message");
        if answer == Answer::Accept {
            self.received.lock().unwrap().push(transaction);
        }
        Box::pin(std::future::ready(answer))
    }
}

/// Nobody is suppressed but those on the list.
#[derive(Default)]
pub struct List(pub Mutex<Vec<String>>);

impl SuppressionCheck for List {
    fn check(&self, _: &Routing, address: &str) -> Option<Suppressed> {
        let listed = self.0.lock().unwrap().iter().any(|known| known == address);
        listed.then(|| Suppressed { reason: "complaint of 2026-03-01".to_owned() })
    }
}

/// What a scenario sets up before it begins.
pub struct Setup {
    pub config: Config,
    /// The hosts are on loopback addresses.
    pub private_routes: bool,
    pub server: ServerConfig,
    pub tls: bool,
    pub path_tls: TlsPolicy,
    pub messages_per_connection: u32,
    pub recipients_per_transaction: u32,
    pub hosts: Vec<&'static str>,
    pub dkim: DkimKeys,
    pub dialer: Arc<dyn delivery::Dialer>,
    /// The server's certificate; a self-signed one when `tls` is true and there is none.
    pub tls_config: Option<Arc<smtp::tls::ServerConfig>>,
    /// The zone by the server's port, in place of the usual one.
    pub zone: Option<Box<dyn FnOnce(u16) -> String + Send>>,
    /// What is changed of the usual source.
    pub source: Source,
    pub sources: Vec<Source>,
    pub recordings: delivery::recordings::Recordings,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            config: Config { dot_timeout: Span::s(10), ..Config::default() },
            private_routes: true,
            server: ServerConfig::new("mx.test"),
            tls: false,
            path_tls: TlsPolicy::Opportunistic,
            messages_per_connection: 100,
            recipients_per_transaction: 100,
            hosts: vec!["mx.test"],
            dkim: DkimKeys::new(),
            dialer: Arc::new(delivery::Tcp),
            tls_config: None,
            zone: None,
            source: Source::new("source", Some("127.0.0.1".parse().unwrap()), "out.test"),
            sources: Vec::new(),
            recordings: delivery::recordings::Recordings::default(),
        }
    }
}

pub struct Stage {
    pub host: Host,
    pub list: Arc<List>,
    pub tokens: Arc<Keys>,
    pub spool: Spool,
    pub shutdown: CancellationToken,
    path: Arc<PathSpec>,
    admitted: mpsc::Receiver<Admitted>,
    to: mpsc::Sender<ToDelivery>,
    from: mpsc::Receiver<FromDelivery>,
    pub task: JoinHandle<()>,
    /// What delivery takes for the time.
    pub clock: ManualClock,
    next_id: u64,
    dir: tempfile::TempDir,
}

/// A site of these hosts, the first one preferred.
fn site(hosts: &[&str]) -> Site {
    let hosts = hosts.iter().enumerate();
    let hosts = hosts.map(|(place, name)| MxHost { name: Name::from(*name), preference: 10 * place as u16 }).collect();
    Site { name: Name::from("site"), provider: Name::from("x"), hosts, ..Site::default() }
}

impl Stage {
    pub async fn new(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(NOW);
        let host = Host::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let self_signed = || smtp::tls::server_self_signed(dir.path(), &["mx.test".to_owned()]).unwrap();
        let tls = setup.tls_config.or_else(|| setup.tls.then(self_signed));
        tokio::spawn(smtp::server::serve(
            listener,
            Arc::new(host.clone()),
            setup.server,
            tls,
            CancellationToken::new(),
        ));
        let opened = Spool::open(&dir.path().join("spool"), SpoolOptions::default()).unwrap();
        let (to, to_delivery) = mpsc::channel(16);
        let (from_delivery, from) = mpsc::channel(16);
        let list = Arc::new(List::default());
        let tokens = Arc::new(Keys::new(&[(1, [7; mail::token::SECRET_LEN])]).unwrap());
        let usual = r#"{"mx.test": {"A": ["127.0.0.1"]}, "dead.test": {"A": ["127.0.0.99"]}}"#;
        let zone = setup.zone.map_or_else(|| usual.to_owned(), |zone| zone(port));
        let zone = dns::Zone::parse(&zone).unwrap();
        let ports = Ports {
            to_delivery,
            from_delivery,
            spool: opened.spool.clone(),
            resolver: dns::Resolver::zone(zone),
            own_listeners: Vec::new(),
            suppression: Arc::clone(&list) as Arc<dyn SuppressionCheck>,
            dictionary: Arc::new(Dictionary::builtin()),
            dkim: setup.dkim,
            tokens: Arc::clone(&tokens),
            clock: Arc::new(clock.clone()),
            sources: setup.sources,
            dialer: setup.dialer,
            recordings: setup.recordings,
            state_dir: Some(dir.path().to_owned()),
        };
        let config = Config { port, allow_private_routes: setup.private_routes, ..setup.config };
        config.validate().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(delivery::run(config, ports, shutdown.clone()));
        let path = Arc::new(PathSpec {
            path: Path { source: Name::from("source"), site: Name::from("site") },
            source: Arc::new(setup.source),
            site: Arc::new(site(&setup.hosts)),
            messages_per_connection: setup.messages_per_connection,
            recipients_per_transaction: setup.recipients_per_transaction,
            tls: setup.path_tls,
            idle_timeout: Duration::from_secs(20),
            connections_per_address: None,
        });
        Stage {
            host,
            list,
            tokens,
            spool: opened.spool,
            shutdown,
            path,
            admitted: opened.admitted,
            to,
            from,
            task,
            clock,
            next_id: 100,
            dir,
        }
    }

    /// Commits a message from `sender@out.test` and makes tickets for its recipients.
    pub async fn admit(&mut self, content: Content, to: &[&str]) -> Vec<Ticket> {
        let sender = ReturnPath::Fixed("sender@out.test".to_owned());
        self.admit_with(content, Envelope { sender, ..Envelope::default() }, Routing::default(), to).await
    }

    pub async fn admit_with(
        &mut self,
        content: Content,
        envelope: Envelope,
        routing: Routing,
        to: &[&str],
    ) -> Vec<Ticket> {
        let id = MessageId(self.next_id);
        let head = MessageHead {
            id,
            envelope,
            routing,
            origin: Origin { protocol: Protocol::Internal, peer: None, user: None },
            received_at: NOW.minus(Duration::from_secs(5)),
            size_bytes: 0,
        };
        let recipients: Vec<_> = to
            .iter()
            .enumerate()
            .map(|(place, address)| {
                let recipient = NewRecipient { address: (*address).to_owned(), ..NewRecipient::default() };
                (RecipientId(self.next_id + 1 + place as u64), recipient)
            })
            .collect();
        self.next_id += 1_000;
        let admission = Admission {
            message: AdmitMessage::New { head: Box::new(head), content },
            recipients,
            due: NOW,
            checkpoint: None,
            hold: Hold::Unchanged,
        };
        self.spool.admit(admission).await.unwrap();
        let admitted = self.admitted.recv().await.unwrap();
        let ticket = |recipient: &model::handoff::SpooledRecipient| Ticket {
            recipient: recipient.id,
            row: recipient.row,
            message: Arc::clone(&admitted.message),
            contact: None,
            attempt: 1,
        };
        admitted.recipients.iter().map(ticket).collect()
    }

    pub async fn say(&self, said: ToDelivery) {
        self.to.send(said).await.unwrap();
    }

    pub async fn open(&self) {
        self.say(ToDelivery::Open { session: SESSION, path: Arc::clone(&self.path) }).await;
    }

    pub async fn give(&self, tickets: Vec<Ticket>) {
        self.say(ToDelivery::Give { session: SESSION, tickets }).await;
    }

    /// The next thing delivery says, within ten seconds.
    pub async fn next(&mut self) -> FromDelivery {
        let next = tokio::time::timeout(Duration::from_secs(10), self.from.recv()).await;
        next.expect("delivery says something").expect("delivery is alive")
    }

    pub async fn ready(&mut self) -> u32 {
        match self.next().await {
            FromDelivery::Ready { session: SESSION, room } => room,
            other => panic!("Ready expected: {other:?}"),
        }
    }

    /// What is said of the session until it is closed, `Ready` left out.
    pub async fn until_closed(&mut self) -> (Vec<Outcome>, Option<SessionTrouble>) {
        let mut outcomes = Vec::new();
        loop {
            match self.next().await {
                FromDelivery::Done(outcome) => outcomes.push(*outcome),
                FromDelivery::Ready { .. } | FromDelivery::HostLimit { .. } | FromDelivery::Source { .. } => {}
                FromDelivery::Closed { trouble, .. } => return (outcomes, trouble.map(|trouble| *trouble)),
            }
        }
    }

    /// Opens a session, gives these, closes it.
    pub async fn deliver(&mut self, tickets: Vec<Ticket>) -> (Vec<Outcome>, Option<SessionTrouble>) {
        self.open().await;
        self.ready().await;
        self.give(tickets).await;
        self.say(ToDelivery::Close { session: SESSION }).await;
        self.until_closed().await
    }

    /// A file of the stage's own.
    pub fn path(&self) -> &std::path::Path {
        self.dir.path()
    }
}

pub fn raw(text: &str) -> Content {
    Content::Raw(format!("From: a@out.test\r\nSubject: {text}\r\n\r\n{text}\r\n").into_bytes())
}

/// `address: disposition scope category phase reply-or-error` of each outcome.
pub fn show(outcomes: &[Outcome]) -> Vec<String> {
    outcomes
        .iter()
        .map(|outcome| {
            let (verdict, attempt) = (&outcome.verdict, &outcome.attempt);
            let category = verdict.category.map_or("-", model::category::Category::as_str);
            let suppress = if verdict.suppress { " suppress" } else { "" };
            let what = match (&attempt.reply, &attempt.error) {
                (Some(reply), None) => reply.to_string(),
                (None, Some(error)) => error.clone(),
                other => panic!("a reply or an error: {other:?}"),
            };
            let phase = attempt.phase.unwrap();
            let address = &outcome.address;
            format!("{address}: {} {} {category}{suppress} {phase:?} {what}", verdict.disposition, verdict.scope)
        })
        .collect()
}
