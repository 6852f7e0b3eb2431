//! `ies dkim`: keys that sign, from their making to their end.
//!
//! Works on the file of keys in the data directory, whether the suite runs or not; a running one picks changes up within
//! seconds, tells them as events, and moves keys on. Private keys are never printed.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use delivery::keystore::{KeyInfo, KeyState, KeyStore, published};
use dns::Resolver;
use mail::dkim::KeyKind;
use model::time::{Clock as _, SystemClock};

use super::ConfigFile;

/// DKIM keys: made, published, replaced, retired.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ies dkim new example.com\n  ies dkim publish example.com\n  ies dkim rotate example.com"
)]
pub(super) struct Dkim {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Make keys for a domain. They sign as soon as the DNS carries them.
    New {
        /// The domain in From of the mails.
        domain: String,
        /// Which keys.
        #[arg(long, value_enum, default_value_t = Algorithm::Both)]
        algorithm: Algorithm,
        /// Name of the key; made of the date when left out.
        #[arg(long)]
        selector: Option<String>,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Every key with its state and dates.
    List {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// The lines for the zone file, and whether the DNS carries them. Exit code 1 when it does not.
    Publish {
        /// The domain.
        domain: String,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Make a successor of each key that signs. When the DNS carries it, it signs in the place of the old one.
    Rotate {
        /// The domain.
        domain: String,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Let a pending key sign at once, whatever the DNS has.
    Activate {
        /// The domain.
        domain: String,
        /// The key.
        selector: String,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Forget a key, and erase it.
    Remove {
        /// The domain.
        domain: String,
        /// The key.
        selector: String,
        /// Also one that signs, or whose mail is on its way.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Take a key in that was made elsewhere (PEM, PKCS#8 or PKCS#1).
    Import {
        /// The domain.
        domain: String,
        /// File with the private key.
        file: PathBuf,
        /// The name under which it is published.
        #[arg(long)]
        selector: String,
        #[command(flatten)]
        config: ConfigFile,
    },
}

/// Which keys are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    /// RSA with 2,048 bits: understood by everybody.
    Rsa2048,
    /// Ed25519: short, not yet understood by all.
    Ed25519,
    /// One of each; mail gets two signatures.
    Both,
}

impl Algorithm {
    fn kinds(self) -> &'static [KeyKind] {
        match self {
            Algorithm::Rsa2048 => &[KeyKind::Rsa],
            Algorithm::Ed25519 => &[KeyKind::Ed25519],
            Algorithm::Both => &[KeyKind::Rsa, KeyKind::Ed25519],
        }
    }
}

impl Order {
    fn config(&self) -> &ConfigFile {
        match self {
            Order::New { config, .. }
            | Order::List { config, .. }
            | Order::Publish { config, .. }
            | Order::Rotate { config, .. }
            | Order::Activate { config, .. }
            | Order::Remove { config, .. }
            | Order::Import { config, .. } => config,
        }
    }
}

impl Dkim {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.order.config().read()?;
        let store = KeyStore::open(&crate::keys::directory(&config.data_dir)?)?;
        let (by, now) = ("ies dkim", SystemClock.now());
        match self.order {
            Order::New { domain, algorithm, selector, .. } => {
                to_publish(&store.make(&domain, algorithm.kinds(), selector.as_deref(), by, now)?);
            }
            Order::Rotate { domain, .. } => to_publish(&store.rotate(&domain, by, now)?),
            Order::Import { domain, file, selector, .. } => {
                let pem = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
                to_publish(&store.import(&domain, &selector, &pem, by, now)?);
            }
            Order::List { json, .. } => {
                let keys = store.list()?;
                if json { println!("{}", serde_json::to_string_pretty(&keys)?) } else { print!("{}", table(&keys)) }
            }
            Order::Publish { domain, .. } => return publish(&store, &domain, &Resolver::new(&config.dns)?).await,
            Order::Activate { domain, selector, .. } => {
                store.activate(&domain, &selector, by, &config.signing.rules(), now)?;
                println!("{selector} of {domain} signs from now on");
            }
            Order::Remove { domain, selector, force, .. } => {
                store.remove(&domain, &selector, force, by, now)?;
                println!("{selector} of {domain} is erased; take its record out of the DNS");
            }
        }
        Ok(())
    }
}

fn to_publish(keys: &[KeyInfo]) {
    println!("; Publish this; the key signs as soon as the DNS carries it.");
    keys.iter().filter_map(|key| key.zone_line.as_deref()).for_each(|line| println!("{line}"));
}

async fn publish(store: &KeyStore, domain: &str, resolver: &Resolver) -> anyhow::Result<()> {
    let wanted = domain.trim_end_matches('.');
    let keys = store.list()?;
    let keys = keys.iter().filter(|key| key.domain.eq_ignore_ascii_case(wanted) && key.state != KeyState::Retired);
    let (mut found, mut missing) = (0, 0);
    for key in keys {
        found += 1;
        println!("{}", key.zone_line.as_deref().unwrap_or_default());
        let said = match published(key, resolver).await {
            Some(None) => "published".to_owned(),
            Some(Some(problem)) => format!("NOT published: {problem}"),
            None => "the DNS did not answer".to_owned(),
        };
        missing += usize::from(said != "published");
        println!("; {} ({}): {said}", key.selector, key.state.as_str());
    }
    anyhow::ensure!(found > 0, "{domain} has no key: `ies dkim new {domain}` makes one");
    anyhow::ensure!(missing == 0, "{missing} of {found} keys of {domain} are not in the DNS");
    Ok(())
}

/// One line a key.
fn table(keys: &[KeyInfo]) -> String {
    if keys.is_empty() {
        return "no keys; `ies dkim new DOMAIN` makes some\n".to_owned();
    }
    let mut out = String::new();
    for key in keys {
        let day = |time: model::time::Timestamp| time.to_jiff().strftime("%Y-%m-%d %H:%M").to_string();
        let mut line = format!(
            "{:<40} {:<14} {:<9} since {}",
            key.record_name,
            key.kind.algorithm(),
            key.state.as_str(),
            day(key.since)
        );
        if let Some(at) = key.retires_at {
            line.push_str(&format!(", until {}", day(at)));
        }
        match (&key.problem, key.checked_at) {
            (Some(problem), Some(at)) => line.push_str(&format!("; DNS at {}: {problem}", day(at))),
            (None, Some(at)) => line.push_str(&format!("; in the DNS at {}", day(at))),
            _ => {}
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::Timestamp;

    #[test]
    fn the_table_tells_states_and_dates() {
        let dir = tempfile::tempdir().unwrap();
        let store = KeyStore::open(dir.path()).unwrap();
        assert!(table(&store.list().unwrap()).starts_with("no keys"));
        let now = Timestamp::from_unix_s(1_790_000_000);
        store.make("example.org", &[KeyKind::Ed25519], Some("s1"), "t", now).unwrap();
        store.note_dns("example.org", "s1", Some("there is no record"), now).unwrap();
        let text = table(&store.list().unwrap());
        assert!(text.starts_with("s1._domainkey.example.org "), "{text}");
        let rest = "ed25519-sha256 pending   since 2026-09-21 14:13; DNS at 2026-09-21 14:13: there is no record\n";
        assert!(text.ends_with(rest), "{text}");
    }

    #[tokio::test]
    async fn publishing_is_checked() {
        let dir = tempfile::tempdir().unwrap();
        let store = KeyStore::open(dir.path()).unwrap();
        let now = Timestamp::from_unix_s(1_790_000_000);
        let key = store.make("example.org", &[KeyKind::Ed25519], Some("s1"), "t", now).unwrap().remove(0);
        let empty = Resolver::zone(dns::Zone::default());
        let error = publish(&store, "example.org", &empty).await.unwrap_err().to_string();
        assert_eq!(error, "1 of 1 keys of example.org are not in the DNS");
        let zone = format!("{{\"{}\": {{\"TXT\": [\"{}\"]}}}}", key.record_name, key.record.unwrap());
        publish(&store, "Example.org.", &Resolver::zone(dns::Zone::parse(&zone).unwrap())).await.unwrap();
        assert!(publish(&store, "other.test", &empty).await.unwrap_err().to_string().contains("has no key"));
    }
}
