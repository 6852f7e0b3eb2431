//! Where mail to a domain would go, and under which limits: the answer of `ies resolve`.
//!
//! Reads the configuration, the rules file and the DNS; what is slowed now comes from the running queue where there is
//! one. Every limit comes with everything that was said of it in order of precedence, what lost included. Changes nothing.

use std::net::IpAddr;

use dns::site::site_name;
use dns::{MxAnswer, Resolver};
use model::name::Name;
use model::route::{MxHost, Source, TlsPolicy};
use model::units::Span;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::{Config, Stream};
use crate::groups::{Dimension, Facts, Group};
use crate::handle::QueueHandle;
use crate::providers::{Layers, Providers, RuleScope};
use crate::view::PathView;

/// Most sources of a pool that are described; the rest is counted.
pub const SOURCES_SHOWN_MAX: usize = 50;

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The recipient domain, or an address of it.
    pub domain: String,
    /// Only this source.
    pub source: Option<Name>,
    /// Mail of this stream; of the default stream when absent.
    pub stream: Option<Name>,
    /// Mail of this tenant.
    pub tenant: Option<Name>,
}

/// Why there is no answer. The asker names something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Not the name of a domain.
    #[error("{0:?} is not the name of a domain")]
    Domain(String),
    /// No such source is configured, or it does not work for the pool.
    #[error("there is no source {0:?} in the configuration")]
    Source(Name),
}

/// Where mail would go, and under which limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resolution {
    /// The domain.
    pub domain: String,
    /// Its mail hosts, best first.
    pub hosts: Vec<HostView>,
    /// Why there are none.
    pub trouble: Option<String>,
    /// The site that they make up.
    pub site: Option<Name>,
    /// The provider.
    pub provider: Option<Name>,
    /// Where the values of the provider come from, as the file says.
    pub origin: Option<String>,
    /// The stream.
    pub stream: Name,
    /// The stream is not listed in the configuration, and goes by this one's settings.
    pub stream_as: Option<Name>,
    /// Its priority, 0 to 100.
    pub priority: u8,
    /// When mail is given up.
    pub max_age: SaidView,
    /// When a deferred recipient is tried again; the first one that fits holds.
    pub retries: Vec<SaidView>,
    /// The pool.
    pub pool: Name,
    /// Its sources, with what holds for each.
    pub sources: Vec<SourceResolution>,
    /// Sources of the pool that are not described.
    pub sources_left_out: u64,
    /// Limits that its mail shares with others.
    pub groups: Vec<GroupResolution>,
    /// Rules about replies that are tried for it, in this order.
    pub rules: Vec<RuleResolution>,
    /// A suite runs, and was asked what is slowed now.
    pub live: bool,
}

/// A mail host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostView {
    /// Its name.
    pub name: Name,
    /// Its preference; lower is tried first.
    pub preference: u16,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Why they are not known.
    pub trouble: Option<String>,
}

/// A value, and who said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SaidView {
    /// The value.
    pub value: String,
    /// File and line, or the configuration key.
    pub set_by: String,
}

/// One limit, and everything that was said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitResolution {
    /// Its key, such as `connections`.
    pub key: String,
    /// The value that holds.
    pub value: String,
    /// Who set it.
    pub set_by: String,
    /// What lost, highest precedence first.
    pub lost: Vec<SaidView>,
}

/// One source, and what holds for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceResolution {
    /// Its name.
    pub name: Name,
    /// Its address; the machine chooses when absent.
    pub address: Option<String>,
    /// The name said in EHLO.
    pub ehlo_name: String,
    /// Its share in the pool.
    pub weight: u32,
    /// Sends only while no other member can.
    pub standby: bool,
    /// How TLS is used.
    pub tls: SaidView,
    /// Its limits, each as it holds.
    pub limits: Vec<LimitResolution>,
    /// The path as it is now; absent when nothing was sent there lately, or no suite runs.
    pub now: Option<PathView>,
}

/// A limit that several share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupResolution {
    /// Its name.
    pub name: Name,
    /// What it limits, in words.
    pub limits: String,
    /// Whose budget it is, such as `tenant acme, provider gmail`; one budget for all that fits when empty.
    pub budget: String,
    /// Where it is configured.
    pub set_by: String,
    /// It depends on the job, which is not known here.
    pub perhaps: bool,
}

/// A rule about replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleResolution {
    /// Its name.
    pub name: Name,
    /// What it does, in words.
    pub actions: Vec<String>,
    /// To what.
    pub scope: RuleScope,
    /// It only tells.
    pub shadow: bool,
    /// File and line.
    pub set_by: String,
}

/// Answers the question; with a handle, what is slowed now is told as well.
///
/// # Errors
/// [`ResolveError`].
pub async fn resolve(
    config: &Config,
    providers: &Providers,
    resolver: Option<&Resolver>,
    queue: Option<&QueueHandle>,
    question: &Question,
) -> Result<Resolution, ResolveError> {
    let domain = question.domain.rsplit('@').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
    if domain.is_empty() || domain.len() > 255 || !domain.bytes().all(sound) {
        return Err(ResolveError::Domain(question.domain.clone()));
    }
    if let Some(source) = &question.source
        && !config.effective_sources().iter().any(|known| known.name == *source)
    {
        return Err(ResolveError::Source(source.clone()));
    }
    let (hosts, trouble) = hosts_of(resolver, &domain).await;
    let mx: Vec<MxHost> =
        hosts.iter().map(|host| MxHost { name: host.name.clone(), preference: host.preference }).collect();
    let site = (!mx.is_empty()).then(|| site_name(&mx));
    let provider = (!mx.is_empty()).then(|| provider_of(providers, &mx, &domain));
    let asked = question.stream.clone().unwrap_or_else(|| config.default_stream.clone());
    let stream = stream_of(config, &asked);
    let mut answer = Resolution {
        origin: provider.as_ref().and_then(|provider| providers.origin(provider)).map(str::to_owned),
        stream_as: (stream.name != asked).then(|| stream.name.clone()),
        priority: stream.priority,
        max_age: max_age(providers, provider.as_ref(), stream),
        retries: retries(config, providers, provider.as_ref(), stream),
        pool: stream.pool.clone(),
        sources: Vec::new(),
        sources_left_out: 0,
        groups: Vec::new(),
        rules: rules(config, providers, provider.as_deref().unwrap_or_default()),
        live: queue.is_some(),
        stream: asked,
        domain,
        hosts,
        trouble,
        site,
        provider,
    };
    describe_sources(config, providers, queue, question, &mut answer).await;
    describe_groups(config, question, &mut answer);
    Ok(answer)
}

async fn hosts_of(resolver: Option<&Resolver>, domain: &str) -> (Vec<HostView>, Option<String>) {
    let Some(resolver) = resolver else { return (Vec::new(), Some("the DNS was not asked".to_owned())) };
    let hosts = match resolver.mx(domain).await {
        MxAnswer::Hosts(hosts) if !hosts.is_empty() => hosts,
        MxAnswer::Hosts(_) | MxAnswer::NoDomain => return (Vec::new(), Some("there is no such domain".to_owned())),
        MxAnswer::NullMx => return (Vec::new(), Some("the domain takes no mail (RFC 7505)".to_owned())),
        MxAnswer::Temporary(reason) => return (Vec::new(), Some(reason)),
    };
    let mut views = Vec::new();
    for host in hosts {
        let (addresses, trouble) = match resolver.addresses(&host.name).await {
            Ok(addresses) => (addresses.iter().map(IpAddr::to_string).collect(), None),
            Err(failure) => (Vec::new(), Some(failure.to_string())),
        };
        views.push(HostView { name: host.name, preference: host.preference, addresses, trouble });
    }
    (views, None)
}

/// The provider as the queue names it: of the rules, or the registrable domain of the first host.
pub(crate) fn provider_of(providers: &Providers, hosts: &[MxHost], domain: &str) -> Name {
    providers.of_site(hosts, domain).cloned().unwrap_or_else(|| {
        let host = hosts.first().map_or(domain, |host| &*host.name);
        psl::domain_str(host).map_or_else(|| Name::from(host), Name::from)
    })
}

fn stream_of<'a>(config: &'a Config, asked: &Name) -> &'a Stream {
    let by_name = |name: &Name| config.streams.iter().find(|stream| stream.name == *name);
    by_name(asked)
        .or_else(|| by_name(&config.default_stream))
        .expect("invariant: the configuration was validated: the default stream is listed")
}

fn max_age(providers: &Providers, provider: Option<&Name>, stream: &Stream) -> SaidView {
    let own = SaidView { value: stream.max_age.to_string(), set_by: format!("stream {}", stream.name) };
    let limits = provider.map(|provider| providers.limits(&Name::default(), provider, None, &[]));
    let of_provider = limits.and_then(|limits| limits.max_age).filter(|age| age.value < stream.max_age);
    of_provider.map_or(own, |age| SaidView { value: Span(age.value.0).to_string(), set_by: age.set_by.to_string() })
}

fn retries(config: &Config, providers: &Providers, provider: Option<&Name>, stream: &Stream) -> Vec<SaidView> {
    let mut said: Vec<SaidView> = Vec::new();
    for (place, entry) in config.retries.iter().enumerate().rev() {
        let fits = entry.provider.as_ref().is_none_or(|name| Some(name) == provider)
            && entry.stream.as_ref().is_none_or(|name| *name == stream.name);
        if fits {
            let set_by = format!("queue.retries[{place}] ({})", entry.conditions());
            said.push(SaidView { value: entry.words(), set_by });
        }
    }
    let limits = provider.map(|provider| providers.limits(&Name::default(), provider, None, &[]));
    if let Some(retry) = limits.and_then(|limits| limits.retry) {
        let value = format!("{} doubling to {}", retry.value.first, retry.value.longest);
        said.push(SaidView { value, set_by: retry.set_by.to_string() });
    }
    let value = format!("{} doubling to {}", stream.retry.first, stream.retry.longest);
    said.push(SaidView { value, set_by: format!("stream {}", stream.name) });
    said
}

fn rules(config: &Config, providers: &Providers, provider: &str) -> Vec<RuleResolution> {
    let rules = providers.rules_for(provider).into_iter().map(|idx| &providers.rules()[idx]);
    let view = |rule: &crate::providers::Rule| RuleResolution {
        name: rule.name.clone(),
        actions: rule.actions.iter().map(crate::providers::Action::words).collect(),
        scope: rule.scope,
        shadow: rule.shadow || config.rules_shadow,
        set_by: format!("{} line {}", providers.file(), rule.line),
    };
    rules.map(view).collect()
}

async fn describe_sources(
    config: &Config,
    providers: &Providers,
    queue: Option<&QueueHandle>,
    question: &Question,
    answer: &mut Resolution,
) {
    let all = config.effective_sources();
    let pool = config.effective_pools().into_iter().find(|pool| pool.name == answer.pool);
    let members = pool.map_or_else(Vec::new, |pool| pool.members);
    let provider = answer.provider.clone().unwrap_or_default();
    let asked = |name: &Name| question.source.as_ref().is_none_or(|source| source == name);
    let mut chosen: Vec<(&Source, u32, bool)> = Vec::new();
    for source in all.iter().filter(|source| asked(&source.name)) {
        match members.iter().find(|member| member.source == source.name) {
            Some(member) => chosen.push((source, member.weight, member.standby)),
            // Asked for by name: what would hold if it sent this.
            None if question.source.is_some() => chosen.push((source, 0, false)),
            None => {}
        }
    }
    answer.sources_left_out = chosen.len().saturating_sub(SOURCES_SHOWN_MAX) as u64;
    for (source, weight, standby) in chosen.into_iter().take(SOURCES_SHOWN_MAX) {
        let layers = providers.explain_limits(&source.name, &provider, answer.site.as_ref(), &config.overrides);
        let now = match (queue, &answer.site) {
            (Some(queue), Some(site)) => queue.path(source.name.clone(), site.clone()).await.ok().flatten(),
            _ => None,
        };
        answer.sources.push(SourceResolution {
            name: source.name.clone(),
            address: source.address.map(|address| address.to_string()),
            ehlo_name: source.ehlo_name.clone(),
            weight,
            standby,
            tls: tls(source, &layers),
            limits: layers.into_iter().filter(|limit| limit.key != "tls").map(limit).collect(),
            now,
        });
    }
}

fn tls(source: &Source, layers: &[Layers]) -> SaidView {
    if let Some(tls) = source.tls {
        let value = serde_json::to_value(tls).ok().and_then(|value| value.as_str().map(str::to_owned));
        return SaidView { value: value.unwrap_or_default(), set_by: format!("source {}", source.name) };
    }
    let said = layers.iter().find(|limit| limit.key == "tls").and_then(|limit| limit.said.last());
    let (value, set_by) = match said {
        Some((value, set_by)) => (value.clone(), set_by.to_string()),
        None => {
            let value = serde_json::to_value(TlsPolicy::default()).ok();
            let value = value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned();
            (value, "built-in default".to_owned())
        }
    };
    SaidView { value, set_by }
}

fn limit(layers: Layers) -> LimitResolution {
    let mut said = layers.said.into_iter().rev().map(|(value, set_by)| SaidView { value, set_by: set_by.to_string() });
    let first = said.next().expect("invariant: limits that nobody speaks of are left out");
    LimitResolution { key: layers.key.to_owned(), value: first.value, set_by: first.set_by, lost: said.collect() }
}

fn describe_groups(config: &Config, question: &Question, answer: &mut Resolution) {
    let domain = Name::from(answer.domain.as_str());
    let tenant = question.tenant.clone().unwrap_or_default();
    let sources: Vec<Name> = answer.sources.iter().map(|source| source.name.clone()).collect();
    for (place, group) in config.groups.iter().enumerate() {
        let jobless = Group { jobs: Vec::new(), ..group.clone() };
        for source in &sources {
            let facts = Facts {
                values: [
                    Some(source),
                    answer.provider.as_ref(),
                    answer.site.as_ref(),
                    Some(&domain),
                    Some(&answer.stream),
                    Some(&tenant),
                    None,
                ],
            };
            let Some(key) = jobless.key(&facts) else { continue };
            let named = group.per.iter().zip(&key).map(|(dimension, value)| format!("{dimension} {value}"));
            let found = GroupResolution {
                name: group.name.clone(),
                limits: group_limits(group),
                budget: named.collect::<Vec<_>>().join(", "),
                set_by: format!("queue.groups[{place}]"),
                perhaps: group.looks_at(Dimension::Job),
            };
            if !answer.groups.contains(&found) {
                answer.groups.push(found);
            }
        }
    }
}

fn group_limits(group: &Group) -> String {
    let parts = [
        group.rate.map(|rate| format!("{rate} messages")),
        group.byte_rate.map(|rate| format!("{rate} bytes")),
        group.connections.map(|count| format!("{count} connections")),
        group.connection_rate.map(|rate| format!("{rate} new connections")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
