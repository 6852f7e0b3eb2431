//! Authenticated answers over real sockets: from a server that says it has validated, and from zones with real keys that
//! we validate ourselves.

use std::io::Write;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use dns::resolver::Config;
use dns::server::DnsServer;
use dns::{Dnssec, Resolver, TlsaAnswer, Zone};
use hickory_proto::dnssec::crypto::Ed25519SigningKey;
use hickory_proto::dnssec::rdata::DNSKEY;
use hickory_proto::dnssec::{DnssecSigner, SigningKey};
use hickory_proto::op::Metadata;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_server::Server;
use hickory_server::dnssec::NxProofKind;
use hickory_server::net::runtime::{Time, TokioRuntimeProvider};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, MessageResponseBuilder, ZoneHandler, ZoneType};
use tokio::net::{TcpListener, UdpSocket};

const ANYWHERE: &str = "127.0.0.1:0";
const DIGEST: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn show(answer: TlsaAnswer) -> String {
    match answer {
        TlsaAnswer::None => "none".to_owned(),
        TlsaAnswer::Records { base, records } => {
            let records = records.iter().map(|tlsa| format!("{} {} {}", tlsa.usage, tlsa.selector, tlsa.matching));
            format!("{base}: {}", records.collect::<Vec<_>>().join(", "))
        }
        TlsaAnswer::Failed(_) => "failed".to_owned(),
    }
}

async fn check(resolver: &Resolver, expected: &[(&str, &str)]) {
    for (host, answer) in expected {
        assert_eq!(show(resolver.tlsa(host, 25).await), *answer, "{host}");
    }
}

fn asking(server: SocketAddr, dnssec: Dnssec) -> Config {
    Config { servers: vec![server], dnssec, timeout: model::units::Span::s(2), attempts: 1, ..Config::default() }
}

#[tokio::test]
async fn the_word_of_a_validating_server() {
    let zone = || {
        Zone::parse(&format!(
            r#"{{"mx.test": {{"A": ["192.0.2.1"]}}, "_25._tcp.mx.test": {{"TLSA": ["3 1 1 {DIGEST}", "2 0 1 {DIGEST}"]}},
                "none.test": {{"AAAA": ["2001:db8::1"]}}, "alias.test": {{"CNAME": ["mx.test"]}},
                "broken.test": {{"A": ["192.0.2.2"]}}, "_25._tcp.broken.test": "SERVFAIL"}}"#
        ))
        .unwrap()
    };
    let expected = [
        ("mx.test", "mx.test: 3 1 1, 2 0 1"),
        ("MX.test.", "mx.test: 3 1 1, 2 0 1"),
        ("none.test", "none"),
        ("absent.test", "none"),
        ("alias.test", "mx.test: 3 1 1, 2 0 1"),
        ("broken.test", "failed"),
    ];
    let authentic = DnsServer::start_authentic(zone(), ANYWHERE.parse().unwrap()).await.unwrap();
    for dnssec in [Dnssec::Auto, Dnssec::TrustAd] {
        let resolver = Resolver::new(&asking(authentic.address(), dnssec)).unwrap();
        assert!(resolver.is_secure());
        check(&resolver, &expected).await;
    }
    let off = Resolver::new(&asking(authentic.address(), Dnssec::Off)).unwrap();
    assert!(!off.is_secure());
    check(&off, &[("mx.test", "none"), ("broken.test", "none")]).await;
    // What a zone of the operator says is his word.
    check(&Resolver::zone(zone()), &expected).await;

    let plain = DnsServer::start(zone(), ANYWHERE.parse().unwrap()).await.unwrap();
    let resolver = Resolver::new(&asking(plain.address(), Dnssec::Auto)).unwrap();
    check(&resolver, &[("mx.test", "none"), ("alias.test", "none"), ("broken.test", "none")]).await;
    let elsewhere = asking("192.0.2.53:53".parse().unwrap(), Dnssec::Auto);
    assert!(!Resolver::new(&elsewhere).unwrap().is_secure(), "a server across a network is not believed by itself");
}

/// Two zones on one server: DS records stand on the parent's side of a cut (RFC 4035 3.1.4.1). Somebody on the way may
/// put answers of his own in the place of some.
struct Cut {
    parent: Catalog,
    all: Catalog,
    forged: Vec<Forged>,
}

/// What is said of a name and type in place of the truth: answers, and what stands in the section of authorities.
struct Forged {
    name: &'static str,
    kind: RecordType,
    answers: Vec<Record>,
    authorities: Vec<Record>,
}

#[async_trait::async_trait]
impl RequestHandler for Cut {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut responses: R) -> ResponseInfo {
        if let Ok(info) = request.request_info() {
            let (name, kind) = (Name::from(info.query.name().clone()), info.query.query_type());
            let is_it = |forged: &&Forged| name == Name::from_str(forged.name).unwrap() && kind == forged.kind;
            if let Some(Forged { answers, authorities, .. }) = self.forged.iter().find(is_it) {
                let metadata = Metadata::response_from_request(&request.metadata);
                let none: [&Record; 0] = [];
                let response = MessageResponseBuilder::from_message_request(request);
                let response = response.build(metadata, answers, authorities, none, none);
                return responses.send_response(response).await.unwrap();
            }
        }
        let of_parent = request.request_info().is_ok_and(|info| info.query.query_type() == RecordType::DS);
        let catalog = if of_parent { &self.parent } else { &self.all };
        catalog.handle_request::<R, T>(request, responses).await
    }
}

/// A signed root with everything in it, and an unsigned zone below; and the file with its key.
struct SignedRoot {
    address: SocketAddr,
    anchor: tempfile::NamedTempFile,
    _server: Server<Cut>,
}

async fn signed_root() -> SignedRoot {
    forging_root(Vec::new()).await
}

fn record(name: &str, kind: RecordType, value: &str) -> Record {
    Record::from_rdata(Name::from_str(name).unwrap(), 60, RData::try_from_str(kind, value).unwrap())
}

async fn forging_root(forged: Vec<Forged>) -> SignedRoot {
    let pkcs8 = Ed25519SigningKey::generate_pkcs8().unwrap();
    let key = Ed25519SigningKey::from_pkcs8(&pkcs8).unwrap();
    let public = key.to_public_key().unwrap();
    let dnskey = DNSKEY::from_key(&public);
    let mut anchor = tempfile::NamedTempFile::new().unwrap();
    writeln!(anchor, ". 3600 IN DNSKEY {dnskey}").unwrap();

    let mut root = zone(".", Some(NxProofKind::Nsec));
    for (name, kind, value) in [
        ("mx.test.", RecordType::A, "192.0.2.1".to_owned()),
        ("_25._tcp.mx.test.", RecordType::TLSA, format!("3 1 1 {DIGEST}")),
        ("none.test.", RecordType::A, "192.0.2.2".to_owned()),
        ("plain.", RecordType::NS, "ns.plain.".to_owned()),
    ] {
        root.upsert_mut(record(name, kind, &value), 1);
    }
    root.add_zone_signing_key_mut(DnssecSigner::new(dnskey, Box::new(key), Name::root(), Duration::from_secs(86_400)))
        .unwrap();
    root.secure_zone_mut().unwrap();
    let mut plain = zone("plain.", None);
    plain.upsert_mut(record("mx.plain.", RecordType::A, "192.0.2.3"), 1);
    plain.upsert_mut(record("_25._tcp.mx.plain.", RecordType::TLSA, &format!("3 1 1 {DIGEST}")), 1);

    let root: Arc<dyn ZoneHandler> = Arc::new(root);
    let (mut parent, mut all) = (Catalog::new(), Catalog::new());
    for catalog in [&mut parent, &mut all] {
        catalog.upsert(Name::root().into(), vec![Arc::clone(&root)]);
    }
    all.upsert(Name::from_str("plain.").unwrap().into(), vec![Arc::new(plain)]);
    let udp = UdpSocket::bind(ANYWHERE).await.unwrap();
    let address = udp.local_addr().unwrap();
    let mut server = Server::new(Cut { parent, all, forged });
    server.register_socket(udp);
    if let Ok(tcp) = TcpListener::bind(address).await {
        server.register_listener(tcp, Duration::from_secs(5), 16);
    }
    SignedRoot { address, anchor, _server: server }
}

fn zone(origin: &str, proof: Option<NxProofKind>) -> InMemoryZoneHandler<TokioRuntimeProvider> {
    let name = Name::from_str(origin).unwrap();
    let mut zone = InMemoryZoneHandler::empty(name.clone(), ZoneType::Primary, AxfrPolicy::Deny, proof);
    for (kind, value) in [(RecordType::SOA, "ns.test. hostmaster.test. 1 60 60 60 60"), (RecordType::NS, "ns.test.")] {
        zone.upsert_mut(Record::from_rdata(name.clone(), 60, RData::try_from_str(kind, value).unwrap()), 1);
    }
    zone
}

#[tokio::test]
async fn zones_with_real_keys_are_validated() {
    let root = signed_root().await;
    let config = |anchor: &SignedRoot| Config {
        trust_anchor: Some(anchor.anchor.path().to_owned()),
        ..asking(root.address, Dnssec::Validate)
    };
    let resolver = Resolver::new(&config(&root)).unwrap();
    check(&resolver, &[("mx.test", "mx.test: 3 1 1"), ("none.test", "none"), ("mx.plain", "none")]).await;
    // Signed by somebody else than whom we believe.
    let other = signed_root().await;
    let resolver = Resolver::new(&config(&other)).unwrap();
    check(&resolver, &[("mx.test", "failed")]).await;
}

/// Whoever stands between us and the servers says that there is nothing, or something else, and adds what is really
/// unsigned somewhere else.
#[tokio::test]
async fn nobody_on_the_way_talks_dane_away() {
    let soa = |name: &str| record(name, RecordType::SOA, "ns.plain. hostmaster.plain. 1 60 60 60 60");
    let tlsa = |answers: Vec<Record>, authorities: Vec<Record>| {
        vec![Forged { name: "_25._tcp.mx.test.", kind: RecordType::TLSA, answers, authorities }]
    };
    let address = |answers: Vec<Record>| {
        let of = |kind, answers| Forged { name: "mx.test.", kind, answers, authorities: vec![soa("plain.")] };
        vec![of(RecordType::A, answers), of(RecordType::AAAA, Vec::new())]
    };
    let elsewhere = || record("mx.plain.", RecordType::A, "192.0.2.3");
    let alias = || record("mx.test.", RecordType::CNAME, "mx.plain.");
    for (what, forged) in [
        ("no records, says an unsigned zone", tlsa(Vec::new(), vec![soa("plain.")])),
        ("no records, says a name below", tlsa(Vec::new(), vec![soa("mx.plain.")])),
        ("no records, says nobody", tlsa(Vec::new(), Vec::new())),
        ("no records, says the zone without a signature", tlsa(Vec::new(), vec![soa(".")])),
        ("no records, say both", tlsa(Vec::new(), vec![soa("."), soa("plain.")])),
        ("records of another name", tlsa(vec![elsewhere()], vec![soa("plain.")])),
        ("no address", address(Vec::new())),
        ("the address of another host", address(vec![elsewhere()])),
        ("an alias that nobody signed", address(vec![alias(), elsewhere()])),
    ] {
        let root = forging_root(forged).await;
        let trust_anchor = Some(root.anchor.path().to_owned());
        let resolver = Resolver::new(&Config { trust_anchor, ..asking(root.address, Dnssec::Validate) }).unwrap();
        assert_eq!(show(resolver.tlsa("mx.test", 25).await), "failed", "{what}");
        // Whatever else is asked for is answered as before.
        check(&resolver, &[("none.test", "none"), ("mx.plain", "none")]).await;
    }
}
