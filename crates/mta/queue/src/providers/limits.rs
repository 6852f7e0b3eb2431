//! The limits of a path: layers from the built-in defaults to the operator's overrides, the last one winning value by
//! value.
//!
//! Order of precedence, lowest first: built in · `[default]` of the rules file · its `[[provider]]` · `queue.overrides`,
//! among these: for a source, a provider, a provider and a source, a site, a site and a source (each later form wins
//! whatever its place in the file; of two entries of the same form the later one). Each value remembers who set it, for
//! whoever asks why a mail waits. Overrides for a domain are limits of their own beside those of the path, see
//! [`domain_limits`].

use std::time::Duration;

use model::name::Name;
use model::route::TlsPolicy;
use model::units::{ByteRate, Rate, Span};

use super::Providers;
use super::file::{Placed, ProviderForm, line_of};
use crate::config::Override;
use crate::groups::fits;
use crate::retry::Retry;

/// A value, and who set it.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// File and line, or the configuration key.
    pub set_by: Name,
}

/// Connections to a site where nothing says otherwise.
const CONNECTIONS: u32 = 10;

/// Messages on a connection, and recipients in a transaction, where nothing says otherwise.
const MESSAGES: u32 = 100;

/// Failures in a row before a path rests, where nothing says otherwise.
const FAILURES: u32 = 3;

/// An idle connection is closed after this long where nothing says otherwise, in seconds.
const IDLE_S: u64 = 5;

/// Rate of a path in backoff where nothing says otherwise: one a minute.
const BACKOFF_RATE: Rate = Rate { count: 1, period: Duration::from_secs(60), burst: 1 };

macro_rules! layers {
    ($($field:ident: $type:ty,)*) => {
        /// One layer of limits; absent values are inherited.
        #[derive(Clone, Debug, Default)]
        pub(super) struct Layer {
            $(pub(super) $field: Option<Setting<$type>>,)*
        }

        impl Layer {
            /// What a file says about one provider.
            ///
            /// # Errors
            /// Key, place and reason.
            pub(super) fn from_form(form: &ProviderForm, text: &str, file: &str) -> Result<Self, Wrong> {
                check_form(form)?;
                Ok(Layer { $($field: setting(&form.$field, text, file),)* })
            }

            /// Every value by its key, in words.
            fn words(&self) -> Vec<(&'static str, Option<(String, Name)>)> {
                vec![$((
                    stringify!($field),
                    self.$field.as_ref().map(|setting| (in_words(&setting.value), setting.set_by.clone())),
                ),)*]
            }
        }
    };
}

layers! {
    connections: u32,
    provider_connections: u32,
    total_connections: u32,
    address_connections: u32,
    rate: Rate,
    provider_rate: Rate,
    total_rate: Rate,
    byte_rate: ByteRate,
    provider_byte_rate: ByteRate,
    total_byte_rate: ByteRate,
    connection_rate: Rate,
    provider_connection_rate: Rate,
    total_connection_rate: Rate,
    messages_per_connection: u32,
    recipients_per_transaction: u32,
    connection_failures: u32,
    backoff_rate: Rate,
    backoff_connections: u32,
    tls: TlsPolicy,
    idle_timeout: Span,
    max_age: Span,
    retry: Retry,
}

/// The limits of one source towards a site of one provider.
#[derive(Clone, Debug, PartialEq)]
pub struct PathLimits {
    /// Connections from one source to one site.
    pub connections: Setting<u32>,
    /// Connections from one source to all sites of the provider.
    pub provider_connections: Option<Setting<u32>>,
    /// Connections from all sources to all sites of the provider.
    pub total_connections: Option<Setting<u32>>,
    /// Connections to one address of a mail host.
    pub address_connections: Option<Setting<u32>>,
    /// Messages to one site.
    pub rate: Option<Setting<Rate>>,
    /// Messages to all sites of the provider.
    pub provider_rate: Option<Setting<Rate>>,
    /// Messages from all sources to all sites of the provider.
    pub total_rate: Option<Setting<Rate>>,
    /// Bytes to one site.
    pub byte_rate: Option<Setting<ByteRate>>,
    /// Bytes to all sites of the provider.
    pub provider_byte_rate: Option<Setting<ByteRate>>,
    /// Bytes from all sources to all sites of the provider.
    pub total_byte_rate: Option<Setting<ByteRate>>,
    /// New connections to one site.
    pub connection_rate: Option<Setting<Rate>>,
    /// New connections to all sites of the provider.
    pub provider_connection_rate: Option<Setting<Rate>>,
    /// New connections from all sources to all sites of the provider.
    pub total_connection_rate: Option<Setting<Rate>>,
    /// Messages on one connection.
    pub messages_per_connection: Setting<u32>,
    /// Recipients in one transaction.
    pub recipients_per_transaction: Setting<u32>,
    /// Failures in a row before the path rests.
    pub connection_failures: u32,
    /// Message rate while a rule has put the path into backoff.
    pub backoff_rate: Rate,
    /// Connections meanwhile.
    pub backoff_connections: u32,
    /// How TLS is used.
    pub tls: TlsPolicy,
    /// Idle connections are closed after this long.
    pub idle_timeout: Duration,
    /// Recipients are given up after this long, when that is sooner than their stream says.
    pub max_age: Option<Setting<Span>>,
    /// The retry schedule, in place of the stream's.
    pub retry: Option<Setting<Retry>>,
}

/// What several paths share: one budget.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GateLimits {
    /// Connections.
    pub connections: Option<Setting<u32>>,
    /// New connections.
    pub connection_rate: Option<Setting<Rate>>,
    /// Messages.
    pub rate: Option<Setting<Rate>>,
    /// Bytes.
    pub byte_rate: Option<Setting<ByteRate>>,
}

impl GateLimits {
    /// True when it limits nothing.
    pub fn is_empty(&self) -> bool {
        *self == GateLimits::default()
    }
}

impl PathLimits {
    /// What all sources share at the provider.
    pub fn of_provider(&self) -> GateLimits {
        GateLimits {
            connections: self.total_connections.clone(),
            connection_rate: self.total_connection_rate.clone(),
            rate: self.total_rate.clone(),
            byte_rate: self.total_byte_rate.clone(),
        }
    }

    /// What the source's paths share at the provider, beside the connections and messages counted there anyway.
    pub fn of_source_at_provider(&self) -> GateLimits {
        GateLimits {
            connection_rate: self.provider_connection_rate.clone(),
            rate: self.provider_rate.clone(),
            byte_rate: self.provider_byte_rate.clone(),
            ..GateLimits::default()
        }
    }

    /// What the path has for itself, beside connections and messages.
    pub fn of_path(&self) -> GateLimits {
        GateLimits { byte_rate: self.byte_rate.clone(), ..GateLimits::default() }
    }
}

/// One limit with all that was said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers {
    /// Its key, such as `connections`.
    pub key: &'static str,
    /// What was said, lowest precedence first, with who said it; the last one holds.
    pub said: Vec<(String, Name)>,
}

pub(super) type Wrong = (&'static str, usize, String);

fn check_form(form: &ProviderForm) -> Result<(), Wrong> {
    let counts = [
        ("connections", &form.connections),
        ("provider_connections", &form.provider_connections),
        ("total_connections", &form.total_connections),
        ("address_connections", &form.address_connections),
        ("messages_per_connection", &form.messages_per_connection),
        ("recipients_per_transaction", &form.recipients_per_transaction),
        ("connection_failures", &form.connection_failures),
        ("backoff_connections", &form.backoff_connections),
    ];
    for (key, value) in counts {
        if let Some(value) = value
            && *value.get_ref() == 0
        {
            return Err((key, value.span().start, "must be at least 1".to_owned()));
        }
    }
    if let Some(retry) = &form.retry {
        retry.get_ref().validate().map_err(|faults| ("retry", retry.span().start, faults.to_string()))?;
    }
    Ok(())
}

fn setting<T: Copy>(value: &Placed<T>, text: &str, file: &str) -> Option<Setting<T>> {
    let value = value.as_ref()?;
    let set_by = Name::from(format!("{file} line {}", line_of(text, value.span().start)));
    Some(Setting { value: *value.get_ref(), set_by })
}

/// A value as the file would have it.
fn in_words<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(value) => value.to_string(),
        Err(_) => String::new(),
    }
}

fn of_override(place: usize, entry: &Override) -> Layer {
    macro_rules! layer {
        ($($field:ident),*) => {
            Layer {
                $($field: entry.$field.map(|value| Setting {
                    value,
                    set_by: Name::from(format!("queue.overrides[{place}].{}", stringify!($field))),
                }),)*
                ..Layer::default()
            }
        };
    }
    layer!(
        connections,
        provider_connections,
        total_connections,
        address_connections,
        rate,
        provider_rate,
        total_rate,
        byte_rate,
        provider_byte_rate,
        total_byte_rate,
        connection_rate,
        provider_connection_rate,
        total_connection_rate,
        messages_per_connection,
        recipients_per_transaction,
        tls
    )
}

/// Overrides that fit, lowest precedence first. Without a site, those for sites do not fit.
fn ranked<'a>(
    overrides: &'a [Override],
    source: &'a Name,
    provider: &'a Name,
    site: Option<&'a Name>,
) -> Vec<(usize, &'a Override)> {
    let fits_or_open = |pattern: &Option<Name>, value: &Name| pattern.as_ref().is_none_or(|p| fits(p, value));
    let mut fitting: Vec<(usize, &Override)> = overrides
        .iter()
        .enumerate()
        .filter(|(_, entry)| fits_or_open(&entry.source, source) && fits_or_open(&entry.provider, provider))
        .filter(|(_, entry)| entry.site.as_ref().is_none_or(|p| site.is_some_and(|site| fits(p, site))))
        .collect();
    // Stable: of the same form, the later entry stays later.
    fitting.sort_by_key(|(_, entry)| (entry.site.is_some(), entry.provider.is_some(), entry.source.is_some()));
    fitting
}

/// What overrides say of one domain from one source: a budget beside that of the path. `None` when they say nothing.
pub fn domain_limits(
    overrides: &[Override],
    source: &Name,
    provider: &Name,
    site: &Name,
    domain: &Name,
) -> Option<GateLimits> {
    let mut limits = GateLimits::default();
    for (place, entry) in ranked(overrides, source, provider, Some(site)) {
        if !entry.domain.as_ref().is_some_and(|pattern| fits(pattern, domain)) {
            continue;
        }
        let layer = of_override(place, entry);
        limits.connections = layer.connections.or(limits.connections);
        limits.rate = layer.rate.or(limits.rate);
        limits.byte_rate = layer.byte_rate.or(limits.byte_rate);
    }
    (!limits.is_empty()).then_some(limits)
}

impl Providers {
    /// All layers for a path, lowest precedence first.
    fn layers(&self, source: &Name, provider: &Name, site: Option<&Name>, overrides: &[Override]) -> Vec<Layer> {
        let of_file = [Some(&self.default), self.limits.get(provider)].into_iter().flatten().cloned();
        let ranked = ranked(overrides, source, provider, site);
        let of_paths = ranked.into_iter().filter(|(_, entry)| entry.domain.is_none());
        of_file.chain(of_paths.map(|(place, entry)| of_override(place, entry))).collect()
    }

    /// The limits of `source` towards sites of `provider`; with a site, what overrides say of it included.
    pub fn limits(&self, source: &Name, provider: &Name, site: Option<&Name>, overrides: &[Override]) -> PathLimits {
        let layers = self.layers(source, provider, site, overrides);
        macro_rules! chosen {
            ($field:ident) => {
                layers.iter().rev().find_map(|layer| layer.$field.clone())
            };
        }
        PathLimits {
            connections: or_built_in(chosen!(connections), CONNECTIONS),
            provider_connections: chosen!(provider_connections),
            total_connections: chosen!(total_connections),
            address_connections: chosen!(address_connections),
            rate: chosen!(rate),
            provider_rate: chosen!(provider_rate),
            total_rate: chosen!(total_rate),
            byte_rate: chosen!(byte_rate),
            provider_byte_rate: chosen!(provider_byte_rate),
            total_byte_rate: chosen!(total_byte_rate),
            connection_rate: chosen!(connection_rate),
            provider_connection_rate: chosen!(provider_connection_rate),
            total_connection_rate: chosen!(total_connection_rate),
            messages_per_connection: or_built_in(chosen!(messages_per_connection), MESSAGES),
            recipients_per_transaction: or_built_in(chosen!(recipients_per_transaction), MESSAGES),
            connection_failures: or_built_in(chosen!(connection_failures), FAILURES).value,
            backoff_rate: or_built_in(chosen!(backoff_rate), BACKOFF_RATE).value,
            backoff_connections: or_built_in(chosen!(backoff_connections), 1).value,
            tls: or_built_in(chosen!(tls), TlsPolicy::default()).value,
            idle_timeout: or_built_in(chosen!(idle_timeout), Span::s(IDLE_S)).value.0,
            max_age: chosen!(max_age),
            retry: chosen!(retry),
        }
    }

    /// Everything that is said of each limit of a path, those that lose included; limits that nobody speaks of left out.
    pub fn explain_limits(
        &self,
        source: &Name,
        provider: &Name,
        site: Option<&Name>,
        overrides: &[Override],
    ) -> Vec<Layers> {
        let built_in = |value: u32| (value.to_string(), Name::from(BUILT_IN));
        let mut all: Vec<Layers> = Vec::new();
        for layer in self.layers(source, provider, site, overrides) {
            for (place, (key, said)) in layer.words().into_iter().enumerate() {
                if all.len() <= place {
                    let first = match key {
                        "connections" => vec![built_in(CONNECTIONS)],
                        "messages_per_connection" | "recipients_per_transaction" => vec![built_in(MESSAGES)],
                        "connection_failures" => vec![built_in(FAILURES)],
                        _ => Vec::new(),
                    };
                    all.push(Layers { key, said: first });
                }
                all[place].said.extend(said);
            }
        }
        all.retain(|limit| !limit.said.is_empty());
        all
    }
}

/// Who set a value that even an empty file has.
const BUILT_IN: &str = "built-in default";

fn or_built_in<T>(found: Option<Setting<T>>, value: T) -> Setting<T> {
    found.unwrap_or_else(|| Setting { value, set_by: Name::from(BUILT_IN) })
}
