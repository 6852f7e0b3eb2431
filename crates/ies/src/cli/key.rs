//! `ies key`: keys of programs, with what each may do and how much it may send. Made where the database is.

use accounts::{Accounts, ApiKey, ApiKeyChange, KeyLimits, NewApiKey, Scope};
use anyhow::bail;
use clap::{Args, Subcommand};
use model::name::Name;
use model::units::Rate;
use model::words::nearest;

use super::ConfigFile;
use super::queue::time;
use super::table::table;
use super::user::open;

/// Who made a key that has no person behind it, in the list of keys.
const MAKER: &str = "ies key";

/// Keys of programs: for injection over HTTP and as passwords of SMTP users. Works beside a running suite; changes hold from
/// the next request on.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ies key add shop --scope inject --per-day 200000 --from-domain shop.example.com\n  \
                        ies key list\n  ies key change shop --rate 10000/h\n  ies key remove shop"
)]
pub(super) struct Key {
    #[command(subcommand)]
    order: Order,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Make a key; its secret is printed once.
    Add {
        /// What it is for. Over SMTP this is the name of the user.
        name: String,
        /// inject (send), read (look at everything) or manage; several with commas.
        #[arg(long, value_delimiter = ',', default_value = "inject", value_parser = scope)]
        scope: Vec<Scope>,
        #[command(flatten)]
        limits: Limits,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// All keys with their scopes and limits; never their secrets.
    List {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Change what a key may send, or its name. What is not given stays as it is.
    Change {
        /// The key's name, or the first letters of its secret.
        key: String,
        /// Another name.
        #[arg(long)]
        name: Option<String>,
        /// Take away all limits that it has, before those that are given.
        #[arg(long)]
        unlimited: bool,
        #[command(flatten)]
        limits: Limits,
    },
    /// Give a key a new secret; the old one is refused from then on.
    Renew {
        /// The key's name, or the first letters of its secret.
        key: String,
    },
    /// Remove a key: whoever uses it is refused from then on.
    Remove {
        /// The key's name, or the first letters of its secret.
        key: String,
    },
}

/// What a key may send.
#[derive(Debug, Args)]
struct Limits {
    /// Recipients in a time, such as 10000/h, or 10000/h,max_burst=500.
    #[arg(long)]
    rate: Option<Rate>,
    /// Recipients on one day (UTC).
    #[arg(long, value_name = "NUMBER")]
    per_day: Option<u64>,
    /// Only for these tenants; the first one is meant where mail names none.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    tenant: Vec<Name>,
    /// Only in these streams.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    stream: Vec<Name>,
    /// Only from these pools.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pool: Vec<Name>,
    /// Only from these domains: `example.com` itself, `.example.com` all below it.
    #[arg(long, value_name = "DOMAIN", value_delimiter = ',')]
    from_domain: Vec<Name>,
}

impl Limits {
    /// These limits over those that a key has.
    fn over(self, old: KeyLimits) -> KeyLimits {
        let list = |new: Vec<Name>, old: Vec<Name>| if new.is_empty() { old } else { new };
        KeyLimits {
            rate: self.rate.or(old.rate),
            per_day: self.per_day.or(old.per_day),
            tenants: list(self.tenant, old.tenants),
            streams: list(self.stream, old.streams),
            pools: list(self.pool, old.pools),
            from_domains: list(self.from_domain, old.from_domains),
        }
    }
}

impl Key {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let accounts = open(&self.config).await?;
        match self.order {
            Order::Add { name, scope, limits, json } => {
                let new = NewApiKey { name, scopes: scope, limits: limits.over(KeyLimits::default()) };
                if accounts.api_keys().await?.iter().any(|key| key.name == new.name.trim()) {
                    bail!(
                        "there is a key {:?} already: `ies key change` changes it, `ies key renew` gives it a new secret",
                        new.name.trim()
                    );
                }
                let (key, secret) = accounts.create_api_key(new, MAKER).await?;
                if json {
                    let answer = serde_json::json!({ "key": key, "secret": secret.reveal() });
                    println!("{}", serde_json::to_string_pretty(&answer)?);
                } else {
                    println!("key {} ({}; {})", key.name, scopes(&key), limited(&key.limits));
                    println!("secret, shown this once: {}", secret.reveal());
                }
            }
            Order::List { json } => {
                let keys = accounts.api_keys().await?;
                match json {
                    true => println!("{}", serde_json::to_string_pretty(&keys)?),
                    false => print!("{}", listed(&keys)),
                }
            }
            Order::Change { key, name, unlimited, limits } => {
                let key = find(&accounts, &key).await?;
                let old = if unlimited { KeyLimits::default() } else { key.limits };
                let change = ApiKeyChange { name, limits: Some(limits.over(old)) };
                let key = accounts.change_api_key(key.id, change).await?;
                println!("key {} ({}; {})", key.name, scopes(&key), limited(&key.limits));
            }
            Order::Renew { key } => {
                let key = find(&accounts, &key).await?;
                let secret = accounts.renew_api_key(key.id).await?;
                println!("key {}: secret, shown this once: {}", key.name, secret.reveal());
            }
            Order::Remove { key } => {
                let key = find(&accounts, &key).await?;
                accounts.remove_api_key(key.id).await?;
                println!("key {} is removed", key.name);
            }
        }
        Ok(())
    }
}

/// The key of a name, or whose secret begins so. A word that several fit is no choice.
async fn find(accounts: &Accounts, word: &str) -> anyhow::Result<ApiKey> {
    let keys = accounts.api_keys().await?;
    let named = keys.iter().filter(|key| key.name == word || key.prefix == word);
    let mut found: Vec<ApiKey> = named.cloned().collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => {
            let near = nearest(word, keys.iter().map(|key| key.name.as_str()));
            let near =
                near.map_or_else(|| "`ies key list` shows them".to_owned(), |near| format!("did you mean {near:?}?"));
            bail!("there is no key {word:?}; {near}")
        }
        count => {
            let prefixes: Vec<&str> = found.iter().map(|key| key.prefix.as_str()).collect();
            bail!("{count} keys are called {word:?}: give the first letters of the secret, {}", prefixes.join(" or "))
        }
    }
}

fn listed(keys: &[ApiKey]) -> String {
    let row = |key: &ApiKey| {
        vec![
            key.name.clone(),
            key.prefix.clone(),
            scopes(key),
            limited(&key.limits),
            key.last_used_at.map_or_else(|| "never".to_owned(), time),
        ]
    };
    table(&["key", "secret", "scopes", "limits", "last used"], &keys.iter().map(row).collect::<Vec<_>>())
}

fn scopes(key: &ApiKey) -> String {
    key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",")
}

/// The limits in words.
fn limited(limits: &KeyLimits) -> String {
    let list = |what: &str, names: &[Name]| {
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        (!names.is_empty()).then(|| format!("{what} {}", names.join(",")))
    };
    let parts = [
        limits.rate.map(|rate| rate.to_string()),
        limits.per_day.map(|count| format!("{count} a day")),
        list("tenants", &limits.tenants),
        list("streams", &limits.streams),
        list("pools", &limits.pools),
        list("from", &limits.from_domains),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "no limits".to_owned() } else { parts.join("; ") }
}

fn scope(name: &str) -> Result<Scope, String> {
    Scope::from_name(name).ok_or_else(|| "there are inject, read and manage".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { rate: None, per_day: None, tenant: vec![], stream: vec![], pool: vec![], from_domain: vec![] }
    }

    #[test]
    fn what_is_not_given_stays() {
        let old = KeyLimits { per_day: Some(5), tenants: vec![Name::from("acme")], ..KeyLimits::default() };
        let new = Limits { rate: "10/h".parse().ok(), ..limits() }.over(old.clone());
        assert_eq!(limited(&new), "10/h; 5 a day; tenants acme");
        assert_eq!(limited(&limits().over(old)), "5 a day; tenants acme");
        assert_eq!(limited(&limits().over(KeyLimits::default())), "no limits");
    }
}
