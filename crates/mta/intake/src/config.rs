//! Configuration of intake.

use std::path::PathBuf;
use std::time::Duration;

use mail::address::{Address, AddressError};
use model::config::{Fault, Faults};
use model::name::Name;
use model::units::{Rate, Size, Span};

use crate::network::Network;

mod floors;
mod header;
mod listener;
mod user;

pub use self::floors::Floors;
pub use self::header::Header;
pub use self::listener::{Auth, CertificateFiles, Defaults, Listener, TlsUse};
pub use self::user::User;
pub(crate) use self::user::fingerprint;

/// Mail coming in: listeners, who may submit, what comes back.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The name of this host in greetings, `Received` headers and the Message-IDs that it adds.
    pub host_name: String,
    /// Where SMTP clients connect. Mail for the domains and addresses under `inbound` is taken from everyone on all of
    /// them, unless they say otherwise; mail for others only from users and from `relay_networks`. What a listener does
    /// not say itself is taken from here.
    pub listeners: Vec<Listener>,
    /// What single users may do; those who are not listed may submit mail under every name.
    pub users: Vec<User>,
    /// Clients in these networks may submit mail for everyone without a password. Anything but loopback addresses here
    /// is a decision to trust every program on those machines.
    pub relay_networks: Vec<Network>,
    /// Largest message that is taken. Never more than half of `spool.segment_size`.
    pub message_size_max: Size,
    /// Most recipients of one SMTP transaction; further ones are told to come in another (452). At most 4096.
    pub recipients_max: u32,
    /// A message that has passed so many hosts (`Received` headers) is in a loop and refused (554 5.4.6).
    pub hops_max: u32,
    /// A submission whose first attempt is to be made later than after so long is refused: it would stand in the queue
    /// for all that time.
    pub not_before_max: Span,
    /// With less room than this on the spool's disk, submissions are refused for the time being (452, 503), so that
    /// acks and events still find room.
    pub free_disk_min: Size,
    /// SMTP connections at the same time, on each listener.
    pub connections_max: u32,
    /// SMTP connections at the same time from one address, on each listener. An IPv6 network of 64 bits counts as one.
    pub connections_per_address_max: u32,
    /// Messages on one connection; then the client is told to come on another (421). 0: no limit.
    pub messages_per_connection: u32,
    /// Messages of one client address, on each listener; more are refused for the time being (451). No limit without it.
    /// An IPv6 network of 64 bits counts as one.
    pub message_rate_per_address: Option<Rate>,
    /// Messages of one user, on each listener; more are refused for the time being (451). No limit without it.
    pub message_rate_per_user: Option<Rate>,
    /// Errors of syntax or sequence after which a connection is closed (421).
    pub errors_max: u32,
    /// A client that says nothing for so long is sent away (RFC 5321 asks for at least 5 minutes).
    pub idle_timeout: Span,
    /// A message that takes longer than this from MAIL to its end is given up and its connection closed (421).
    pub message_time_max: Span,
    /// Which header fields of a message tell how it is treated, when its sender may submit. All such fields are taken
    /// out of every message, honoured or not.
    pub headers: Vec<Header>,
    /// Seal mail that is passed on (ARC, RFC 8617): what SMTP clients hand in for others gets a set with what SPF, DKIM,
    /// DMARC and ARC said of it when it came in, by the RSA key of `inbound.seal_domain`. For mailing lists, gateways and
    /// forwarders, whose mail was written elsewhere; of mail that is written here it proves nothing. The checks ask the
    /// DNS before the mail is answered, for `inbound.verify_timeout` at most.
    pub seal_relayed: bool,
    /// How little room there may be before new mail is refused.
    pub floors: Floors,
    /// Memory for messages that are being received or wait for their answer, over all listeners; beyond it a message is
    /// refused for the time being (452).
    pub buffered_size_max: Size,
    /// At most so many events are written about refused submissions, about inbound mail that leads to nothing and about
    /// letters, so that strangers cannot fill the event log or the mailbox behind `inbound.forward_to`. What is left out
    /// is counted in the next one.
    pub stranger_events: Rate,
    /// Notices to senders about mail that came by SMTP (RFC 3464): at most so many. Every failure is in the event log, told
    /// or not.
    pub failure_notices: Rate,
    /// Whoever asked for news of a delay (NOTIFY=DELAY), or sends in one of `delay_notice_streams` without saying what he
    /// wants, is told once when his mail has waited for so long.
    pub delay_notice_after: Span,
    /// Streams whose senders are told of delays without asking.
    pub delay_notice_streams: Vec<Name>,
    /// Whoever asked for his mail back (RET=FULL) gets it with a notice of failure when it is not larger; its header
    /// otherwise.
    pub notice_content_max: Size,
    /// The certificate of the listeners.
    pub tls: Tls,
    /// Mail that comes back: delivery reports, complaints, unsubscribes.
    pub inbound: Inbound,
    /// Mail that programs hand in over HTTP.
    pub injection: crate::injection::Config,
    /// Mail that programs hand in as files.
    pub pickup: crate::pickup::Config,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            host_name: "localhost".to_owned(),
            listeners: vec![Listener::default()],
            users: Vec::new(),
            relay_networks: loopback(),
            message_size_max: Size::mb(50),
            recipients_max: 1_000,
            hops_max: 50,
            not_before_max: Span::s(30 * 86_400),
            free_disk_min: Size::mb(512),
            connections_max: 1_000,
            connections_per_address_max: 100,
            messages_per_connection: 0,
            message_rate_per_address: None,
            message_rate_per_user: None,
            errors_max: 20,
            idle_timeout: Span::s(300),
            message_time_max: Span::s(3_600),
            headers: Header::ALL.to_vec(),
            seal_relayed: false,
            floors: Floors::default(),
            buffered_size_max: Size::mb(256),
            stranger_events: Rate { count: 10, period: Duration::from_secs(1), burst: 100 },
            failure_notices: Rate { count: 20, period: Duration::from_secs(1), burst: 1_000 },
            delay_notice_after: Span::s(4 * 3_600),
            delay_notice_streams: vec![Name::from("transactional")],
            notice_content_max: Size(256 << 10),
            tls: Tls::default(),
            inbound: Inbound::default(),
            injection: crate::injection::Config::default(),
            pickup: crate::pickup::Config::default(),
        }
    }
}

fn loopback() -> Vec<Network> {
    ["127.0.0.0/8", "::1"].map(|text| text.parse().expect("invariant: constants are networks")).to_vec()
}

/// The certificate of the SMTP listeners. Without files a self-signed one is made at the first start.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// PEM file with the certificate and those between it and the root.
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key.
    pub key: Option<PathBuf>,
}

/// Mail that comes back.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inbound {
    /// Domains whose MX leads here. Return paths of campaigns (`b.TOKEN@domain`), `unsubscribe@domain` and
    /// `postmaster@domain` are taken there.
    pub bounce_domains: Vec<String>,
    /// Addresses to which feedback loops and other reports are sent.
    pub feedback_addresses: Vec<String>,
    /// More addresses for unsubscribing by mail.
    pub unsubscribe_addresses: Vec<String>,
    /// Where mail of people is sent on: answers to campaigns, letters to the postmaster, confirmations of feedback loops.
    /// Without it such mail is refused (550 5.7.1), except for the postmaster's, which is kept in the directory
    /// `inbound` of the data directory. Not an address whose mail comes here.
    pub forward_to: Option<String>,
    /// Find out who stands behind mail that comes back: SPF, DKIM, DMARC and ARC. Without it only reports with a token of
    /// ours are believed.
    pub verify: bool,
    /// How long that may take; what is not known by then is noted as `temperror`.
    pub verify_timeout: Span,
    /// What to do with a mail when the DNS does not say who sent it.
    pub on_dns_trouble: DnsTrouble,
    /// More domains of operators of feedback loops: complaints that authenticate for one of them are believed without a
    /// token of ours. Never the domain of ordinary mailboxes.
    pub feedback_operators: Vec<String>,
    /// The domain whose DKIM key (RSA) seals letters that are sent on and, with `seal_relayed`, mail that is passed on (ARC,
    /// RFC 8617). The host name when absent; without a key nothing is sealed.
    pub seal_domain: Option<String>,
}

impl Default for Inbound {
    fn default() -> Self {
        Inbound {
            bounce_domains: Vec::new(),
            feedback_addresses: Vec::new(),
            unsubscribe_addresses: Vec::new(),
            forward_to: None,
            verify: true,
            verify_timeout: Span::s(15),
            on_dns_trouble: DnsTrouble::default(),
            feedback_operators: Vec::new(),
            seal_domain: None,
        }
    }
}

/// The DNS does not say who sent a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DnsTrouble {
    /// It is taken, and the event says `temperror`.
    #[default]
    Note,
    /// It is to come again (451).
    Defer,
}

impl Config {
    /// Most recipients that `recipients_max` can allow: those of one submission.
    pub const RECIPIENTS_MAX: u32 = model::submission::Submission::RECIPIENTS_MAX as u32;

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        if !is_label(&self.host_name) {
            check_domain(&mut faults, "host_name", &self.host_name, "\"mail.example.com\"");
        }
        faults.within("recipients_max", self.recipients_max, 1..=Self::RECIPIENTS_MAX);
        faults.within("hops_max", self.hops_max, 5..=1_000);
        faults.within("connections_max", self.connections_max, 1..=100_000);
        faults.within("connections_per_address_max", self.connections_per_address_max, 1..=100_000);
        faults.at_least("delay_notice_after", self.delay_notice_after, Span::s(60));
        faults.at_least("message_size_max", self.message_size_max, Size(1_024));
        faults.unless(self.buffered_size_max >= self.message_size_max, || {
            Fault::new("buffered_size_max", "must not be less than").than("message_size_max")
        });
        faults.within("errors_max", self.errors_max, 1..=10_000);
        faults.at_least("message_time_max", self.message_time_max, Span::s(1));
        faults.inside("floors", self.floors.validate());
        faults.inside("tls", self.tls.validate());
        faults.join(user::validate_all(&self.users));
        for (place, listener) in self.listeners.iter().enumerate() {
            faults.inside(&format!("listeners[{place}]"), listener.validate(self));
            let same = |other: &Listener| other.listen == listener.listen && listener.listen.port() != 0;
            faults.unless(!self.listeners[..place].iter().any(same), || {
                Fault::new(format!("listeners[{place}].listen"), "must not be there twice")
            });
        }
        faults.inside("inbound", self.inbound.validate());
        faults.inside("injection", self.injection.validate());
        faults.inside("pickup", self.pickup.validate());
        faults.result()
    }
}

impl Tls {
    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let (given, missing) = if self.key.is_some() { ("key", "certificate") } else { ("certificate", "key") };
        faults.unless(self.certificate.is_some() == self.key.is_some(), || {
            Fault::new(given, "must be given together with").than(missing)
        });
        faults.result()
    }
}

impl Inbound {
    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        for (place, domain) in self.bounce_domains.iter().enumerate() {
            check_domain(&mut faults, &format!("bounce_domains[{place}]"), domain, "\"bounce.example.com\"");
        }
        let lists = [
            ("feedback_addresses", &self.feedback_addresses, "\"fbl@example.com\""),
            ("unsubscribe_addresses", &self.unsubscribe_addresses, "\"unsubscribe@example.com\""),
        ];
        for (key, addresses, example) in lists {
            for (place, address) in addresses.iter().enumerate() {
                check_address(&mut faults, &format!("{key}[{place}]"), address, example);
            }
        }
        faults.at_least("verify_timeout", self.verify_timeout, Span::s(1));
        for (place, domain) in self.feedback_operators.iter().enumerate() {
            check_domain(&mut faults, &format!("feedback_operators[{place}]"), domain, "\"arf.example.com\"");
        }
        if let Some(domain) = &self.seal_domain {
            check_domain(&mut faults, "seal_domain", domain, "\"mail.example.com\"");
        }
        if let Some(address) = &self.forward_to {
            check_address(&mut faults, "forward_to", address, "\"office@example.net\"");
            faults.unless(!self.comes_back(address), || {
                let rule = "must not be an address whose mail comes back here";
                Fault::new("forward_to", rule).example("\"office@example.net\"")
            });
        }
        faults.result()
    }

    /// True when mail to this address is taken here as mail that comes back.
    fn comes_back(&self, address: &str) -> bool {
        let Ok(to) = Address::parse(address) else { return false };
        let ours = self.feedback_addresses.iter().chain(&self.unsubscribe_addresses);
        let mut ours = ours.filter_map(|address| Address::parse(address).ok());
        let domain = |domain: &String| Address::parse(&format!("a@{domain}")).is_ok_and(|a| a.domain() == to.domain());
        ours.any(|address| address.key() == to.key()) || self.bounce_domains.iter().any(domain)
    }
}

/// A name without a dot, as hosts of a local network have.
fn is_label(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_domain(faults: &mut Faults, key: &str, domain: &str, example: &'static str) {
    if let Err(error) = Address::parse(&format!("a@{domain}")) {
        let reason = match error {
            AddressError::NoDomain => "it is empty".to_owned(),
            AddressError::LocalCharacter | AddressError::LocalDots | AddressError::Surplus => {
                "there is more in it than a name".to_owned()
            }
            other => other.to_string(),
        };
        faults.add(Fault::new(key, format!("must be a domain: {reason}")).example(example));
    }
}

fn check_address(faults: &mut Faults, key: &str, address: &str, example: &'static str) {
    if let Err(error) = Address::parse(address) {
        faults.add(Fault::new(key, format!("must be an address: {error}")).example(example));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_read_back() {
        let config = Config::default();
        assert_eq!(config.validate(), Ok(()));
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn errors_name_the_key() {
        let check = |text: &str, expected: &str| {
            let config: Config = toml::from_str(text).unwrap();
            assert_eq!(config.validate().unwrap_err().to_string(), expected);
        };
        check("recipients_max = 5000", "recipients_max must be between 1 and 4096");
        let host = "host_name must be a domain: there is more in it than a name; for example \"mail.example.com\"";
        check("host_name = 'a b'", host);
        check("hops_max = 1\nhost_name = 'a b'", &format!("{host}; hops_max must be between 5 and 1000"));
        check("[tls]\nkey = 'k.pem'", "tls.key must be given together with tls.certificate");
        check("[tls]\ncertificate = 'c.pem'", "tls.certificate must be given together with tls.key");
        let domain = |place, reason| {
            format!("inbound.bounce_domains[{place}] must be a domain: {reason}; for example \"bounce.example.com\"")
        };
        let two = format!("{}; {}", domain(1, "the domain has no dot"), domain(2, "it is empty"));
        check("inbound.bounce_domains = ['b.example.org', 'bounce', '']", &two);
        let no_at = "must be an address: the address has no @; for example";
        let fbl = format!("inbound.feedback_addresses[0] {no_at} \"fbl@example.com\"");
        check("inbound.feedback_addresses = ['fbl']", &fbl);
        check("inbound.forward_to = 'office'", &format!("inbound.forward_to {no_at} \"office@example.net\""));
        let comes_back = "inbound.forward_to must not be an address whose mail comes back here; for example \
                          \"office@example.net\"";
        check("inbound.forward_to = 'a@B.example.org'\ninbound.bounce_domains = ['b.example.org']", comes_back);
        check("inbound.forward_to = 'a@B.example.org'\ninbound.feedback_addresses = ['a@b.example.org']", comes_back);
        check("buffered_size_max = '1MB'", "buffered_size_max must not be less than message_size_max");
        let twice = "[[listeners]]\nlisten = '127.0.0.1:25'\n[[listeners]]\nlisten = '127.0.0.1:25'";
        check(twice, "listeners[1].listen must not be there twice");
        assert!(toml::from_str::<Config>("relay_networks = ['everyone']").is_err());
    }
}
