//! A whole intake on loopback: spool and event log in a directory of its own, one listener, a client that speaks lines.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use intake::floor::Meter;
use intake::{
    AddressBook, Authenticator, CannotLookUp, CannotVerify, Config, Exceeded, Grants, Intake, Known, Listeners, Ports,
    Quota, Submitter,
};
use journal::events::{Cursor, EventLog, EventLogOptions};
use journal::spool::{Opened, Spool, SpoolOptions};
use journal::{Options, SyncMode};
use mail::bounce::Dictionary;
use mail::token::{Addressee, Keys};
use model::event::{Event, EventKind};
use model::handoff::Admitted;
use model::id::RecipientId;
use model::name::Name;
use model::submission::Content;
use model::time::{Clock, ManualClock, Timestamp};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);

pub fn keys() -> Keys {
    Keys::new(&[(1, [7; 32])]).unwrap()
}

/// Three recipients, and no more.
struct Three(AtomicU32);

impl Quota for Three {
    fn take(&self, recipients: u32) -> smtp::BoxFuture<'_, Result<(), Exceeded>> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(recipients));
        let refused = if recipients > 3 { Exceeded::Never } else { Exceeded::Later };
        let result = taken.map(drop).map_err(|_| refused("enough for now".to_owned()));
        Box::pin(std::future::ready(result))
    }

    fn give_back(&self, recipients: u32) {
        self.0.fetch_add(recipients, Ordering::Relaxed);
    }
}

/// Knows `anna` and `ben` with the password `secret`, and `bound`, who may not do everything.
struct Doorman;

impl Authenticator for Doorman {
    fn verify<'a>(
        &'a self,
        user: &'a str,
        password: &'a str,
    ) -> smtp::BoxFuture<'a, Result<Option<Submitter>, CannotVerify>> {
        let result = match (user, password) {
            ("anna" | "ben", "secret") => Ok(Some(Name::from(user).into())),
            ("bound", "secret") => Ok(Some(Submitter {
                name: Name::from(user),
                grants: Grants {
                    tenants: vec![Name::from("acme")],
                    sender_domains: vec!["bound.example".to_owned()],
                    ..Grants::default()
                },
                quota: Some(Arc::new(Three(AtomicU32::new(3)))),
            })),
            ("broken", _) => Err(CannotVerify("the database is gone".to_owned())),
            _ => Ok(None),
        };
        Box::pin(std::future::ready(result))
    }
}

/// Whom it knows was written to; nothing can be said of a recipient with an empty address, and of one with the address
/// `?` it never says anything.
#[derive(Default)]
pub struct Book(pub Mutex<HashMap<RecipientId, Addressee>>);

impl AddressBook for Book {
    fn addressee(&self, recipient: RecipientId) -> smtp::BoxFuture<'_, Result<Option<Addressee>, CannotLookUp>> {
        let found = self.0.lock().unwrap().get(&recipient).cloned();
        let found = match found {
            Some(known) if &*known.address == "?" => return Box::pin(std::future::pending()),
            Some(known) if known.address.is_empty() => Err(CannotLookUp("the store is gone".to_owned())),
            found => Ok(found),
        };
        Box::pin(std::future::ready(found))
    }
}

pub struct House {
    pub book: Arc<Book>,
    pub dir: TempDir,
    pub clock: ManualClock,
    pub spool: Spool,
    pub events: EventLog,
    pub admitted: mpsc::Receiver<Admitted>,
    pub intake: Intake,
    pub address: SocketAddr,
    /// Of all listeners, in their order.
    pub addresses: Vec<SocketAddr>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

pub fn log_options() -> Options {
    Options { segment_bytes: 1 << 20, queue_bytes_max: 4 << 20, sync: SyncMode::Relaxed, ..Options::default() }
}

pub fn config() -> Config {
    let mut config = Config { host_name: "mx.example.org".to_owned(), ..Config::default() };
    config.listeners[0].listen.set_port(0);
    config.free_disk_min = model::units::Size(0);
    config.inbound.bounce_domains = vec!["bounce.example.org".to_owned()];
    config.inbound.feedback_addresses = vec!["fbl@example.org".to_owned()];
    config
}

/// To the listener everyone is a stranger, the tests on loopback too.
pub fn strangers() -> Config {
    Config { relay_networks: Vec::new(), ..config() }
}

/// What the queue of the tests has.
pub fn known() -> Known {
    let names = |names: &[&str]| names.iter().map(|name| Name::from(*name)).collect();
    Known { streams: names(&["transactional", "bulk"]), pools: names(&["default", "pool-a", "pool-b"]) }
}

impl House {
    pub async fn open(config: Config) -> House {
        Self::open_with(config, log_options()).await
    }

    pub async fn open_with(config: Config, log: Options) -> House {
        Self::open_measured(config, log, None).await
    }

    /// With a meter in place of the machine.
    pub async fn open_measured(config: Config, log: Options, meter: Option<Arc<dyn Meter>>) -> House {
        Self::open_all(config, log, None, mail::dkim::Keyring::new(), meter).await
    }

    /// One that asks this resolver who sends, and seals with these keys.
    pub async fn open_checking(config: Config, resolver: dns::Resolver, keys: mail::dkim::Keyring) -> House {
        Self::open_all(config, log_options(), Some(resolver), keys, None).await
    }

    async fn open_all(
        config: Config,
        log: Options,
        resolver: Option<dns::Resolver>,
        signing_keys: mail::dkim::Keyring,
        meter: Option<Arc<dyn Meter>>,
    ) -> House {
        assert_eq!(config.validate(), Ok(()));
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(NOW);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let options = SpoolOptions { log, ..SpoolOptions::default() };
        let Opened { spool, admitted, recovery } = Spool::open(&dir.path().join("spool"), options).unwrap();
        let options = EventLogOptions { log: log_options(), ..EventLogOptions::default() };
        let events = EventLog::open(&dir.path().join("events"), options).unwrap();
        let intake = Intake::new(spool.clone(), recovery.newest_id, 1, &config, known(), shared);
        let intake = match meter {
            Some(meter) => intake.measured_by(meter),
            None => intake,
        };
        let book = Arc::new(Book::default());
        let ports = Ports {
            intake: intake.clone(),
            events: events.clone(),
            keys: keys(),
            dictionary: Arc::new(Dictionary::builtin()),
            authenticator: Some(Arc::new(Doorman)),
            address_book: book.clone(),
            resolver,
            signing_keys,
            tls_dir: dir.path().join("tls"),
            inbox_dir: dir.path().join("inbound"),
        };
        let listeners = Listeners::bind(&config, ports).await.unwrap();
        let addresses = listeners.addresses();
        let address = addresses[0];
        let stop = CancellationToken::new();
        let running = tokio::spawn(listeners.run(stop.clone()));
        House { book, dir, clock, spool, events, admitted, intake, address, addresses, stop, running }
    }

    pub async fn client(&self) -> Client<TcpStream> {
        let mut client = Client { stream: TcpStream::connect(self.address).await.unwrap(), said: String::new() };
        client.hear().await;
        client
    }

    /// A client of this listener that comes from this address of the machine; it has not heard the greeting yet.
    pub async fn client_from(&self, listener: usize, address: &str) -> Client<TcpStream> {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
        Client { stream: socket.connect(self.addresses[listener]).await.unwrap(), said: String::new() }
    }

    /// The message that came last, and its bytes.
    pub async fn taken(&mut self) -> (Admitted, String) {
        let admitted = self.admitted.try_recv().expect("a message in the spool");
        let Content::Raw(raw) = (*self.spool.read_content(admitted.message.id).unwrap()).clone() else { panic!() };
        (admitted, String::from_utf8(raw).unwrap())
    }

    pub fn nothing_taken(&mut self) {
        assert!(self.admitted.try_recv().is_err(), "nothing in the spool");
    }

    /// Stops the listeners, and gives all events of this kind.
    pub async fn close(self, kind: EventKind) -> Vec<Event> {
        self.stop.cancel();
        self.running.await.unwrap();
        let mut found = Vec::new();
        let mut reader = self.events.reader(Cursor::default());
        while let Some(batch) = reader.poll_batch(1_000).unwrap() {
            assert_eq!(batch.unreadable, 0);
            found.extend(batch.events.into_iter().filter(|event| event.kind == kind));
        }
        self.spool.close().await;
        self.events.close().await;
        found
    }
}

pub struct Client<S> {
    pub stream: S,
    /// Everything the server said.
    pub said: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// The next reply, all its lines; empty at the end of the connection.
    pub async fn hear(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\n") {
                match self.stream.read_u8().await {
                    Ok(byte) => line.push(byte),
                    Err(_) => return reply,
                }
            }
            let line = String::from_utf8(line).unwrap();
            let last = line.as_bytes().get(3) != Some(&b'-');
            reply.push_str(&line);
            self.said.push_str(&line);
            if last {
                return reply.trim_end().to_owned();
            }
        }
    }

    /// Says a line and hears the reply.
    pub async fn say(&mut self, line: &str) -> String {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
        self.hear().await
    }

    /// Says a line that must be answered with this code.
    pub async fn expect(&mut self, line: &str, code: &str) -> String {
        let reply = self.say(line).await;
        assert!(reply.starts_with(code), "{line}: {reply}");
        reply
    }

    /// Sends a whole message with lines ending in LF here; the reply to its last dot, or the first refusal.
    pub async fn send(&mut self, from: &str, to: &[&str], message: &str) -> String {
        let reply = self.say(&format!("MAIL FROM:<{from}>")).await;
        if !reply.starts_with("250") {
            return reply;
        }
        for to in to {
            let reply = self.say(&format!("RCPT TO:<{to}>")).await;
            if !reply.starts_with("250") {
                self.expect("RSET", "250").await;
                return reply;
            }
        }
        self.expect("DATA", "354").await;
        let message = message.replace("\n.", "\n..").replace('\n', "\r\n");
        self.say(&format!("{message}\r\n.")).await
    }
}

impl Client<TcpStream> {
    pub async fn start_tls(mut self) -> Client<tokio_rustls::client::TlsStream<TcpStream>> {
        self.expect("STARTTLS", "220").await;
        let connector = tokio_rustls::TlsConnector::from(smtp::tls::client_opportunistic());
        let name = "mx.example.org".to_owned().try_into().unwrap();
        let stream = connector.connect(name, self.stream).await.unwrap();
        Client { stream, said: self.said }
    }
}

/// A token of PLAIN.
pub fn plain(user: &str, password: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0{password}"))
}
