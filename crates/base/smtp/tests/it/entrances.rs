//! How a connection begins: behind a proxy, with one certificate of several, with a client's certificate.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use smtp::BoxFuture;
use smtp::server::{
    Answer, CertificateFiles, Certificates, ClientAuthorities, Conversation, Handler, Peer, ServerConfig, serve,
};
use smtp::tls::client_opportunistic;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::kit::Script;

/// Believes loopback proxies when told so; remembers whom it saw and what was closed.
#[derive(Default)]
struct Door {
    script: Script,
    believes: bool,
    closed: Mutex<Vec<String>>,
}

impl Handler for Door {
    fn connect<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<Box<dyn Conversation>, Answer>> {
        self.script.connect(peer)
    }

    fn believes(&self, proxy: IpAddr) -> bool {
        self.believes && proxy.is_loopback()
    }

    fn closed(&self, _: &Peer, why: &str) {
        self.closed.lock().unwrap().push(why.to_owned());
    }
}

async fn open(door: &Arc<Door>, config: ServerConfig, tls: Option<Arc<rustls::ServerConfig>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, door.clone(), config, tls, CancellationToken::new()));
    address
}

fn proxied() -> ServerConfig {
    ServerConfig { proxy_protocol: true, connections_per_address_max: 1, ..ServerConfig::new("mx.test") }
}

const MESSAGE: &str =
    "EHLO c\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n";

async fn whole_dialogue(address: SocketAddr, said: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(said).await;
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn the_client_of_a_proxy_is_the_client() {
    let door = Arc::new(Door { believes: true, ..Door::default() });
    let address = open(&door, proxied(), None).await;
    let version_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x04\0\0\x19";
    let cases: [(&[u8], &str, bool); 4] = [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 1024 25\r\n", "192.0.2.7:1024 198.51.100.1:25", false),
        (version_2, "192.0.2.7:1024 198.51.100.1:25", false),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 9 25\r\n", "[2001:db8::7]:9 [2001:db8::1]:25", false),
        (b"PROXY UNKNOWN\r\n", "", true),
    ];
    for (header, expected, unknown) in cases {
        let heard = whole_dialogue(address, &[header, MESSAGE.as_bytes()].concat()).await;
        assert!(heard.starts_with("220 ") && heard.ends_with("221 2.0.0 Bye\r\n"), "{heard}");
        let peer = door.script.contexts.lock().unwrap().pop().unwrap().peer;
        assert_eq!(peer.is_unknown(), unknown);
        assert!(peer.proxy.unwrap().ip().is_loopback());
        assert!(unknown || format!("{} {}", peer.address, peer.local) == expected, "{peer:?}");
    }
}

#[tokio::test]
async fn the_clients_behind_a_proxy_have_limits_of_their_own() {
    let door = Arc::new(Door { believes: true, ..Door::default() });
    let address = open(&door, proxied(), None).await;
    let connect = async |client: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("PROXY TCP4 {client} 198.51.100.1 1 25\r\n").as_bytes()).await.unwrap();
        let mut code = [0; 3];
        stream.read_exact(&mut code).await.unwrap();
        (stream, String::from_utf8(code.to_vec()).unwrap())
    };
    let (_first, code) = connect("192.0.2.7").await;
    assert_eq!(code, "220");
    assert_eq!(connect("192.0.2.7").await.1, "421");
    assert_eq!(connect("192.0.2.8").await.1, "220");
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let header = "PROXY TCP4 192.0.2.7 198.51.100.1 1024 25\r\n";
    for (believes, said, why) in [
        (false, header, "no trusted proxy"),
        (true, "EHLO client.example\r\n", "not a PROXY header: it begins otherwise"),
        (true, "PROXY TCP4 192.0.2.7 198.51.100.1 1024 2x\r\n", "not a PROXY header: not a port"),
    ] {
        let door = Arc::new(Door { believes, ..Door::default() });
        let address = open(&door, proxied(), None).await;
        assert_eq!(whole_dialogue(address, format!("{said}{MESSAGE}").as_bytes()).await, "", "{said}");
        let closed = door.closed.lock().unwrap();
        assert!(closed.len() == 1 && closed[0].contains(why), "{closed:?}");
    }
    // Where no proxy is expected, its header is a line like any other.
    let door = Arc::new(Door { believes: true, ..Door::default() });
    let address = open(&door, ServerConfig::new("mx.test"), None).await;
    let heard = whole_dialogue(address, format!("{header}QUIT\r\n").as_bytes()).await;
    assert!(heard.contains("500 5.5.1") && heard.ends_with("221 2.0.0 Bye\r\n"), "{heard}");
}

/// A certificate for these names, signed by itself or by an authority; its files.
fn certificate(dir: &Path, name: &str, names: &[&str], by: Option<&Issuer<'_, KeyPair>>) -> CertificateFiles {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let made = match by {
        Some(issuer) => params.signed_by(&key, issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let files = CertificateFiles { certificate: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) };
    std::fs::write(&files.certificate, made.pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

/// An authority, and its certificate's file.
fn authority(dir: &Path, name: &str) -> (Issuer<'static, KeyPair>, std::path::PathBuf) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let path = dir.join(format!("{name}.pem"));
    std::fs::write(&path, params.self_signed(&key).unwrap().pem()).unwrap();
    (Issuer::new(params, key), path)
}

fn chain(files: &CertificateFiles) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(&files.certificate).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn the_certificate_fits_the_name_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let first = certificate(dir.path(), "first", &["mx.example.com"], None);
    let second = certificate(dir.path(), "second", &["Mail.example.org", "*.example.net"], None);
    let tls = Certificates::open(vec![first.clone(), second.clone()]).unwrap().server(false);
    let config = ServerConfig { implicit_tls: true, ..ServerConfig::new("mx.test") };
    let address = open(&Arc::new(Door::default()), config, Some(tls)).await;
    for (asked, expected) in [
        ("mx.example.com", &first),
        ("mail.example.org", &second),
        ("any.example.net", &second),
        ("a.b.example.net", &first),
        ("example.net", &first),
        ("unknown.test", &first),
        ("192.0.2.1", &first),
    ] {
        let connector = tokio_rustls::TlsConnector::from(client_opportunistic());
        let name = ServerName::try_from(asked).unwrap();
        let stream = connector.connect(name, TcpStream::connect(address).await.unwrap()).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap().to_vec();
        assert_eq!(shown, chain(expected), "{asked}");
    }
}

/// What the server knows of a client that shows this certificate.
async fn known(tls: &Arc<rustls::ServerConfig>, ca: &Path, shown: Option<&CertificateFiles>) -> String {
    let door = Arc::new(Door::default());
    let client_authorities = Some(ClientAuthorities::from_pem(ca).unwrap());
    let config = ServerConfig { implicit_tls: true, client_authorities, ..ServerConfig::new("mx.test") };
    let address = open(&door, config, Some(tls.clone())).await;
    let mut config = (*client_opportunistic()).clone();
    if let Some(files) = shown {
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        let provider = config.crypto_provider().clone();
        let certified = rustls::sign::CertifiedKey::from_der(chain(files), key, &provider).unwrap();
        config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    }
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("mx.test").unwrap(), stream).await.unwrap();
    stream.write_all(MESSAGE.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    let context = door.script.contexts.lock().unwrap().pop();
    let Some(context) = context else { return String::from_utf8(heard).unwrap() };
    match &context.certificate {
        None => "none".to_owned(),
        Some(certificate) => {
            assert_eq!(certificate.fingerprint.len(), 64);
            format!("{} {}", certificate.vouched, certificate.names.join(" "))
        }
    }
}

#[tokio::test]
async fn certificates_of_clients() {
    let dir = tempfile::tempdir().unwrap();
    let own = certificate(dir.path(), "server", &["mx.test"], None);
    let (ours, ca) = authority(dir.path(), "ca");
    let (others, _) = authority(dir.path(), "other-ca");
    let good = certificate(dir.path(), "good", &["App.example.com", "b.example.com"], Some(&ours));
    let foreign = certificate(dir.path(), "foreign", &["app.example.com"], Some(&others));
    let selfmade = certificate(dir.path(), "selfmade", &["app.example.com"], None);
    let asking = Certificates::open(vec![own.clone()]).unwrap().server(true);
    assert_eq!(known(&asking, &ca, None).await, "none");
    assert_eq!(known(&asking, &ca, Some(&good)).await, "true app.example.com b.example.com");
    assert_eq!(known(&asking, &ca, Some(&foreign)).await, "false ", "names that nobody vouches for");
    assert_eq!(known(&asking, &ca, Some(&selfmade)).await, "false ");
    let silent = Certificates::open(vec![own]).unwrap().server(false);
    assert_eq!(known(&silent, &ca, Some(&good)).await, "none", "not asked for");
    // Somebody else's certificate without its key.
    let stolen = CertificateFiles { certificate: good.certificate.clone(), key: selfmade.key.clone() };
    let provider = client_opportunistic().crypto_provider().clone();
    let key = provider.key_provider.load_private_key(PrivateKeyDer::from_pem_file(&stolen.key).unwrap()).unwrap();
    let mut config = (*client_opportunistic()).clone();
    let certified = rustls::sign::CertifiedKey::new(chain(&stolen), key);
    config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    let door = Arc::new(Door::default());
    let server = ServerConfig { implicit_tls: true, ..ServerConfig::new("mx.test") };
    let address = open(&door, server, Some(asking)).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    if let Ok(mut stream) = connector.connect(ServerName::try_from("mx.test").unwrap(), stream).await {
        let _ = stream.write_all(MESSAGE.as_bytes()).await;
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        assert_eq!(heard, b"", "the handshake fails on the server's side");
    }
    assert!(door.script.contexts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn files_that_are_no_certificates_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) =
        (certificate(dir.path(), "one", &["a.test"], None), certificate(dir.path(), "two", &["b.test"], None));
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let files = |certificate: &Path, key: &Path| {
        let files = CertificateFiles { certificate: certificate.to_owned(), key: key.to_owned() };
        Certificates::open(vec![files]).unwrap_err().to_string()
    };
    assert!(files(&dir.path().join("none.pem"), &one.key).ends_with("none.pem"));
    assert!(files(&empty, &one.key).contains("no certificate"));
    assert!(files(&one.certificate, &empty).contains("no usable PEM"));
    assert_eq!(files(&one.certificate, &two.key), "certificate and key cannot be used");
    assert!(ClientAuthorities::from_pem(&empty).is_err());
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let files = certificate(dir.path(), "own", &["mx.test"], None);
    let certificates = Certificates::open(vec![files.clone()]).unwrap();
    let config = ServerConfig { implicit_tls: true, ..ServerConfig::new("mx.test") };
    let address = open(&Arc::new(Door::default()), config, Some(certificates.server(false))).await;
    let shown = async || {
        let connector = tokio_rustls::TlsConnector::from(client_opportunistic());
        let stream = TcpStream::connect(address).await.unwrap();
        let stream = connector.connect(ServerName::try_from("mx.test").unwrap(), stream).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap().to_vec()
    };
    let before = shown().await;
    assert!(!certificates.refresh().unwrap(), "nothing has changed");
    // Half of it is there: the old one stays.
    std::fs::write(&files.certificate, "-----BEGIN").unwrap();
    assert!(certificates.refresh().is_err());
    assert_eq!(shown().await, before);
    certificate(dir.path(), "own", &["mx.test", "renewed.mx.test"], None);
    assert!(certificates.refresh().unwrap());
    let after = shown().await;
    assert!(after == chain(&files) && after != before);
    assert!(!certificates.refresh().unwrap());
}
