//! Client and server drivers against each other, and against raw sockets, over loopback.

use std::sync::Arc;
use std::time::Duration;

use model::reply::Phase;
use model::route::TlsPolicy;
use smtp::client::{
    Client, ConnectOptions, ErrorKind, FailedConnection, OutboundRecipient, OutboundTransaction, Sent, Timeouts,
};
use smtp::server::{Budget, ServerConfig};
use smtp::tls;
use smtp::trust::{Authorities, Demand, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::kit::{Running, Script, start};

fn server_tls() -> (tempfile::TempDir, Arc<rustls::ServerConfig>) {
    let dir = tempfile::tempdir().unwrap();
    let config = tls::server_self_signed(dir.path(), &["mx.test".to_owned()]).unwrap();
    (dir, config)
}

fn options(running: &Running, tls: TlsPolicy) -> ConnectOptions {
    ConnectOptions {
        dialect: Default::default(),
        address: running.address,
        host_name: "mx.test".to_owned(),
        bind: Some("127.0.0.1".parse().unwrap()),
        ehlo_name: "client.test".to_owned(),
        tls,
        tls_config: tls::client_opportunistic(),
        trust: None,
        timeouts: Timeouts::default(),
        transcript_bytes_max: ConnectOptions::TRANSCRIPT_BYTES_MAX,
    }
}

async fn connect(running: &Running, tls: TlsPolicy) -> Client {
    Client::connect(&options(running, tls)).await.unwrap()
}

async fn send(client: &mut Client, to: &[&str], data: &[&[u8]]) -> Sent {
    let recipients: Vec<_> = to.iter().map(|address| OutboundRecipient { address, dsn: None }).collect();
    let transaction = OutboundTransaction {
        sender: "a@client.test",
        eight_bit: false,
        smtputf8: false,
        ret: None,
        envid: None,
        recipients: &recipients,
        data,
    };
    client.send(&transaction).await
}

fn fates(sent: &Sent) -> Vec<String> {
    let describe = |fate: &Option<smtp::client::Fate>| match fate {
        Some(fate) => format!("{:?} {}", fate.phase, fate.reply),
        None => "none".to_owned(),
    };
    sent.fates.iter().map(describe).collect()
}

#[tokio::test]
async fn many_messages_over_one_connection() {
    let script = Script::new(&[("rcpt", "550 5.1.1 No such user"), ("message", "250 2.0.0 Queued as 1")]);
    let running = start(&script, ServerConfig::new("mx.test"), None).await;
    let mut client = connect(&running, TlsPolicy::Opportunistic).await;
    assert!(client.tls().is_none() && client.capabilities().pipelining);
    let sent = send(&mut client, &["x@mx.test", "b@mx.test"], &[b"Subject: one\r\n\r\n", b".dot\r\n..\r\n"]).await;
    assert_eq!(fates(&sent), ["RcptTo 550 5.1.1 No such user", "Dot 250 2.0.0 Queued as 1"]);
    for _ in 0..20 {
        let sent = send(&mut client, &["b@mx.test"], &[b"two\r\n"]).await;
        assert_eq!(fates(&sent), ["Dot 250 2.0.0 OK"]);
    }
    assert!(
        client.transcript().contains("C: [5 bytes of message]\nC: .\nS: 250 2.0.0 OK\n"),
        "{}",
        client.transcript()
    );
    client.quit().await;
    let received = script.received.lock().unwrap();
    assert_eq!(received.len(), 21);
    assert_eq!(received[0].data, b"Subject: one\r\n\r\n.dot\r\n..\r\n");
    assert_eq!(received[0].recipients[0].address, "b@mx.test");
    assert_eq!(received[0].mail.size, Some(26));
}

#[tokio::test]
async fn a_large_message_with_many_dots_over_tls() {
    let (_dir, tls) = server_tls();
    let script = Script::default();
    let running = start(&script, ServerConfig::new("mx.test"), Some(tls)).await;
    let mut client = connect(&running, TlsPolicy::Required).await;
    let message = b".line\r\n..\r\nno dot here at all\r\n".repeat(100_000);
    let sent = send(&mut client, &["b@mx.test"], &[&message]).await;
    assert_eq!(fates(&sent), ["Dot 250 2.0.0 OK"]);
    assert_eq!(script.received.lock().unwrap()[0].data, message);
    let context = script.contexts.lock().unwrap()[0].clone();
    assert_eq!(context.tls.as_ref(), client.tls());
    assert!(client.tls().unwrap().to_string().starts_with("TLSv1.3 TLS13_"), "{:?}", client.tls());
    assert!(client.timings().tls_ms.is_some());
    client.quit().await;
}

#[tokio::test]
async fn a_self_signed_certificate_is_no_verified_one() {
    let (_dir, tls) = server_tls();
    let running = start(&Script::default(), ServerConfig::new("mx.test"), Some(tls)).await;
    let mut options = options(&running, TlsPolicy::Required);
    let (authorities, demand) = (Authorities::web(), Demand::Authority);
    options.trust = Some(Trust { authorities, demand, at_unix_s: 1_790_000_000 });
    let failed = Client::connect(&options).await.unwrap_err();
    assert_eq!(failed.error.phase, Phase::Tls);
    assert!(matches!(failed.error.kind, ErrorKind::Tls(_)), "{failed}");
    assert!(failed.transcript.ends_with("C: STARTTLS\nS: 220 2.0.0 Ready to start TLS\n"), "{}", failed.transcript);
}

#[tokio::test]
async fn a_certificate_is_made_once_and_its_key_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, _) = server_tls();
    let read = |name| std::fs::read(dir.path().join(name)).unwrap();
    let before = (read(tls::CERTIFICATE_FILE), read(tls::KEY_FILE));
    tls::server_self_signed(dir.path(), &["other.test".to_owned()]).unwrap();
    assert_eq!((read(tls::CERTIFICATE_FILE), read(tls::KEY_FILE)), before);
    let mode = std::fs::metadata(dir.path().join(tls::KEY_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(dir.path().join(tls::CERTIFICATE_FILE), "nonsense").unwrap();
    let error = tls::server_self_signed(dir.path(), &[]).unwrap_err();
    assert!(error.to_string().ends_with("smtp-certificate.pem holds no usable PEM: no certificate"), "{error}");
}

#[tokio::test]
async fn implicit_tls() {
    let (_dir, tls) = server_tls();
    let config = ServerConfig { implicit_tls: true, ..ServerConfig::new("mx.test") };
    let running = start(&Script::default(), config, Some(tls)).await;
    let plain = TcpStream::connect(running.address).await.unwrap();
    let name = rustls_pki_types::ServerName::try_from("mx.test").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(tls::client_opportunistic()).connect(name, plain).await.unwrap();
    stream.write_all(b"EHLO client.test\r\nQUIT\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("220 mx.test ESMTP\r\n250-mx.test\r\n"), "{text}");
    assert!(!text.contains("STARTTLS") && text.ends_with("221 2.0.0 Bye\r\n"), "{text}");
}

#[tokio::test]
async fn commands_injected_in_front_of_tls_are_dropped() {
    let (_dir, tls) = server_tls();
    let script = Script::default();
    let running = start(&script, ServerConfig::new("mx.test"), Some(tls)).await;
    let mut plain = TcpStream::connect(running.address).await.unwrap();
    plain.write_all(b"EHLO client.test\r\nSTARTTLS\r\nMAIL FROM:<evil@client.test>\r\n").await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"Ready to start TLS\r\n") {
        assert_ne!(plain.read_buf(&mut text).await.unwrap(), 0);
    }
    let name = rustls_pki_types::ServerName::try_from("mx.test").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(tls::client_opportunistic()).connect(name, plain).await.unwrap();
    stream.write_all(b"EHLO client.test\r\nRCPT TO:<b@mx.test>\r\nQUIT\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("503 5.5.1 MAIL first\r\n221 2.0.0 Bye\r\n"), "{text}");
}

/// The client against a server that says these bytes, one after another, each after something was read.
async fn client_against(script: &'static [&'static str], tls: TlsPolicy) -> Result<Client, Box<FailedConnection>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut room = [0; 4096];
        for (number, text) in script.iter().enumerate() {
            if number > 0 && stream.read(&mut room).await.unwrap() == 0 {
                return;
            }
            stream.write_all(text.as_bytes()).await.unwrap();
        }
        if script.last() != Some(&"") {
            let _ = stream.read(&mut room).await;
        }
    });
    let options = ConnectOptions {
        dialect: Default::default(),
        address,
        host_name: "mx.test".to_owned(),
        bind: None,
        ehlo_name: "client.test".to_owned(),
        tls,
        tls_config: tls::client_opportunistic(),
        trust: None,
        timeouts: Timeouts { ehlo: Duration::from_millis(50), ..Timeouts::default() },
        transcript_bytes_max: 1000,
    };
    let result = Client::connect(&options).await;
    drop(server);
    result
}

#[tokio::test]
async fn openings_that_fail() {
    let check = async |script: &'static [&'static str], phase, text: &str| {
        let failed = client_against(script, TlsPolicy::Opportunistic).await.unwrap_err();
        assert_eq!((failed.error.phase, failed.to_string().as_str()), (phase, text), "{script:?}");
    };
    check(&["554 5.7.1 Blocked\r\n"], Phase::Greeting, "refused: 554 5.7.1 Blocked").await;
    check(&["SSH-2.0-OpenSSH_9.2\r\n"], Phase::Greeting, "not an SMTP reply: no reply code").await;
    check(&[""], Phase::Greeting, "connection closed by the server without a reply").await;
    check(&["220 mx\r\n", ""], Phase::Ehlo, "connection closed by the server without a reply").await;
    check(&["220 mx\r\n", "250-half", "x"], Phase::Ehlo, "timed out").await;
    let injected = "not an SMTP reply: bytes in the clear behind the reply to STARTTLS";
    check(&["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n250 evil\r\n"], Phase::Tls, injected).await;
    let broken = "TLS handshake failed: received corrupt message of type InvalidContentType";
    check(&["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n", "no TLS\r\n"], Phase::Tls, broken).await;
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = Running {
        address: listener.local_addr().unwrap(),
        shutdown: tokio_util::sync::CancellationToken::new(),
        task: tokio::spawn(async {}),
    };
    drop(listener);
    let failed = Client::connect(&options(&running, TlsPolicy::None)).await.unwrap_err();
    assert_eq!((failed.error.phase, failed.to_string().as_str()), (Phase::Connect, "Connection refused"));
}

#[tokio::test]
async fn closing_around_the_final_dot() {
    let check = async |answer: (&str, &str), expected: &str, dot_sent: Option<bool>| {
        let running = start(&Script::new(&[answer]), ServerConfig::new("mx.test"), None).await;
        let mut client = connect(&running, TlsPolicy::None).await;
        let sent = send(&mut client, &["b@mx.test"], &[b"text\r\n"]).await;
        assert_eq!(fates(&sent), [expected], "{answer:?}");
        assert_eq!(sent.trouble.as_ref().map(|error| error.dot_sent), dot_sent, "{answer:?}");
        client
    };
    let client = check(("message", "close"), "none", Some(true)).await;
    assert!(
        !client.is_usable()
            && client.transcript().ends_with("C: .\n-- connection closed by the server without a reply\n")
    );
    check(("data", "close"), "none", Some(false)).await;
    check(("mail", "close"), "none", Some(false)).await;
    let client = check(("message", "close after 421 4.3.2 Full"), "Dot 421 4.3.2 Full", None).await;
    assert!(!client.is_usable());
    // The reply counts, although the connection is gone behind it.
    let mut client = check(("message", "close after 250 2.0.0 Taken"), "Dot 250 2.0.0 Taken", None).await;
    assert!(client.is_usable());
    assert!(matches!(client.idle_end().await.kind, ErrorKind::Closed));
}

#[tokio::test]
async fn turned_away_at_the_door() {
    for (answer, expected) in [("554 5.7.1 Blocked", "refused: 554 5.7.1 Blocked"), ("421 Busy", "refused: 421 Busy")] {
        let running = start(&Script::new(&[("connect", answer)]), ServerConfig::new("mx.test"), None).await;
        let failed = Client::connect(&options(&running, TlsPolicy::None)).await.unwrap_err();
        assert_eq!((failed.error.phase, failed.to_string().as_str()), (Phase::Greeting, expected));
    }
}

#[tokio::test]
async fn connections_are_limited() {
    let config = ServerConfig { connections_per_address_max: 1, ..ServerConfig::new("mx.test") };
    let running = start(&Script::default(), config, None).await;
    let client = connect(&running, TlsPolicy::None).await;
    let failed = Client::connect(&options(&running, TlsPolicy::None)).await.unwrap_err();
    assert_eq!(failed.to_string(), "refused: 421 4.7.0 Too many connections, try again later");
    client.quit().await;
    // The place is given back when the connection's task has ended, which is soon.
    while Client::connect(&options(&running, TlsPolicy::None)).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn idle_clients_are_told_and_left() {
    let config = ServerConfig { idle_timeout: Duration::from_millis(20), ..ServerConfig::new("mx.test") };
    let running = start(&Script::default(), config, None).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "220 mx.test ESMTP\r\n421 4.4.2 Idle for too long, closing\r\n");
}

#[tokio::test]
async fn long_sessions_are_ended() {
    let config = ServerConfig { session_time_max: Duration::ZERO, ..ServerConfig::new("mx.test") };
    let running = start(&Script::default(), config, None).await;
    let failed = Client::connect(&options(&running, TlsPolicy::None)).await.unwrap_err();
    assert_eq!(failed.to_string(), "refused: 421 4.4.2 Connection open for too long, closing");
}

#[tokio::test]
async fn memory_for_messages_is_bounded() {
    let config = ServerConfig { budget: Budget::new(100_000), ..ServerConfig::new("mx.test") };
    let running = start(&Script::default(), config, None).await;
    let mut client = connect(&running, TlsPolicy::None).await;
    let sent = send(&mut client, &["b@mx.test"], &[&b"text\r\n".repeat(30_000)]).await;
    assert_eq!(fates(&sent), ["Dot 452 4.3.1 No memory for the message now, try again later"]);
    let sent = send(&mut client, &["b@mx.test"], &[b"text\r\n"]).await;
    assert_eq!(fates(&sent), ["Dot 250 2.0.0 OK"]);
}

#[tokio::test]
async fn a_message_takes_memory_until_it_is_answered() {
    let config = ServerConfig { budget: Budget::new(100_000), ..ServerConfig::new("mx.test") };
    let script = Script::default();
    let gate = script.hold_messages();
    let running = start(&script, config, None).await;
    let mut first = connect(&running, TlsPolicy::None).await;
    let mut second = connect(&running, TlsPolicy::None).await;
    let message = b"text\r\n".repeat(11_000);
    let waiting = tokio::spawn(async move { fates(&send(&mut first, &["b@mx.test"], &[&message]).await) });
    gate.reached.notified().await;
    let sent = send(&mut second, &["b@mx.test"], &[&b"text\r\n".repeat(11_000)]).await;
    assert_eq!(fates(&sent), ["Dot 452 4.3.1 No memory for the message now, try again later"]);
    gate.open.notify_one();
    assert_eq!(waiting.await.unwrap(), ["Dot 250 2.0.0 OK"]);
    gate.open.notify_one();
    let sent = send(&mut second, &["b@mx.test"], &[&b"text\r\n".repeat(11_000)]).await;
    assert_eq!(fates(&sent), ["Dot 250 2.0.0 OK"]);
}

#[tokio::test]
async fn a_transaction_as_a_whole_has_a_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut room = [0; 4096];
        stream.write_all(b"220 mx.test\r\n").await.unwrap();
        for reply in ["250-mx.test\r\n250 PIPELINING\r\n", "250 OK\r\n"] {
            assert_ne!(stream.read(&mut room).await.unwrap(), 0);
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
        // RCPT is never answered; the client hangs up.
        assert_eq!(stream.read(&mut room).await.unwrap(), 0);
    });
    let running = Running { address, shutdown: Default::default(), task: server };
    let mut options = options(&running, TlsPolicy::None);
    options.timeouts.transaction = Duration::from_millis(30);
    let mut client = Client::connect(&options).await.unwrap();
    let sent = send(&mut client, &["b@mx.test"], &[b"text\r\n"]).await;
    let error = sent.trouble.unwrap();
    assert!(sent.answered && !error.dot_sent && !client.is_usable());
    assert_eq!((error.phase, error.to_string().as_str()), (Phase::RcptTo, "timed out"));
    drop(client);
    running.task.await.unwrap();
}

#[tokio::test]
async fn shutdown_lets_transactions_finish() {
    let script = Script::default();
    let running = start(&script, ServerConfig::new("mx.test"), None).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\n").await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"250 2.1.5 OK\r\n") {
        assert_ne!(busy.read_buf(&mut text).await.unwrap(), 0);
    }
    running.shutdown.cancel();
    let mut last_words = String::new();
    idle.read_to_string(&mut last_words).await.unwrap();
    assert!(last_words.ends_with("421 4.3.2 Shutting down, try again later\r\n"), "{last_words}");
    drop(idle);
    busy.write_all(b"DATA\r\ntext\r\n.\r\n").await.unwrap();
    let mut last_words = String::new();
    busy.read_to_string(&mut last_words).await.unwrap();
    assert!(last_words.ends_with("250 2.0.0 OK\r\n421 4.3.2 Shutting down, try again later\r\n"), "{last_words}");
    drop(busy);
    running.task.await.unwrap();
    assert_eq!(script.received.lock().unwrap().len(), 1);
}
