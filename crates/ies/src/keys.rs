//! Keys of the suite: those it makes for itself at its first start, and the DKIM keys that the configuration names.
//!
//! Kept in `keys/` of the data directory, readable by the owner only. Nothing here is ever logged.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use mail::dkim::{DkimKey, KeyKind};
use mail::token::{Keys, SECRET_LEN};
use rand::TryRngCore as _;

use crate::config::Config;

/// The directory of keys, made when missing.
pub fn directory(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let dir = data_dir.join("keys");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).with_context(|| dir.display().to_string())?;
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
    text.parse().map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// The DKIM keys of the configuration.
pub fn dkim_keys(config: &Config) -> anyhow::Result<Vec<DkimKey>> {
    let read = |key: &crate::config::DkimKey| {
        let path = config.data_dir.join(&key.key_file);
        let pem = fs::read_to_string(&path).with_context(|| format!("DKIM key {}", path.display()))?;
        DkimKey::from_pem(&pem, &key.domain, &key.selector).map_err(|error| anyhow!("{}: {error}", path.display()))
    };
    config.dkim.iter().map(read).collect()
}

/// Makes a DKIM key and keeps it in a new file.
pub fn make_dkim_key(path: &Path, kind: KeyKind, domain: &str, selector: &str) -> anyhow::Result<DkimKey> {
    let key = DkimKey::generate(kind, domain, selector)?;
    write_secret(path, &key.to_pem()?)?;
    Ok(key)
}

fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| path.display().to_string())?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}
