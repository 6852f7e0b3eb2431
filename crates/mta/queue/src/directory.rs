//! What is configured, with what is happening on it: sources, pools and provider rules for the API's lists.
//!
//! Pure: made from the configuration, the provider rules and the sums of the running queue ([`Doing`]).

use std::collections::BTreeMap;

use dns::Resolver;
use model::name::Name;
use model::route::{Pool, TlsPolicy};
use model::time::Timestamp;
use model::units::{Rate, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Config;
use crate::control::{Action as OrderAction, Target};
use crate::handle::QueueHandle;
use crate::providers::{Action, ProviderEntry, Providers};
use crate::resolve::{self, Question, Resolution, ResolveError};
use crate::shaping::{RuleDetail, ShapingView};
use crate::view::{ControlView, ThrottleView};

/// Most slowed or stopped paths shown of one provider: the busiest.
pub const THROTTLES_MAX: usize = 100;

/// What is configured; kept beside a [`crate::handle::QueueHandle`].
#[derive(Clone, Debug)]
pub struct Directory {
    config: Config,
    providers: Providers,
    resolver: Option<Resolver>,
}

/// What the running queue does, by source and by provider; both are missing where there is no path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Doing {
    /// By source.
    pub sources: BTreeMap<Name, SourceDoing>,
    /// By provider.
    pub providers: BTreeMap<Name, ProviderDoing>,
    /// What persons have held or suspended.
    pub controls: Vec<ControlView>,
}

/// Why and since when a source cannot send: its address is not on this machine, or its proxies do not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Down {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// When it is looked at again, as far as that is known.
    #[serde(default)]
    pub next_check: Option<Timestamp>,
}

/// What a source does, over all its paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceDoing {
    /// Recipients bound to its paths.
    pub ready: u64,
    /// Recipients given to its sessions.
    pub in_flight: u64,
    /// Its connections.
    pub connections: u32,
    /// It cannot send now.
    pub down: Option<Down>,
}

/// How the way to a provider is, over all paths there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProviderDoing {
    /// Paths that are slowed or stopped.
    pub throttled: u64,
    /// The busiest of them, at most [`THROTTLES_MAX`].
    pub active: Vec<ActiveThrottle>,
}

/// One source (virtual MTA).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceView {
    /// Its name.
    pub name: Name,
    /// Its address; the machine chooses when absent.
    pub address: Option<String>,
    /// Its second address, of IPv6.
    pub address_v6: Option<String>,
    /// The proxies through which it connects, such as `socks5 192.0.2.1:1080`.
    pub egress: Vec<String>,
    /// The name said in EHLO.
    pub ehlo_name: String,
    /// It cannot send now; other members of its pools do.
    pub down: Option<Down>,
    /// The pools it works for.
    pub pools: Vec<Name>,
    /// Suspended by a person.
    pub suspended: bool,
    /// Who suspended it, since and until when, and why.
    #[serde(default)]
    pub suspension: Option<ControlView>,
    /// Recipients bound to its paths.
    pub ready: u64,
    /// Recipients given to its sessions.
    pub in_flight: u64,
    /// Its connections.
    pub connections: u32,
}

/// One provider: limits, rules, and what is in force now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderView {
    /// Its name.
    pub name: Name,
    /// What people call it.
    pub label: String,
    /// Where its operator speaks to senders.
    pub postmaster_url: Option<String>,
    /// Its MX suffixes.
    pub suffixes: Vec<String>,
    /// Connections from one source to one site.
    pub connections: u32,
    /// Messages on one connection.
    pub messages_per_connection: u32,
    /// Messages from one source to one site.
    pub rate: Option<Rate>,
    /// How TLS is used.
    pub tls: TlsPolicy,
    /// Where these values stand.
    pub set_by: String,
    /// What its replies lead to.
    pub rules: Vec<RuleView>,
    /// What slows or stops a path to it now: the 100 busiest of these paths.
    pub active: Vec<ActiveThrottle>,
    /// How many paths to it are slowed or stopped.
    pub active_total: u64,
}

/// One rule about replies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleView {
    /// Its name.
    pub name: Name,
    /// What the reply must look like.
    pub pattern: String,
    /// What is done, in words.
    pub actions: Vec<String>,
    /// How many such replies in what time; at the first one when absent.
    pub threshold: Option<Rate>,
    /// For how long.
    pub duration: Span,
    /// File and line.
    pub set_by: String,
}

/// A path that is slowed or stopped now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActiveThrottle {
    /// The source.
    pub source: Name,
    /// The site.
    pub site: Name,
    /// What and why.
    pub throttle: ThrottleView,
}

impl Directory {
    /// What this configuration and these rules say.
    pub fn new(config: Config, providers: Providers) -> Self {
        Directory { config, providers, resolver: None }
    }

    /// The same, able to ask the DNS.
    pub fn with_resolver(self, resolver: Resolver) -> Self {
        Directory { resolver: Some(resolver), ..self }
    }

    /// Where mail to a domain would go, and under which limits; with a handle, what is slowed now is told as well.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub async fn resolve(&self, question: &Question, queue: Option<&QueueHandle>) -> Result<Resolution, ResolveError> {
        resolve::resolve(&self.config, &self.providers, self.resolver.as_ref(), queue, question).await
    }

    /// The rules about replies, in the order of the file; `now` is what the running queue says of them.
    pub fn rules(&self, now: Option<&ShapingView>) -> Vec<RuleDetail> {
        let detail = |rule| RuleDetail::new(&self.providers, rule, self.config.rules_shadow, now);
        self.providers.rules().iter().map(detail).collect()
    }

    /// The provider rules.
    pub fn provider_rules(&self) -> &Providers {
        &self.providers
    }

    /// The sources, with what they are doing.
    pub fn sources(&self, now: &Doing) -> Vec<SourceView> {
        let pools = self.pools();
        let view = |source: model::route::Source| {
            let doing = now.sources.get(&source.name).cloned().unwrap_or_default();
            let suspends = |control: &ControlView| {
                control.action == OrderAction::Suspend && control.target == Target::Source(source.name.clone())
            };
            let suspension = now.controls.iter().find(|control| suspends(control)).cloned();
            let is_member = |pool: &&Pool| pool.members.iter().any(|member| member.source == source.name);
            SourceView {
                address: source.address.map(|address| address.to_string()),
                address_v6: source.address_v6.map(|address| address.to_string()),
                egress: source.egress.iter().map(|proxy| format!("{} {}", proxy.kind, proxy.address)).collect(),
                down: doing.down,
                ehlo_name: source.ehlo_name.clone(),
                pools: pools.iter().filter(is_member).map(|pool| pool.name.clone()).collect(),
                suspended: suspension.is_some(),
                suspension,
                ready: doing.ready,
                in_flight: doing.in_flight,
                connections: doing.connections,
                name: source.name,
            }
        };
        self.config.effective_sources().into_iter().map(view).collect()
    }

    /// Names of the sources.
    pub fn source_names(&self) -> Vec<Name> {
        self.config.effective_sources().into_iter().map(|source| source.name).collect()
    }

    /// Names of the providers that are known by their MX hosts.
    pub fn provider_names(&self) -> Vec<Name> {
        self.providers.entries().into_iter().map(|entry| entry.name).collect()
    }

    /// The pools.
    pub fn pools(&self) -> Vec<Pool> {
        self.config.effective_pools()
    }

    /// The providers with limits or rules of their own, in order of their names.
    pub fn providers(&self, now: &Doing) -> Vec<ProviderView> {
        let entries = self.providers.entries().into_iter().filter(|entry| entry.has_limits);
        entries.map(|entry| self.provider(entry, now)).collect()
    }

    fn provider(&self, entry: ProviderEntry, now: &Doing) -> ProviderView {
        let name = entry.name;
        let source = self.config.effective_sources().into_iter().next().map(|source| source.name).unwrap_or_default();
        let limits = self.providers.limits(&source, &name, None, &self.config.overrides);
        let rules = self.providers.rules().iter().filter(|rule| rule.providers.contains(&name));
        let rules = rules.map(|rule| RuleView {
            name: rule.name.clone(),
            pattern: rule.patterns.join(" | "),
            actions: rule.actions.iter().map(Action::words).collect(),
            threshold: rule.threshold,
            duration: Span(rule.duration),
            set_by: self.providers.rule_place(rule),
        });
        let doing = now.providers.get(&name).cloned().unwrap_or_default();
        ProviderView {
            label: entry.label,
            postmaster_url: entry.postmaster_url,
            suffixes: entry.suffixes,
            connections: limits.connections.value,
            messages_per_connection: limits.messages_per_connection.value,
            rate: limits.rate.map(|rate| rate.value),
            tls: limits.tls,
            set_by: limits.connections.set_by.to_string(),
            rules: rules.collect(),
            active: doing.active,
            active_total: doing.throttled,
            name,
        }
    }
}
