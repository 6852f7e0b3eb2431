//! Which TLS is used and demanded: rules, DANE, MTA-STS; with real handshakes and an authority of our own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use delivery::{Config, MtaSts};
use model::handoff::ToDelivery;
use model::route::TlsPolicy;
use smtp::tls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::authority::{Authority, Identity};
use crate::kit::{SESSION, Setup, Stage, raw, show};

/// What happens to one mail: how it went out, or why not.
async fn send(setup: Setup, to: &str) -> String {
    let mut stage = Stage::new(setup).await;
    let tickets = stage.admit(raw("one"), &[to]).await;
    stage.open().await;
    match stage.next().await {
        model::handoff::FromDelivery::Ready { .. } => {}
        model::handoff::FromDelivery::Closed { trouble, .. } => {
            let trouble = trouble.unwrap();
            return format!("{}: {}", trouble.verdict.disposition, trouble.attempt.error.unwrap_or_default());
        }
        other => panic!("Ready or Closed expected: {other:?}"),
    }
    stage.give(tickets).await;
    stage.say(ToDelivery::Close { session: SESSION }).await;
    let (outcomes, _) = stage.until_closed().await;
    let attempt = &outcomes[0].attempt;
    if attempt.reply.is_none() {
        return show(&outcomes).join("\n");
    }
    let Some(tls) = &attempt.tls_use else { return "delivered in the clear".to_owned() };
    let verified = if tls.verified { "verified" } else { "not verified" };
    let failure = tls.failure.as_ref().map_or_else(String::new, |failure| format!(", {failure}"));
    format!("delivered, {}, {verified}{failure}", tls.policy.as_deref().unwrap_or_default())
}

struct World {
    dir: tempfile::TempDir,
    authority: Authority,
    identity: Identity,
}

impl World {
    fn new(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let identity = authority.identity(dir.path(), names);
        World { dir, authority, identity }
    }

    /// A server with the identity; `tlsa` stands below the host, `trusted` makes delivery believe the authority.
    fn setup(&self, rule: TlsPolicy, trusted: bool, tlsa: impl FnOnce(u16) -> Vec<String> + Send + 'static) -> Setup {
        let tls_authorities = trusted.then(|| self.authority.file(self.dir.path()));
        Setup {
            config: Config { tls_authorities, mta_sts: MtaSts::Off, ..Config::default() },
            tls_config: Some(Arc::clone(&self.identity.config)),
            path_tls: rule,
            zone: Some(Box::new(move |port| {
                let records: Vec<String> = tlsa(port).iter().map(|record| format!("{record:?}")).collect();
                let tlsa = match records.as_slice() {
                    [] => String::new(),
                    some => format!(r#", "_{port}._tcp.mx.test": {{"TLSA": [{}]}}"#, some.join(", ")),
                };
                format!(r#"{{"mx.test": {{"A": ["127.0.0.1"]}}{tlsa}}}"#)
            })),
            ..Setup::default()
        }
    }
}

#[tokio::test]
async fn rules_ask_for_as_much_as_they_say() {
    use TlsPolicy::{None as Never, Opportunistic, Required, Verified};
    let fitting = World::new(&["mx.test"]);
    let other = World::new(&["other.test"]);
    let mismatch = "deferred: certificate-host-mismatch: TLS handshake failed: the certificate is not for mx.test";
    let stranger = "deferred: certificate-not-trusted: TLS handshake failed: the certificate's issuer is not trusted";
    for (world, rule, trusted, expected) in [
        (&fitting, Opportunistic, true, "delivered, opportunistic, verified"),
        (&fitting, Opportunistic, false, "delivered, opportunistic, not verified"),
        (&other, Required, true, "delivered, required, not verified"),
        (&fitting, Verified, true, "delivered, verified, verified"),
        (&other, Verified, true, mismatch),
        (&fitting, Verified, false, stranger),
        (&fitting, Never, true, "delivered in the clear"),
    ] {
        let found = send(world.setup(rule, trusted, |_| Vec::new()), "a@x.test").await;
        assert_eq!(found, expected, "{rule:?} {trusted}");
    }
    let clear = Setup { tls_config: None, ..fitting.setup(Verified, true, |_| Vec::new()) };
    assert_eq!(send(clear, "a@x.test").await, "deferred: STARTTLS is not offered by the server");
}

#[tokio::test]
async fn dane_is_above_the_rule_and_never_falls_back() {
    use TlsPolicy::{None as Never, Opportunistic, Verified};
    let world = World::new(&["mx.test"]);
    let elsewhere = World::new(&["other.test"]);
    let (key, whole, authority) =
        (&world.identity.key_sha256, &world.identity.certificate_sha256, world.authority.sha256());
    let wrong = "0".repeat(64);
    let by_dane = "delivered, dane, verified";
    let failed = "deferred: tlsa-invalid: TLS handshake failed: no TLSA record fits the server's certificate";
    let check = async |world: &World, rule, tlsa: Vec<String>, expected: &str| {
        let shown = tlsa.join(" | ");
        assert_eq!(send(world.setup(rule, false, |_| tlsa), "a@x.test").await, expected, "{shown}");
    };
    check(&world, Opportunistic, vec![format!("3 1 1 {key}")], by_dane).await;
    check(&world, Opportunistic, vec![format!("3 0 1 {whole}")], by_dane).await;
    check(&world, Opportunistic, vec![format!("3 1 2 {}", world.identity.key_sha512)], by_dane).await;
    check(&world, Opportunistic, vec![format!("2 0 1 {authority}")], by_dane).await;
    check(&world, Opportunistic, vec![format!("3 1 1 {wrong}"), format!("3 1 1 {key}")], by_dane).await;
    check(&world, Opportunistic, vec![format!("3 1 1 {wrong}")], failed).await;
    // Digest agility: of the same thing the strongest digest counts alone.
    check(&world, Opportunistic, vec![format!("3 1 1 {key}"), format!("3 1 2 {wrong}{wrong}")], failed).await;
    // Usages 0 and 1, unknown digests and wrong lengths are unusable: encrypted, not checked.
    let unusable = vec![format!("1 1 1 {key}"), format!("3 1 9 {key}"), "3 1 1 abcd".to_owned()];
    check(&world, Opportunistic, unusable, "delivered, dane, not verified").await;
    // A certificate of another name: fine for usage 3, not for usage 2.
    check(&elsewhere, Opportunistic, vec![format!("3 1 1 {}", elsewhere.identity.key_sha256)], by_dane).await;
    let mismatch = "deferred: certificate-host-mismatch: TLS handshake failed: the certificate is not for mx.test";
    check(&elsewhere, Opportunistic, vec![format!("2 0 1 {}", elsewhere.authority.sha256())], mismatch).await;
    // DANE replaces `verified`, and an operator who says never means it.
    check(&world, Verified, vec![format!("3 1 1 {key}")], by_dane).await;
    check(&world, Never, vec![format!("3 1 1 {key}")], "delivered in the clear").await;
    // No STARTTLS at all: an attack, or a fault of the host. Not in the clear.
    let key = key.clone();
    let stripped = world.setup(Opportunistic, false, move |_| vec![format!("3 1 1 {key}")]);
    let stripped = Setup { tls_config: None, ..stripped };
    assert_eq!(send(stripped, "a@x.test").await, "deferred: STARTTLS is not offered by the server");
}

#[tokio::test]
async fn a_host_whose_tlsa_records_cannot_be_had_is_not_used() {
    let world = World::new(&["mx.test"]);
    let mut setup = world.setup(TlsPolicy::Opportunistic, false, |_| Vec::new());
    setup.zone =
        Some(Box::new(|port| format!(r#"{{"mx.test": {{"A": ["127.0.0.1"]}}, "_{port}._tcp.mx.test": "SERVFAIL"}}"#)));
    let expected = "deferred: dnssec-invalid: TLS handshake failed: DANE: TLSA records of mx.test: server failure";
    assert_eq!(send(setup, "a@x.test").await, expected);
}

/// Publishes a policy over HTTPS; says on which port, and how often it was asked.
async fn publish(config: Arc<ServerConfig>, answer: &'static str) -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let Ok(mut stream) = tokio_rustls::TlsAcceptor::from(Arc::clone(&config)).accept(stream).await else {
                continue;
            };
            let mut request = vec![0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, asked)
}

macro_rules! policy {
    ($mode:literal, $mx:literal) => {
        concat!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nversion: STSv1\nmode: ",
            $mode,
            "\nmx: ",
            $mx,
            "\nmax_age: 86400\n"
        )
    };
}

#[tokio::test]
async fn policies_of_domains_are_kept_to() {
    let world = World::new(&["mx.test"]);
    let stranger = World::new(&["other.test"]);
    let enforced = policy!("enforce", "*.test");
    let tested = policy!("testing", "mx.test");
    let elsewhere = policy!("enforce", "mx.elsewhere.test");
    let redirect = "HTTP/1.1 302 Found\r\nLocation: https://mta-sts.x.test/\r\nContent-Length: 0\r\n\r\n";
    let html = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\nversion: STSv1\nmode: enforce\n\
                mx: a.test\nmax_age: 1\n";
    let refused = "a@x.test: deferred domain bad-connection Tls";
    let mismatch = format!("{refused} certificate-host-mismatch: MTA-STS: mx.test: the certificate is not for mx.test");
    let unnamed = format!("{refused} validation-failure: MTA-STS: the policy does not name mx.test");
    let clear = format!("{refused} starttls-not-supported: MTA-STS: the connection to mx.test is not encrypted");
    let failed = "delivered, opportunistic, not verified, certificate-host-mismatch";
    for (mail, mode, answer, offers_tls, expected) in [
        (&world, MtaSts::Enforce, enforced, true, "delivered, mta-sts, verified"),
        (&stranger, MtaSts::Enforce, enforced, true, mismatch.as_str()),
        (&world, MtaSts::Enforce, elsewhere, true, unnamed.as_str()),
        (&world, MtaSts::Enforce, enforced, false, clear.as_str()),
        (&stranger, MtaSts::Enforce, tested, true, failed),
        (&stranger, MtaSts::Testing, enforced, true, failed),
        (&stranger, MtaSts::Off, enforced, true, "delivered, opportunistic, not verified"),
        (&stranger, MtaSts::Enforce, redirect, true, "delivered, opportunistic, not verified"),
        (&stranger, MtaSts::Enforce, html, true, "delivered, opportunistic, not verified"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let publisher = mail.authority.identity(dir.path(), &["mta-sts.x.test"]);
        let (port, asked) = publish(publisher.config, answer).await;
        let mut setup = mail.setup(TlsPolicy::Opportunistic, true, |_| Vec::new());
        setup.config = Config { mta_sts: mode, mta_sts_port: port, ..setup.config };
        setup.zone = Some(Box::new(|_| {
            r#"{"mx.test": {"A": ["127.0.0.1"]}, "mta-sts.x.test": {"A": ["127.0.0.1"]},
                "_mta-sts.x.test": {"TXT": ["v=STSv1; id=1;"]}}"#
                .to_owned()
        }));
        if !offers_tls {
            setup.tls_config = None;
        }
        assert_eq!(send(setup, "a@x.test").await, expected, "{mode:?} {answer}");
        assert_eq!(asked.load(Ordering::Relaxed), u32::from(mode != MtaSts::Off));
    }
}

#[tokio::test]
async fn the_second_connection_resumes_the_session_of_the_first() {
    let world = World::new(&["mx.test"]);
    let mut setup = world.setup(TlsPolicy::Verified, true, |_| Vec::new());
    setup.config.transcript_sample = 1;
    let mut stage = Stage::new(setup).await;
    let mut transcripts = Vec::new();
    for text in ["one", "two"] {
        let tickets = stage.admit(raw(text), &["a@x.test"]).await;
        let (outcomes, trouble) = stage.deliver(tickets).await;
        assert!(trouble.is_none());
        assert!(outcomes[0].attempt.tls_use.as_ref().unwrap().verified, "a resumed session is judged, too");
        transcripts.push(outcomes[0].attempt.transcript.clone().unwrap());
    }
    assert!(!transcripts[0].contains("resumed") && transcripts[1].contains("resumed"), "{transcripts:?}");
}
