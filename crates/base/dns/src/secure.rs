//! Answers that are authenticated by DNSSEC (RFC 4033 to 4035), for DANE (RFC 6698, RFC 7672).
//!
//! Two ways to know: a name server of ours has validated and says so (the AD bit, RFC 4035 3.2.3), which is worth as
//! much as the way to it; or we validate ourselves, from the root's key down. Why there are both: ADR 0007.
//!
//! Says what is known of TLSA records, never what it means for a mail. Answers of a zone in memory are the operator's
//! own word and count as authenticated.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hickory_proto::dnssec::TrustAnchors;
use hickory_proto::rr::{Name as DnsName, RData, Record, RecordType};
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::{DnsError, NetError};
use model::dns::Tlsa;

use crate::asking::Asking;
use crate::resolver::{Config, Resolver, SetupError, name_server, says_nothing_there, set_options};
use crate::zone::{ZoneAnswer, key_of};

/// Most aliases that are followed to a host.
const ALIASES_MAX: usize = 8;

/// Most names from a name upwards that are asked for their zone.
const ZONES_MAX: usize = 10;

/// How answers are authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dnssec {
    /// `trust-ad` when all name servers are on this machine, else `off`.
    #[default]
    Auto,
    /// The name servers validate, and nobody can change their answers on the way to us.
    TrustAd,
    /// The program validates by itself. The name servers must pass DNSSEC records on; where they do not, hosts in signed
    /// zones cannot be reached.
    Validate,
    /// Nothing counts as authenticated: DANE is not used.
    Off,
}

/// What is known of the TLSA records of a host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsaAnswer {
    /// The host's addresses or its records are not signed, or there are no records: DANE does not apply.
    None,
    /// Authenticated records.
    Records {
        /// The name below which they stand: the host, or what it is an alias of.
        base: String,
        /// The records, usable or not.
        records: Vec<Tlsa>,
    },
    /// It could not be found out, or the answer is forged: nothing may be sent there (RFC 7672 2.1).
    Failed(String),
}

/// Asks for authenticated answers.
#[derive(Clone, Debug)]
pub(crate) struct Secure {
    resolver: Arc<hickory_resolver::Resolver<Asking>>,
    validates: bool,
}

enum Found {
    Records(Vec<Record>),
    Nothing,
    Insecure,
    Failed(String),
}

impl Secure {
    /// As configured; `None` where nothing can be authenticated.
    pub fn new(config: &Config) -> Result<Option<Secure>, SetupError> {
        let (resolvers, servers) = servers(config)?;
        let validates = match config.dnssec {
            Dnssec::Off => return Ok(None),
            Dnssec::Auto if !servers.iter().all(IpAddr::is_loopback) || servers.is_empty() => return Ok(None),
            Dnssec::Auto | Dnssec::TrustAd => false,
            Dnssec::Validate => true,
        };
        let mut builder = hickory_resolver::Resolver::builder_with_config(resolvers, Asking::default());
        set_options(builder.options_mut(), config);
        builder.options_mut().edns0 = true;
        builder.options_mut().validate = validates;
        if validates && let Some(path) = &config.trust_anchor {
            builder = builder.with_trust_anchor(Arc::new(read_anchor(path)?));
        }
        let resolver = builder.build().map_err(|error| SetupError::System(error.to_string()))?;
        Ok(Some(Secure { resolver: Arc::new(resolver), validates }))
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Found {
        let Ok(asked) = DnsName::from_ascii(format!("{}.", name.trim_end_matches('.'))) else { return Found::Nothing };
        match self.resolver.lookup(asked.clone(), kind).await {
            Ok(lookup) => {
                let records: Vec<Record> = lookup.answers().to_vec();
                let secure = match self.validates {
                    true => !records.is_empty() && records.iter().all(|record| record.proof.is_secure()),
                    false => lookup.message().metadata.authentic_data,
                };
                match secure {
                    true => Found::Records(records),
                    false if self.validates && !leads_out(&asked, &records) => {
                        Found::Failed("an answer that is neither signed nor of an unsigned zone".to_owned())
                    }
                    false => Found::Insecure,
                }
            }
            Err(error) if says_nothing_there(&error) => match self.validates && !self.is_denial(&asked, &error).await {
                true => Found::Failed("a denial that is neither signed nor of an unsigned zone".to_owned()),
                false => Found::Nothing,
            },
            Err(error) => Found::Failed(error.to_string()),
        }
    }

    /// Whether "there is nothing" may be believed. The library looks for a signed proof, or for one that the name is of an
    /// unsigned zone, except where all records that come with the denial are of unsigned zones: anybody can add an SOA
    /// record of some unsigned zone elsewhere. One of them has to be that of the name (RFC 2308 2.2, RFC 4035 5.4). Where
    /// nothing came with it, or the library has kept nothing, the zone itself is asked for.
    async fn is_denial(&self, asked: &DnsName, error: &NetError) -> bool {
        match Came::with(asked, error) {
            Came::Nothing => {}
            Came::Signed | Came::Unsigned => return true,
            Came::Elsewhere => return false,
        }
        let mut name = asked.clone();
        for _ in 0..ZONES_MAX {
            match self.resolver.lookup(name.clone(), RecordType::SOA).await {
                Ok(lookup) => {
                    let own = lookup.answers().iter().find(|record| record.name == name);
                    if let Some(own) = own {
                        return own.proof.is_insecure();
                    }
                }
                Err(error) => match Came::with(asked, &error) {
                    Came::Nothing => {}
                    Came::Unsigned => return true,
                    Came::Signed | Came::Elsewhere => return false,
                },
            }
            if name.is_root() {
                return false;
            }
            name = name.base_name();
        }
        false
    }
}

/// What came with a denial.
enum Came {
    Nothing,
    /// Signed records: the library has seen that they prove it.
    Signed,
    /// Records of an unsigned zone, which is that of the name.
    Unsigned,
    /// Records of unsigned zones elsewhere.
    Elsewhere,
}

impl Came {
    fn with(asked: &DnsName, error: &NetError) -> Came {
        let NetError::Dns(DnsError::NoRecordsFound(nothing)) = error else { return Came::Nothing };
        let records = nothing.authorities.as_deref().unwrap_or_default();
        match records {
            [] => Came::Nothing,
            _ if !records.iter().all(|record| record.proof.is_insecure()) => Came::Signed,
            _ if records.iter().any(|record| record.name.zone_of(asked)) => Came::Unsigned,
            _ => Came::Elsewhere,
        }
    }
}

/// Whether an answer that is not signed is one of an unsigned zone: that of the name asked for, or one to which signed
/// aliases lead. What else stands there, and that it is unsigned, says nothing about the name.
fn leads_out(asked: &DnsName, records: &[Record]) -> bool {
    let mut name = asked;
    for _ in 0..=ALIASES_MAX {
        let mut here = records.iter().filter(|record| record.name == *name);
        if here.clone().any(|record| record.proof.is_insecure()) {
            return true;
        }
        let target = here.find_map(|record| match &record.data {
            RData::CNAME(target) if record.proof.is_secure() => Some(&target.0),
            _ => None,
        });
        match target {
            Some(target) => name = target,
            None => return false,
        }
    }
    false
}

fn servers(config: &Config) -> Result<(ResolverConfig, Vec<IpAddr>), SetupError> {
    let found = if config.servers.is_empty() {
        let system = hickory_resolver::system_conf::read_system_conf();
        system.map_err(|error| SetupError::System(error.to_string()))?.0
    } else {
        ResolverConfig::from_name_servers(config.servers.iter().copied().map(name_server).collect())
    };
    let addresses = found.name_servers().iter().map(|server| server.ip).collect();
    Ok((found, addresses))
}

fn read_anchor(path: &Path) -> Result<TrustAnchors, SetupError> {
    let fail = |reason: String| SetupError::TrustAnchor { path: PathBuf::from(path), reason };
    TrustAnchors::from_file(path).map_err(|error| fail(error.to_string()))
}

impl Resolver {
    /// Whether any answer can be authenticated, so that DANE can work.
    pub fn is_secure(&self) -> bool {
        self.secure.is_some() || self.is_zone_only()
    }

    /// The TLSA records of a host's port, if its addresses and they are authenticated (RFC 7672 2.2).
    pub async fn tlsa(&self, host: &str, port: u16) -> TlsaAnswer {
        let base = match self.secure_base(host).await {
            Ok(Some(base)) => base,
            Ok(None) => return TlsaAnswer::None,
            Err(reason) => return TlsaAnswer::Failed(reason),
        };
        let host = key_of(host);
        // Where the host is an alias, records at its end come first (RFC 7672 2.2.2).
        let mut bases = vec![base];
        if bases[0] != host {
            bases.push(host);
        }
        for base in bases {
            match self.secured(&format!("_{port}._tcp.{base}"), RecordType::TLSA).await {
                Found::Records(records) => {
                    let records: Vec<Tlsa> = records.iter().filter_map(tlsa_of).collect();
                    if !records.is_empty() {
                        return TlsaAnswer::Records { base, records };
                    }
                }
                Found::Nothing | Found::Insecure => {}
                Found::Failed(reason) => return TlsaAnswer::Failed(format!("TLSA records of {base}: {reason}")),
            }
        }
        TlsaAnswer::None
    }

    /// The name at which a host's addresses stand; `None` when they, or an alias on the way, are not authenticated.
    async fn secure_base(&self, host: &str) -> Result<Option<String>, String> {
        let mut name = key_of(host);
        for _ in 0..ALIASES_MAX {
            let (four, six) = tokio::join!(self.secured(&name, RecordType::A), self.secured(&name, RecordType::AAAA));
            let records = match (four, six) {
                (Found::Failed(reason), _) | (_, Found::Failed(reason)) => return Err(reason),
                (Found::Insecure, _) | (_, Found::Insecure) | (Found::Nothing, Found::Nothing) => return Ok(None),
                (Found::Records(records), _) | (_, Found::Records(records)) => records,
            };
            if !records.iter().any(|record| record.record_type() == RecordType::CNAME) {
                return Ok(Some(name));
            }
            // The answer may have been put together from several: each alias has to be authenticated.
            match self.secured(&name, RecordType::CNAME).await {
                Found::Records(aliases) => match aliases.iter().find_map(target_of) {
                    Some(target) => name = target,
                    None => return Ok(None),
                },
                Found::Failed(reason) => return Err(reason),
                Found::Nothing | Found::Insecure => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn secured(&self, name: &str, kind: RecordType) -> Found {
        match (self.ask_zone(name, kind), &self.secure) {
            (ZoneAnswer::Records(records), _) => Found::Records(records),
            (ZoneAnswer::Failure, _) => Found::Failed("server failure".to_owned()),
            (ZoneAnswer::NoData, _) => Found::Nothing,
            (_, None) => {
                if self.is_zone_only() {
                    Found::Nothing
                } else {
                    Found::Insecure
                }
            }
            (_, Some(secure)) => secure.ask(name, kind).await,
        }
    }
}

fn target_of(record: &Record) -> Option<String> {
    match &record.data {
        RData::CNAME(target) => Some(key_of(&target.0.to_ascii())),
        _ => None,
    }
}

fn tlsa_of(record: &Record) -> Option<Tlsa> {
    match &record.data {
        RData::TLSA(tlsa) => Some(Tlsa {
            usage: u8::from(tlsa.cert_usage),
            selector: u8::from(tlsa.selector),
            matching: u8::from(tlsa.matching),
            data: tlsa.cert_data.clone(),
        }),
        _ => None,
    }
}
