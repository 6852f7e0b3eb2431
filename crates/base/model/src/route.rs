//! Whence and whither: sources, pools, sites, providers and the paths between them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Fault, Faults};
use crate::name::Name;

/// An own address from which mail leaves ("virtual MTA" in the UI).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name, unique in the suite.
    pub name: Name,
    /// The local address to bind to; without one the machine chooses. Behind `egress`: the address as the world sees
    /// it, told to proxies that can be told.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
    /// A second address, IPv6, beside an IPv4 one: hosts are then reached over both.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address_v6: Option<Ipv6Addr>,
    /// The name said in EHLO; should be the address's PTR name.
    pub ehlo_name: String,
    /// The name said in EHLO over IPv6, where its PTR name is another one.
    #[serde(default)]
    pub ehlo_name_v6: Option<String>,
    /// How TLS is used by this source, whatever the rules of the provider say.
    #[serde(default)]
    pub tls: Option<TlsPolicy>,
    /// A certificate (PEM, the chain behind it) shown to servers that ask for one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub client_certificate: Option<PathBuf>,
    /// The private key of the certificate (PEM).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub client_key: Option<PathBuf>,
    /// A domain whose DKIM keys sign all mail of this source in addition to those of the sender's domain.
    #[serde(default)]
    pub signing_domain: Option<Name>,
    /// Only these selectors of `signing_domain`; all of its active keys when empty.
    #[serde(default)]
    pub signing_selectors: Vec<Name>,
    /// Proxies through which it connects, the first that works; connections are direct without any.
    #[serde(default)]
    pub egress: Vec<Proxy>,
}

impl Source {
    /// A source that connects directly, with nothing but a name.
    pub fn new(name: impl Into<Name>, address: Option<IpAddr>, ehlo_name: impl Into<String>) -> Self {
        Source {
            name: name.into(),
            address,
            address_v6: None,
            ehlo_name: ehlo_name.into(),
            ehlo_name_v6: None,
            tls: None,
            client_certificate: None,
            client_key: None,
            signing_domain: None,
            signing_selectors: Vec::new(),
            egress: Vec::new(),
        }
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.unless(self.address_v6.is_none() || self.address.is_none_or(|address| address.is_ipv4()), || {
            Fault::new("address_v6", "stands beside an IPv4 address; give one IPv6 address as `address`")
        });
        let host_name = |name: &String| !name.is_empty() && name.bytes().all(|byte| byte > b' ' && byte < 0x7f);
        faults.unless(self.ehlo_name_v6.as_ref().is_none_or(host_name), || {
            Fault::new("ehlo_name_v6", "must be a host name").example("\"mta1-v6.example.com\"")
        });
        faults.unless(self.client_certificate.is_some() == self.client_key.is_some(), || {
            Fault::new("client_certificate", "and `client_key` are given together or not at all")
        });
        faults.unless(self.signing_selectors.is_empty() || self.signing_domain.is_some(), || {
            Fault::new("signing_selectors", "needs `signing_domain`")
        });
        faults.unless(self.egress.len() <= PROXIES_MAX, || {
            Fault::new("egress", format!("must be at most {PROXIES_MAX} proxies"))
        });
        for (idx, proxy) in self.egress.iter().enumerate() {
            faults.inside(&format!("egress[{idx}]"), proxy.validate());
        }
        faults.result()
    }

    /// The own address for connections to a host of this family; `Err` when the source has none of it but one of the
    /// other family, `Ok(None)` when the machine chooses.
    pub fn address_for(&self, host: IpAddr) -> Result<Option<IpAddr>, NoAddress> {
        let six = self.address_v6.map(IpAddr::V6);
        let own = [self.address, six].into_iter().flatten().find(|own| own.is_ipv4() == host.is_ipv4());
        match (own, self.address.is_some() || six.is_some()) {
            (None, true) => Err(NoAddress),
            (own, _) => Ok(own),
        }
    }

    /// The name said in EHLO to a host of this family.
    pub fn ehlo_name_for(&self, host: IpAddr) -> &str {
        match &self.ehlo_name_v6 {
            Some(name) if host.is_ipv6() => name,
            _ => &self.ehlo_name,
        }
    }
}

/// A source has no address of the family of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAddress;

/// A proxy through which a source connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// How it is told where to connect.
    pub kind: ProxyKind,
    /// Where it listens, such as `"192.0.2.1:1080"`.
    #[schema(value_type = String)]
    pub address: SocketAddr,
    /// The own address for the connection to it; without one the machine chooses.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub bind: Option<IpAddr>,
    /// User name for `socks5` (RFC 1929).
    #[serde(default)]
    pub user: Option<String>,
    /// A file whose first line is the password of `user`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub password_file: Option<PathBuf>,
}

impl Proxy {
    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.unless(self.address.port() != 0, || Fault::new("address", "must have a port"));
        faults.unless(self.user.is_some() == self.password_file.is_some(), || {
            Fault::new("user", "and `password_file` are given together or not at all")
        });
        faults.unless(self.user.is_none() || self.kind == ProxyKind::Socks5, || {
            Fault::new("user", "is for `socks5` alone")
        });
        let family = self.bind.is_none_or(|own| own.is_ipv4() == self.address.is_ipv4());
        faults.unless(family, || Fault::new("bind", "must be of the family of").than("address"));
        faults.result()
    }
}

/// Most proxies of one source.
const PROXIES_MAX: usize = 16;

/// How a proxy is told where to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyKind {
    /// SOCKS version 5, CONNECT (RFC 1928), without or with user and password (RFC 1929).
    Socks5,
    /// A header of HAProxy's PROXY protocol, version 1 (text): source and destination as the proxy shall use them.
    ProxyV1,
    /// The same, version 2 (binary).
    ProxyV2,
}

impl fmt::Display for ProxyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProxyKind::Socks5 => "socks5",
            ProxyKind::ProxyV1 => "proxy-v1",
            ProxyKind::ProxyV2 => "proxy-v2",
        })
    }
}

/// Sources that share the work, each with a weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Its name, unique in the suite.
    pub name: Name,
    /// Names of sources with their weights.
    pub members: Vec<PoolMember>,
    /// The pool that takes over while no member can send (absent, dead proxy, suspended).
    #[serde(default)]
    pub fallback: Option<Name>,
}

/// One source in a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolMember {
    /// The source's name.
    pub source: Name,
    /// Its share, relative to the other members; 0 takes it out without removing it.
    #[serde(default = "one")]
    pub weight: u32,
    /// Sends only while no other member can.
    #[serde(default)]
    pub standby: bool,
}

fn one() -> u32 {
    1
}

/// The MX hosts that serve a group of domains. Domains with the same MX set share one site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Name of the rolled-up MX set, such as `gmail-smtp-in.l.google.com+4`; equal sets have equal names.
    pub name: Name,
    /// The named group of sites it belongs to, or the registrable domain of its MX when no rule matched.
    pub provider: Name,
    /// Its hosts, best preference first.
    pub hosts: Vec<MxHost>,
    /// The route of the operator that leads here; `None` for the MX hosts of domains.
    pub smarthost: Option<Arc<crate::smarthost::Route>>,
}

/// One mail exchanger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MxHost {
    /// Host name in lower case without the final dot.
    pub name: Name,
    /// Preference; lower is tried first, equal ones in any order.
    pub preference: u16,
}

/// Source × site: what a connection belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The source's name.
    pub source: Name,
    /// The site's name.
    pub site: Name,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.source, self.site)
    }
}

/// How TLS is used on a path.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum TlsPolicy {
    /// Used when offered, certificate not checked (RFC 7435); in the clear otherwise.
    #[default]
    Opportunistic,
    /// Refuse to send without TLS; certificate not checked.
    Required,
    /// Refuse to send unless the server shows a certificate for its name from an authority that is trusted (RFC 5280,
    /// RFC 9525).
    Verified,
    /// Never used.
    None,
}

/// How TLS fails, in the words of TLS reports (RFC 8460 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsFailure {
    /// The server does not offer STARTTLS.
    StarttlsNotSupported,
    /// The certificate is for other names.
    CertificateHostMismatch,
    /// The certificate has expired, or is not valid yet.
    CertificateExpired,
    /// Its issuer is not trusted.
    CertificateNotTrusted,
    /// Anything else that keeps TLS from being made.
    ValidationFailure,
    /// No TLSA record fits.
    TlsaInvalid,
    /// The TLSA records could not be authenticated (DNSSEC).
    DnssecInvalid,
    /// DANE is demanded and the domain has no TLSA records.
    DaneRequired,
    /// The MTA-STS policy could not be fetched.
    StsPolicyFetchError,
    /// The MTA-STS policy cannot be read, or does not name the host.
    StsPolicyInvalid,
    /// The certificate of the host that publishes the MTA-STS policy is not trusted.
    StsWebpkiInvalid,
}

impl TlsFailure {
    /// As in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            TlsFailure::StarttlsNotSupported => "starttls-not-supported",
            TlsFailure::CertificateHostMismatch => "certificate-host-mismatch",
            TlsFailure::CertificateExpired => "certificate-expired",
            TlsFailure::CertificateNotTrusted => "certificate-not-trusted",
            TlsFailure::ValidationFailure => "validation-failure",
            TlsFailure::TlsaInvalid => "tlsa-invalid",
            TlsFailure::DnssecInvalid => "dnssec-invalid",
            TlsFailure::DaneRequired => "dane-required",
            TlsFailure::StsPolicyFetchError => "sts-policy-fetch-error",
            TlsFailure::StsPolicyInvalid => "sts-policy-invalid",
            TlsFailure::StsWebpkiInvalid => "sts-webpki-invalid",
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Everything a session needs to know about its path; fixed for the life of the session.
#[derive(Clone, Debug)]
pub struct PathSpec {
    /// Source and site by name.
    pub path: Path,
    /// The source in full.
    pub source: Arc<Source>,
    /// The site in full.
    pub site: Arc<Site>,
    /// After so many messages the connection is closed; at least 1.
    pub messages_per_connection: u32,
    /// At most so many recipients in one transaction; at least 1.
    pub recipients_per_transaction: u32,
    /// How TLS is used.
    pub tls: TlsPolicy,
    /// An idle connection is closed after this long.
    pub idle_timeout: Duration,
    /// At most so many connections to one address of a mail host at a time, from all sources together; no limit when
    /// absent. The address is known only when a host is chosen, so delivery counts and keeps to it: it takes another
    /// address of the site, and gives the session up as a connection trouble of the rate-limited category when there is
    /// none with room.
    pub connections_per_address: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        toml::from_str(&format!("name = \"s\"\nehlo_name = \"s.test\"\n{text}")).unwrap()
    }

    #[test]
    fn mistakes_in_sources_are_named() {
        let check = |text: &str, expected: &str| {
            let found = source(text).validate().err().map(|faults| faults.to_string()).unwrap_or_default();
            assert_eq!(found, expected, "{text}");
        };
        check("", "");
        check("address = '192.0.2.1'\naddress_v6 = '2001:db8::1'", "");
        let beside = "address_v6 stands beside an IPv4 address; give one IPv6 address as `address`";
        check("address = '2001:db8::2'\naddress_v6 = '2001:db8::1'", beside);
        check("client_key = 'k.pem'", "client_certificate and `client_key` are given together or not at all");
        check("signing_selectors = ['a']", "signing_selectors needs `signing_domain`");
        check("egress = [{kind = 'socks5', address = '192.0.2.1:1080'}]", "");
        check(
            "egress = [{kind = 'proxy-v2', address = '192.0.2.1:1080', user = 'u', password_file = 'p'}]",
            "egress[0].user is for `socks5` alone",
        );
        check(
            "egress = [{kind = 'proxy-v1', address = '192.0.2.1:9', bind = '::1'}]",
            "egress[0].bind must be of the family of egress[0].address",
        );
    }

    #[test]
    fn a_source_speaks_with_the_address_of_the_family() {
        let (four, six): (IpAddr, IpAddr) = ("198.51.100.1".parse().unwrap(), "2001:db8::9".parse().unwrap());
        let both = source("address = '192.0.2.1'\naddress_v6 = '2001:db8::1'\nehlo_name_v6 = 'six.test'");
        let shown = |address: Result<Option<IpAddr>, NoAddress>| address.map(|own| own.map(|own| own.to_string()));
        assert_eq!(shown(both.address_for(four)), Ok(Some("192.0.2.1".to_owned())));
        assert_eq!(shown(both.address_for(six)), Ok(Some("2001:db8::1".to_owned())));
        assert_eq!((both.ehlo_name_for(four), both.ehlo_name_for(six)), ("s.test", "six.test"));
        assert_eq!(source("address = '192.0.2.1'").address_for(six), Err(NoAddress));
        assert_eq!(source("").address_for(six), Ok(None));
    }
}
