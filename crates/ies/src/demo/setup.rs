//! The ground of a demo: a directory, free ports, DKIM keys, the configuration file, an account.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use accounts::{Accounts, NewAccount, Role};
use anyhow::Context as _;
use db::Db;
use mail::dkim::KeyKind;
use model::time::SystemClock;
use model::units::Span;

use crate::config::Config;
use crate::keys::make_dkim_key;

/// Where the UI is when nobody else is there.
const HTTP_PORT: u16 = 8025;
/// Age at which a recipient is given up, in seconds, for a campaign of nobody …
const MAX_AGE_MIN_S: usize = 50;
/// … and how many contacts make it a second longer.
const CONTACTS_PER_S: usize = 100;
/// The address to log in with.
pub(super) const EMAIL: &str = "demo@example.org";
/// Own addresses that the mail leaves from.
pub(super) const SOURCES: u8 = 4;

/// What a demo stands on.
pub(super) struct Ground {
    /// Its directory.
    pub dir: PathBuf,
    /// The suite's data in it.
    pub data_dir: PathBuf,
    /// The suite's configuration file.
    pub config: PathBuf,
    /// Where the suite listens for HTTP.
    pub http: SocketAddr,
    /// Where the suite listens for SMTP.
    pub smtp: SocketAddr,
    /// The address of the feedback loop.
    pub feedback_address: String,
    /// A recipient that is still queued after this long is given up: full mailboxes stay full.
    pub max_age_s: usize,
    /// Records that the name server must have: DKIM keys, MX of the bounce domain.
    pub records: Vec<(String, String, String)>,
}

/// Prepares directory, ports and keys.
pub(super) fn prepare(dir: &Path, domain: &str, contacts: usize) -> anyhow::Result<Ground> {
    let data_dir = dir.join("data");
    std::fs::create_dir_all(&data_dir).with_context(|| data_dir.display().to_string())?;
    let http = free_address(HTTP_PORT).or_else(|_| free_address(0))?;
    let smtp = free_address(0)?;
    let mut records = vec![
        (format!("bounce.{domain}"), "MX".to_owned(), "10 mx.demo.example".to_owned()),
        (domain.to_owned(), "TXT".to_owned(), "v=spf1 ip4:127.0.0.0/8 -all".to_owned()),
        (format!("_dmarc.{domain}"), "TXT".to_owned(), "v=DMARC1; p=none".to_owned()),
    ];
    for (selector, kind) in [("rsa1", KeyKind::Rsa), ("ed1", KeyKind::Ed25519)] {
        let key = make_dkim_key(&data_dir.join(format!("{selector}.pem")), kind, domain, selector)?;
        records.push((key.record_name(), "TXT".to_owned(), key.record_text()?));
    }
    let config = dir.join("ies.toml");
    Ok(Ground {
        dir: dir.to_owned(),
        data_dir,
        config,
        http,
        smtp,
        feedback_address: format!("fbl@bounce.{domain}"),
        max_age_s: MAX_AGE_MIN_S + contacts / CONTACTS_PER_S,
        records,
    })
}

/// Writes the configuration of a suite whose Internet is the lab.
///
/// Providers forgive faster in the lab (`time_scale`); so the rules about their replies last shorter, too.
pub(super) fn write_config(
    ground: &Ground,
    domain: &str,
    dns: SocketAddr,
    smtp_port: u16,
    time_scale: f64,
) -> anyhow::Result<()> {
    std::fs::write(ground.dir.join("providers.toml"), scaled_rules(queue::providers::BUILTIN, time_scale))?;
    let text = config_text(ground, domain, dns, smtp_port);
    std::fs::write(&ground.config, text)?;
    Config::read(&ground.config).context("the demo's own configuration")?;
    Ok(())
}

fn config_text(ground: &Ground, domain: &str, dns: SocketAddr, smtp_port: u16) -> String {
    let source = |number: u8| {
        let address = IpAddr::from([127, 0, 20, number]);
        format!(
            "[[queue.sources]]\nname = \"ip-{number}\"\naddress = \"{address}\"\nehlo_name = \"mta{number}.{domain}\"\n"
        )
    };
    let sources: Vec<String> = (1..=SOURCES).map(source).collect();
    format!(
        r#"# The suite of the demo: its name server and all mailbox providers are the lab's. Times are shorter than outside.
data_dir = "data"

[http]
listen = "{http}"

[intake]
host_name = "mta.{domain}"
[[intake.listeners]]
listen = "{smtp}"
[intake.inbound]
bounce_domains = ["bounce.{domain}"]
feedback_addresses = ["{feedback}"]

[dns]
servers = ["{dns}"]

[delivery]
port = {smtp_port}
allow_private_routes = true
transcript_sample = 20

[queue]
providers_file = "{providers}"

[queue.adaptive]
decrease_interval = "1s"
increase_interval = "2s"
memory = "1m"

[[queue.streams]]
name = "bulk"
max_age = "{max_age_s}s"
retry = {{ first = "4s", longest = "20s" }}

{sources}
[[dkim]]
domain = "{domain}"
selector = "rsa1"
key_file = "rsa1.pem"

[[dkim]]
domain = "{domain}"
selector = "ed1"
key_file = "ed1.pem"
"#,
        max_age_s = ground.max_age_s,
        http = ground.http,
        smtp = ground.smtp,
        feedback = ground.feedback_address,
        providers = ground.dir.join("providers.toml").display(),
        sources = sources.join("\n"),
    )
}

/// The provider rules with their durations divided.
fn scaled_rules(rules: &str, time_scale: f64) -> String {
    let scaled = |line: &str| {
        let span: Span = line.strip_prefix("duration = \"")?.strip_suffix('"')?.parse().ok()?;
        let seconds = (span.0.as_secs_f64() / time_scale).max(1.0).round();
        Some(format!("duration = \"{}\"", Span::s(seconds as u64)))
    };
    rules.lines().map(|line| scaled(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

/// Makes the account of the person who watches; the password is told once.
pub(super) async fn account(ground: &Ground) -> anyhow::Result<String> {
    let config = Config::read(&ground.config)?;
    let db = Db::open(&config.database_url()).await?;
    let accounts = Accounts::open(db.clone(), Arc::new(SystemClock)).await?;
    let new = NewAccount {
        email: EMAIL.to_owned(),
        name: "Demo".to_owned(),
        role: Role::Admin,
        language: Some("en".to_owned()),
        password: None,
    };
    let (_, secret) = accounts.create(new).await?;
    db.close().await;
    Ok(secret.context("a password is made up when none is given")?.reveal().to_owned())
}

/// A loopback address with a port that is free now. (Another program could take it before the suite does; then the
/// suite says so and the demo ends.)
fn free_address(port: u16) -> std::io::Result<SocketAddr> {
    TcpListener::bind((IpAddr::from([127, 0, 0, 1]), port))?.local_addr()
}
