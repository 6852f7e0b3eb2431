//! `ies tls`: what a domain wants of TLS, and what delivery would do.

use clap::Args;
use delivery::{BrokenHost, DomainTls, broken_hosts, explain_tls};
use dns::Resolver;
use model::time::{Clock, SystemClock};
use serde::Serialize;

use super::ConfigFile;
use super::table::table;
use crate::config::Config;

/// What a domain wants of TLS: its hosts, their TLSA records (DANE), its MTA-STS policy. Asks the DNS and the host that
/// publishes the policy; connects to no mail host.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies tls example.org\n  ies tls --broken")]
pub(super) struct Tls {
    /// The recipient domain.
    #[arg(required_unless_present = "broken")]
    domain: Option<String>,
    /// Only the hosts whose TLS is remembered as broken.
    #[arg(long)]
    broken: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Serialize)]
struct Answer {
    domain: Option<DomainTls>,
    broken: Vec<BrokenHost>,
}

impl Tls {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config: Config = self.config.read()?;
        let domain = match &self.domain {
            Some(domain) if !self.broken => {
                let resolver = Resolver::new(&config.dns)?;
                let domain = domain.trim_end_matches('.').to_ascii_lowercase();
                anyhow::ensure!(domain.is_ascii(), "give the domain in its ASCII form (xn--…)");
                let found = explain_tls(&domain, &resolver, &config.delivery).await;
                Some(found.map_err(anyhow::Error::msg)?)
            }
            _ => None,
        };
        let mut broken = broken_hosts(&config.data_dir.join("delivery"), SystemClock.now())?;
        if let Some(domain) = &domain {
            broken.retain(|known| domain.hosts.iter().any(|host| host.host == known.host.as_str()));
        }
        let answer = Answer { domain, broken };
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(&answer)?),
            false => print!("{}", text(&answer)),
        }
        Ok(())
    }
}

fn text(answer: &Answer) -> String {
    let mut text = String::new();
    if let Some(domain) = &answer.domain {
        text.push_str(&of_domain(domain));
    }
    for known in &answer.broken {
        text.push_str(&format!("{}: TLS fails ({:?}), tried again at {}\n", known.host, known.trouble, known.until));
    }
    if text.is_empty() {
        text.push_str("no host is remembered for broken TLS\n");
    }
    text
}

fn of_domain(domain: &DomainTls) -> String {
    let mut text = match (&domain.sts_id, &domain.sts_policy, &domain.sts_failure) {
        (None, ..) => "MTA-STS: no policy\n".to_owned(),
        (Some(id), Some(policy), _) => format!(
            "MTA-STS: {:?}, id {id}, kept for {}, hosts {}\n",
            policy.mode,
            policy.max_age(),
            policy.mx.join(", ")
        ),
        (Some(id), None, failure) => {
            format!("MTA-STS: id {id}, but no policy: {}\n", failure.as_deref().unwrap_or_default())
        }
    };
    if !domain.dane_possible {
        text.push_str(
            "DANE: not used, because no answer of the DNS counts as authenticated (dns.dnssec, delivery.dane)\n",
        );
    }
    if let Some(reason) = &domain.no_hosts {
        text.push_str(&format!("{}: {reason}\n", domain.domain));
        return text;
    }
    let row = |host: &delivery::HostTls| {
        let dane = match (&host.tlsa_failure, host.tlsa.len(), host.tlsa_usable) {
            (Some(reason), ..) => format!("fails, nothing is sent there: {reason}"),
            (None, 0, _) => "-".to_owned(),
            (None, _, 0) => format!("encrypted, not checked: none usable of {}", host.tlsa.join(", ")),
            (None, ..) => host.tlsa.join(", "),
        };
        let named = match host.named_by_policy {
            None => "-",
            Some(true) => "named",
            Some(false) => "not named",
        };
        vec![host.preference.to_string(), host.host.clone(), named.to_owned(), dane]
    };
    text.push_str(&table(
        &["preference", "host", "mta-sts", "tlsa"],
        &domain.hosts.iter().map(row).collect::<Vec<_>>(),
    ));
    text
}
