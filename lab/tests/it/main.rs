//! The lab over real sockets: a name server, a provider, and people who act on the mail they got.

mod seed;
mod wording;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use dns::{MxAnswer, Resolver};
use lab::{Lab, LabConfig, Scenario};
use model::route::TlsPolicy;
use model::time::SystemClock;
use smtp::client::{Client, ConnectOptions, OutboundRecipient, OutboundTransaction, Timeouts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// An HTTP server that answers 200 and tells the first line of every request.
async fn http_server() -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = mpsc::channel(100);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 4_096];
                let len = stream.read(&mut buffer).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
                let _ = sender.send(text.lines().next().unwrap_or_default().to_owned()).await;
            });
        }
    });
    (address, requests)
}

/// The demo's scenario in which everybody opens, clicks and unsubscribes at once.
fn eager() -> Scenario {
    let mut scenario = Scenario::parse(lab::scenario::DEMO).unwrap();
    scenario.time_scale = 1_000_000.0;
    let people = &mut scenario.people;
    (people.open, people.click, people.unsubscribe) = (1.0, 1.0, 1.0);
    (people.scanner, people.late_bounce, people.complain) = (0.0, 0.0, 0.0);
    for provider in &mut scenario.providers {
        let boxes = &mut provider.mailboxes;
        (boxes.unknown, boxes.full, boxes.disabled, boxes.spam) = (0.0, 0.0, 0.0, 0.0);
    }
    scenario
}

fn message(base: &str) -> Vec<u8> {
    format!(
        "From: a@example.com\r\nTo: zoe@gmail.com\r\nMessage-ID: <1@example.com>\r\nSubject: t\r\nMIME-Version: 1.0\r\n\
         List-Unsubscribe: <{base}/u/U>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nContent-Type: text/html\r\n\
         \r\n<img src=\"{base}/o/P.gif\"><a href=\"{base}/c/L\">x</a><a href=\"http://elsewhere.example/c/N\">y</a>\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn a_mail_is_taken_and_its_reader_acts() {
    let (http, mut requests) = http_server().await;
    let base = format!("http://{http}");
    let config = LabConfig {
        http_base: base.clone(),
        inbound_smtp: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
        feedback_address: "fbl@example.com".to_owned(),
        dns_port: 0,
        smtp_port: 0,
        records: vec![("bounce.example.com".to_owned(), "MX".to_owned(), "10 mx.example.com".to_owned())],
        tls_dir: None,
        clock: Arc::new(SystemClock),
    };
    let lab = Lab::start(eager(), config).await.unwrap();
    let dns = dns::resolver::Config { servers: vec![lab.dns()], ..dns::resolver::Config::default() };
    let resolver = Resolver::new(&dns).unwrap();
    assert!(matches!(resolver.mx("bounce.example.com").await, MxAnswer::Hosts(_)), "a record of the caller's");
    let MxAnswer::Hosts(hosts) = resolver.mx("gmail.com").await else { panic!("gmail.com has mail hosts") };
    assert_eq!(hosts[0].name, "gmail-smtp-in.l.google.com");
    let address: IpAddr = resolver.addresses(&hosts[0].name).await.unwrap()[0];

    let options = ConnectOptions {
        address: SocketAddr::new(address, lab.smtp_port()),
        host_name: hosts[0].name.to_string(),
        bind: Some(IpAddr::from([127, 0, 20, 1])),
        ehlo_name: "mta.example.com".to_owned(),
        tls: TlsPolicy::Opportunistic,
        tls_config: smtp::tls::client_opportunistic(),
        trust: None,
        dialect: Default::default(),
        timeouts: Timeouts::default(),
        transcript_bytes_max: ConnectOptions::TRANSCRIPT_BYTES_MAX,
    };
    let mut client = Client::connect(&options).await.unwrap();
    let data = message(&base);
    let transaction = OutboundTransaction {
        sender: "b@example.com",
        eight_bit: false,
        smtputf8: false,
        ret: None,
        envid: None,
        recipients: &[OutboundRecipient { address: "zoe@gmail.com", dsn: None }],
        data: &[&data],
    };
    let sent = client.send(&transaction).await;
    let reply = sent.fates[0].clone().unwrap().reply;
    assert!(reply.text.ends_with("- gsmtp"), "{reply}");
    client.quit().await;

    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(requests.recv().await.unwrap());
    }
    assert_eq!(seen, ["GET /o/P.gif HTTP/1.1", "GET /c/L HTTP/1.1", "POST /u/U HTTP/1.1"]);
    let report = lab.report();
    assert_eq!((report.providers["gmail"].accepted, report.distinct), (1, 1));
    lab.shutdown().await;
}
