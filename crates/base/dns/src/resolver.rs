//! The resolver: questions of a sender, answered by real servers or by a zone in memory.
//!
//! Real answers are cached with the record's time to live inside the bounds of [`Config`]; so are negative ones.
//! A cheap clone shares the cache.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name as DnsName, RData, Record, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use model::config::{Fault, Faults};
use model::dns::{Answer, Answers, Question};
use model::name::Name;
use model::route::MxHost;
use model::units::Span;

use crate::secure::{Dnssec, Secure};
use crate::zone::{Zone, ZoneAnswer};

/// Which name servers are asked, and how long.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name servers, each an address with port such as `"127.0.0.1:53"`. Empty: those of `/etc/resolv.conf`.
    pub servers: Vec<SocketAddr>,
    /// A zone file, or JSON as in [`Zone`], whose names are answered from it; name servers are asked for all others.
    /// For private routes, closed networks and measurements.
    pub zone_file: Option<PathBuf>,
    /// How long one server may take to answer.
    pub timeout: Span,
    /// How often a question is asked again before it counts as a temporary failure.
    pub attempts: u8,
    /// Most answers kept in memory.
    pub cache_entries: u64,
    /// Answers are kept at least this long, however short their time to live.
    pub ttl_min: Span,
    /// Answers are kept at most this long, however long their time to live.
    pub ttl_max: Span,
    /// "There is no such name" is kept at most this long.
    pub negative_ttl_max: Span,
    /// Which answers count as authenticated (DNSSEC), for DANE.
    pub dnssec: Dnssec,
    /// With `dnssec = "validate"`: a file with the keys to begin with (DNSKEY records of a zone file), instead of those
    /// of the root that the program knows.
    pub trust_anchor: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            servers: Vec::new(),
            zone_file: None,
            timeout: Span::s(5),
            attempts: 2,
            cache_entries: 100_000,
            ttl_min: Span::s(30),
            ttl_max: Span::s(86_400),
            negative_ttl_max: Span::s(300),
            dnssec: Dnssec::Auto,
            trust_anchor: None,
        }
    }
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.at_least("attempts", self.attempts, 1);
        let longer = || Fault::new("ttl_min", "must not be longer than").than("ttl_max");
        faults.unless(self.ttl_min <= self.ttl_max, longer);
        faults.unless(self.trust_anchor.is_none() || self.dnssec == Dnssec::Validate, || {
            Fault::new("trust_anchor", "needs dnssec = \"validate\"")
        });
        faults.result()
    }
}

/// What the DNS says about the mail hosts of a domain (RFC 5321 5.1, RFC 7505).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MxAnswer {
    /// Its mail hosts, best preference first; the domain itself when it has an address but no MX.
    Hosts(Vec<MxHost>),
    /// It says that it takes no mail (`MX 0 .`).
    NullMx,
    /// There is no such domain, or it has neither MX nor address.
    NoDomain,
    /// It could not be found out now.
    Temporary(String),
}

/// Why a look-up gave no records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsFailure {
    /// There is no such name, or no record of this type.
    #[error("{0}: no such name or record")]
    Nothing(String),
    /// It could not be found out now: ask again later.
    #[error("{name}: {reason}")]
    Temporary {
        /// The name asked for.
        name: String,
        /// What went wrong.
        reason: String,
    },
}

/// A resolver could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The machine's own configuration cannot be used.
    #[error("cannot set up the resolver: {0}")]
    System(String),
    /// The zone file cannot be read.
    #[error("dns.zone_file {path}: {reason}")]
    ZoneFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of trust anchors cannot be read.
    #[error("dns.trust_anchor {path}: {reason}")]
    TrustAnchor {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Asks the DNS. Cheap to clone; clones share the cache.
#[derive(Clone, Debug)]
pub struct Resolver {
    zone: Zone,
    /// Asked for names that the zone does not know; without any there are no others.
    servers: Option<Arc<TokioResolver>>,
    /// Asked where an answer has to be authenticated.
    pub(crate) secure: Option<Secure>,
}

impl Resolver {
    /// A resolver as configured. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// [`SetupError`] when `/etc/resolv.conf` is needed and cannot be read, or the zone file cannot.
    pub fn new(config: &Config) -> Result<Resolver, SetupError> {
        let zone = config.zone_file.as_deref().map(read_zone).transpose()?.unwrap_or_default();
        let provider = TokioRuntimeProvider::default();
        let mut builder = if config.servers.is_empty() {
            TokioResolver::builder(provider).map_err(|error| SetupError::System(error.to_string()))?
        } else {
            let servers = config.servers.iter().copied().map(name_server).collect();
            TokioResolver::builder_with_config(ResolverConfig::from_name_servers(servers), provider)
        };
        set_options(builder.options_mut(), config);
        let resolver = builder.build().map_err(|error| SetupError::System(error.to_string()))?;
        Ok(Resolver { zone, servers: Some(Arc::new(resolver)), secure: Secure::new(config)? })
    }

    /// A resolver that knows this zone and nothing else.
    pub fn zone(zone: Zone) -> Resolver {
        Resolver { zone, servers: None, secure: None }
    }

    pub(crate) fn is_zone_only(&self) -> bool {
        self.servers.is_none()
    }

    pub(crate) fn ask_zone(&self, name: &str, kind: RecordType) -> ZoneAnswer {
        self.zone.ask(name, kind)
    }

    /// The mail hosts of a domain (A-label form).
    pub async fn mx(&self, domain: &str) -> MxAnswer {
        match self.records(domain, RecordType::MX).await {
            Ok(records) => mail_hosts(&records),
            Err(DnsFailure::Temporary { reason, .. }) => MxAnswer::Temporary(reason),
            Err(DnsFailure::Nothing(_)) => match self.addresses(domain).await {
                Ok(_) => MxAnswer::Hosts(vec![MxHost { name: Name::from(domain), preference: 0 }]),
                Err(DnsFailure::Nothing(_)) => MxAnswer::NoDomain,
                Err(DnsFailure::Temporary { reason, .. }) => MxAnswer::Temporary(reason),
            },
        }
    }

    /// The addresses of a host, IPv6 first.
    ///
    /// # Errors
    /// [`DnsFailure::Nothing`] when it has none, [`DnsFailure::Temporary`] when neither family could be asked.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsFailure> {
        let (six, four) = tokio::join!(self.records(host, RecordType::AAAA), self.records(host, RecordType::A));
        let mut found = Vec::new();
        let mut failure = None;
        for answer in [six, four] {
            match answer {
                Ok(records) => found.extend(records.iter().filter_map(address_of)),
                Err(error @ DnsFailure::Temporary { .. }) => failure = Some(error),
                Err(DnsFailure::Nothing(_)) => {}
            }
        }
        match failure {
            _ if !found.is_empty() => Ok(found),
            Some(error) => Err(error),
            None => Err(DnsFailure::Nothing(host.to_owned())),
        }
    }

    /// The TXT records of a name, the strings of each joined.
    ///
    /// # Errors
    /// [`DnsFailure`] as for every look-up.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, DnsFailure> {
        let records = self.records(name, RecordType::TXT).await?;
        let texts = records.iter().filter_map(|record| match &record.data {
            RData::TXT(txt) => {
                let bytes: Vec<u8> = txt.txt_data.iter().flat_map(|part| part.iter().copied()).collect();
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => None,
        });
        Ok(texts.collect())
    }

    /// The names of an address, in lower case without the final dot.
    ///
    /// # Errors
    /// [`DnsFailure`] as for every look-up.
    pub async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, DnsFailure> {
        let reverse = DnsName::from(address).to_ascii();
        let records = self.records(&reverse, RecordType::PTR).await?;
        let names = records.iter().filter_map(|record| match &record.data {
            RData::PTR(name) => Some(crate::zone::key_of(&name.0.to_ascii())),
            _ => None,
        });
        Ok(names.collect())
    }

    /// Answers a question that code without IO has asked.
    pub async fn ask(&self, question: &Question) -> Answer {
        let found = match question {
            Question::Txt(name) => self.txt(name).await.map(Answer::Texts),
            Question::Ptr(address) => {
                self.ptr(*address).await.map(|names| Answer::Names(names.into_iter().map(Name::from).collect()))
            }
            Question::Mx(name) => self.records(name, RecordType::MX).await.map(|records| match mail_hosts(&records) {
                MxAnswer::Hosts(hosts) => Answer::Names(hosts.into_iter().map(|host| host.name).collect()),
                _ => Answer::Nothing,
            }),
            Question::A(name) => self.records(name, RecordType::A).await.map(|records| addresses_in(&records)),
            Question::Aaaa(name) => self.records(name, RecordType::AAAA).await.map(|records| addresses_in(&records)),
        };
        match found {
            Ok(answer) => answer,
            Err(DnsFailure::Nothing(_)) => Answer::Nothing,
            Err(DnsFailure::Temporary { reason, .. }) => Answer::Failed(reason),
        }
    }

    /// Calls `evaluate` with more and more answers until it needs no other. After [`QUESTIONS_MAX`] questions all
    /// further ones fail, so that nobody's records keep it busy for long.
    pub async fn settle<T>(&self, mut evaluate: impl FnMut(&Answers) -> Result<T, Question>) -> T {
        let mut answers = Answers::default();
        loop {
            let question = match evaluate(&answers) {
                Ok(result) => return result,
                Err(question) => question,
            };
            let answer = match answers.len() {
                0..QUESTIONS_MAX => self.ask(&question).await,
                _ => Answer::Failed(format!("more than {QUESTIONS_MAX} questions")),
            };
            answers.insert(question, answer);
        }
    }

    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<Record>, DnsFailure> {
        let nothing = || DnsFailure::Nothing(name.to_owned());
        let temporary = |reason: String| DnsFailure::Temporary { name: name.to_owned(), reason };
        match (self.zone.ask(name, kind), &self.servers) {
            (ZoneAnswer::Records(records), _) => Ok(records),
            (ZoneAnswer::Failure, _) => Err(temporary("server failure".to_owned())),
            (ZoneAnswer::NoData, _) | (_, None) => Err(nothing()),
            (ZoneAnswer::NoName | ZoneAnswer::EmptyNonTerminal, Some(servers)) => {
                // A name the DNS cannot even carry does not exist.
                let Ok(asked) = DnsName::from_ascii(format!("{}.", name.trim_end_matches('.'))) else {
                    return Err(nothing());
                };
                match servers.lookup(asked, kind).await {
                    Ok(lookup) => Ok(lookup.answers().to_vec()),
                    Err(error) if says_nothing_there(&error) => Err(nothing()),
                    Err(error) => Err(temporary(error.to_string())),
                }
            }
        }
    }
}

/// Most questions to the DNS for one verdict: a policy of SPF may cause 111, DKIM, ARC and DMARC a few more.
pub const QUESTIONS_MAX: usize = 150;

fn addresses_in(records: &[Record]) -> Answer {
    Answer::Addresses(records.iter().filter_map(address_of).collect())
}

fn read_zone(path: &Path) -> Result<Zone, SetupError> {
    let fail = |reason: String| SetupError::ZoneFile { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    Zone::parse(&text).map_err(|error| fail(error.to_string()))
}

pub(crate) fn name_server(server: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    NameServerConfig::new(server.ip(), true, connections.to_vec())
}

pub(crate) fn set_options(options: &mut ResolverOpts, config: &Config) {
    options.timeout = config.timeout.0;
    options.attempts = usize::from(config.attempts);
    options.cache_size = config.cache_entries;
    options.positive_min_ttl = Some(config.ttl_min.0);
    options.positive_max_ttl = Some(config.ttl_max.0);
    options.negative_min_ttl = Some(Duration::ZERO);
    options.negative_max_ttl = Some(config.negative_ttl_max.0);
    // The hosts file is for people's machines; mail follows the DNS.
    options.use_hosts_file = hickory_resolver::config::ResolveHosts::Never;
    options.ndots = 0;
}

/// NXDOMAIN and NODATA; every other trouble (SERVFAIL, REFUSED, time-out) is temporary.
pub(crate) fn says_nothing_there(error: &NetError) -> bool {
    matches!(
        error,
        NetError::Dns(DnsError::NoRecordsFound(NoRecords {
            response_code: ResponseCode::NXDomain | ResponseCode::NoError,
            ..
        }))
    )
}

fn address_of(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    }
}

fn mail_hosts(records: &[Record]) -> MxAnswer {
    /// Hosts beyond this many are never reached by a walk.
    const HOSTS_MAX: usize = 32;
    let mut hosts: Vec<MxHost> = records
        .iter()
        .filter_map(|record| match &record.data {
            RData::MX(mx) => Some(MxHost {
                name: Name::from(crate::zone::key_of(&mx.exchange.to_ascii())),
                preference: mx.preference,
            }),
            _ => None,
        })
        .collect();
    hosts.sort_by(|a, b| a.preference.cmp(&b.preference).then_with(|| a.name.cmp(&b.name)));
    hosts.dedup();
    hosts.truncate(HOSTS_MAX);
    if hosts.iter().any(|host| host.name.is_empty()) {
        return if hosts.len() == 1 { MxAnswer::NullMx } else { without_root(hosts) };
    }
    if hosts.is_empty() { MxAnswer::NoDomain } else { MxAnswer::Hosts(hosts) }
}

/// A root exchange beside real ones is a mistake of the domain (RFC 7505 3): the real ones count.
fn without_root(mut hosts: Vec<MxHost>) -> MxAnswer {
    hosts.retain(|host| !host.name.is_empty());
    MxAnswer::Hosts(hosts)
}
