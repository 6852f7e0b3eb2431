//! The certificates of a listener, and those of its clients.
//!
//! A listener has one or more certificates; the one whose names fit what the client asks for (SNI, RFC 6066 3) is shown,
//! else the first. Clients may be asked for a certificate too. A client without one, or with one that nobody knows, is a
//! client like any other: mail hosts show their certificates to everybody who asks. What a certificate is worth is for
//! the handler to decide, from its fingerprint and, when an authority vouches for it, its names.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use webpki::EndEntityCert;

use crate::tls::{ServerConfig, TlsError, fingerprint, provider, read_chain, read_pem};

/// Most certificates of a client's chain that are looked at, its own included.
const CHAIN_MAX: usize = 10;

/// Most names of a client's certificate that are kept.
const NAMES_MAX: usize = 100;

/// The PEM files of one certificate of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and those between it and the root.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The certificates of a listener, as they are on disk: read anew when their files change, so that a renewed one is shown
/// without a restart.
#[derive(Debug)]
pub struct Certificates {
    files: Vec<CertificateFiles>,
    read: RwLock<Read>,
}

#[derive(Debug)]
struct Read {
    stamp: Vec<Stamp>,
    shown: Arc<Shown>,
}

/// When a file was changed, and its size; `None` when it is not there.
type Stamp = Option<(SystemTime, u64)>;

impl Certificates {
    /// Reads the files; the first certificate is shown where no name fits, or none is asked for.
    ///
    /// # Errors
    /// [`TlsError`]: the operator has to put the files right.
    pub fn open(files: Vec<CertificateFiles>) -> Result<Arc<Self>, TlsError> {
        let read = RwLock::new(Read::new(&files)?);
        Ok(Arc::new(Certificates { files, read }))
    }

    /// Reads the files again if they have changed; true when it was so. To be called now and then.
    ///
    /// # Errors
    /// [`TlsError`]: what was read before stays, and the files are tried again at the next call.
    pub fn refresh(&self) -> Result<bool, TlsError> {
        if self.read.read().unwrap_or_else(PoisonError::into_inner).stamp == stamp(&self.files) {
            return Ok(false);
        }
        let read = Read::new(&self.files)?;
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(true)
    }

    /// A server configuration that shows them. With `ask` clients are asked for a certificate, and taken whatever they
    /// answer.
    pub fn server(self: &Arc<Self>, ask: bool) -> Arc<ServerConfig> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("invariant: the provider supports the default versions");
        let builder = if ask {
            builder.with_client_cert_verifier(Arc::new(AnyClient { provider }))
        } else {
            builder.with_no_client_auth()
        };
        Arc::new(builder.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>))
    }
}

impl Read {
    fn new(files: &[CertificateFiles]) -> Result<Self, TlsError> {
        let provider = provider();
        // Looked at first: what is written meanwhile is seen as a change the next time.
        let stamp = stamp(files);
        let mut shown = Shown::default();
        for files in files {
            shown.add(files, &provider)?;
        }
        Ok(Read { stamp, shown: Arc::new(shown) })
    }
}

fn stamp(files: &[CertificateFiles]) -> Vec<Stamp> {
    let of = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    files.iter().flat_map(|files| [of(&files.certificate), of(&files.key)]).collect()
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = Arc::clone(&self.read.read().unwrap_or_else(PoisonError::into_inner).shown);
        let named = hello.server_name().and_then(|name| shown.find(name));
        named.or(shown.first.as_ref()).cloned()
    }
}

/// Certificates by the names for which they were made.
#[derive(Debug, Default)]
struct Shown {
    first: Option<Arc<CertifiedKey>>,
    /// In lower case; `*.example.com` stands as it is.
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Shown {
    fn add(&mut self, files: &CertificateFiles, provider: &CryptoProvider) -> Result<(), TlsError> {
        let chain = read_chain(&files.certificate)?;
        let names = names_of(&chain[0]);
        let key = read_pem(&files.key, PrivateKeyDer::from_pem_slice)?;
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(TlsError::Unusable)?;
        let certified = Arc::new(certified);
        for name in names {
            self.by_name.entry(name).or_insert_with(|| Arc::clone(&certified));
        }
        self.first.get_or_insert(certified);
        Ok(())
    }

    fn find(&self, asked: &str) -> Option<&Arc<CertifiedKey>> {
        let asked = asked.to_ascii_lowercase();
        // A star stands for one label (RFC 6125 6.4.3).
        let wild = || Some(format!("*.{}", asked.split_once('.')?.1));
        self.by_name.get(&asked).or_else(|| self.by_name.get(&wild()?))
    }
}

/// The DNS names in a certificate, in lower case.
fn names_of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(parsed) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    parsed.valid_dns_names().take(NAMES_MAX).map(str::to_ascii_lowercase).collect()
}

/// Asks for a certificate and takes any, or none; that the client has its key is checked all the same.
#[derive(Debug)]
struct AnyClient {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The certificate that a client has shown, and whose key it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of the whole certificate, in lower-case hexadecimal digits.
    pub fingerprint: String,
    /// Its DNS names (subjectAltName), in lower case; only of a certificate that one of the authorities vouches for.
    /// Empty for any other: anybody can write any name into his own.
    pub names: Vec<String>,
    /// One of the authorities vouches for it.
    pub vouched: bool,
}

/// The authorities that vouch for the names in certificates of clients.
#[derive(Clone)]
pub struct ClientAuthorities {
    verifier: Arc<dyn ClientCertVerifier>,
}

impl std::fmt::Debug for ClientAuthorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientAuthorities")
    }
}

impl ClientAuthorities {
    /// The authorities in a PEM file.
    ///
    /// # Errors
    /// [`TlsError`]: the operator has to put the file right.
    pub fn from_pem(path: &Path) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in read_chain(path)? {
            roots.add(certificate).map_err(TlsError::Unusable)?;
        }
        let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let verifier = built.map_err(|error| TlsError::Pem { path: path.to_owned(), reason: error.to_string() })?;
        Ok(ClientAuthorities { verifier })
    }

    /// Whether one of them vouches for the first certificate of a chain at this time.
    fn vouch_for(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> bool {
        let Some((own, between)) = chain.split_first() else { return false };
        chain.len() <= CHAIN_MAX && self.verifier.verify_client_cert(own, between, now).is_ok()
    }
}

impl ClientCertificate {
    /// The first of a client's chain, if there is any.
    pub(crate) fn of(
        chain: Option<&[CertificateDer<'_>]>,
        authorities: Option<&ClientAuthorities>,
        now: UnixTime,
    ) -> Option<Self> {
        let chain = chain?;
        let own = chain.first()?;
        let vouched = authorities.is_some_and(|authorities| authorities.vouch_for(chain, now));
        let names = if vouched { names_of(own) } else { Vec::new() };
        Some(ClientCertificate { fingerprint: fingerprint(own), names, vouched })
    }
}
