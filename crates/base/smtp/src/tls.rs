//! The one place that sets up rustls: server and client configurations.
//!
//! The provider (aws-lc-rs) is passed explicitly everywhere; nothing is installed for the process. TLS 1.2 and 1.3.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

/// Configurations are made here and passed on as they are: users of this crate need not know rustls.
pub use rustls::{ClientConfig, ServerConfig};

/// File name of the certificate made by [`server_self_signed`].
pub const CERTIFICATE_FILE: &str = "smtp-certificate.pem";

/// File name of the private key made by [`server_self_signed`]; mode 0600.
pub const KEY_FILE: &str = "smtp-key.pem";

/// Hosts whose sessions [`client_opportunistic`] keeps for resumption.
const SESSIONS_MAX: usize = 256;

/// A TLS configuration that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("{path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file holds no usable certificate or key in PEM form.
    #[error("{path} holds no usable PEM: {reason}")]
    Pem {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Certificate and key do not fit together, or are of a kind that is not supported.
    #[error("certificate and key cannot be used")]
    Unusable(#[source] rustls::Error),
    /// A self-signed certificate could not be made: a name is not a DNS name or address.
    #[error("no self-signed certificate: {0}")]
    SelfSigned(String),
}

/// What was negotiated on an encrypted connection, for events and `Received` headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite's name, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
}

impl TlsInfo {
    pub(crate) fn of(connection: &rustls::CommonState) -> Self {
        let version = match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLS",
        };
        let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
        TlsInfo { version, cipher: cipher.to_owned() }
    }
}

/// What is known of an encrypted connection to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// Version and cipher.
    pub info: TlsInfo,
    /// The handshake was shortened by an earlier session.
    pub resumed: bool,
    /// What its certificate is worth; `None` when it was not judged.
    pub finding: Option<crate::trust::Finding>,
    /// SHA-256 of the server's certificate, in hexadecimal digits.
    pub certificate: Option<String>,
}

impl Secured {
    /// The server's certificate was judged, and an authority or a TLSA record vouches for it.
    pub fn is_verified(&self) -> bool {
        self.finding.as_ref().is_some_and(|finding| match &finding.dane {
            Some(by_dane) => by_dane.is_ok(),
            None => finding.authority.is_ok(),
        })
    }

    /// Looks at a finished handshake and judges the server's certificate.
    ///
    /// # Errors
    /// The certificate is not what `trust` demands.
    pub(crate) fn of(
        connection: &rustls::ClientConnection,
        trust: Option<&crate::trust::Trust>,
        host: &str,
    ) -> Result<Secured, crate::trust::TlsFault> {
        let chain = connection.peer_certificates().unwrap_or_default();
        let finding = trust.map(|trust| trust.judge(chain, host)).transpose()?;
        let resumed = matches!(connection.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
        let certificate = chain.first().map(fingerprint);
        Ok(Secured { info: TlsInfo::of(connection), resumed, finding, certificate })
    }
}

impl std::fmt::Display for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.info.fmt(f)?;
        f.write_str(if self.resumed { ", resumed" } else { "" })?;
        self.finding.iter().try_for_each(|finding| write!(f, ", {finding}"))
    }
}

impl std::fmt::Display for TlsInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.version, self.cipher)
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A server configuration from a certificate chain and a private key in PEM files.
///
/// # Errors
/// [`TlsError`]: the operator has to put the files right.
pub fn server_from_pem(certificates: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = read_chain(certificates)?;
    let key = read_pem(key, PrivateKeyDer::from_pem_slice)?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Unusable)?;
    Ok(Arc::new(config))
}

pub(crate) fn read_pem<T>(
    path: &Path,
    read: impl FnOnce(&[u8]) -> Result<T, rustls_pki_types::pem::Error>,
) -> Result<T, TlsError> {
    let bytes = fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })?;
    read(&bytes).map_err(|error| TlsError::Pem { path: path.to_owned(), reason: error.to_string() })
}

/// The certificates of a PEM file, at least one.
pub(crate) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = read_pem(path, |bytes| CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>())?;
    match chain.is_empty() {
        true => Err(TlsError::Pem { path: path.to_owned(), reason: "no certificate".to_owned() }),
        false => Ok(chain),
    }
}

/// SHA-256 of a whole certificate, in lower-case hexadecimal digits.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server configuration with the self-signed certificate that is kept in `dir`; made there when there is none.
///
/// `names` are the DNS names and addresses it is made for; a certificate that exists is used whatever its names.
///
/// # Errors
/// [`TlsError`]: the directory cannot be written, or its files were damaged.
pub fn server_self_signed(dir: &Path, names: &[String]) -> Result<Arc<ServerConfig>, TlsError> {
    let (certificate, key) = (dir.join(CERTIFICATE_FILE), dir.join(KEY_FILE));
    if !(certificate.exists() && key.exists()) {
        fs::create_dir_all(dir).map_err(|source| TlsError::File { path: dir.to_owned(), source })?;
        let made =
            rcgen::generate_simple_self_signed(names).map_err(|error| TlsError::SelfSigned(error.to_string()))?;
        write_file(&key, 0o600, &made.signing_key.serialize_pem())?;
        write_file(&certificate, 0o644, &made.cert.pem())?;
    }
    server_from_pem(&certificate, &key)
}

/// Writes beside the file and renames, so that a crash leaves no half of it; then makes the name durable. (As
/// `journal::file`, which this crate does not know.)
fn write_file(path: &Path, mode: u32, text: &str) -> Result<(), TlsError> {
    let beside = path.with_extension("new");
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&beside);
        let mut file: File = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    };
    write().map_err(|source| TlsError::File { path: path.to_owned(), source })
}

/// A client configuration that takes any certificate whose key the server has: opportunistic TLS between mail servers
/// (RFC 7435).
pub fn client_opportunistic() -> Arc<ClientConfig> {
    client(Signatures::Proven, None, SESSIONS_MAX).expect("invariant: without an identity no file is read")
}

/// What a client shows to servers that ask for a certificate.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// How a server's part in the handshake is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// It must prove that it holds the key of its certificate; the certificate is judged later ([`crate::trust`]).
    Proven,
    /// Anything goes, also certificates that cannot be read. Protects against listeners, not against somebody in the
    /// middle.
    Unproven,
}

/// A client configuration for delivery. Sessions of at most `sessions_max` hosts are kept for resumption; they belong to
/// this configuration alone.
///
/// # Errors
/// [`TlsError`]: the operator has to put the files of the identity right.
pub fn client(
    signatures: Signatures,
    identity: Option<&ClientIdentity>,
    sessions_max: usize,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let verifier = Arc::new(ByKey { algorithms, signatures });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(ClientIdentity { certificate, key }) => {
            let chain = read_chain(certificate)?;
            let key = read_pem(key, PrivateKeyDer::from_pem_slice)?;
            builder.with_client_auth_cert(chain, key).map_err(TlsError::Unusable)?
        }
    };
    config.resumption = rustls::client::Resumption::in_memory_sessions(sessions_max);
    Ok(Arc::new(config))
}

/// A client configuration for HTTPS that believes these authorities.
pub fn client_https(authorities: &crate::trust::Authorities) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("invariant: the provider supports the default versions")
        .with_webpki_verifier(authorities.verifier())
        .with_no_client_auth()
}

/// The certificates of a PEM file, as further authorities to believe.
///
/// # Errors
/// [`TlsError`]: the operator has to put the file right.
pub fn authorities(path: &Path) -> Result<crate::trust::Authorities, TlsError> {
    crate::trust::Authorities::web_and(&read_chain(path)?).map_err(TlsError::Unusable)
}

/// Takes any certificate, and the server's part in the handshake as it is told to.
#[derive(Debug)]
struct ByKey {
    algorithms: rustls::crypto::WebPkiSupportedAlgorithms,
    signatures: Signatures,
}

impl ServerCertVerifier for ByKey {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.signatures {
            Signatures::Proven => verify_tls12_signature(message, certificate, signed, &self.algorithms),
            Signatures::Unproven => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.signatures {
            Signatures::Proven => verify_tls13_signature(message, certificate, signed, &self.algorithms),
            Signatures::Unproven => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
