//! From source to host: dead and slow hosts, proxies, sources that cannot send.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use delivery::{Config, Dial, Dialer, Tcp};
use model::handoff::{FromDelivery, ToDelivery};
use model::route::{Proxy, ProxyKind, Source};
use model::units::Span;
use smtp::{BoxFuture, Wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::kit::{SESSION, Setup, Stage, raw};

/// A network in which some addresses swallow everything, and others take connections and say nothing.
#[derive(Default)]
struct Holes {
    dead: Vec<IpAddr>,
    mute: Vec<IpAddr>,
    dialled: Mutex<Vec<IpAddr>>,
    absent: AtomicBool,
}

impl Dialer for Holes {
    fn dial(&self, dial: Dial) -> BoxFuture<'_, io::Result<(Wire, SocketAddr)>> {
        self.dialled.lock().unwrap().push(dial.to.ip());
        if self.absent.load(Ordering::Relaxed) {
            return Box::pin(std::future::ready(Err(io::ErrorKind::AddrNotAvailable.into())));
        }
        if self.dead.contains(&dial.to.ip()) {
            return Box::pin(std::future::pending());
        }
        if self.mute.contains(&dial.to.ip()) {
            let (ours, theirs) = tokio::io::duplex(1_024);
            std::mem::forget(theirs);
            return Box::pin(std::future::ready(Ok((Wire::new(ours), dial.to))));
        }
        Tcp.dial(dial)
    }

    fn probe(&self, _: IpAddr) -> io::Result<()> {
        match self.absent.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::AddrNotAvailable.into()),
            false => Ok(()),
        }
    }
}

fn two_hosts(holes: Arc<Holes>, config: Config) -> Setup {
    Setup {
        config: Config {
            connect_stagger: Span(Duration::from_millis(20)),
            backup_stagger: Span(Duration::from_millis(20)),
            ..config
        },
        dialer: holes,
        hosts: vec!["bad.test", "mx.test"],
        zone: Some(Box::new(|_| r#"{"mx.test": {"A": ["127.0.0.1"]}, "bad.test": {"A": ["127.0.0.99"]}}"#.to_owned())),
        ..Setup::default()
    }
}

/// Three mails over a connection each; which addresses were dialled, in their order.
async fn three_mails(setup: Setup, holes: &Holes) -> Vec<String> {
    let mut stage = Stage::new(setup).await;
    for text in ["one", "two", "three"] {
        let tickets = stage.admit(raw(text), &["a@x.test"]).await;
        let (outcomes, _) = stage.deliver(tickets).await;
        assert_eq!(outcomes[0].attempt.mx_host.as_deref(), Some("mx.test"));
        assert!(outcomes[0].attempt.reply.as_ref().unwrap().is_positive());
    }
    holes.dialled.lock().unwrap().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn one_dead_host_of_two_does_not_slow_the_site() {
    let holes = Arc::new(Holes { dead: vec!["127.0.0.99".parse().unwrap()], ..Holes::default() });
    // Far longer than the test may take: waiting for it once would fail it.
    let config = Config { connect_timeout: Span::s(3_600), open_time_max: Span::s(7_200), ..Config::default() };
    let dialled = three_mails(two_hosts(Arc::clone(&holes), config), &holes).await;
    assert_eq!(dialled, ["127.0.0.99", "127.0.0.1"].repeat(3), "each time it gets its head start and no more");

    // Once it has failed for good, it is tried last.
    let holes = Arc::new(Holes { dead: vec!["127.0.0.99".parse().unwrap()], ..Holes::default() });
    let config = Config { connect_timeout: Span(Duration::from_millis(15)), ..Config::default() };
    let dialled = three_mails(two_hosts(Arc::clone(&holes), config), &holes).await;
    assert_eq!(dialled, ["127.0.0.99", "127.0.0.1", "127.0.0.1", "127.0.0.1"]);
}

#[tokio::test]
async fn a_host_that_takes_connections_and_says_nothing_is_passed_over() {
    let holes = Arc::new(Holes { mute: vec!["127.0.0.99".parse().unwrap()], ..Holes::default() });
    let config = Config {
        slow_host_after: Span(Duration::from_millis(40)),
        greeting_timeout: Span::s(3_600),
        open_time_max: Span::s(7_200),
        ..Config::default()
    };
    let dialled = three_mails(two_hosts(Arc::clone(&holes), config), &holes).await;
    assert_eq!(dialled, ["127.0.0.99", "127.0.0.1"].repeat(3));
}

#[tokio::test]
async fn a_source_without_its_address_is_told_and_comes_back() {
    let holes = Arc::new(Holes::default());
    holes.absent.store(true, Ordering::Relaxed);
    let source = Source::new("source", Some("127.0.0.1".parse().unwrap()), "out.test");
    let setup = Setup {
        config: Config { source_check_interval: Span::s(1), ..Config::default() },
        dialer: Arc::clone(&holes) as Arc<dyn Dialer>,
        sources: vec![source],
        ..Setup::default()
    };
    let mut stage = Stage::new(setup).await;
    let told = async |stage: &mut Stage| loop {
        if let FromDelivery::Source { source, down, .. } = stage.next().await {
            return format!("{source}: {}", down.unwrap_or_else(|| "fine".to_owned()));
        }
    };
    assert_eq!(told(&mut stage).await, "source: 127.0.0.1 is not an address of this machine");
    stage.open().await;
    let (_, trouble) = stage.until_closed().await;
    let trouble = trouble.expect("the session cannot open");
    let found = (trouble.verdict.scope, trouble.attempt.error.unwrap());
    let reason = "127.0.0.1 is not an address of this machine".to_owned();
    assert_eq!(found, (model::category::Scope::Source, reason));
    holes.absent.store(false, Ordering::Relaxed);
    // That it is down is said again until it is not.
    while told(&mut stage).await != "source: fine" {}
}

/// A SOCKS 5 server that wants this password; counts the connections it has made.
async fn socks(password: &'static str, made: Arc<AtomicU32>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let made = Arc::clone(&made);
            tokio::spawn(async move {
                let _ = socks_serve(stream, password, &made).await;
            });
        }
    });
    address
}

async fn socks_serve(mut client: TcpStream, password: &str, made: &AtomicU32) -> io::Result<()> {
    let mut head = [0; 2];
    client.read_exact(&mut head).await?;
    let mut methods = vec![0; usize::from(head[1])];
    client.read_exact(&mut methods).await?;
    assert!(head[0] == 5 && methods.contains(&2));
    client.write_all(&[5, 2]).await?;
    client.read_exact(&mut head).await?;
    let mut user = vec![0; usize::from(head[1])];
    client.read_exact(&mut user).await?;
    let mut secret = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut secret).await?;
    let fine = user == b"ies" && secret == password.as_bytes();
    client.write_all(&[1, u8::from(!fine)]).await?;
    let mut request = [0; 10];
    client.read_exact(&mut request).await?;
    assert_eq!(request[..4], [5, 1, 0, 1]);
    let to: [u8; 4] = request[4..8].try_into().unwrap();
    let to = SocketAddr::new(IpAddr::from(to), u16::from_be_bytes([request[8], request[9]]));
    let Ok(mut server) = TcpStream::connect(to).await else {
        return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    };
    client.write_all(&[5, 0, 0, 1, 192, 0, 2, 77, 4, 1]).await?;
    made.fetch_add(1, Ordering::Relaxed);
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

fn proxy(kind: ProxyKind, address: SocketAddr, password_file: Option<std::path::PathBuf>) -> Proxy {
    let user = password_file.as_ref().map(|_| "ies".to_owned());
    Proxy { kind, address, bind: None, user, password_file }
}

/// Mail through these proxies: from where it went out, or what is wrong.
async fn through(egress: Vec<Proxy>) -> String {
    let source = Source { egress, ..Source::new("source", Some("127.0.0.1".parse().unwrap()), "out.test") };
    let mut stage = Stage::new(Setup { source, ..Setup::default() }).await;
    let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    stage.open().await;
    match stage.next().await {
        FromDelivery::Ready { .. } => {}
        FromDelivery::Closed { trouble, .. } => return trouble.unwrap().attempt.error.unwrap(),
        other => panic!("Ready or Closed expected: {other:?}"),
    }
    stage.give(tickets).await;
    stage.say(ToDelivery::Close { session: SESSION }).await;
    let (outcomes, _) = stage.until_closed().await;
    outcomes[0].attempt.source_address.clone().unwrap()
}

#[tokio::test]
async fn mail_goes_through_the_first_proxy_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, password: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("{password}\n")).unwrap();
        Some(path)
    };
    let (right, wrong) = (file("right", "open sesame"), file("wrong", "guess"));
    let made = Arc::new(AtomicU32::new(0));
    let working = socks("open sesame", Arc::clone(&made)).await;
    let dead = {
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
        unused.local_addr().unwrap()
    };
    let socks5 = |address, password| proxy(ProxyKind::Socks5, address, password);
    assert_eq!(through(vec![socks5(working, right.clone())]).await, "192.0.2.77", "the address the proxy tells");
    assert_eq!(through(vec![socks5(dead, right.clone()), socks5(working, right)]).await, "192.0.2.77");
    assert_eq!(made.load(Ordering::Relaxed), 2);
    let refused = through(vec![socks5(working, wrong)]).await;
    assert_eq!(refused, format!("proxy {working}: user or password is refused"));
    assert!(!refused.contains("guess"));
    let dead_ones = through(vec![proxy(ProxyKind::ProxyV2, dead, None)]).await;
    assert!(dead_ones.starts_with(&format!("proxy {dead}: Connection refused")), "{dead_ones}");
}

#[tokio::test]
async fn a_forwarding_proxy_is_told_both_ends() {
    for (kind, header) in [
        (ProxyKind::ProxyV1, &b"PROXY TCP4 127.0.0.1 127.0.0.1 "[..]),
        (ProxyKind::ProxyV2, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let forwards = tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut start = vec![0; header.len()];
            client.read_exact(&mut start).await.unwrap();
            assert_eq!(start, header);
            let port = if kind == ProxyKind::ProxyV1 {
                let mut rest = Vec::new();
                while rest.last() != Some(&b'\n') {
                    rest.push(client.read_u8().await.unwrap());
                }
                let rest = String::from_utf8(rest).unwrap();
                rest.trim_end().rsplit(' ').next().unwrap().parse().unwrap()
            } else {
                client.read_u16().await.unwrap();
                client.read_u16().await.unwrap()
            };
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
        assert_eq!(through(vec![proxy(kind, address, None)]).await, "127.0.0.1");
        forwards.await.unwrap();
    }
}
