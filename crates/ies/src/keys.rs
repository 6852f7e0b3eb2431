//! Keys of the suite: those it makes for itself at its first start, and the DKIM keys that the configuration names.
//!
//! Kept in `keys/` of the data directory, readable by the owner only. Nothing here is ever logged.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mail::dkim::{DkimKey, KeyKind};
use mail::token::{Keys, SECRET_LEN};
use rand::TryRngCore as _;

use crate::config::Config;

/// The directory of keys, made when missing.
pub fn directory(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let dir = data_dir.join("keys");
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
    made.and_then(|()| journal::file::sync_parent(&dir)).with_context(|| dir.display().to_string())?;
    Ok(dir)
}

/// The keys that seal links, pixels and return paths; made at the first start.
///
/// Losing this file makes the links of all mail already sent dead: it belongs into the backup.
pub fn token_keys(data_dir: &Path) -> anyhow::Result<Keys> {
    let path = directory(data_dir)?.join("token.keys");
    if !path.exists() {
        let mut secret = [0_u8; SECRET_LEN];
        rand::rngs::OsRng.try_fill_bytes(&mut secret).context("the operating system gives no random bytes")?;
        write_secret(&path, &Keys::new(&[(1, secret)])?.to_file_text())?;
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    text.parse::<Keys>().with_context(|| path.display().to_string())
}

/// The DKIM keys of the configuration.
pub fn dkim_keys(config: &Config) -> anyhow::Result<Vec<DkimKey>> {
    config.dkim.iter().map(|key| dkim_key(config, key)).collect()
}

/// One of the DKIM keys of the configuration.
pub fn dkim_key(config: &Config, key: &crate::config::DkimKey) -> anyhow::Result<DkimKey> {
    let path = config.data_dir.join(&key.key_file);
    let pem = fs::read_to_string(&path).with_context(|| format!("DKIM key {}", path.display()))?;
    DkimKey::from_pem(&pem, &key.domain, &key.selector).with_context(|| path.display().to_string())
}

/// Makes a DKIM key and keeps it in a new file.
pub fn make_dkim_key(path: &Path, kind: KeyKind, domain: &str, selector: &str) -> anyhow::Result<DkimKey> {
    let key = DkimKey::generate(kind, domain, selector)?;
    write_secret(path, &key.to_pem()?)?;
    Ok(key)
}

/// A new file for the owner only; one that is there is never overwritten, a crash leaves none or a whole one.
fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    journal::file::create(path, text.as_bytes(), 0o600).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_keys_are_made_once_and_never_guessed() {
        let dir = tempfile::tempdir().unwrap();
        let path = directory(dir.path()).unwrap().join("token.keys");
        // A crash in the middle of the first start: the draft is no key.
        fs::write(path.with_file_name("token.keys.new"), "1 0011").unwrap();
        let made = token_keys(dir.path()).unwrap().to_file_text();
        assert_eq!(token_keys(dir.path()).unwrap().to_file_text(), made);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        // Links of mail already sent depend on the file: a damaged one is named, not replaced.
        for damaged in ["", &made[..40]] {
            fs::write(&path, damaged).unwrap();
            let refused = format!("{:#}", token_keys(dir.path()).unwrap_err());
            assert!(refused.contains("token.keys: "), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn a_dkim_key_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.pem");
        make_dkim_key(&path, KeyKind::Ed25519, "example.org", "a").unwrap();
        let first = fs::read_to_string(&path).unwrap();
        make_dkim_key(&path, KeyKind::Ed25519, "example.org", "a").unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
    }
}
