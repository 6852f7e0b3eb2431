//! A certificate authority of the tests' own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData};
use smtp::tls::ServerConfig;

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

/// A server's certificate with its chain, written to files.
pub struct Identity {
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the certificate's public key and of the whole certificate, in hexadecimal digits.
    pub key_sha256: String,
    pub certificate_sha256: String,
    /// SHA-512 of the public key.
    pub key_sha512: String,
}

fn hex(algorithm: &'static digest::Algorithm, bytes: &[u8]) -> String {
    digest::digest(algorithm, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Authority of the tests");
        let certificate = params.self_signed(&key).unwrap();
        Authority { issuer: Issuer::new(params, key), certificate }
    }

    /// Its own certificate in a file.
    pub fn file(&self, dir: &Path) -> PathBuf {
        let path = dir.join("authority.pem");
        std::fs::write(&path, self.certificate.pem()).unwrap();
        path
    }

    /// SHA-256 of its certificate.
    pub fn sha256(&self) -> String {
        hex(&digest::SHA256, self.certificate.der())
    }

    pub fn identity(&self, dir: &Path, names: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let (chain, key_file) = (dir.join("chain.pem"), dir.join("key.pem"));
        std::fs::write(&chain, certificate.pem() + &self.certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        Identity {
            config: smtp::tls::server_from_pem(&chain, &key_file).unwrap(),
            key_sha256: hex(&digest::SHA256, &key.subject_public_key_info()),
            key_sha512: hex(&digest::SHA512, &key.subject_public_key_info()),
            certificate_sha256: hex(&digest::SHA256, certificate.der()),
        }
    }
}
