//! What an operator may set: sources, pools, streams, limits, and how eagerly the queue adapts.
//!
//! Limits towards mailbox providers are data of their own (`data/providers.toml`, see [`crate::providers`]); here they
//! can be narrowed or widened for one source or one provider. Nothing here is read while mail is moving: the driver
//! validates once and hands the values to the core.

use std::collections::HashSet;
use std::path::PathBuf;

use model::config::{Fault, Faults};
use model::name::Name;
use model::route::{Pool, PoolMember, Source};
use model::smarthost::Route;
use model::units::{Rate, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::groups::{GROUPS_MAX, Group};
pub use crate::overrides::Override;
use crate::retries::{RETRIES_MAX, RetryEntry};
use crate::retry::Retry;
use crate::shares::ShareEntry;
use crate::warmup::config::{PLANS_MAX, WarmUp};
use crate::windows::WindowEntry;

/// The queue: from which addresses mail leaves, in which order, how often it is tried, and how much at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Own addresses from which mail leaves. Without any, one named `default` that leaves the choice to the machine.
    pub sources: Vec<Source>,
    /// Groups of sources that share the work by weight. Without any, one named `default` with all sources. Each source
    /// can be named like a pool as well: it is one of its own name with itself as the only member.
    pub pools: Vec<Pool>,
    /// Kinds of traffic with their priority, retries and pool. `transactional` and `bulk` are always there; an entry of
    /// that name changes what it says of them.
    #[serde(deserialize_with = "Stream::with_built_in")]
    pub streams: Vec<Stream>,
    /// The stream whose settings hold for mail of a stream that is not listed.
    pub default_stream: Name,
    /// Retry schedules by provider, stream and kind of failure; the last fitting entry wins, also over the provider's
    /// and the stream's own.
    pub retries: Vec<RetryEntry>,
    /// When mail of a stream, a tenant or a job may leave; all entries that fit have to be open. Always, without any.
    pub windows: Vec<WindowEntry>,
    /// How turns are divided among tenants and jobs of the same priority; evenly, without any.
    pub shares: Vec<ShareEntry>,
    /// Mail that goes to hosts named here and not to the MX hosts of its domain: a smarthost, an LMTP server. The first
    /// route that fits has it.
    pub routes: Vec<Route>,
    /// Limits for some sources, providers, sites or domains, over those of the provider rules, value by value. An entry
    /// for a site wins over one for a provider, that over one for a source; of two of the same form the later one.
    pub overrides: Vec<Override>,
    /// Named limits that paths, streams, tenants or jobs share; all that fit hold together with those of the path.
    pub groups: Vec<Group>,
    /// A file in the form of `data/providers.toml` that replaces the built-in one.
    pub providers_file: Option<PathBuf>,
    /// The rules about replies only count and tell what they would do. One rule alone is put into shadow with
    /// `shadow = true` in the rules file, or with `ies rules shadow`.
    pub rules_shadow: bool,
    /// Where holds, suspensions and learned limits are kept over a restart; without it they are forgotten.
    pub state_file: Option<PathBuf>,
    /// Plans by which new sources raise their volume at each mailbox provider from day to day.
    pub warm_ups: Vec<WarmUp>,
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
    /// 0 to 100; mail of a higher number leaves first wherever both wait. 80 for `transactional`, 20 for `bulk`.
    #[serde(default = "default_priority")]
    pub priority: u8,
    /// A recipient that is still queued after this long is given up. Two days for `transactional`, four for `bulk`.
    #[serde(default = "default_max_age")]
    pub max_age: Span,
    /// When a deferred recipient is tried again.
    #[serde(default)]
    pub retry: Retry,
    /// The pool for mail that names none.
    #[serde(default = "default_name")]
    pub pool: Name,
}

/// An entry of the list of streams, before what it leaves out is filled in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamEntry {
    name: Name,
    priority: Option<u8>,
    max_age: Option<Span>,
    retry: Option<Retry>,
    pool: Option<Name>,
}

impl Stream {
    /// The streams that need not be configured.
    fn built_in() -> [Stream; 2] {
        let stream = |name: &str, priority, max_age_d: u64, first, longest| Stream {
            name: Name::from(name),
            priority,
            max_age: Span::s(max_age_d * 86_400),
            retry: Retry { first, longest },
            pool: default_name(),
        };
        [
            stream("transactional", 80, 2, Span::s(300), Span::s(3_600)),
            stream("bulk", 20, 4, Span::s(900), Span::s(4 * 3_600)),
        ]
    }

    /// The listed streams, then the built-in ones that are not among them.
    fn with_built_in<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Stream>, D::Error> {
        let entries = Vec::<StreamEntry>::deserialize(input)?;
        let mut streams: Vec<Stream> = entries.into_iter().map(StreamEntry::complete).collect();
        let listed = streams.len();
        for stream in Stream::built_in() {
            if !streams[..listed].iter().any(|other| other.name == stream.name) {
                streams.push(stream);
            }
        }
        Ok(streams)
    }
}

impl StreamEntry {
    fn complete(self) -> Stream {
        let built_in = Stream::built_in().into_iter().find(|stream| stream.name == self.name);
        let base = built_in.unwrap_or_else(|| Stream {
            name: self.name.clone(),
            priority: default_priority(),
            max_age: default_max_age(),
            retry: Retry::default(),
            pool: default_name(),
        });
        Stream {
            name: self.name,
            priority: self.priority.unwrap_or(base.priority),
            max_age: self.max_age.unwrap_or(base.max_age),
            retry: self.retry.unwrap_or(base.retry),
            pool: self.pool.unwrap_or(base.pool),
        }
    }
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
    /// At shutdown, how long is waited for sessions that finish what they have and for what they say of it. Longer than
    /// `delivery.shutdown_grace`, so that what a host took in the last moment is known.
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
            shutdown_grace: Span::s(45),
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
    /// This long after the last reply that asked to slow down, a lowered limit rises by itself, with deliveries or
    /// without, step by step until it is as configured.
    pub memory: Span,
    /// Slowest rate that is learned.
    pub floor: Rate,
    /// A learned rate that has come up to this is forgotten, where no rate is configured.
    pub ceiling: Option<Rate>,
    /// It only tells what it would do.
    pub shadow: bool,
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
            floor: Rate { count: 1, period: std::time::Duration::from_secs(60), burst: 1 },
            ceiling: None,
            shadow: false,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            sources: Vec::new(),
            pools: Vec::new(),
            streams: Stream::built_in().to_vec(),
            default_stream: Name::from("bulk"),
            retries: Vec::new(),
            windows: Vec::new(),
            shares: Vec::new(),
            overrides: Vec::new(),
            groups: Vec::new(),
            routes: Vec::new(),
            providers_file: None,
            rules_shadow: false,
            state_file: None,
            warm_ups: Vec::new(),
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
        vec![Source::new(default_name(), None, "localhost")]
    }

    /// The pools, with the default one where none is configured.
    pub fn effective_pools(&self) -> Vec<Pool> {
        if !self.pools.is_empty() {
            return self.pools.clone();
        }
        let members = self.effective_sources().into_iter().map(|source| PoolMember {
            source: source.name,
            weight: 1,
            standby: false,
        });
        vec![Pool { name: default_name(), members: members.collect(), fallback: None }]
    }

    /// Every pool that mail and streams may name: those of [`Config::effective_pools`], and each source as a pool of its
    /// own name with itself as the only member, unless a pool has that name.
    pub fn all_pools(&self) -> Vec<Pool> {
        let mut pools = self.effective_pools();
        let taken: HashSet<Name> = pools.iter().map(|pool| pool.name.clone()).collect();
        let alone = self.effective_sources().into_iter().filter(|source| !taken.contains(&source.name));
        pools.extend(alone.map(|source| Pool {
            name: source.name.clone(),
            members: vec![PoolMember { source: source.name, weight: 1, standby: false }],
            fallback: None,
        }));
        pools
    }

    /// Checks what the form alone cannot.
    ///
    /// # Errors
    /// Every mistake; the operator mends the configuration.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        self.check_sources(&mut faults);
        self.check_pools(&mut faults);
        self.check_streams(&mut faults);
        self.check_timing(&mut faults);
        self.check_overrides(&mut faults);
        self.check_groups(&mut faults);
        self.check_routes(&mut faults);
        self.check_warm_ups(&mut faults);
        faults.inside("limits", self.limits.validate());
        faults.inside("adaptive", self.adaptive.validate());
        faults.result()
    }

    fn check_sources(&self, faults: &mut Faults) {
        let most = || Fault::new("sources", format!("must be at most {SOURCES_MAX}"));
        faults.unless(self.sources.len() <= SOURCES_MAX, most);
        let mut names = HashSet::new();
        for (idx, source) in self.sources.iter().enumerate() {
            let Source { name, ehlo_name, .. } = source;
            faults.unless(!name.is_empty() && !name.contains('/') && name.len() <= Name::LEN_MAX, || {
                let rule = format!("must not be empty, contain a slash or be longer than {}", Name::LEN_MAX);
                Fault::new(format!("sources[{idx}].name"), rule).example("\"ip-1\"")
            });
            faults.unless(names.insert(name), || Fault::new(format!("sources[{idx}].name"), TWICE));
            faults.unless(!ehlo_name.is_empty() && ehlo_name.bytes().all(|b| b > b' ' && b < 0x7f), || {
                let rule = "must be a host name";
                Fault::new(format!("sources[{idx}].ehlo_name"), rule).example("\"mta1.example.com\"")
            });
            faults.inside(&format!("sources[{idx}]"), source.validate());
        }
    }

    fn check_routes(&self, faults: &mut Faults) {
        faults
            .unless(self.routes.len() <= ROUTES_MAX, || Fault::new("routes", format!("must be at most {ROUTES_MAX}")));
        let mut names = HashSet::new();
        for (idx, route) in self.routes.iter().enumerate() {
            faults.inside(&format!("routes[{idx}]"), route.validate());
            faults.unless(names.insert(&route.name), || Fault::new(format!("routes[{idx}].name"), TWICE));
        }
    }

    fn check_pools(&self, faults: &mut Faults) {
        let sources = self.effective_sources();
        let mut names = HashSet::new();
        for (idx, pool) in self.pools.iter().enumerate() {
            faults.unless(names.insert(&pool.name), || Fault::new(format!("pools[{idx}].name"), TWICE));
            if let Some(fallback) = &pool.fallback {
                let others = || self.pools.iter().map(|other| &other.name).filter(|name| **name != pool.name);
                faults.unless(others().any(|name| name == fallback), || {
                    Fault::new(format!("pools[{idx}].fallback"), one_of("other pools", others()))
                });
            }
            faults.unless(pool.members.iter().any(|member| member.weight > 0), || {
                Fault::new(format!("pools[{idx}].members"), "must have one with a weight above 0")
            });
            for (place, member) in pool.members.iter().enumerate() {
                let key = |field: &str| format!("pools[{idx}].members[{place}].{field}");
                let known = || sources.iter().map(|source| &source.name);
                faults.unless(known().any(|name| *name == member.source), || {
                    Fault::new(key("source"), one_of("sources", known()))
                });
                faults.unless(member.weight <= WEIGHT_MAX, || {
                    Fault::new(key("weight"), format!("must be at most {WEIGHT_MAX}"))
                });
            }
        }
    }

    fn check_streams(&self, faults: &mut Faults) {
        let pools = self.all_pools();
        let mut names = HashSet::new();
        for (idx, stream) in self.streams.iter().enumerate() {
            let key = |field: &str| format!("streams[{idx}].{field}");
            faults.unless(names.insert(&stream.name), || Fault::new(key("name"), TWICE));
            faults.unless(stream.priority <= 100, || Fault::new(key("priority"), "must be at most 100"));
            faults.unless(pools.iter().any(|pool| pool.name == stream.pool), || {
                Fault::new(key("pool"), one_of("pools", pools.iter().map(|pool| &pool.name)))
            });
            faults.inside(&key("retry"), stream.retry.validate());
            faults.unless(!stream.max_age.0.is_zero(), || {
                Fault::new(key("max_age"), "must be longer than 0s").example("\"4d12h\"")
            });
        }
        faults.unless(names.contains(&self.default_stream), || {
            Fault::new("default_stream", one_of("streams", self.streams.iter().map(|stream| &stream.name)))
        });
    }

    fn check_timing(&self, faults: &mut Faults) {
        let known = |name: &Option<Name>| {
            name.as_ref().is_none_or(|name| self.streams.iter().any(|stream| stream.name == *name))
        };
        let stream = |key: String| Fault::new(key, one_of("streams", self.streams.iter().map(|stream| &stream.name)));
        let lens = [("retries", self.retries.len()), ("windows", self.windows.len()), ("shares", self.shares.len())];
        for (key, len) in lens {
            faults.unless(len <= RETRIES_MAX, || Fault::new(key, format!("must have at most {RETRIES_MAX} entries")));
        }
        for (idx, entry) in self.retries.iter().enumerate() {
            faults.inside(&format!("retries[{idx}]"), entry.validate());
            faults.unless(known(&entry.stream), || stream(format!("retries[{idx}].stream")));
        }
        for (idx, entry) in self.windows.iter().enumerate() {
            faults.inside(&format!("windows[{idx}]"), entry.validate());
            faults.unless(known(&entry.stream), || stream(format!("windows[{idx}].stream")));
        }
        for (idx, entry) in self.shares.iter().enumerate() {
            faults.inside(&format!("shares[{idx}]"), entry.validate());
        }
    }

    fn check_overrides(&self, faults: &mut Faults) {
        let sources = self.effective_sources();
        for (idx, entry) in self.overrides.iter().enumerate() {
            entry.check(&format!("overrides[{idx}]"), &sources, faults);
        }
    }

    fn check_warm_ups(&self, faults: &mut Faults) {
        let most = || Fault::new("warm_ups", format!("must be at most {PLANS_MAX}"));
        faults.unless(self.warm_ups.len() <= PLANS_MAX, most);
        let sources = self.effective_sources();
        for (idx, plan) in self.warm_ups.iter().enumerate() {
            let key = format!("warm_ups[{idx}]");
            faults.inside(&key, plan.validate(sources.iter().map(|source| &source.name)));
            let before = self.warm_ups[..idx].iter().any(|other| other.source == plan.source);
            faults.unless(!before, || Fault::new(format!("{key}.source"), TWICE));
            for (place, name) in plan.streams.iter().enumerate() {
                faults.unless(self.streams.iter().any(|stream| stream.name == *name), || {
                    let known = self.streams.iter().map(|stream| &stream.name);
                    Fault::new(format!("{key}.streams[{place}]"), one_of("streams", known))
                });
            }
        }
        self.check_somebody_sends(faults);
    }

    /// A stream whose pool has none but sources that warm up for others would never leave.
    fn check_somebody_sends(&self, faults: &mut Faults) {
        let pools = self.all_pools();
        for stream in &self.streams {
            let mut pool = pools.iter().find(|pool| pool.name == stream.pool);
            let mut members = Vec::new();
            for _ in 0..pools.len() {
                let Some(known) = pool else { break };
                members.extend(known.members.iter().filter(|member| member.weight > 0).map(|member| &member.source));
                pool = known.fallback.as_ref().and_then(|name| pools.iter().find(|pool| pool.name == *name));
            }
            let shuts_out = |source: &Name| {
                let plan = self.warm_ups.iter().position(|plan| plan.source == *source);
                plan.filter(|&plan| {
                    let streams = &self.warm_ups[plan].streams;
                    !streams.is_empty() && !streams.contains(&stream.name)
                })
            };
            let plans: Vec<Option<usize>> = members.into_iter().map(shuts_out).collect();
            if let (Some(Some(plan)), true) = (plans.first(), plans.iter().all(Option::is_some)) {
                let rule = format!(
                    "must have \"{}\" as well: no other source of its pool \"{}\" may send that stream",
                    stream.name, stream.pool
                );
                faults.add(Fault::new(format!("warm_ups[{plan}].streams"), rule));
            }
        }
    }

    fn check_groups(&self, faults: &mut Faults) {
        faults
            .unless(self.groups.len() <= GROUPS_MAX, || Fault::new("groups", format!("must be at most {GROUPS_MAX}")));
        let mut names = HashSet::new();
        for (idx, group) in self.groups.iter().enumerate() {
            faults.unless(names.insert(&group.name), || Fault::new(format!("groups[{idx}].name"), TWICE));
            group.check(&format!("groups[{idx}]"), faults);
        }
    }
}

impl Limits {
    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.within("recipients_max", self.recipients_max, 1..=u64::from(u32::MAX / 2));
        faults.at_least("connections_max", self.connections_max, 1);
        faults.at_least("ready_max", self.ready_max, 1);
        faults.at_least("lookups_max", self.lookups_max, 1);
        faults.at_least("route_max_age", self.route_max_age, Span::s(1));
        faults.result()
    }
}

impl Adaptive {
    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.within("decrease_percent", self.decrease_percent, 1..=95);
        faults.within("increase_percent", self.increase_percent, 1..=100);
        faults.at_least("increase_interval", self.increase_interval, Span::s(1));
        faults.unless(self.memory >= self.increase_interval, || {
            Fault::new("memory", "must not be shorter than").than("increase_interval")
        });
        let per_s = crate::adapt::per_s;
        faults.unless(self.ceiling.is_none_or(|ceiling| per_s(ceiling) > per_s(self.floor)), || {
            Fault::new("ceiling", "must be above").than("floor")
        });
        faults.result()
    }
}

/// What is wrong with a name that was given before.
const TWICE: &str = "must not be there twice";

/// A rule for names of things that are configured elsewhere.
pub(crate) fn one_of<'a>(what: &str, known: impl Iterator<Item = &'a Name>) -> String {
    let names: Vec<String> = known.take(NAMES_SHOWN).map(|name| format!("\"{name}\"")).collect();
    format!("must be one of the {what}: {}", names.join(", "))
}

/// Most names of sources, pools or streams that a mistake in the configuration lists.
const NAMES_SHOWN: usize = 20;

/// Most sources in one suite: they are kept by number in sixteen bits and walked in pools.
pub const SOURCES_MAX: usize = 10_000;

/// Most routes of the operator: each mail is held against them in their order.
pub const ROUTES_MAX: usize = 1_000;

/// Highest weight of a source in a pool.
pub const WEIGHT_MAX: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let config: Config = toml::from_str(text).unwrap();
        let found = config.validate().err().map(|faults| faults.to_string()).unwrap_or_default();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_default_is_valid_and_read_back() {
        Config::default().validate().unwrap();
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
        assert_eq!(Config::default().effective_pools()[0].members.len(), 1);
    }

    #[test]
    fn every_source_can_be_named_like_a_pool() {
        let check = |text: &str, expected: &[&str]| {
            let config: Config = toml::from_str(text).unwrap();
            let members = |pool: Pool| pool.members.into_iter().map(|member| member.source.to_string());
            let pools = config.all_pools().into_iter();
            let found =
                pools.map(|pool| format!("{}: {}", pool.name.clone(), members(pool).collect::<Vec<_>>().join(" ")));
            assert_eq!(found.collect::<Vec<_>>(), expected, "{text}");
        };
        check("", &["default: default"]);
        let sources =
            "[[sources]]\nname = \"a\"\nehlo_name = \"a.test\"\n[[sources]]\nname = \"b\"\nehlo_name = \"b.test\"\n";
        check(sources, &["default: a b", "a: a", "b: b"]);
        let pool = "[[pools]]\nname = \"a\"\nmembers = [{ source = \"b\", weight = 1 }]\n";
        check(&format!("{sources}{pool}"), &["a: b", "b: b"]);
    }

    #[test]
    fn streams_that_are_not_listed_stay_as_they_are() {
        let check = |text: &str, expected: &[(&str, u8, u64)]| {
            let config: Config = toml::from_str(text).unwrap();
            let found: Vec<(&str, u8, u64)> = config
                .streams
                .iter()
                .map(|stream| (stream.name.as_str(), stream.priority, stream.max_age.0.as_secs() / 86_400))
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        check("", &[("transactional", 80, 2), ("bulk", 20, 4)]);
        check("[[streams]]\nname='bulk'", &[("bulk", 20, 4), ("transactional", 80, 2)]);
        check("[[streams]]\nname='bulk'\npriority=30", &[("bulk", 30, 4), ("transactional", 80, 2)]);
        let mine = [("mine", 50, 1), ("transactional", 80, 2), ("bulk", 20, 4)];
        check("[[streams]]\nname='mine'\nmax_age='1d'", &mine);
    }

    #[test]
    fn errors_name_their_key() {
        check("", "");
        let streams = "must be one of the streams: \"transactional\", \"bulk\"";
        check("default_stream = 'mine'", &format!("default_stream {streams}"));
        let name = "sources[0].name must not be empty, contain a slash or be longer than 255; for example \"ip-1\"";
        check("[[sources]]\nname='a/b'\nehlo_name='x'", name);
        let source = "must be one of the sources: \"default\"";
        let pool = "[[pools]]\nname='default'\nmembers";
        check(&format!("{pool}=[{{source='b'}}]"), &format!("pools[0].members[0].source {source}"));
        check(
            &format!("{pool}=[{{source='default',weight=0}}]"),
            "pools[0].members must have one with a weight above 0",
        );
        let connections = "overrides[0].connections must be at least 1 (suspend the path to send nothing)";
        check("[[overrides]]\nconnections=0", connections);
        check("[[overrides]]\nsource='b'\nconnections=0", &format!("overrides[0].source {source}; {connections}"));
        check("limits.ready_max=0", "limits.ready_max must be at least 1");
        check("adaptive.decrease_percent=99", "adaptive.decrease_percent must be between 1 and 95");
        let retry = "[[streams]]\nname='bulk'\nretry={first='2s',longest='1s'}";
        check(retry, "streams[0].retry.longest must not be shorter than streams[0].retry.first");
    }
}
