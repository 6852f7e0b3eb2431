//! What a domain wants of TLS, found out for a person: its hosts, their TLSA records, its MTA-STS policy.
//!
//! Asks the DNS and, for the policy, its host. Sends no mail and connects to no mail host.

use dns::{MxAnswer, Resolver, TlsaAnswer};
use model::dns::Tlsa;
use serde::Serialize;
use smtp::trust::{self, Authorities};

use crate::config::Config;
use crate::route::Gate;
use crate::sts::{Fetcher, Policy, record_id};

/// What a domain publishes about TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainTls {
    /// The domain.
    pub domain: String,
    /// Its mail hosts, best preference first.
    pub hosts: Vec<HostTls>,
    /// Why there are none.
    pub no_hosts: Option<String>,
    /// Whether answers can be authenticated here, without which DANE is not used.
    pub dane_possible: bool,
    /// The id in its MTA-STS record; none without one.
    pub sts_id: Option<String>,
    /// The policy that its host gives out.
    pub sts_policy: Option<Policy>,
    /// Why there is none although there is a record, with its word in TLS reports.
    pub sts_failure: Option<String>,
}

/// What is known of one mail host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostTls {
    /// Its name.
    pub host: String,
    /// Its preference.
    pub preference: u16,
    /// Its TLSA records as `3 1 1 ab12…`, usable or not.
    pub tlsa: Vec<String>,
    /// How many of them count for SMTP.
    pub tlsa_usable: usize,
    /// Why they could not be had: nothing is sent to this host.
    pub tlsa_failure: Option<String>,
    /// Whether the MTA-STS policy names it; `None` without a policy.
    pub named_by_policy: Option<bool>,
}

/// Looks up what a domain (in A-labels) wants.
///
/// # Errors
/// The configuration does not allow to ask, for people.
pub async fn explain_tls(domain: &str, resolver: &Resolver, config: &Config) -> Result<DomainTls, String> {
    let authorities = match &config.tls_authorities {
        Some(path) => smtp::tls::authorities(path).map_err(|error| format!("delivery.tls_authorities: {error}"))?,
        None => Authorities::web(),
    };
    let gate = Gate::new(config.allow_private_routes, config.port, Vec::new());
    let fetcher = Fetcher::new(resolver.clone(), gate, &authorities, config.mta_sts_port, config.mta_sts_timeout.0)?;
    let texts = resolver.txt(&format!("_mta-sts.{domain}")).await.unwrap_or_default();
    let sts_id = record_id(&texts);
    let fetched = match &sts_id {
        Some(_) => Some(fetcher.fetch(domain).await),
        None => None,
    };
    let (sts_policy, sts_failure) = match fetched {
        Some(Ok(policy)) => (Some(policy), None),
        Some(Err(fault)) => (None, Some(format!("{}: {fault}", fault.failure))),
        None => (None, None),
    };
    let (found, no_hosts) = match resolver.mx(domain).await {
        MxAnswer::Hosts(hosts) => (hosts, None),
        MxAnswer::NullMx => (Vec::new(), Some("it takes no mail (null MX)".to_owned())),
        MxAnswer::NoDomain => (Vec::new(), Some("there is no such domain".to_owned())),
        MxAnswer::Temporary(reason) => (Vec::new(), Some(reason)),
    };
    let mut hosts = Vec::with_capacity(found.len());
    for host in found {
        let (records, tlsa_failure) = match resolver.tlsa(&host.name, config.port).await {
            TlsaAnswer::None => (Vec::new(), None),
            TlsaAnswer::Records { records, .. } => (records, None),
            TlsaAnswer::Failed(reason) => (Vec::new(), Some(reason)),
        };
        hosts.push(HostTls {
            preference: host.preference,
            tlsa_usable: trust::usable(&records).len(),
            tlsa: records.iter().map(shown).collect(),
            tlsa_failure,
            named_by_policy: sts_policy.as_ref().map(|policy| policy.names(&host.name)),
            host: host.name.to_string(),
        });
    }
    let dane_possible = config.dane && resolver.is_secure();
    Ok(DomainTls { domain: domain.to_owned(), hosts, no_hosts, dane_possible, sts_id, sts_policy, sts_failure })
}

fn shown(record: &Tlsa) -> String {
    let data: String = record.data.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let more = if record.data.len() > 8 { "…" } else { "" };
    format!("{} {} {} {data}{more}", record.usage, record.selector, record.matching)
}
