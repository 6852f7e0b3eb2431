//! DKIM keys: made, read from PEM, written as PEM, published as a TXT record.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::Digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

/// A private key with the name under which its public half is found; cheap to clone, the secret is shared.
#[derive(Clone)]
pub struct DkimKey {
    domain: Arc<str>,
    selector: Arc<str>,
    secret: Arc<Secret>,
}

enum Secret {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// RSA with SHA-256; understood by everybody. Made with 2,048 bits.
    Rsa,
    /// Ed25519 (RFC 8463); short, not yet understood by all.
    Ed25519,
}

/// A key that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM, or neither an RSA (2,048 to 8,192 bits) nor an Ed25519 private key in PKCS#8 or PKCS#1.
    #[error("not a private key in PEM form that DKIM can use: {0}")]
    Unreadable(String),
    /// A domain or selector that cannot stand in DNS.
    #[error("{0:?} cannot be a DKIM domain or selector")]
    Name(String),
    /// The machine could not make or write a key.
    #[error("the key could not be made")]
    Machine,
}

impl KeyKind {
    /// The name in `a=`.
    pub fn algorithm(self) -> &'static str {
        match self {
            KeyKind::Rsa => "rsa-sha256",
            KeyKind::Ed25519 => "ed25519-sha256",
        }
    }
}

impl DkimKey {
    /// A fresh key. RSA takes some tens of milliseconds.
    ///
    /// # Errors
    /// [`KeyError::Name`] for an impossible name, [`KeyError::Machine`] when there is no randomness.
    pub fn generate(kind: KeyKind, domain: &str, selector: &str) -> Result<Self, KeyError> {
        let secret = match kind {
            KeyKind::Rsa => Secret::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Machine)?),
            KeyKind::Ed25519 => Secret::Ed25519(Ed25519KeyPair::generate().map_err(|_| KeyError::Machine)?),
        };
        Self::named(secret, domain, selector)
    }

    /// Reads a key from PEM (PKCS#8 `PRIVATE KEY` or PKCS#1 `RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// [`KeyError::Unreadable`] or [`KeyError::Name`]: the operator mends the file or the configuration.
    pub fn from_pem(pem: &str, domain: &str, selector: &str) -> Result<Self, KeyError> {
        let unreadable = |error: &dyn fmt::Display| KeyError::Unreadable(error.to_string());
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| unreadable(&error))?;
        let secret = match &der {
            PrivateKeyDer::Pkcs1(der) => {
                Secret::Rsa(RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(|error| unreadable(&error))?)
            }
            PrivateKeyDer::Pkcs8(der) => match Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der()) {
                Ok(pair) => Secret::Ed25519(pair),
                Err(_) => {
                    Secret::Rsa(RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|error| unreadable(&error))?)
                }
            },
            _ => return Err(unreadable(&"neither RSA nor Ed25519")),
        };
        Self::named(secret, domain, selector)
    }

    fn named(secret: Secret, domain: &str, selector: &str) -> Result<Self, KeyError> {
        let domain = idna::domain_to_ascii(domain).map_err(|_| KeyError::Name(domain.to_owned()))?;
        for name in [domain.as_str(), selector] {
            let labels_fit = name.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            });
            if !labels_fit || name.len() > 200 {
                return Err(KeyError::Name(name.to_owned()));
            }
        }
        Ok(DkimKey { domain: domain.into(), selector: selector.to_ascii_lowercase().into(), secret: Arc::new(secret) })
    }

    /// The private key in PEM (PKCS#8), for a file that only the suite can read.
    ///
    /// # Errors
    /// [`KeyError::Machine`] when the library cannot write it.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let der = match &*self.secret {
            Secret::Rsa(pair) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map_err(|_| KeyError::Machine)?.as_ref().to_vec()
            }
            Secret::Ed25519(pair) => pair.to_pkcs8v1().map_err(|_| KeyError::Machine)?.as_ref().to_vec(),
        };
        let text = STANDARD.encode(der);
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(std::str::from_utf8(line).expect("invariant: base64 is ASCII"));
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// The signing domain (`d=`), as A-labels.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The selector (`s=`).
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// RSA or Ed25519.
    pub fn kind(&self) -> KeyKind {
        match &*self.secret {
            Secret::Rsa(_) => KeyKind::Rsa,
            Secret::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// The name at which the TXT record stands: `selector._domainkey.domain`.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The text of the TXT record. A record of more than 255 bytes is published as several strings.
    ///
    /// # Errors
    /// [`KeyError::Machine`] when the library cannot write the public key.
    pub fn record_text(&self) -> Result<String, KeyError> {
        Ok(match &*self.secret {
            Secret::Rsa(pair) => {
                let der = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).map_err(|_| KeyError::Machine)?;
                format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(der.as_ref()))
            }
            Secret::Ed25519(pair) => format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(pair.public_key().as_ref())),
        })
    }

    /// The signature over a SHA-256 digest; none when the arithmetic fails.
    pub(super) fn sign(&self, digest: &Digest) -> Option<Vec<u8>> {
        match &*self.secret {
            Secret::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, digest, &mut signature).ok()?;
                Some(signature)
            }
            Secret::Ed25519(pair) => Some(pair.try_sign(digest.as_ref()).ok()?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DkimKey({} {})", self.kind().algorithm(), self.record_name())
    }
}
