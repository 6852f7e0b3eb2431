//! Listeners with policies of their own: who may relay where, as whom, over what, and how his mail is treated.

use std::time::Duration;

use intake::Config;
use intake::config::{Auth, Defaults, Header, Listener, TlsUse, User};
use model::event::EventKind;
use model::name::Name;

use crate::kit::*;

pub fn listener() -> Listener {
    Listener { listen: "127.0.0.1:0".parse().unwrap(), ..Listener::default() }
}

pub fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| Name::from(*name)).collect()
}

/// `127.0.0.1` is trusted, the other addresses of the machine are strangers.
fn with(listeners: Vec<Listener>) -> Config {
    Config { listeners, relay_networks: vec!["127.0.0.1".parse().unwrap()], ..config() }
}

/// Every way to write an address behind which somebody else's could hide; `to` is where it goes for those who may write
/// to everyone, `None` when nowhere.
const SPELLINGS: &[(&str, Option<&str>)] = &[
    ("victim@example.com", Some("victim@example.com")),
    ("Victim@EXAMPLE.com", Some("Victim@example.com")),
    ("victim%example.com@bounce.example.org", None),
    ("victim%example.com@[127.0.0.1]", None),
    ("victim%example.com@localhost", None),
    ("victim%example.com", None),
    ("victim%other.example@example.com", Some("victim%other.example@example.com")),
    ("@bounce.example.org:victim@example.com", Some("victim@example.com")),
    ("@bounce.example.org,@mx.example.org:victim@example.com", Some("victim@example.com")),
    ("\"victim@example.com\"@bounce.example.org", None),
    ("\"victim%example.com\"@bounce.example.org", None),
    ("\"example.com!victim\"@bounce.example.org", None),
    ("\"victim\"@example.com", Some("\"victim\"@example.com")),
    ("victim@example.com@bounce.example.org", None),
    ("victim@[192.0.2.1]", None),
    ("victim@[IPv6:2001:db8::1]", None),
    ("victim@192.0.2.1", None),
    ("example.com!victim@bounce.example.org", None),
    ("example.com!victim", None),
    ("bounce.example.org!example.com!victim@bounce.example.org", None),
    ("victim@example.com.", None),
    ("victim@sub.bounce.example.org", Some("victim@sub.bounce.example.org")),
    ("postmaster@example.com", Some("postmaster@example.com")),
    ("fbl@example.org.example.com", Some("fbl@example.org.example.com")),
    ("b.x@example.com", Some("b.x@example.com")),
    ("nobody@bounce.example.org", None),
];

/// Asks for every spelling on this connection; those who may not relay get 5xx for each.
async fn check_spellings<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    client: &mut Client<S>,
    what: &str,
    may_relay: bool,
) {
    client.expect("MAIL FROM:<a@example.org>", "250").await;
    for (address, to) in SPELLINGS {
        let reply = client.say(&format!("RCPT TO:<{address}>")).await;
        let expected = if may_relay && to.is_some() { "250" } else { "5" };
        assert!(reply.starts_with(expected), "{what}: {address}: {reply}");
    }
    client.expect("RSET", "250").await;
}

#[tokio::test]
async fn no_listener_is_an_open_relay() {
    let open_list = |networks: &[&str]| Some(networks.iter().map(|text| text.parse().unwrap()).collect());
    let listeners = vec![
        listener(),
        Listener { relay_networks: open_list(&[]), ..listener() },
        Listener { relay_networks: open_list(&["127.0.0.9"]), ..listener() },
        Listener { users: names(&["ben"]), ..listener() },
        Listener { auth: Auth::None, ..listener() },
        Listener { inbound: false, ..listener() },
    ];
    // Listener × client → may he relay? `127.0.0.1` is in `intake.relay_networks`.
    let table = [
        (0, "127.0.0.1", "", true),
        (0, "127.0.0.9", "", false),
        (0, "127.0.0.9", "anna", true),
        (1, "127.0.0.1", "", false),
        (1, "127.0.0.1", "anna", true),
        (2, "127.0.0.1", "", false),
        (2, "127.0.0.9", "", true),
        (3, "127.0.0.9", "ben", true),
        (4, "127.0.0.9", "", false),
        (4, "127.0.0.1", "", true),
        (5, "127.0.0.9", "", false),
        (5, "127.0.0.9", "anna", true),
    ];
    let house = House::open(Config { errors_max: 1_000, ..with(listeners) }).await;
    for (listener, address, user, may_relay) in table {
        let mut client = house.client_from(listener, address).await;
        client.hear().await;
        client.expect("EHLO c", "250").await;
        if !user.is_empty() {
            client.expect(&format!("AUTH PLAIN {}", plain(user, "secret")), "235").await;
        }
        check_spellings(&mut client, &format!("listener {listener}, {address} {user:?}"), may_relay).await;
    }
    let mut client = house.client_from(3, "127.0.0.9").await;
    client.hear().await;
    client.expect("EHLO c", "250").await;
    client.expect(&format!("AUTH PLAIN {}", plain("anna", "secret")), "535 5.7.8").await;
    check_spellings(&mut client, "not a user of this listener", false).await;
    let mut client = house.client_from(4, "127.0.0.9").await;
    client.hear().await;
    let offered = client.say("EHLO c").await;
    assert!(!offered.contains("AUTH"), "{offered}");
    client.expect(&format!("AUTH PLAIN {}", plain("anna", "secret")), "502").await;
    let mut client = house.client_from(5, "127.0.0.9").await;
    client.hear().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<>", "250").await;
    for ours in ["fbl@example.org", "postmaster", "unsubscribe@bounce.example.org"] {
        client.expect(&format!("RCPT TO:<{ours}>"), "550 5.7.1").await;
    }
}

#[tokio::test]
async fn where_spellings_lead() {
    let mut house = House::open(config()).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    for (address, to) in SPELLINGS {
        let Some(to) = to else { continue };
        let sent = client.send("a@example.org", &[address], "Subject: x\n\n").await;
        assert!(sent.starts_with("250"), "{address}: {sent}");
        let (admitted, _) = house.taken().await;
        let found: Vec<&str> =
            admitted.recipients.iter().filter_map(|recipient| recipient.address.as_deref()).collect();
        assert_eq!(found, [*to], "{address}");
    }
}

#[tokio::test]
async fn the_configuration_of_every_day_relays_for_loopback_and_users_only() {
    let config = Config::default();
    let networks: Vec<String> = config.relay_networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["127.0.0.0/8", "::1"]);
    assert_eq!(config.listeners, [Listener::default()]);
    assert!(Listener::default().listen.ip().is_loopback());
    assert!(Listener::default().relay_networks.is_none() && Listener::default().proxy_from.is_empty());
}

#[tokio::test]
async fn what_must_come_before_mail() {
    let listeners = vec![
        Listener { auth: Auth::Required, ..listener() },
        Listener { tls: TlsUse::Required, ..listener() },
        Listener { tls: TlsUse::Required, auth: Auth::Required, ..listener() },
        Listener { tls: TlsUse::None, ..listener() },
    ];
    let house = House::open(with(listeners)).await;
    let mut client = house.client_from(0, "127.0.0.1").await;
    client.hear().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<a@example.org>", "530 5.7.0 Authentication required").await;
    client.expect(&format!("AUTH PLAIN {}", plain("anna", "secret")), "235").await;
    client.expect("MAIL FROM:<a@example.org>", "250").await;

    for listener in [1, 2] {
        let mut client = house.client_from(listener, "127.0.0.1").await;
        client.hear().await;
        let offered = client.say("EHLO c").await;
        assert!(offered.contains("STARTTLS") && !offered.contains("AUTH"), "{offered}");
        client.expect(&format!("AUTH PLAIN {}", plain("anna", "secret")), "538").await;
        client.expect("MAIL FROM:<a@example.org>", "530 5.7.0 Must issue a STARTTLS command first").await;
        let mut client = client.start_tls().await;
        client.expect("EHLO c", "250").await;
        if listener == 2 {
            client.expect("MAIL FROM:<a@example.org>", "530 5.7.0 Authentication required").await;
            client.expect(&format!("AUTH PLAIN {}", plain("anna", "secret")), "235").await;
        }
        client.expect("MAIL FROM:<a@example.org>", "250").await;
    }
    let mut client = house.client_from(3, "127.0.0.1").await;
    client.hear().await;
    let offered = client.say("EHLO c").await;
    assert!(!offered.contains("STARTTLS"), "{offered}");
    client.expect("STARTTLS", "502").await;
}

#[tokio::test]
async fn limits_of_a_listener() {
    let limited = Listener {
        message_size_max: Some("100KB".parse().unwrap()),
        recipients_max: Some(1),
        connections_max: Some(1),
        messages_per_connection: Some(1),
        errors_max: Some(2),
        ..listener()
    };
    let house = House::open(with(vec![limited, listener()])).await;
    let mut client = house.client_from(0, "127.0.0.1").await;
    client.hear().await;
    let offered = client.say("EHLO c").await;
    assert!(offered.contains("SIZE 102400"), "{offered}");
    let second = house.client_from(0, "127.0.0.1").await.hear().await;
    assert!(second.starts_with("421 4.7.0 Too many connections"), "{second}");
    client.expect("MAIL FROM:<a@example.org>", "250").await;
    client.expect("RCPT TO:<u@example.com>", "250").await;
    client.expect("RCPT TO:<v@example.com>", "452 4.5.3").await;
    client.expect("DATA", "354").await;
    client.expect("Subject: x\r\n\r\n.", "250").await;
    client.expect("MAIL FROM:<a@example.org>", "421 4.7.0 Too many messages").await;
    // The other listener has the limits of `[intake]`.
    let mut client = house.client_from(1, "127.0.0.1").await;
    client.hear().await;
    let offered = client.say("EHLO c").await;
    assert!(!offered.contains("SIZE 102400"), "{offered}");
    for _ in 0..3 {
        let sent = client.send("a@example.org", &["u@example.com", "v@example.com"], "Subject: x\n\n").await;
        assert!(sent.starts_with("250"), "{sent}");
    }
}

#[tokio::test]
async fn rates_of_clients_and_users() {
    let limited = Listener {
        message_rate_per_address: Some("3/h".parse().unwrap()),
        message_rate_per_user: Some("2/h".parse().unwrap()),
        ..listener()
    };
    let own = User { name: "ben".into(), message_rate: Some("1/h".parse().unwrap()), ..User::default() };
    let house = House::open(Config { users: vec![own], ..with(vec![limited]) }).await;
    let refused = |whose: &str| format!("451 4.7.1 Too many messages from this {whose} for now, try again later");
    for (address, user, most, whose) in
        [("127.0.0.1", "", 3, "address"), ("127.0.0.2", "anna", 2, "user"), ("127.0.0.3", "ben", 1, "user")]
    {
        let mut client = house.client_from(0, address).await;
        client.hear().await;
        client.expect("EHLO c", "250").await;
        if !user.is_empty() {
            client.expect(&format!("AUTH PLAIN {}", plain(user, "secret")), "235").await;
        }
        for _ in 0..most {
            client.expect("MAIL FROM:<a@example.org>", "250").await;
            client.expect("RSET", "250").await;
        }
        client.expect("MAIL FROM:<a@example.org>", &refused(whose)).await;
    }
    house.clock.advance(Duration::from_secs(3_600));
    let mut client = house.client_from(0, "127.0.0.1").await;
    client.hear().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<a@example.org>", "250").await;
}

const LETTER: &str = "From: Shop <shop@news.example.org>\nX-Virtual-MTA: pool-a\nX-Job: spring\nX-Envid: e1\nX-Schedule: 2026-10-01 08:00 - 2026-10-02 08:00\nX-iES-Stream: bulk\nX-iES-Tenant: acme\nX-iES-Tag: a,b\nX-iES-Metadata: order=7\nX-iES-Anything: x\nSubject: hi\n\nX-Job: in the text\n";

#[tokio::test]
async fn headers_are_honoured_where_it_is_said_and_never_leave() {
    let defaults = Defaults { tenant: Some("house".into()), pool: Some("pool-b".into()), ..Defaults::default() };
    let listeners = vec![
        listener(),
        Listener { headers: Some(vec![Header::Job]), defaults: defaults.clone(), ..listener() },
        Listener { headers: Some(Vec::new()), ..listener() },
    ];
    let mut house = House::open(with(listeners)).await;
    let all = "acme bulk spring pool-a 2026-10-01T08:00:00Z 2026-10-02T08:00:00Z e1 2 1";
    for (listener, expected) in
        [(0, all), (1, "house transactional spring pool-b - - - 0 0"), (2, "default transactional  - - - - 0 0")]
    {
        let mut client = house.client_from(listener, "127.0.0.1").await;
        client.hear().await;
        client.expect("EHLO c", "250").await;
        let sent = client.send("a@example.org", &["u@example.com"], LETTER).await;
        assert!(sent.starts_with("250"), "{sent}");
        let (admitted, raw) = house.taken().await;
        let head = admitted.message;
        let routing = &head.routing;
        let at = |at: Option<model::time::Timestamp>| at.map_or("-".to_owned(), |at| at.to_jiff().to_string());
        let found = format!(
            "{} {} {} {} {} {} {} {} {}",
            &*routing.tenant,
            &*routing.stream,
            &*routing.job,
            routing.pool.as_deref().unwrap_or("-"),
            at(routing.not_before),
            at(routing.expires),
            head.envelope.envid.as_deref().unwrap_or("-"),
            routing.labels.tags.len(),
            routing.labels.metadata.len(),
        );
        assert_eq!(found, expected, "listener {listener}");
        let (header, body) = raw.split_once("\r\n\r\n").unwrap();
        let kept: Vec<&str> = header.lines().filter(|line| line.to_lowercase().starts_with("x-")).collect();
        assert!(kept.is_empty(), "{kept:?}");
        assert!(body.starts_with("X-Job: in the text\r\n"), "{body}");
    }
}

#[tokio::test]
async fn an_unknown_source_or_pool_is_named() {
    let mut house = House::open(config()).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let sent = client.send("a@example.org", &["u@example.com"], "X-Virtual-MTA: ip-9\nSubject: x\n\n").await;
    assert!(sent.starts_with("550 5.3.5 ") && sent.contains("\"ip-9\""), "{sent}");
    let sent = client.send("a@example.org", &["u@example.com"], "X-Schedule: whenever\nSubject: x\n\n").await;
    assert!(sent.starts_with("554 5.6.0 x-schedule: "), "{sent}");
    house.nothing_taken();
    // What is said in MAIL goes before what the header says.
    client.expect("MAIL FROM:<a@example.org> ENVID=given", "250").await;
    client.expect("RCPT TO:<u@example.com>", "250").await;
    client.expect("DATA", "354").await;
    client.expect("X-Envid: other\r\n\r\n.", "250").await;
    assert_eq!(house.taken().await.0.message.envelope.envid.as_deref(), Some("given"));
}

#[tokio::test]
async fn what_a_user_may_name() {
    let anna = User {
        name: "anna".into(),
        tenants: names(&["acme", "other"]),
        streams: names(&["bulk"]),
        pools: names(&["pool-a"]),
        sender_domains: vec!["example.org".to_owned(), ".example.org".to_owned()],
        ..User::default()
    };
    let mut house = House::open(Config { users: vec![anna], ..with(vec![listener()]) }).await;
    let mut client = house.client_from(0, "127.0.0.9").await;
    client.hear().await;
    client.expect("EHLO c", "250").await;
    client.expect(&format!("AUTH PLAIN {}", plain("anna", "secret")), "235").await;
    for (sender, header, expected) in [
        ("a@example.org", "From: a@example.org", "acme bulk -"),
        ("a@News.Example.org", "From: X <a@news.example.org>\nX-iES-Tenant: other", "other bulk -"),
        ("", "From: a@example.org", "acme bulk -"),
        ("a@example.org", "From: a@example.org\nX-Virtual-MTA: pool-a", "acme bulk pool-a"),
        ("a@example.org", "From: a@example.org\nX-iES-Tenant: evil", "550 5.7.1 You may not name the tenant \"evil\""),
        ("a@example.org", "From: a@example.org\nX-iES-Stream: transactional", "550 5.7.1 You may not name the stream"),
        ("a@example.org", "From: a@example.org\nX-Virtual-MTA: pool-b", "550 5.7.1 You may not name the pool"),
        ("a@notexample.org", "From: a@example.org", "550 5.7.1 You may not send as \"notexample.org\" (MAIL FROM)"),
        ("a@example.org", "From: ceo@bank.example", "550 5.7.1 You may not send as \"bank.example\" (From)"),
        ("a@example.org", "From: a@example.org, ceo@bank.example", "550 5.7.1 You may not send as \"bank.example\""),
        (
            "a@example.org",
            "From: a@example.org\nFrom: ceo@bank.example",
            "550 5.7.1 You may send as certain domains only",
        ),
        ("a@example.org", "Subject: nobody", "550 5.7.1 You may send as certain domains only, and there is no From"),
        ("a@example.org", "From: ceo@bank.example <a@example.org>", "550 5.7.1 You may send as certain domains only"),
        ("a@example.org", "From: ceo@bank.example a@example.org", "550 5.7.1 You may send as certain domains only"),
        ("a@example.org", "From: ceo..x@bank.example", "550 5.7.1 You may not send as \"bank.example\" (From)"),
    ] {
        let sent = client.send(sender, &["u@example.com"], &format!("{header}\n\nx\n")).await;
        if expected.starts_with("550") {
            assert!(sent.starts_with(expected), "{sender}, {header}: {sent}");
            continue;
        }
        assert!(sent.starts_with("250"), "{sender}, {header}: {sent}");
        let routing = house.taken().await.0.message.routing.clone();
        let found = format!("{} {} {}", &*routing.tenant, &*routing.stream, routing.pool.as_deref().unwrap_or("-"));
        assert_eq!(found, expected, "{sender}, {header}");
    }
    house.nothing_taken();
}

#[tokio::test]
async fn clients_behind_a_proxy_have_no_more_rights_than_their_addresses() {
    let behind = Listener { proxy_from: vec!["127.0.0.1".parse().unwrap()], ..listener() };
    let house = House::open(Config { errors_max: 1_000, ..with(vec![behind]) }).await;
    for (header, may_relay) in [
        ("PROXY TCP4 203.0.113.9 127.0.0.1 4000 25", false),
        ("PROXY TCP6 2001:db8::1 ::1 4000 25", false),
        ("PROXY UNKNOWN", false),
        ("PROXY TCP4 127.0.0.1 127.0.0.1 4000 25", true),
    ] {
        let mut client = house.client_from(0, "127.0.0.1").await;
        let greeting = client.say(header).await;
        assert!(greeting.starts_with("220"), "{header}: {greeting}");
        let offered = client.say("EHLO c").await;
        assert!(!offered.contains("AUTH"), "passwords over TLS only: {offered}");
        check_spellings(&mut client, header, may_relay).await;
    }
    let mut client = house.client_from(0, "127.0.0.9").await;
    assert_eq!(client.hear().await, "", "closed without a word");
    let mut client = house.client_from(0, "127.0.0.1").await;
    assert_eq!(client.say("EHLO evil").await, "");
    let rejected = house.close(EventKind::Rejected).await;
    let notes: Vec<&str> = rejected.iter().filter_map(|event| event.note.as_deref()).collect();
    let told = |part: &str| notes.iter().any(|note| note.contains(part));
    assert!(told("no trusted proxy") && told("not a PROXY header"), "{notes:?}");
    let peers: Vec<_> = rejected.iter().filter_map(|event| event.origin.as_ref()?.peer).collect();
    assert!(peers.contains(&"203.0.113.9".parse().unwrap()), "the client's address counts: {peers:?}");
}

#[tokio::test]
async fn ipv6_with_and_without_ipv4() {
    let on = |dual_stack| Listener { listen: "[::]:0".parse().unwrap(), dual_stack, ..Listener::default() };
    let house = House::open(with(vec![on(true), on(false), listener()])).await;
    for (listener, address, expected) in
        [(0, "127.0.0.1", true), (0, "::1", true), (1, "127.0.0.1", false), (1, "::1", true)]
    {
        let address = std::net::SocketAddr::new(address.parse().unwrap(), house.addresses[listener].port());
        let connected = tokio::net::TcpStream::connect(address).await;
        if listener == 0 && connected.as_ref().is_err_and(|error| error.raw_os_error() == Some(99)) {
            return println!("left out: no IPv6 on this machine");
        }
        assert_eq!(connected.is_ok(), expected, "listener {listener} at {address}");
    }
}

/// The fingerprint of a certificate as openssl shows it; `None` where it is not installed.
pub fn fingerprint(certificate: &std::path::Path) -> Option<String> {
    let command = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(certificate)
        .output();
    let said = String::from_utf8(command.ok()?.stdout).ok()?;
    Some(said.trim().split_once('=')?.1.to_owned())
}

/// A certificate that is signed by nobody but itself.
pub fn identity(dir: &std::path::Path, name: &str) -> smtp::tls::ClientIdentity {
    let dir = dir.join(name);
    smtp::tls::server_self_signed(&dir, &[format!("{name}.example.org")]).unwrap();
    smtp::tls::ClientIdentity { certificate: dir.join(smtp::tls::CERTIFICATE_FILE), key: dir.join(smtp::tls::KEY_FILE) }
}

#[tokio::test]
async fn a_certificate_is_as_good_as_a_password() {
    let dir = tempfile::tempdir().unwrap();
    let (known, unknown) = (identity(dir.path(), "app"), identity(dir.path(), "other"));
    let Some(print) = fingerprint(&known.certificate) else {
        return println!("left out: openssl is not installed");
    };
    assert!(print.contains(':'), "{print}");
    let app = User { name: "app".into(), certificates: vec![print], tenants: names(&["acme"]), ..User::default() };
    let listeners = vec![listener(), Listener { users: names(&["ben"]), ..listener() }];
    let config = Config { users: vec![app], errors_max: 1_000, ..with(listeners) };
    let mut house = House::open(config).await;
    for (listener, shown, may_relay) in
        [(0, Some(&known), true), (0, Some(&unknown), false), (0, None, false), (1, Some(&known), false)]
    {
        let mut client = house.client_from(listener, "127.0.0.9").await;
        client.hear().await;
        client.expect("EHLO c", "250").await;
        check_spellings(&mut client, "in the clear", false).await;
        client.expect("STARTTLS", "220").await;
        let tls = smtp::tls::client(smtp::tls::Signatures::Unproven, shown, 1).unwrap();
        let name = "mx.example.org".to_owned().try_into().unwrap();
        let stream = tokio_rustls::TlsConnector::from(tls).connect(name, client.stream).await.unwrap();
        let mut client = Client { stream, said: String::new() };
        client.expect("EHLO c", "250").await;
        check_spellings(&mut client, &format!("listener {listener}, {shown:?}"), may_relay).await;
        if may_relay {
            let sent = client.send("a@example.org", &["u@example.com"], "Subject: x\n\n").await;
            assert!(sent.starts_with("250"), "{sent}");
            let (admitted, _) = house.taken().await;
            assert_eq!(admitted.message.origin.user.as_deref(), Some("app"));
            assert_eq!(&*admitted.message.routing.tenant, "acme");
        }
    }
}

#[tokio::test]
async fn what_a_key_allows_holds_over_smtp() {
    let mut house = House::open(strangers()).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    client.expect(&format!("AUTH PLAIN {}", plain("bound", "secret")), "235").await;
    for (sender, to, header, expected) in [
        ("a@bound.example", &["u@example.com"][..], "From: a@bound.example", "250"),
        ("a@bound.example", &["u@example.com"], "From: a@other.example", "550 5.7.1 You may not send as \"other.ex"),
        ("a@other.example", &["u@example.com"], "From: a@bound.example", "550 5.7.1 You may not send as \"other.ex"),
        ("a@bound.example", &["u@example.com"], "From: a@bound.example\nX-iES-Tenant: x", "550 5.7.1 You may not name"),
        (
            "a@bound.example",
            &["u@example.com", "v@example.com"],
            "From: a@bound.example\nX-iES-Pool: nope",
            "550 5.3.5",
        ),
        ("a@bound.example", &["u@example.com", "v@example.com"], "From: a@bound.example", "250"),
        ("a@bound.example", &["u@example.com"], "From: a@bound.example", "451 4.7.1 enough for now"),
        (
            "a@bound.example",
            &["a@b.example", "b@b.example", "c@b.example", "d@b.example"],
            "From: a@bound.example",
            "554 5.7.1",
        ),
    ] {
        let sent = client.send(sender, to, &format!("{header}\n\nx\n")).await;
        assert!(sent.starts_with(expected), "{sender}, {header}: {sent}");
        if expected == "250" {
            assert_eq!(&*house.taken().await.0.message.routing.tenant, "acme");
        }
    }
    house.nothing_taken();
}
