//! The configuration file: one TOML file, a section for each part, every field documented where it is declared.
//!
//! Parsing says the key path and the line of what is wrong; so does validation, which asks each part about its own
//! section. Nothing is read from the environment. The reference page is generated from these structs.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use api::proxies::ForwardedHeader;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// DKIM keys of the sending domains.
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
#[derive(Debug)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Where in the file, where that is known, from 1.
    pub line: Option<usize>,
    /// The key, such as `dns.ttl_min`.
    pub key: Option<String>,
    /// What is wrong and what is expected.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", {key}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads and validates a file.
    ///
    /// # Errors
    /// [`ConfigError`] with line and key of the first thing that is wrong.
    pub fn read(file: &Path) -> Result<Config, ConfigError> {
        let fail = |message: String| ConfigError { file: file.to_owned(), line: None, key: None, message };
        let text = std::fs::read_to_string(file).map_err(|error| fail(format!("cannot be read: {error}")))?;
        let mut config = Config::parse(&text, file)?;
        if config.data_dir.is_relative() {
            let base =
                file.parent().unwrap_or(Path::new("")).canonicalize().map_err(|error| fail(error.to_string()))?;
            config.data_dir = base.join(&config.data_dir);
        }
        Ok(config)
    }

    /// Parses and validates a text; `file` is named in errors.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
        let fail = |line, key, message| ConfigError { file: file.to_owned(), line, key, message };
        let line_at = |offset: usize| text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1;
        let source = toml::de::Deserializer::parse(text)
            .map_err(|error| fail(error.span().map(|span| line_at(span.start)), None, error.message().to_owned()))?;
        let config: Config = serde_path_to_error::deserialize(source).map_err(|error| {
            let key = Some(error.path().to_string()).filter(|path| path != ".");
            let line = error.inner().span().map(|span| line_at(span.start));
            fail(line, key, error.inner().message().to_owned())
        })?;
        config.validate().map_err(|message| {
            let key = message.split([' ', ':']).next().filter(|word| !word.is_empty()).map(str::to_owned);
            let line = key.as_deref().and_then(|key| offset_of(text, key)).map(line_at);
            fail(line, None, message)
        })?;
        Ok(config)
    }

    /// Checks what the types cannot; every part checks its own section.
    ///
    /// # Errors
    /// A sentence that begins with the key.
    pub fn validate(&self) -> Result<(), String> {
        if self.node > model::id::IdGenerator::NODE_MAX {
            return Err(format!("node must be at most {}", model::id::IdGenerator::NODE_MAX));
        }
        let url = &self.http.public_url;
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        if !(url.is_empty() || is_web) || url.ends_with('/') {
            return Err("http.public_url must begin with http:// or https:// and not end with a slash".to_owned());
        }
        let sections = [
            ("intake", self.intake.validate()),
            ("spool", self.spool.validate()),
            ("events", self.events.validate()),
            ("queue", self.queue.validate()),
            ("delivery", self.delivery.validate()),
            ("dns", self.dns.validate()),
            ("campaign", self.campaign.validate()),
            ("monitor", self.monitor.validate()),
        ];
        sections.into_iter().try_for_each(|(section, result)| result.map_err(|message| under(section, &message)))
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

    /// The URL of the database.
    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite://{}", self.data_dir.join("ies.db").display())
        } else {
            self.database.url.clone()
        }
    }
}

/// The sentence with the whole key in front: parts may speak of their keys with or without their section.
fn under(section: &str, message: &str) -> String {
    let whole = message.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
    if whole { message.to_owned() } else { format!("{section}.{message}") }
}

/// Where a key such as `dns.ttl_min` stands in the text, in bytes; its longest known beginning when it is not there.
fn offset_of(text: &str, key: &str) -> Option<usize> {
    let (mut table, _) = toml::de::DeTable::parse_recoverable(text);
    let mut offset = None;
    let mut current: Option<&toml::de::DeTable<'_>> = Some(table.get_mut());
    for part in key.split('.') {
        let Some(table) = current else { return offset };
        let Some((known, value)) = table.iter().find(|(known, _)| known.get_ref() == part) else { return offset };
        offset = Some(known.span().start);
        current = value.get_ref().as_table();
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match Config::parse(text, Path::new("ies.toml")) {
            Ok(_) => "fine".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn says_line_and_key_of_what_is_wrong() {
        check("", "fine");
        check("node = 3\n[http]\nlisten = \"[::1]:80\"\n", "fine");
        check("[http]\ntrusted_proxies = [\"10.0.0.0/8\"]\nforwarded_header = \"forwarded\"\n", "fine");
        check("[http]\ntrusted_proxies = [\"proxy\"]\n", "line 2, http.trusted_proxies[0]: \"proxy\" is not a network");
        check("node = 3\n[http\n", "ies.toml, line 2");
        check("node = 3\n[http]\nlisten = \"here\"\n", "ies.toml, line 3, http.listen: invalid socket address");
        check("[http]\nport = 80\n", "ies.toml, line 2, http.port: unknown field `port`, expected");
        check("\n\nnode = 2000\n", "ies.toml, line 3: node must be at most 1023");
        check("[dns]\nttl_max = \"1s\"\n", "ies.toml, line 1: dns.ttl_min must not be longer");
        check("[dns]\ntimeout = \"soon\"\n", "line 2, dns.timeout: \"soon\" is not a length of time");
    }

    #[test]
    fn defaults_survive_the_way_through_toml() {
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(Config::parse(&text, Path::new("ies.toml")).unwrap(), Config::default());
    }
}
