//! The configuration file: one TOML file, a section for each part, every field documented where it is declared.
//!
//! [`reading`] tells everything that is wrong with a file at once, with line, key and value; what the types cannot check
//! is asked of each part about its own section. Nothing is read from the environment. The reference page is generated
//! from these structs.

mod document;
mod expected;
mod files;
pub mod reading;
mod signing;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use api::proxies::ForwardedHeader;
use mail::address::Address;
use model::config::{Fault, Faults};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::reading::Mistake;
pub use self::signing::Signing;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where everything is kept: spool, event log, event store, database, keys. A relative path starts at the
    /// directory of the configuration file. One suite at a time may use it.
    pub data_dir: PathBuf,
    /// Number of this node, 0 to 1023; part of every id. Two suites that exchange mail need different ones.
    pub node: u16,
    /// The HTTP service: UI, API, injection, tracking.
    pub http: Http,
    /// Where accounts, contacts and campaigns are kept.
    pub database: Database,
    /// What is written to the log of the program.
    pub log: Log,
    /// Mail coming in: listeners, relaying, bounces, complaints.
    pub intake: intake::Config,
    /// Messages waiting for delivery.
    pub spool: journal::SpoolConfig,
    /// Everything that happened, for campaigns, monitoring and exporters.
    pub events: journal::EventLogConfig,
    /// Sources, pools, streams, limits, retries.
    pub queue: queue::config::Config,
    /// SMTP sessions towards mailbox providers.
    pub delivery: delivery::Config,
    /// How mail is signed, and how keys are replaced.
    pub signing: Signing,
    /// DKIM keys in files of your own. Keys that `ies dkim` makes are kept in the data directory, and sign in the place
    /// of these where they are of the same domain and kind.
    pub dkim: Vec<DkimKey>,
    /// Name servers and their cache.
    pub dns: dns::resolver::Config,
    /// Campaigns: hand-over, tracking, consumers.
    pub campaign: campaign::Config,
    /// Monitoring: the event store and its queries.
    pub monitor: monitor::Config,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            data_dir: PathBuf::from("data"),
            node: 0,
            http: Http::default(),
            database: Database::default(),
            log: Log::default(),
            intake: intake::Config::default(),
            spool: journal::SpoolConfig::default(),
            events: journal::EventLogConfig::default(),
            queue: queue::config::Config::default(),
            delivery: delivery::Config::default(),
            signing: Signing::default(),
            dkim: Vec::new(),
            dns: dns::resolver::Config::default(),
            campaign: campaign::Config::default(),
            monitor: monitor::Config::default(),
        }
    }
}

/// The HTTP service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port to listen on. Put a reverse proxy with TLS in front of anything but loopback.
    pub listen: SocketAddr,
    /// How recipients of mail reach this service: the beginning of tracking and unsubscribe links, without a final
    /// slash. Empty: `http://` and the address it listens on.
    pub public_url: String,
    /// Networks of the reverse proxies in front of this service, such as `["127.0.0.1", "10.0.0.0/8"]`. What they say of
    /// the client's address is believed and recorded, nobody else is: not even this machine, when it is not listed.
    pub trusted_proxies: Vec<intake::Network>,
    /// The header in which these proxies write it: `x-forwarded-for` or `forwarded`. The other one is not looked at.
    pub forwarded_header: ForwardedHeader,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            listen: SocketAddr::from(([127, 0, 0, 1], 8025)),
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
        }
    }
}

/// The relational database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite://path` or `postgres://user@host/name`. Empty: the file `ies.db` in the data directory.
    pub url: String,
}

/// The program's own log, written to standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// What is logged: a level (`error`, `warn`, `info`, `debug`), or levels by part such as `info,smtp=debug`.
    pub filter: String,
    /// `text` for people, `json` for machines.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Log { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// One DKIM key. Several keys of one domain sign side by side (RSA and Ed25519).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DkimKey {
    /// The signing domain (`d=`).
    pub domain: String,
    /// The selector (`s=`).
    pub selector: String,
    /// File with the private key in PEM form. A relative path starts at the data directory.
    pub key_file: PathBuf,
}

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong, in the order of the file; at least one.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = self.mistakes.len() > 1;
        if many {
            write!(f, "{} mistakes in {}:", self.mistakes.len(), self.file.display())?;
        }
        for mistake in &self.mistakes {
            match (many, mistake.line) {
                (true, Some(line)) => write!(f, "\n  line {line}: ")?,
                (true, None) => f.write_str("\n  ")?,
                (false, Some(line)) => write!(f, "{}, line {line}: ", self.file.display())?,
                (false, None) => write!(f, "{}: ", self.file.display())?,
            }
            f.write_str(&mistake.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads and validates a file.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn read(file: &Path) -> Result<Config, ConfigError> {
        Config::read_and(file, Config::validate)
    }

    /// Reads and validates a file, and looks into the files that it names: for whoever is going to use them.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn read_with_files(file: &Path) -> Result<Config, ConfigError> {
        Config::read_and(file, |config| {
            let mut faults = Faults::default();
            faults.join(config.validate());
            faults.join(files::check(config));
            faults.result()
        })
    }

    /// Parses and validates a text; `file` is named in errors.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
        reading::read(text, |config| config.validate())
            .map_err(|mistakes| ConfigError { file: file.to_owned(), mistakes })
    }

    fn read_and(file: &Path, check: impl FnOnce(&Config) -> Result<(), Faults>) -> Result<Config, ConfigError> {
        let wrong = |mistakes| ConfigError { file: file.to_owned(), mistakes };
        let unreadable = |error: std::io::Error| {
            wrong(vec![Mistake { line: None, key: None, message: format!("cannot be read: {error}") }])
        };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        // The directory of a plain `ies.toml` is the one we are in, and not "".
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let dir = dir.canonicalize().map_err(unreadable)?;
        let settled = |config: &mut Config| {
            config.data_dir = dir.join(&config.data_dir);
            check(config)
        };
        reading::read(&text, settled).map_err(wrong)
    }

    /// Checks what the types cannot; every part checks its own section.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let node_max = model::id::IdGenerator::NODE_MAX;
        faults.unless(self.node <= node_max, || Fault::new("node", format!("must be at most {node_max}")));
        faults.inside("http", self.http.validate());
        faults.inside("database", self.database.validate());
        faults.inside("log", self.log.validate());
        faults.inside("intake", self.intake.validate());
        faults.inside("spool", self.spool.validate());
        faults.inside("events", self.events.validate());
        faults.inside("queue", self.queue.validate());
        faults.inside("delivery", self.delivery.validate());
        faults.unless(self.queue.limits.shutdown_grace.0 > self.delivery.shutdown_grace.0, || {
            let given = self.delivery.shutdown_grace;
            Fault::new("queue.limits.shutdown_grace", format!("must be longer than delivery.shutdown_grace, {given}"))
        });
        for (place, key) in self.dkim.iter().enumerate() {
            faults.inside(&format!("dkim[{place}]"), key.validate());
        }
        faults.inside("signing", self.signing.validate(&self.known_names().streams));
        faults.inside("dns", self.dns.validate());
        faults.inside("campaign", self.campaign.validate());
        let streams = self.known_names().streams;
        faults.unless(streams.contains(&self.campaign.stream), || {
            let names: Vec<String> = streams.iter().map(|name| format!("\"{name}\"")).collect();
            Fault::new("campaign.stream", format!("must be one of queue.streams: {}", names.join(", ")))
        });
        faults.inside("monitor", self.monitor.validate());
        faults.result()
    }

    /// The beginning of links that recipients of mail follow.
    pub fn public_url(&self, listening: SocketAddr) -> String {
        if self.http.public_url.is_empty() { format!("http://{listening}") } else { self.http.public_url.clone() }
    }

    /// The section of the campaigns with what other sections say: links begin with the public URL, and return paths are
    /// made at the first bounce domain, unless the section names others.
    pub fn campaign_settings(&self, listening: SocketAddr) -> campaign::Config {
        let mut settings = self.campaign.clone();
        let plain = campaign::Config::default();
        if settings.base_url == plain.base_url {
            settings.base_url = self.public_url(listening);
        }
        if let Some(domain) = self.intake.inbound.bounce_domains.first() {
            if settings.bounce_domain == plain.bounce_domain {
                settings.bounce_domain.clone_from(domain);
            }
            if settings.unsubscribe_domain.is_empty() {
                settings.unsubscribe_domain.clone_from(domain);
            }
        }
        settings
    }

    /// The section of the intake with what the queue's says: it takes no more recipients than the queue holds.
    pub fn intake_settings(&self) -> intake::Config {
        let floors = self.intake.floors.clone().with_queue_of(self.queue.limits.recipients_max);
        intake::Config { floors, ..self.intake.clone() }
    }

    /// The streams and pools that mail may name.
    pub fn known_names(&self) -> intake::Known {
        intake::Known {
            streams: self.queue.streams.iter().map(|stream| stream.name.clone()).collect(),
            pools: self.queue.all_pools().into_iter().map(|pool| pool.name).collect(),
        }
    }

    /// The URL of the database.
    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite://{}", self.data_dir.join("ies.db").display())
        } else {
            self.database.url.clone()
        }
    }
}

impl Http {
    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let url = &self.public_url;
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        faults.unless(url.is_empty() || (is_web && !url.ends_with('/')), || {
            let rule = "must begin with http:// or https:// and not end with a slash";
            Fault::new("public_url", rule).example("\"https://mail.example.com\"")
        });
        faults.result()
    }
}

impl Database {
    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let known = ["sqlite://", "postgres://", "postgresql://"].iter().any(|scheme| self.url.starts_with(scheme));
        faults.unless(self.url.is_empty() || known, || {
            let rule = "must begin with sqlite:// or postgres://";
            Fault::new("url", rule).example("\"postgres://ies@localhost/ies\"")
        });
        faults.result()
    }
}

impl Log {
    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.filter) {
            let rule = format!("must be a level, or levels by part ({error})");
            faults.add(Fault::new("filter", rule).example("\"info,smtp=debug\""));
        }
        faults.result()
    }
}

impl DkimKey {
    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.unless(Address::parse(&format!("a@{}", self.domain)).is_ok(), || {
            Fault::new("domain", "must be a domain").example("\"example.com\"")
        });
        // Labels of a name in the DNS.
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        faults.unless(self.selector.split('.').all(is_label), || {
            Fault::new("selector", "must be a name of letters and digits").example("\"mail1\"")
        });
        faults.result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected`: every mistake, one a line, with its line in front.
    fn check(text: &str, expected: &[&str]) {
        let found = match Config::parse(text, Path::new("ies.toml")) {
            Ok(_) => Vec::new(),
            Err(error) => error.mistakes,
        };
        let found: Vec<String> = found.iter().map(|one| format!("{} {}", one.line.unwrap_or(0), one.message)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_is_right_is_taken() {
        check("", &[]);
        check("node = 3\n[http]\nlisten = \"[::1]:80\"\n", &[]);
        check("[http]\ntrusted_proxies = [\"10.0.0.0/8\"]\nforwarded_header = \"forwarded\"\n", &[]);
    }

    #[test]
    fn every_form_of_value_is_told_with_a_right_one() {
        let such = "must be a network such as \"10.0.0.0/8\" or \"::1\"";
        check("[http]\ntrusted_proxies = [\"proxy\"]\n", &[&format!("2 http.trusted_proxies[0] = \"proxy\": {such}")]);
        let listen = "must be an address with a port; for example \"127.0.0.1:8025\"";
        check("node = 3\n[http]\nlisten = \"here\"\n", &[&format!("3 http.listen = \"here\": {listen}")]);
        check("[http]\nlisten = 80\n", &[&format!("2 http.listen = 80: {listen}")]);
        check("dns.servers = ['::1']", &[&format!("1 dns.servers[0] = '::1': {listen}")]);
        let time = "must be a length of time such as \"30s\", \"5m\" or \"4d12h\"";
        check("[dns]\ntimeout = \"soon\"\n", &[&format!("2 dns.timeout = \"soon\": {time}")]);
        check("[dns]\ntimeout = 30\n", &[&format!("2 dns.timeout = 30: {time}")]);
        let rate = "must be a rate such as \"20/s\", \"100/min\" or \"100/15m,max_burst=5\"";
        check("queue.overrides = [{ rate = '5' }]", &[&format!("1 queue.overrides[0].rate = '5': {rate}")]);
        let size = "must be a number of bytes such as \"64KB\" or \"25MB\"";
        check("[spool]\nsize_max = \"much\"", &[&format!("2 spool.size_max = \"much\": {size}")]);
        let address = "must be an IP address; for example \"192.0.2.1\"";
        let source = "[[queue.sources]]\nname = 'a'\nehlo_name = 'a'\naddress = 'here'";
        check(source, &[&format!("4 queue.sources[0].address = 'here': {address}")]);
        check("node = 'one'", &["1 node = 'one': must be a whole number from 0 to 65535"]);
        check("delivery.tls_fallback = 1", &["1 delivery.tls_fallback = 1: must be true or false"]);
        check("log.format = 'xml'", &["1 log.format = 'xml': must be one of \"text\", \"json\""]);
        check("dkim = 1", &["1 dkim = 1: must be a list in square brackets"]);
        check("dns = 1", &["1 dns = 1: must be a section"]);
        check("data_dir = 1", &["1 data_dir = 1: must be a text in quotation marks"]);
    }

    #[test]
    fn rules_are_told_with_what_they_speak_of() {
        check("\n\nnode = 2000\n", &["3 node = 2000: must be at most 1023"]);
        let ttl = "dns.ttl_min = \"30s\" (the default): must not be longer than dns.ttl_max = \"1s\"";
        check("[dns]\nttl_max = \"1s\"\n", &[&format!("2 {ttl}")]);
        let tls = "intake.tls.key = 'k': must be given together with intake.tls.certificate, which is not set";
        check("[intake.tls]\nkey = 'k'", &[&format!("2 {tls}")]);
        let fbl = "intake.inbound.feedback_addresses[1] = 'fbl': must be an address: the address has no @; for example \
                   \"fbl@example.com\"";
        check("[intake.inbound]\nfeedback_addresses = ['a@b.example', 'fbl']", &[&format!("2 {fbl}")]);
        let keep = "monitor.store.keep = \"1m\": must be at least 1h; for example \"90d\"";
        check("monitor.store.keep = \"1m\"", &[&format!("1 {keep}")]);
        let url = "must begin with sqlite:// or postgres://; for example \"postgres://ies@localhost/ies\"";
        check("database.url = 'mysql://me:secret@here'", &[&format!("1 database.url = …: {url}")]);
    }

    #[test]
    fn unknown_and_missing_keys_are_named() {
        let no_key = "there is no such key;";
        check("[delivery]\nprot = 25\n", &[&format!("2 delivery.prot = 25: {no_key} did you mean delivery.port?")]);
        check("[htpp]\nlisten = ':80'\n", &[&format!("1 htpp: {no_key} did you mean http?")]);
        let known = format!("{no_key} known here: filter, format");
        check("[log]\nzzz = 1", &[&format!("2 log.zzz = 1: {known}")]);
        let dkim = "[[dkim]]\ndomain = 'example.com'\nselektor = 'a'\nkey_file = 'a'";
        let meant = format!("3 dkim[0].selektor = 'a': {no_key} did you mean dkim[0].selector?");
        check(dkim, &["1 dkim[0].selector, which is not set: must be given", &meant]);
    }

    #[test]
    fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
        let text = "node = 2000\n[monitor]\nbatch_events = 0\n[http]\nlisten = 'here'\npublic_url = 'x/'\n[dns]\n\
                    servers = ['a', '127.0.0.1:53', 'b']\nttl_min = 'soon'\nttl_max = '1s'\n[[queue.sources]]\n\
                    name = 5\nehlo_name = 'a'\n[[queue.sources]]\nname = 'b'\nehlo_name = 'b'\naddress = 'x'\n\
                    [[dkim]]\ndomain = 'no'\nselector = ''\nkey_file = 'k'\n";
        let listen = "must be an address with a port; for example \"127.0.0.1:8025\"";
        let expected = [
            "1 node = 2000: must be at most 1023".to_owned(),
            "3 monitor.batch_events = 0: must be between 1 and 65536".to_owned(),
            format!("5 http.listen = 'here': {listen}"),
            "6 http.public_url = 'x/': must begin with http:// or https:// and not end with a slash; for example \
             \"https://mail.example.com\""
                .to_owned(),
            format!("8 dns.servers[0] = 'a': {listen}"),
            format!("8 dns.servers[2] = 'b': {listen}"),
            "9 dns.ttl_min = 'soon': must be a length of time such as \"30s\", \"5m\" or \"4d12h\"".to_owned(),
            "12 queue.sources[0].name = 5: must be a text in quotation marks".to_owned(),
            "17 queue.sources[1].address = 'x': must be an IP address; for example \"192.0.2.1\"".to_owned(),
            "19 dkim[0].domain = 'no': must be a domain; for example \"example.com\"".to_owned(),
            "20 dkim[0].selector = '': must be a name of letters and digits; for example \"mail1\"".to_owned(),
        ];
        check(text, &expected.each_ref().map(String::as_str));
        let error = Config::parse("node = 2000\nx = 1", Path::new("ies.toml")).unwrap_err().to_string();
        assert!(error.starts_with("2 mistakes in ies.toml:\n  line 1: node = 2000: must"), "{error}");
        let error = Config::parse("node = 2000", Path::new("ies.toml")).unwrap_err().to_string();
        assert_eq!(error, "ies.toml, line 1: node = 2000: must be at most 1023");
    }

    #[test]
    fn what_is_no_toml_is_told_by_line() {
        let error = Config::parse("node = 3\n[http\nlisten = 'x'\n[dns]\ntimeout =\n", Path::new("ies.toml"));
        let lines: Vec<Option<usize>> = error.unwrap_err().mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [Some(2), Some(5)]);
    }

    #[test]
    fn no_more_mistakes_are_told_than_the_limit() {
        let text: String = (0..2 * reading::MISTAKES_MAX).map(|number| format!("key{number} = 1\n")).collect();
        let error = Config::parse(&text, Path::new("ies.toml")).unwrap_err();
        assert_eq!(error.mistakes.len(), reading::MISTAKES_MAX);
    }

    #[test]
    fn defaults_survive_the_way_through_toml() {
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(Config::parse(&text, Path::new("ies.toml")).unwrap(), Config::default());
    }
}
