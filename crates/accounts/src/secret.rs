//! Random secrets: 256 bits in letters, shown once, kept as SHA-256.

use std::fmt;

use rand::TryRngCore as _;
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};

const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A secret on its way to its owner. Does not show itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// `len` random letters and digits that are easy to read aloud (five bits each).
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing safe can be done then.
    pub(crate) fn random(len: usize) -> Secret {
        let mut bytes = vec![0_u8; len];
        OsRng.try_fill_bytes(&mut bytes).expect("invariant: the operating system gives random bytes");
        Secret(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
    }

    pub(crate) fn from_text(text: String) -> Secret {
        Secret(text)
    }

    /// The secret itself, to be handed to its owner and nobody else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is kept of a random secret. Only for secrets of full entropy: a password needs a slow hash.
pub(crate) fn fingerprint(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_do_not_show_themselves() {
        let (one, other) = (Secret::random(52), Secret::random(52));
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), 52);
        assert_eq!(format!("{one:?}"), "Secret(…)");
    }
}
