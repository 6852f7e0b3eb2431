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
use crate::warmup;

/// Most sources of a pool that are described; the rest is counted.
pub const SOURCES_SHOWN_MAX: usize = 50;

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The recipient domain, or an address of it; or `provider:NAME`, `site:NAME` or `path:SOURCE/SITE` without a domain.
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
    #[error("{0:?} is not the name of a domain, nor provider:NAME, site:NAME or path:SOURCE/SITE")]
    Domain(String),
    /// No rule, override or route speaks of such a provider.
    #[error("there is no provider {0:?} in the rules file, the overrides or the routes")]
    Provider(Name),
    /// No such source is configured, or it does not work for the pool.
    #[error("there is no source {0:?} in the configuration")]
    Source(Name),
}

/// Where mail would go, and under which limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resolution {
    /// The domain; or what was asked for without one, such as `provider:gmail`.
    pub domain: String,
    /// Its mail hosts, best first; none where no domain was asked for.
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
    /// It depends on what is not known here: the job, and without a domain also the domain and the site.
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
    let asked_source = |source: &Name| match config.effective_sources().iter().any(|known| known.name == *source) {
        true => Ok(()),
        false => Err(ResolveError::Source(source.clone())),
    };
    question.source.as_ref().map_or(Ok(()), asked_source)?;
    let way = match Place::read(&question.domain)? {
        Place::Domain(domain) => {
            let (hosts, trouble) = hosts_of(resolver, &domain).await;
            let mx: Vec<MxHost> =
                hosts.iter().map(|host| MxHost { name: host.name.clone(), preference: host.preference }).collect();
            let site = (!mx.is_empty()).then(|| site_name(&mx));
            let provider = (!mx.is_empty()).then(|| provider_of(providers, &mx, &domain));
            Way { name: domain, source: None, hosts, trouble, site, provider }
        }
        Place::Provider(provider) => {
            is_known(config, providers, &provider)?;
            Way { name: format!("provider:{provider}"), provider: Some(provider), ..Way::default() }
        }
        Place::Site(source, site) => {
            source.as_ref().map_or(Ok(()), asked_source)?;
            let provider = provider_of_site(config, providers, queue, &site).await;
            let name = match &source {
                Some(source) => format!("path:{source}/{site}"),
                None => format!("site:{site}"),
            };
            Way { name, source, site: Some(site), provider: Some(provider), ..Way::default() }
        }
    };
    let question = &Question { source: question.source.clone().or(way.source), ..question.clone() };
    let Way { name: domain, hosts, trouble, site, provider, .. } = way;
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

/// What was asked for.
enum Place {
    Domain(String),
    Provider(Name),
    /// A site, and where it is a path also its source.
    Site(Option<Name>, Name),
}

impl Place {
    fn read(text: &str) -> Result<Place, ResolveError> {
        let text = text.trim();
        let refuse = || ResolveError::Domain(text.chars().take(80).collect());
        if text.len() > 512 {
            return Err(refuse());
        }
        let place = match text.split_once(':') {
            Some(("provider", name)) => Place::Provider(Name::from(name.to_ascii_lowercase())),
            Some(("site", name)) => Place::Site(None, Name::from(name.to_ascii_lowercase())),
            Some(("path", name)) => {
                let (source, site) = name.split_once('/').ok_or_else(refuse)?;
                if source.is_empty() {
                    return Err(refuse());
                }
                Place::Site(Some(Name::from(source)), Name::from(site.to_ascii_lowercase()))
            }
            _ => {
                let domain = text.rsplit('@').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
                let sound = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
                let fits = !domain.is_empty() && domain.len() <= 255 && domain.bytes().all(sound);
                return if fits { Ok(Place::Domain(domain)) } else { Err(refuse()) };
            }
        };
        let named = match &place {
            Place::Provider(name) | Place::Site(_, name) => !name.is_empty(),
            Place::Domain(_) => true,
        };
        if named { Ok(place) } else { Err(refuse()) }
    }
}

/// What is known of the way, before any limit.
#[derive(Default)]
struct Way {
    name: String,
    source: Option<Name>,
    hosts: Vec<HostView>,
    trouble: Option<String>,
    site: Option<Name>,
    provider: Option<Name>,
}

/// Providers that no rule knows are named after a domain; other names are slips.
fn is_known(config: &Config, providers: &Providers, provider: &Name) -> Result<(), ResolveError> {
    let known = provider.contains('.')
        || providers.entries().iter().any(|entry| entry.name == *provider)
        || config.overrides.iter().any(|entry| entry.provider.as_ref() == Some(provider))
        || provider.strip_prefix("route:").is_some_and(|name| config.routes.iter().any(|route| *route.name == *name));
    if known { Ok(()) } else { Err(ResolveError::Provider(provider.clone())) }
}

/// The provider of a site: as the running queue knows it, else as its name tells, which ends like those of its hosts.
async fn provider_of_site(config: &Config, providers: &Providers, queue: Option<&QueueHandle>, site: &Name) -> Name {
    if let Some(queue) = queue {
        for source in config.effective_sources().into_iter().take(SOURCES_SHOWN_MAX) {
            if let Ok(Some(path)) = queue.path(source.name, site.clone()).await {
                return path.provider;
            }
        }
    }
    if site.starts_with("route:") {
        return site.clone();
    }
    provider_of(providers, &[MxHost { name: site.clone(), preference: 0 }], site)
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
    let warming = match queue {
        Some(queue) => queue.warm_ups().await.unwrap_or_default(),
        None => Vec::new(),
    };
    for (source, weight, standby) in chosen.into_iter().take(SOURCES_SHOWN_MAX) {
        let warm_up = warmup::view::limit(config, providers, &warming, &source.name, &provider);
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
            limits: layers.into_iter().filter(|limit| limit.key != "tls").map(limit).chain(warm_up.map(plan)).collect(),
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

fn plan((value, set_by): (String, String)) -> LimitResolution {
    LimitResolution { key: "warm_up".to_owned(), value, set_by, lost: Vec::new() }
}

fn describe_groups(config: &Config, question: &Question, answer: &mut Resolution) {
    // Without a domain, what asks for one may hold or not.
    let domain = (!answer.domain.contains(':') || answer.domain.starts_with('[')).then(|| Name::from(&*answer.domain));
    let tenant = question.tenant.clone().unwrap_or_default();
    let sources: Vec<Name> = answer.sources.iter().map(|source| source.name.clone()).collect();
    for (place, group) in config.groups.iter().enumerate() {
        let mut jobless = Group { jobs: Vec::new(), ..group.clone() };
        let mut perhaps = group.looks_at(Dimension::Job);
        if domain.is_none() {
            jobless.domains.clear();
            perhaps |= group.looks_at(Dimension::Domain);
        }
        if answer.site.is_none() && domain.is_none() {
            jobless.sites.clear();
            perhaps |= group.looks_at(Dimension::Site);
        }
        for source in &sources {
            let facts = Facts {
                values: [
                    Some(source),
                    answer.provider.as_ref(),
                    answer.site.as_ref(),
                    domain.as_ref(),
                    Some(&answer.stream),
                    Some(&tenant),
                    None,
                ],
            };
            let Some(key) = jobless.key(&facts) else { continue };
            let named = group
                .per
                .iter()
                .zip(&key)
                .filter(|(_, value)| !value.is_empty())
                .map(|(dimension, value)| format!("{dimension} {value}"));
            let found = GroupResolution {
                name: group.name.clone(),
                limits: group_limits(group),
                budget: named.collect::<Vec<_>>().join(", "),
                set_by: format!("queue.groups[{place}]"),
                perhaps,
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
