//! What an operator may set: sources, pools, streams, limits, and how eagerly the queue adapts.
//!
//! Limits towards mailbox providers are data of their own (`data/providers.toml`, see [`crate::providers`]); here they
//! can be narrowed or widened for one source or one provider. Nothing here is read while mail is moving: the driver
//! validates once and hands the values to the core.

use std::path::PathBuf;

use model::name::Name;
use model::route::{Pool, PoolMember, Source, TlsPolicy};
use model::units::{Rate, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::retry::Retry;

/// The queue: from which addresses mail leaves, in which order, how often it is tried, and how much at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Own addresses from which mail leaves. Without any, one named `default` that leaves the choice to the machine.
    pub sources: Vec<Source>,
    /// Groups of sources that share the work by weight. Without any, one named `default` with all sources.
    pub pools: Vec<Pool>,
    /// Kinds of traffic with their priority, retries and pool.
    pub streams: Vec<Stream>,
    /// The stream whose settings hold for mail of a stream that is not listed.
    pub default_stream: Name,
    /// Limits for one source, one provider, or one source at one provider; the last fitting entry wins, value by value.
    pub overrides: Vec<Override>,
    /// A file in the form of `data/providers.toml` that replaces the built-in one.
    pub providers_file: Option<PathBuf>,
    /// Where holds, suspensions and learned limits are kept over a restart; without it they are forgotten.
    pub state_file: Option<PathBuf>,
    /// Limits of the whole queue.
    pub limits: Limits,
    /// How the queue slows down and speeds up by what providers answer.
    pub adaptive: Adaptive,
}

/// A kind of traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Its name, as submissions give it.
    pub name: Name,
    /// 0 to 100; mail of a higher number leaves first wherever both wait.
    #[serde(default = "default_priority")]
    pub priority: u8,
    /// A recipient that is still queued after this long is given up.
    #[serde(default = "default_max_age")]
    pub max_age: Span,
    /// When a deferred recipient is tried again.
    #[serde(default)]
    pub retry: Retry,
    /// The pool for mail that names none.
    #[serde(default = "default_name")]
    pub pool: Name,
}

fn default_priority() -> u8 {
    50
}

fn default_max_age() -> Span {
    Span::s(4 * 86_400 + 12 * 3_600)
}

fn default_name() -> Name {
    Name::from("default")
}

/// Limits for some paths, over those of the provider rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Override {
    /// For this source only.
    pub source: Option<Name>,
    /// For this provider only.
    pub provider: Option<Name>,
    /// Connections from one source to one site.
    pub connections: Option<u32>,
    /// Connections from one source to all sites of the provider.
    pub provider_connections: Option<u32>,
    /// Messages from one source to one site.
    pub rate: Option<Rate>,
    /// Messages from one source to all sites of the provider.
    pub provider_rate: Option<Rate>,
    /// New connections from one source to one site.
    pub connection_rate: Option<Rate>,
    /// Messages after which a connection is closed.
    pub messages_per_connection: Option<u32>,
    /// Recipients in one transaction.
    pub recipients_per_transaction: Option<u32>,
    /// How TLS is used.
    pub tls: Option<TlsPolicy>,
}

/// Limits of the whole queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most recipients held in memory; beyond it the queue takes nothing more from the spool until some are done.
    pub recipients_max: u64,
    /// Most connections open at a time, over all sources and sites.
    pub connections_max: u32,
    /// Most recipients bound to one path; the others wait unbound, so that another source can take them.
    pub ready_max: u32,
    /// Most names asked of the DNS at a time.
    pub lookups_max: u32,
    /// How long the MX hosts found for a domain are used before they are asked again.
    pub route_max_age: Span,
    /// A session keeps its connection at most this long while other sites of its provider wait for one.
    pub connection_share: Span,
    /// How long a site without mail is remembered, with its counters and last reply.
    pub forget_after: Span,
    /// At shutdown, how long sessions may finish what they have.
    pub shutdown_grace: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            recipients_max: 4_000_000,
            connections_max: 1_200,
            ready_max: 1_000,
            lookups_max: 64,
            route_max_age: Span::s(300),
            connection_share: Span::s(30),
            forget_after: Span::s(3_600),
            shutdown_grace: Span::s(30),
        }
    }
}

/// How the queue slows down and speeds up by what providers answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adaptive {
    /// Off: replies are only counted, and the provider rules alone slow a path.
    pub enabled: bool,
    /// What is left of a limit after a reply that asks to slow down, in per cent (1 to 95).
    pub decrease_percent: u8,
    /// Replies within this time after a decrease do not decrease again: they answer mail sent before it.
    pub decrease_interval: Span,
    /// By how much a lowered limit is raised at a time, in per cent (1 to 100).
    pub increase_percent: u8,
    /// A lowered limit is raised after this long with deliveries and without a reply that asks to slow down.
    pub increase_interval: Span,
    /// A lowered limit is forgotten this long after the last reply that asked to slow down.
    pub memory: Span,
}

impl Default for Adaptive {
    fn default() -> Self {
        Adaptive {
            enabled: true,
            decrease_percent: 50,
            decrease_interval: Span::s(20),
            increase_percent: 25,
            increase_interval: Span::s(60),
            memory: Span::s(3_600),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let stream = |name: &str, priority, max_age_d: u64, first, longest| Stream {
            name: Name::from(name),
            priority,
            max_age: Span::s(max_age_d * 86_400),
            retry: Retry { first, longest },
            pool: default_name(),
        };
        Config {
            sources: Vec::new(),
            pools: Vec::new(),
            streams: vec![
                stream("transactional", 80, 2, Span::s(300), Span::s(3_600)),
                stream("bulk", 20, 4, Span::s(900), Span::s(4 * 3_600)),
            ],
            default_stream: Name::from("bulk"),
            overrides: Vec::new(),
            providers_file: None,
            state_file: None,
            limits: Limits::default(),
            adaptive: Adaptive::default(),
        }
    }
}

impl Config {
    /// The sources, with the default one where none is configured.
    pub fn effective_sources(&self) -> Vec<Source> {
        if !self.sources.is_empty() {
            return self.sources.clone();
        }
        vec![Source { name: default_name(), address: None, ehlo_name: "localhost".to_owned() }]
    }

    /// The pools, with the default one where none is configured.
    pub fn effective_pools(&self) -> Vec<Pool> {
        if !self.pools.is_empty() {
            return self.pools.clone();
        }
        let members = self.effective_sources().into_iter().map(|source| PoolMember { source: source.name, weight: 1 });
        vec![Pool { name: default_name(), members: members.collect() }]
    }

    /// Checks what the form alone cannot.
    ///
    /// # Errors
    /// A sentence that names the key; the operator mends the configuration.
    pub fn validate(&self) -> Result<(), String> {
        self.validate_sources()?;
        self.validate_streams()?;
        self.validate_overrides()?;
        self.validate_limits()
    }

    fn validate_sources(&self) -> Result<(), String> {
        let (sources, pools) = (self.effective_sources(), self.effective_pools());
        if sources.len() > SOURCES_MAX {
            return Err(format!("sources: more than {SOURCES_MAX}"));
        }
        for (idx, source) in sources.iter().enumerate() {
            if source.name.is_empty() || source.name.contains('/') || source.name.len() > Name::LEN_MAX {
                return Err(format!("sources[{idx}].name: must not be empty or contain a slash"));
            }
            if source.ehlo_name.is_empty() || source.ehlo_name.bytes().any(|b| b <= b' ' || b >= 0x7f) {
                return Err(format!("sources[{idx}].ehlo_name: must be a host name"));
            }
            if sources[..idx].iter().any(|other| other.name == source.name) {
                return Err(format!("sources[{idx}].name: {:?} is there twice", &*source.name));
            }
        }
        for (idx, pool) in pools.iter().enumerate() {
            if pools[..idx].iter().any(|other| other.name == pool.name) {
                return Err(format!("pools[{idx}].name: {:?} is there twice", &*pool.name));
            }
            if pool.members.iter().all(|member| member.weight == 0) {
                return Err(format!("pools[{idx}].members: no member has a weight above 0"));
            }
            for member in &pool.members {
                if !sources.iter().any(|source| source.name == member.source) {
                    return Err(format!("pools[{idx}].members: there is no source {:?}", &*member.source));
                }
                if member.weight > WEIGHT_MAX {
                    return Err(format!("pools[{idx}].members: a weight is above {WEIGHT_MAX}"));
                }
            }
        }
        Ok(())
    }

    fn validate_streams(&self) -> Result<(), String> {
        let pools = self.effective_pools();
        for (idx, stream) in self.streams.iter().enumerate() {
            if self.streams[..idx].iter().any(|other| other.name == stream.name) {
                return Err(format!("streams[{idx}].name: {:?} is there twice", &*stream.name));
            }
            if stream.priority > 100 {
                return Err(format!("streams[{idx}].priority: above 100"));
            }
            if !pools.iter().any(|pool| pool.name == stream.pool) {
                return Err(format!("streams[{idx}].pool: there is no pool {:?}", &*stream.pool));
            }
            stream.retry.validate().map_err(|error| format!("streams[{idx}].retry.{error}"))?;
            if stream.max_age.0.is_zero() {
                return Err(format!("streams[{idx}].max_age: must be more than nothing"));
            }
        }
        if !self.streams.iter().any(|stream| stream.name == self.default_stream) {
            return Err(format!("default_stream: there is no stream {:?}", &*self.default_stream));
        }
        Ok(())
    }

    fn validate_overrides(&self) -> Result<(), String> {
        let sources = self.effective_sources();
        for (idx, entry) in self.overrides.iter().enumerate() {
            if let Some(name) = &entry.source
                && !sources.iter().any(|source| source.name == *name)
            {
                return Err(format!("overrides[{idx}].source: there is no source {:?}", &**name));
            }
            let counts = [
                ("connections", entry.connections),
                ("provider_connections", entry.provider_connections),
                ("messages_per_connection", entry.messages_per_connection),
                ("recipients_per_transaction", entry.recipients_per_transaction),
            ];
            if let Some((key, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
                return Err(format!("overrides[{idx}].{key}: must be at least 1 (suspend the path to send nothing)"));
            }
        }
        Ok(())
    }

    fn validate_limits(&self) -> Result<(), String> {
        let (limits, adaptive) = (&self.limits, &self.adaptive);
        let at_least_one = [
            ("limits.recipients_max", limits.recipients_max),
            ("limits.connections_max", u64::from(limits.connections_max)),
            ("limits.ready_max", u64::from(limits.ready_max)),
            ("limits.lookups_max", u64::from(limits.lookups_max)),
        ];
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{key}: must be at least 1"));
        }
        if limits.recipients_max > u64::from(u32::MAX / 2) {
            return Err("limits.recipients_max: above 2 billion".to_owned());
        }
        if limits.route_max_age < Span::s(1) {
            return Err("limits.route_max_age: must be at least 1s".to_owned());
        }
        if !(1..=95).contains(&adaptive.decrease_percent) {
            return Err("adaptive.decrease_percent: must be between 1 and 95".to_owned());
        }
        if !(1..=100).contains(&adaptive.increase_percent) {
            return Err("adaptive.increase_percent: must be between 1 and 100".to_owned());
        }
        if adaptive.increase_interval < Span::s(1) || adaptive.memory < adaptive.increase_interval {
            return Err("adaptive.memory: must be at least increase_interval, which is at least 1s".to_owned());
        }
        Ok(())
    }
}

/// Most sources in one suite: they are kept by number in sixteen bits and walked in pools.
pub const SOURCES_MAX: usize = 10_000;

/// Highest weight of a source in a pool.
pub const WEIGHT_MAX: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(), &str>) {
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!(config.validate(), expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn the_default_is_valid_and_read_back() {
        Config::default().validate().unwrap();
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
        assert_eq!(Config::default().effective_pools()[0].members.len(), 1);
    }

    #[test]
    fn errors_name_their_key() {
        check("", Ok(()));
        check("default_stream = 'mine'", Err("default_stream: there is no stream \"mine\""));
        check("[[sources]]\nname='a/b'\nehlo_name='x'", Err("sources[0].name: must not be empty or contain a slash"));
        check("[[pools]]\nname='default'\nmembers=[{source='b'}]", Err("pools[0].members: there is no source \"b\""));
        check(
            "[[pools]]\nname='default'\nmembers=[{source='default',weight=0}]",
            Err("pools[0].members: no member has a weight above 0"),
        );
        check(
            "[[overrides]]\nconnections=0",
            Err("overrides[0].connections: must be at least 1 (suspend the path to send nothing)"),
        );
        check("limits.ready_max=0", Err("limits.ready_max: must be at least 1"));
        check("adaptive.decrease_percent=99", Err("adaptive.decrease_percent: must be between 1 and 95"));
    }
}
