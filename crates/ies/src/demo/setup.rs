//! The ground of a demo: a directory, free ports, DKIM keys, the configuration file, an account.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use accounts::{Accounts, NewAccount, Role};
use anyhow::Context as _;
use db::Db;
use mail::dkim::KeyKind;
use model::time::SystemClock;

use crate::config::Config;
use crate::keys::make_dkim_key;

/// Where the UI is when nobody else is there.
const HTTP_PORT: u16 = 8025;
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
    /// Records that the name server must have: DKIM keys, MX of the bounce domain.
    pub records: Vec<(String, String, String)>,
}

/// Prepares directory, ports and keys.
pub(super) fn prepare(dir: &Path, domain: &str) -> anyhow::Result<Ground> {
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
        records,
    })
}

/// Writes the configuration of a suite whose Internet is the lab.
pub(super) fn write_config(ground: &Ground, domain: &str, dns: SocketAddr, smtp_port: u16) -> anyhow::Result<()> {
    let source = |number: u8| {
        let address = IpAddr::from([127, 0, 20, number]);
        format!(
            "[[queue.sources]]\nname = \"ip-{number}\"\naddress = \"{address}\"\nehlo_name = \"mta{number}.{domain}\"\n"
        )
    };
    let sources: Vec<String> = (1..=SOURCES).map(source).collect();
    let text = format!(
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
transcript_sample = 20

[[queue.streams]]
name = "bulk"
max_age = "10m"
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
        http = ground.http,
        smtp = ground.smtp,
        feedback = ground.feedback_address,
        sources = sources.join("\n"),
    );
    std::fs::write(&ground.config, text)?;
    Config::read(&ground.config).context("the demo's own configuration")?;
    Ok(())
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
