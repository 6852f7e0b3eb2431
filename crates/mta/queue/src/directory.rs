//! What is configured, with what is happening on it: sources, pools and provider rules for the API's lists.
//!
//! Pure: made from the configuration, the provider rules and a snapshot of the running queue.

use model::name::Name;
use model::route::{Pool, TlsPolicy};
use model::units::{Rate, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Config;
use crate::control::{Action as OrderAction, Target};
use crate::providers::{Action, Providers};
use crate::view::{Snapshot, ThrottleView};

/// What is configured; kept beside a [`crate::handle::QueueHandle`].
#[derive(Clone, Debug)]
pub struct Directory {
    config: Config,
    providers: Providers,
}

/// One source (virtual MTA).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceView {
    /// Its name.
    pub name: Name,
    /// Its address; the machine chooses when absent.
    pub address: Option<String>,
    /// The name said in EHLO.
    pub ehlo_name: String,
    /// The pools it works for.
    pub pools: Vec<Name>,
    /// Suspended by a person.
    pub suspended: bool,
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
    /// What slows or stops a path to it now.
    pub active: Vec<ActiveThrottle>,
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
        Directory { config, providers }
    }

    /// The sources, with what they are doing.
    pub fn sources(&self, now: &Snapshot) -> Vec<SourceView> {
        let pools = self.pools();
        let view = |source: model::route::Source| {
            let paths = || now.paths.iter().filter(|path| path.source == source.name);
            let suspends = |control: &crate::view::ControlView| {
                control.action == OrderAction::Suspend && control.target == Target::Source(source.name.clone())
            };
            let is_member = |pool: &&Pool| pool.members.iter().any(|member| member.source == source.name);
            SourceView {
                address: source.address.map(|address| address.to_string()),
                ehlo_name: source.ehlo_name.clone(),
                pools: pools.iter().filter(is_member).map(|pool| pool.name.clone()).collect(),
                suspended: now.controls.iter().any(suspends),
                ready: paths().map(|path| path.ready).sum(),
                in_flight: paths().map(|path| path.in_flight).sum(),
                connections: paths().map(|path| path.connections).sum(),
                name: source.name,
            }
        };
        self.config.effective_sources().into_iter().map(view).collect()
    }

    /// The pools.
    pub fn pools(&self) -> Vec<Pool> {
        self.config.effective_pools()
    }

    /// The providers with limits or rules of their own, in order of their names.
    pub fn providers(&self, now: &Snapshot) -> Vec<ProviderView> {
        let entries = self.providers.entries().into_iter().filter(|entry| entry.has_limits);
        entries.map(|entry| self.provider(entry.name, entry.suffixes, now)).collect()
    }

    fn provider(&self, name: Name, suffixes: Vec<String>, now: &Snapshot) -> ProviderView {
        let source = self.config.effective_sources().into_iter().next().map(|source| source.name).unwrap_or_default();
        let limits = self.providers.limits(&source, &name, &self.config.overrides);
        let rules = self.providers.rules().iter().filter(|rule| rule.providers.contains(&name));
        let rules = rules.map(|rule| RuleView {
            name: rule.name.clone(),
            pattern: rule.pattern.clone(),
            actions: rule.actions.iter().map(in_words).collect(),
            threshold: rule.threshold,
            duration: Span(rule.duration),
            set_by: self.providers.rule_place(rule),
        });
        let active = now.paths.iter().filter(|path| path.provider == name).filter_map(|path| {
            let throttle = path.throttle.clone()?;
            Some(ActiveThrottle { source: path.source.clone(), site: path.site.clone(), throttle })
        });
        ProviderView {
            suffixes,
            connections: limits.connections.value,
            messages_per_connection: limits.messages_per_connection.value,
            rate: limits.rate.map(|rate| rate.value),
            tls: limits.tls,
            set_by: limits.connections.set_by.to_string(),
            rules: rules.collect(),
            active: active.collect(),
            name,
        }
    }
}

fn in_words(action: &Action) -> String {
    match action {
        Action::Suspend => "suspend".to_owned(),
        Action::Rate(rate) => rate.to_string(),
        Action::Connections(1) => "1 connection".to_owned(),
        Action::Connections(count) => format!("{count} connections"),
        Action::MessagesPerConnection(count) => format!("{count} messages on a connection"),
    }
}
