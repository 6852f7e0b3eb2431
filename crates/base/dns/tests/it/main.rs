//! The resolver against a real name server on loopback, and against the same zone in memory: both must agree.

mod authentic;

use dns::resolver::Config;
use dns::server::DnsServer;
use dns::{DnsFailure, MxAnswer, Resolver, Zone};
use model::dns::{Answer, Answers, Question};

const ZONE: &str = r#"{
    "example.org": {"MX": ["20 mx2.example.org", "10 MX1.example.org"], "TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
    "mx1.example.org": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
    "mx2.example.org": {"A": ["192.0.2.2"]},
    "direct.example.org": {"A": ["192.0.2.7"]},
    "xn--bcher-kva.example.org": {"MX": ["10 mx1.example.org"]},
    "nomail.example.org": {"MX": ["0 ."]},
    "text.example.org": {"TXT": ["only text"]},
    "broken.example.org": "SERVFAIL",
    "1.2.0.192.in-addr.arpa": {"PTR": ["mx1.example.org"]}
}"#;

async fn check(resolver: &Resolver, domain: &str, expected: &str) {
    let found = match resolver.mx(domain).await {
        MxAnswer::Hosts(hosts) => {
            hosts.iter().map(|h| format!("{} {}", h.preference, h.name)).collect::<Vec<_>>().join(", ")
        }
        MxAnswer::Temporary(_) => "temporary".to_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!(found, expected, "{domain}");
}

async fn check_all(resolver: &Resolver) {
    check(resolver, "example.org", "10 mx1.example.org, 20 mx2.example.org").await;
    check(resolver, "EXAMPLE.org", "10 mx1.example.org, 20 mx2.example.org").await;
    check(resolver, "direct.example.org", "0 direct.example.org").await;
    check(resolver, "xn--bcher-kva.example.org", "10 mx1.example.org").await;
    check(resolver, "nomail.example.org", "NullMx").await;
    check(resolver, "text.example.org", "NoDomain").await;
    check(resolver, "nothing.example.org", "NoDomain").await;
    check(resolver, "not a name \u{7f}..", "NoDomain").await;
    check(resolver, "broken.example.org", "temporary").await;
    let addresses = resolver.addresses("mx1.example.org").await.unwrap();
    assert_eq!(addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2001:db8::1", "192.0.2.1"]);
    assert_eq!(resolver.txt("example.org").await.unwrap(), ["v=spf1 ip4:192.0.2.1 -all"]);
    assert_eq!(resolver.ptr("192.0.2.1".parse().unwrap()).await.unwrap(), ["mx1.example.org"]);
    assert!(matches!(resolver.txt("mx1.example.org").await, Err(DnsFailure::Nothing(_))));
    check_answers(resolver).await;
}

/// The same through questions of code that does not ask itself.
async fn check_answers(resolver: &Resolver) {
    let hosts = ["mx1.example.org", "mx2.example.org"].map(Question::name).to_vec();
    let expected = [
        (Question::Mx(Question::name("Example.ORG.")), Answer::Names(hosts)),
        (Question::Mx(Question::name("direct.example.org")), Answer::Nothing),
        (Question::A(Question::name("mx1.example.org")), Answer::Addresses(vec![[192, 0, 2, 1].into()])),
        (Question::Aaaa(Question::name("mx2.example.org")), Answer::Nothing),
        (Question::Txt(Question::name("text.example.org")), Answer::Texts(vec!["only text".to_owned()])),
        (Question::Ptr([192, 0, 2, 1].into()), Answer::Names(vec![Question::name("mx1.example.org")])),
    ];
    let all = |answers: &Answers| {
        let each = expected.iter().map(|(question, _)| answers.to(question.clone()).cloned());
        each.collect::<Result<Vec<_>, Question>>()
    };
    let found = resolver.settle(all).await;
    for ((question, expected), found) in expected.iter().zip(found) {
        assert_eq!(found, *expected, "{question:?}");
    }
    let broken = resolver.ask(&Question::Txt(Question::name("broken.example.org"))).await;
    assert!(matches!(broken, Answer::Failed(_)), "{broken:?}");
    // Who never has enough gets failures.
    let endless = |answers: &Answers| {
        let mut questions = (0..).map(|place| Question::A(Question::name(&format!("{place}.example.org"))));
        questions
            .find_map(|question| match answers.to(question) {
                Ok(Answer::Failed(reason)) => Some(Ok(reason.clone())),
                Ok(_) => None,
                Err(question) => Some(Err(question)),
            })
            .expect("there is always another number")
    };
    assert_eq!(resolver.settle(endless).await, "more than 150 questions");
}

#[tokio::test]
async fn zone_in_memory() {
    check_all(&Resolver::zone(Zone::parse(ZONE).unwrap())).await;
}

#[tokio::test]
async fn name_server_on_loopback() {
    let server = DnsServer::start(Zone::parse(ZONE).unwrap(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let resolver = Resolver::new(&Config { servers: vec![server.address()], ..Config::default() }).unwrap();
    check_all(&resolver).await;
    server.stop().await;
}

#[tokio::test]
async fn answers_are_cached_when_the_server_is_gone() {
    let server = DnsServer::start(Zone::parse(ZONE).unwrap(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let config =
        Config { servers: vec![server.address()], timeout: "200ms".parse().unwrap(), attempts: 1, ..Config::default() };
    let resolver = Resolver::new(&config).unwrap();
    check(&resolver, "example.org", "10 mx1.example.org, 20 mx2.example.org").await;
    server.stop().await;
    check(&resolver, "example.org", "10 mx1.example.org, 20 mx2.example.org").await;
    check(&resolver, "direct.example.org", "temporary").await;
}

#[tokio::test]
async fn a_zone_file_is_asked_before_the_servers() {
    let server = DnsServer::start(Zone::parse(ZONE).unwrap(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("private.json");
    std::fs::write(&file, r#"{"direct.example.org": {"MX": ["5 private.example"]}}"#).unwrap();
    let config = Config { servers: vec![server.address()], zone_file: Some(file), ..Config::default() };
    let resolver = Resolver::new(&config).unwrap();
    check(&resolver, "direct.example.org", "5 private.example").await;
    check(&resolver, "example.org", "10 mx1.example.org, 20 mx2.example.org").await;
    server.stop().await;
    let missing = Config { zone_file: Some("/nowhere.zone".into()), ..Config::default() };
    assert!(Resolver::new(&missing).unwrap_err().to_string().contains("/nowhere.zone"));
}
