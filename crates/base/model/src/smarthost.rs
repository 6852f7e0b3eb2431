//! Routes of the operator: mail that goes to hosts he names (a smarthost, an LMTP server) and not to the MX hosts of its
//! domain.
//!
//! Plain values with one decision, [`Route::fits`]; who asks (the queue) and who connects (delivery) are elsewhere.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::{Fault, Faults};
use crate::name::Name;
use crate::route::TlsPolicy;

/// A route: which mail, and to which hosts. All lists that are given must match; an empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// Its name, unique among the routes. Its site and its provider are called `route:NAME`, for limits in
    /// `[[queue.overrides]]`, for searches and in events.
    pub name: Name,
    /// Recipient domains in their ASCII form: `example.org` that domain alone, `*.example.org` all below it, `*` all.
    pub domains: Vec<Name>,
    /// Mailbox providers by name, as the rules name them. Only these make the DNS be asked before the route is taken.
    pub providers: Vec<Name>,
    /// Tenants.
    pub tenants: Vec<Name>,
    /// Streams.
    pub streams: Vec<Name>,
    /// Pools, as the mail names them or as its stream does.
    pub pools: Vec<Name>,
    /// What is spoken there: `smtp` or `lmtp`.
    pub protocol: HostProtocol,
    /// The hosts, at least one.
    pub hosts: Vec<RouteHost>,
    /// How TLS is used; without it what holds for the path (`opportunistic`, unless a limit says otherwise).
    pub tls: Option<TlsPolicy>,
    /// The user name for AUTH; needs `password_file`.
    pub user: Option<String>,
    /// A file whose first line is the password. Read at each connection, so that it may change while the program runs.
    pub password_file: Option<PathBuf>,
    /// Say user and password also over a connection in the clear that leaves this machine.
    pub auth_in_clear: bool,
}

/// One host of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteHost {
    /// A host name (its addresses are looked up, its MX is not), an address, or `unix:/path/of/the/socket`.
    pub host: String,
    /// The port; 25, or 24 with LMTP, when it is left out.
    #[serde(default)]
    pub port: Option<u16>,
    /// Lower ones are tried first; the next only when none of these can be reached.
    #[serde(default = "default_priority")]
    pub priority: u16,
    /// Its share of the connections among hosts of the same priority; 0 takes it out without removing it.
    #[serde(default = "default_weight")]
    pub weight: u32,
}

fn default_priority() -> u16 {
    10
}

fn default_weight() -> u32 {
    1
}

/// What is spoken to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostProtocol {
    /// RFC 5321.
    #[default]
    Smtp,
    /// RFC 2033: one reply for each recipient.
    Lmtp,
}

/// What a route is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Traits<'a> {
    /// The recipient's domain, A-label form, lower case.
    pub domain: &'a str,
    /// Whose mail it is.
    pub tenant: &'a str,
    /// Its stream.
    pub stream: &'a str,
    /// Its pool.
    pub pool: &'a str,
    /// The provider, once the domain's MX hosts are known.
    pub provider: Option<&'a str>,
}

/// Whether a route takes a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Everything else fits; the provider decides and is not known yet.
    AskProvider,
}

impl Route {
    /// Most hosts of one route.
    pub const HOSTS_MAX: usize = 64;

    /// The name of its site and of its provider.
    pub fn site_name(&self) -> Name {
        Name::from(format!("route:{}", self.name))
    }

    /// Whether this mail goes here.
    pub fn fits(&self, mail: &Traits<'_>) -> Fit {
        let one_of = |names: &[Name], own: &str| names.is_empty() || names.iter().any(|name| **name == *own);
        let domain = self.domains.is_empty() || self.domains.iter().any(|pattern| covers(pattern, mail.domain));
        let rest = one_of(&self.tenants, mail.tenant) && one_of(&self.streams, mail.stream);
        if !(domain && rest && one_of(&self.pools, mail.pool)) {
            return Fit::No;
        }
        match mail.provider {
            _ if self.providers.is_empty() => Fit::Yes,
            None => Fit::AskProvider,
            Some(provider) if one_of(&self.providers, provider) => Fit::Yes,
            Some(_) => Fit::No,
        }
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let name_fits = !self.name.is_empty()
            && self.name.len() <= 64
            && self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        faults.unless(name_fits, || Fault::new("name", "must be 1 to 64 letters, digits, `-`, `_` or `.`"));
        faults.unless(self.hosts.iter().any(|host| host.weight > 0), || {
            Fault::new("hosts", "needs at least one host whose weight is not 0")
        });
        faults.unless(self.hosts.len() <= Self::HOSTS_MAX, || Fault::new("hosts", "must be at most 64"));
        for (place, host) in self.hosts.iter().enumerate() {
            let key = format!("hosts[{place}].host");
            faults.unless(host.is_sound(), || {
                Fault::new(&key, "must be a host name, an address, or `unix:` and an absolute path")
            });
            faults.unless(host.port != Some(0), || Fault::new(format!("hosts[{place}].port"), "must be at least 1"));
        }
        for (place, pattern) in self.domains.iter().enumerate() {
            let rest = pattern.strip_prefix("*.").unwrap_or(pattern);
            let fits = &**pattern == "*" || is_domain(rest);
            let key = format!("domains[{place}]");
            faults.unless(fits, || Fault::new(key, "must be a domain in ASCII, `*.` and a domain, or `*`"));
        }
        faults.unless(self.user.is_some() == self.password_file.is_some(), || {
            Fault::new("user", "and `password_file` are given together or not at all")
        });
        faults.result()
    }
}

impl RouteHost {
    /// The path of its socket, when it is one of this machine.
    pub fn unix_path(&self) -> Option<&str> {
        self.host.strip_prefix("unix:")
    }

    /// The port, or the usual one of what is spoken.
    pub fn port_for(&self, protocol: HostProtocol) -> u16 {
        self.port.unwrap_or(match protocol {
            HostProtocol::Smtp => 25,
            HostProtocol::Lmtp => 24,
        })
    }

    fn is_sound(&self) -> bool {
        match self.unix_path() {
            Some(path) => path.starts_with('/') && path.len() < 108,
            None => {
                let address = self.host.trim_start_matches('[').trim_end_matches(']');
                address.parse::<std::net::IpAddr>().is_ok() || is_domain(&self.host)
            }
        }
    }
}

fn covers(pattern: &str, domain: &str) -> bool {
    match pattern.strip_prefix("*.") {
        _ if pattern == "*" => true,
        Some(above) => {
            let at = domain.len().checked_sub(above.len());
            at.filter(|&at| at > 1).is_some_and(|at| {
                domain.is_char_boundary(at)
                    && domain[at..].eq_ignore_ascii_case(above)
                    && domain.as_bytes()[at - 1] == b'.'
            })
        }
        None => pattern.eq_ignore_ascii_case(domain),
    }
}

fn is_domain(text: &str) -> bool {
    let labels = text.trim_end_matches('.').split('.');
    text.len() <= 253
        && labels.into_iter().all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(text: &str) -> Route {
        toml::from_str(&format!("name = \"r\"\nhosts = [{{ host = \"h\" }}]\n{text}")).unwrap()
    }

    #[test]
    fn which_mail_a_route_takes() {
        let check = |text: &str, domain: &str, provider: Option<&str>, expected: Fit| {
            let route = route(text);
            route.validate().unwrap();
            let mail = Traits { domain, tenant: "shop", stream: "bulk", pool: "p1", provider };
            assert_eq!(route.fits(&mail), expected, "{text} {domain} {provider:?}");
        };
        check("", "any.test", None, Fit::Yes);
        check("domains = [\"*\"]", "any.test", None, Fit::Yes);
        check("domains = [\"a.test\", \"b.test\"]", "b.test", None, Fit::Yes);
        check("domains = [\"a.test\"]", "sub.a.test", None, Fit::No);
        check("domains = [\"*.a.test\"]", "sub.a.test", None, Fit::Yes);
        check("domains = [\"*.a.test\"]", "a.test", None, Fit::No);
        check("domains = [\"*.a.test\"]", "nota.test", None, Fit::No);
        check("domains = [\"*.a.test\"]", ".a.test", None, Fit::No);
        check("domains = [\"*.A.test\"]", "x.a.TEST", None, Fit::Yes);
        check("domains = [\"*.a.test\"]", "é", None, Fit::No);
        check("tenants = [\"shop\"]\nstreams = [\"bulk\"]\npools = [\"p1\", \"p2\"]", "a.test", None, Fit::Yes);
        check("tenants = [\"other\"]", "a.test", None, Fit::No);
        check("streams = [\"other\"]", "a.test", None, Fit::No);
        check("pools = [\"other\"]", "a.test", Some("gmail"), Fit::No);
        check("providers = [\"gmail\"]", "a.test", None, Fit::AskProvider);
        check("providers = [\"gmail\"]", "a.test", Some("gmail"), Fit::Yes);
        check("providers = [\"gmail\"]", "a.test", Some("yahoo"), Fit::No);
        check("providers = [\"gmail\"]\ntenants = [\"other\"]", "a.test", None, Fit::No);
    }

    #[test]
    fn mistakes_are_named() {
        let check = |text: &str, expected: &str| {
            let found: Result<Route, _> = toml::from_str(text);
            assert_eq!(found.unwrap().validate().unwrap_err().to_string(), expected, "{text}");
        };
        let host = "hosts = [{ host = \"h\" }]";
        check(host, "name must be 1 to 64 letters, digits, `-`, `_` or `.`");
        check("name = \"r\"", "hosts needs at least one host whose weight is not 0");
        check(
            "name = \"r\"\nhosts = [{ host = \"h\", weight = 0 }]",
            "hosts needs at least one host whose weight is not 0",
        );
        for bad in ["unix:relative", "two words", "", "a..b"] {
            check(
                &format!("name = \"r\"\nhosts = [{{ host = \"{bad}\" }}]"),
                "hosts[0].host must be a host name, an address, or `unix:` and an absolute path",
            );
        }
        check(
            &format!("name = \"r\"\n{host}\nuser = \"u\""),
            "user and `password_file` are given together or not at all",
        );
        check(
            &format!("name = \"r\"\n{host}\ndomains = [\"a.*\"]"),
            "domains[0] must be a domain in ASCII, `*.` and a domain, or `*`",
        );
        for good in ["unix:/run/lmtp", "192.0.2.1", "[2001:db8::1]", "2001:db8::1", "mail.corp_1.test."] {
            toml::from_str::<Route>(&format!("name = \"r\"\nhosts = [{{ host = \"{good}\" }}]"))
                .unwrap()
                .validate()
                .unwrap();
        }
    }
}
