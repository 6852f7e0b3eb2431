//! The keys that tokens are sealed with: one that seals, and older ones that still open.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};

use super::TokenError;

/// Length of a secret in bytes.
pub const SECRET_LEN: usize = 32;

/// Most keys at once: one that seals, the others kept for the links of older mails.
pub const KEYS_MAX: usize = 16;

/// The fixed nonce; see the module documentation of [`super`].
const NONCE: &[u8; 12] = b"ies token v1";

const TAG_LEN: usize = 16;

/// The keys; the first one seals, all open. Its text form is a file of lines `number hex`, newest first.
#[derive(Clone)]
pub struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: u8,
    secret: [u8; SECRET_LEN],
    cipher: Aes256GcmSiv,
}

/// A key file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Not a single key.
    #[error("no key")]
    Empty,
    /// More than [`KEYS_MAX`].
    #[error("more than {KEYS_MAX} keys")]
    TooMany,
    /// Two keys of one number.
    #[error("key {0} is given twice")]
    Twice(u8),
    /// A line that is not `number hex`.
    #[error("line {0} is not a key: a number from 0 to 255, a space, 64 hexadecimal digits")]
    Line(usize),
}

impl Keys {
    /// Keys by number, the one that seals first. The secrets are random bytes, made by the caller.
    ///
    /// # Errors
    /// [`KeysError::Empty`], [`KeysError::TooMany`], [`KeysError::Twice`].
    pub fn new(secrets: &[(u8, [u8; SECRET_LEN])]) -> Result<Self, KeysError> {
        if secrets.is_empty() {
            return Err(KeysError::Empty);
        }
        if secrets.len() > KEYS_MAX {
            return Err(KeysError::TooMany);
        }
        let mut keys: Vec<Key> = Vec::with_capacity(secrets.len());
        for &(id, secret) in secrets {
            if keys.iter().any(|key| key.id == id) {
                return Err(KeysError::Twice(id));
            }
            keys.push(Key { id, secret, cipher: Aes256GcmSiv::new(&secret.into()) });
        }
        Ok(Keys(keys))
    }

    /// The text form with the secrets, for the key file. (Never shown: [`fmt::Debug`] prints the numbers only.)
    pub fn to_file_text(&self) -> String {
        let mut text = String::new();
        for key in &self.0 {
            write!(text, "{} ", key.id).expect("invariant: writing to a String does not fail");
            for byte in key.secret {
                write!(text, "{byte:02x}").expect("invariant: writing to a String does not fail");
            }
            text.push('\n');
        }
        text
    }

    /// `key id | ciphertext | tag`, with the key that seals.
    pub(super) fn seal_bytes(&self, plain: &[u8]) -> Vec<u8> {
        let key = &self.0[0];
        let associated = [key.id];
        let sealed = key
            .cipher
            .encrypt(Nonce::from_slice(NONCE), Payload { msg: plain, aad: &associated })
            .expect("invariant: a payload is far below the 64 GiB of RFC 8452");
        let mut out = Vec::with_capacity(1 + sealed.len());
        out.push(key.id);
        out.extend_from_slice(&sealed);
        out
    }

    /// The payload of `key id | ciphertext | tag`.
    pub(super) fn open_bytes(&self, sealed: &[u8]) -> Result<Vec<u8>, TokenError> {
        let (&id, rest) = sealed.split_first().ok_or(TokenError::Malformed)?;
        if rest.len() <= TAG_LEN {
            return Err(TokenError::Malformed);
        }
        let key = self.0.iter().find(|key| key.id == id).ok_or(TokenError::UnknownKey(id))?;
        key.cipher.decrypt(Nonce::from_slice(NONCE), Payload { msg: rest, aad: &[id] }).map_err(|_| TokenError::Forged)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.0.iter().map(|key| key.id).collect::<Vec<_>>()).finish()
    }
}

impl FromStr for Keys {
    type Err = KeysError;

    /// Reads a key file; empty lines and lines that begin with `#` are skipped.
    fn from_str(text: &str) -> Result<Self, KeysError> {
        let mut secrets = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            secrets.push(read_line(line).ok_or(KeysError::Line(index + 1))?);
            if secrets.len() > KEYS_MAX {
                return Err(KeysError::TooMany);
            }
        }
        Keys::new(&secrets)
    }
}

fn read_line(line: &str) -> Option<(u8, [u8; SECRET_LEN])> {
    let (id, digits) = line.split_once(' ')?;
    let digits = digits.trim().as_bytes();
    if digits.len() != SECRET_LEN * 2 {
        return None;
    }
    let mut secret = [0; SECRET_LEN];
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
    }
    Some((id.parse().ok()?, secret))
}
