//! One SMTP listener: its address, its certificates, who may come in there, and what he may do.
//!
//! Whatever a listener leaves out comes from `[intake]`.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use model::config::{Fault, Faults};
use model::name::Name;
use model::units::{Rate, Size, Span};

use super::{Config, Header};
use crate::network::Network;

/// One SMTP listener.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Listener {
    /// Address and port. On a loopback address passwords are taken without TLS, anywhere else only with it.
    pub listen: SocketAddr,
    /// With the address `[::]`: take clients that come over IPv4 as well. Without it IPv6 addresses listen for IPv6
    /// alone, whatever the machine's own default.
    pub dual_stack: bool,
    /// `none`, `optional` (STARTTLS), `required` (STARTTLS before MAIL), or `implicit` (TLS from the first byte, as on
    /// port 465).
    pub tls: TlsUse,
    /// Certificates shown here; the one whose names fit what the client asks for, else the first. Without any, the one
    /// of `intake.tls`.
    pub certificates: Vec<CertificateFiles>,
    /// PEM file with the authorities that vouch for the names in certificates of clients. Clients are asked for a
    /// certificate when this is given, or when one of `intake.users` has certificates.
    pub client_authorities: Option<PathBuf>,
    /// Every connection comes through a proxy in these networks and begins with a PROXY header (HAProxy's protocol,
    /// version 1 or 2); the address in it counts as the client's, for limits, rights and events. A connection from
    /// elsewhere, or without the header, is closed. Passwords are taken over TLS only, whatever `listen` is.
    pub proxy_from: Vec<Network>,
    /// `none`, `optional`, or `required`: then MAIL is refused until the client has shown a password or a certificate
    /// that is known (530).
    pub auth: Auth,
    /// The users who may submit here; without any, all.
    pub users: Vec<Name>,
    /// Clients in these networks may submit mail for everyone without a password. `[]`: none.
    pub relay_networks: Option<Vec<Network>>,
    /// Take mail that comes back (`intake.inbound`) from everyone.
    pub inbound: bool,
    /// Which header fields of a message tell how it is treated, when its sender may submit. All such fields are taken
    /// out of every message, honoured or not.
    pub headers: Option<Vec<Header>>,
    /// For mail that names no other.
    pub defaults: Defaults,
    /// Largest message that is taken here; not more than `intake.message_size_max`.
    pub message_size_max: Option<Size>,
    /// Most recipients of one transaction.
    pub recipients_max: Option<u32>,
    /// Connections at the same time.
    pub connections_max: Option<u32>,
    /// Connections at the same time from one address.
    pub connections_per_address_max: Option<u32>,
    /// Messages on one connection. 0: no limit.
    pub messages_per_connection: Option<u32>,
    /// Messages of one client address.
    pub message_rate_per_address: Option<Rate>,
    /// Messages of one user.
    pub message_rate_per_user: Option<Rate>,
    /// Errors of syntax or sequence after which a connection is closed.
    pub errors_max: Option<u32>,
    /// Seal mail that is passed on (ARC).
    pub seal_relayed: Option<bool>,
    /// A client that says nothing for so long is sent away.
    pub idle_timeout: Option<Span>,
    /// A message that takes longer than this from MAIL to its end is given up.
    pub message_time_max: Option<Span>,
}

impl Default for Listener {
    fn default() -> Self {
        Listener {
            listen: SocketAddr::from(([127, 0, 0, 1], 2525)),
            dual_stack: false,
            tls: TlsUse::Optional,
            certificates: Vec::new(),
            client_authorities: None,
            proxy_from: Vec::new(),
            auth: Auth::Optional,
            users: Vec::new(),
            relay_networks: None,
            inbound: true,
            headers: None,
            defaults: Defaults::default(),
            message_size_max: None,
            recipients_max: None,
            connections_max: None,
            connections_per_address_max: None,
            messages_per_connection: None,
            message_rate_per_address: None,
            message_rate_per_user: None,
            errors_max: None,
            seal_relayed: None,
            idle_timeout: None,
            message_time_max: None,
        }
    }
}

/// How a listener uses TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsUse {
    /// Not at all.
    None,
    /// STARTTLS is offered.
    #[default]
    Optional,
    /// STARTTLS must come before MAIL.
    Required,
    /// From the first byte (RFC 8314).
    Implicit,
}

/// Whether clients authenticate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// Passwords are not asked for; certificates that are known count.
    None,
    /// Who authenticates may submit.
    #[default]
    Optional,
    /// Who does not gets nowhere.
    Required,
}

/// The PEM files of one certificate.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// PEM file with the certificate and those between it and the root.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// What holds for mail that names no other.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// Kind of traffic; `transactional` without it.
    pub stream: Option<Name>,
    /// Pool of sources, or a single source; the stream's own without it.
    pub pool: Option<Name>,
    /// Whose mail it is; `default` without it.
    pub tenant: Option<Name>,
    /// Unit of work.
    pub job: Option<Name>,
}

impl Defaults {
    /// These, and behind them others.
    pub(crate) fn or(&self, others: &Defaults) -> Defaults {
        let pick = |own: &Option<Name>, other: &Option<Name>| own.as_ref().or(other.as_ref()).cloned();
        Defaults {
            stream: pick(&self.stream, &others.stream),
            pool: pick(&self.pool, &others.pool),
            tenant: pick(&self.tenant, &others.tenant),
            job: pick(&self.job, &others.job),
        }
    }
}

impl Listener {
    /// Checks what the types cannot, with what comes from the rest of the configuration.
    pub(super) fn validate(&self, config: &Config) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let any_v6 = self.listen.ip() == IpAddr::from([0_u16; 8]);
        faults.unless(!self.dual_stack || any_v6, || {
            Fault::new("dual_stack", "must be false unless listen has the address [::]")
        });
        let certificates = self.tls != TlsUse::None || self.certificates.is_empty();
        faults.unless(certificates, || Fault::new("certificates", "must be empty where tls is \"none\""));
        let secure = self.tls != TlsUse::None || self.auth != Auth::Required || self.takes_passwords_in_clear();
        faults.unless(secure, || {
            Fault::new("auth", "must not be \"required\" where tls is \"none\": passwords are taken over TLS only")
        });
        let whole = |network: &Network| network.is_everything();
        faults.unless(!self.proxy_from.iter().any(whole), || {
            Fault::new("proxy_from", "must not hold every address: anybody could claim any").example("[\"10.0.0.5\"]")
        });
        let size_max = self.message_size_max.unwrap_or(config.message_size_max);
        faults.at_least("message_size_max", size_max, Size(1_024));
        faults.unless(size_max <= config.message_size_max, || {
            let most = config.message_size_max;
            Fault::new("message_size_max", format!("must be at most {most}, as in intake.message_size_max"))
        });
        let within = |faults: &mut Faults, key: &str, value: Option<u32>, most: u32| {
            value.iter().for_each(|&value| faults.within(key, value, 1..=most));
        };
        within(&mut faults, "recipients_max", self.recipients_max, Config::RECIPIENTS_MAX);
        within(&mut faults, "connections_max", self.connections_max, 100_000);
        within(&mut faults, "connections_per_address_max", self.connections_per_address_max, 100_000);
        within(&mut faults, "errors_max", self.errors_max, 10_000);
        let mut names = HashSet::new();
        faults.unless(self.users.iter().all(|name| names.insert(name)), || {
            Fault::new("users", "must not hold a name twice")
        });
        faults.result()
    }

    /// Whether passwords may cross the network without TLS: they do not leave the machine.
    pub(crate) fn takes_passwords_in_clear(&self) -> bool {
        self.listen.ip().is_loopback() && self.proxy_from.is_empty() && self.tls != TlsUse::Required
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn check(text: &str, expected: &str) {
        let config: Config = toml::from_str(text).unwrap();
        let found = config.validate().err().map_or_else(String::new, |faults| faults.to_string());
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn listeners_that_make_no_sense_are_told() {
        let listener = |rest: &str| format!("[[listeners]]\nlisten = \"0.0.0.0:25\"\n{rest}");
        check(&listener("tls = \"implicit\"\nauth = \"required\"\nusers = [\"a\", \"b\"]"), "");
        check(&listener("relay_networks = []\ninbound = false\nheaders = [\"x-job\"]\ndefaults.stream = \"bulk\""), "");
        check(
            &listener("dual_stack = true"),
            "listeners[0].dual_stack must be false unless listen has the address [::]",
        );
        check("[[listeners]]\nlisten = \"[::]:25\"\ndual_stack = true", "");
        check(
            &listener("tls = \"none\"\nauth = \"required\""),
            "listeners[0].auth must not be \"required\" where tls is \"none\": passwords are taken over TLS only",
        );
        check("[[listeners]]\nlisten = \"127.0.0.1:25\"\ntls = \"none\"\nauth = \"required\"", "");
        check(
            &listener("tls = \"none\"\ncertificates = [{ certificate = \"c.pem\", key = \"k.pem\" }]"),
            "listeners[0].certificates must be empty where tls is \"none\"",
        );
        check(
            &listener("proxy_from = [\"0.0.0.0/0\"]"),
            "listeners[0].proxy_from must not hold every address: anybody could claim any; for example [\"10.0.0.5\"]",
        );
        check(
            &listener("message_size_max = \"60MB\""),
            "listeners[0].message_size_max must be at most 50MB, as in intake.message_size_max",
        );
        check(&listener("recipients_max = 5000"), "listeners[0].recipients_max must be between 1 and 4096");
        check(&listener("users = [\"a\", \"a\"]"), "listeners[0].users must not hold a name twice");
    }

    #[test]
    fn users_that_make_no_sense_are_told() {
        let print = "ab".repeat(32);
        check(
            &format!("[[users]]\nname = \"a\"\ncertificates = [\"{print}\"]\ncertificate_names = [\"*.b.example\"]"),
            "",
        );
        check("[[users]]\nname = \"\"", "users[0].name must not be empty; for example \"shop\"");
        check(
            "[[users]]\nname = \"a\"\ncertificates = [\"ab:cd\"]",
            "users[0].certificates[0] must be a SHA-256 fingerprint: 64 hexadecimal digits",
        );
        check("[[users]]\nname = \"a\"\n[[users]]\nname = \"a\"", "users[1].name must not be there twice");
        let colons = ["AB"; 32].join(":");
        check(
            &format!(
                "[[users]]\nname = \"a\"\ncertificates = [\"{print}\"]\n[[users]]\nname = \"b\"\ncertificates = [\"{colons}\"]"
            ),
            "users[1] must not have a certificate of another user",
        );
        check(
            "[[users]]\nname = \"a\"\ntenants = [\"t\"]\ndefaults.tenant = \"u\"",
            "users[0].defaults.tenant must be among those that this user may name",
        );
        check("[floors]\nmemory_max = \"1MB\"", "floors.memory_max must be 0 or at least 64MB; for example \"2GB\"");
        check("[floors]\nfree_disk_percent_min = 95", "floors.free_disk_percent_min must be between 0 and 90");
    }
}
