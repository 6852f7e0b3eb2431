//! The limits of a path: defaults, over them the provider's, over them the operator's, value by value.
//!
//! Each value remembers who set it, for whoever asks why a mail waits.

use std::time::Duration;

use model::name::Name;
use model::route::TlsPolicy;
use model::units::{Rate, Span};

use super::Providers;
use super::file::{Placed, ProviderForm, line_of};
use crate::config::Override;
use crate::retry::Retry;

/// A value, and who set it.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// File and line, or the configuration key.
    pub set_by: Name,
}

/// What a file says about one provider; absent values are inherited.
#[derive(Clone, Debug, Default)]
pub(super) struct ProviderLimits {
    connections: Option<Setting<u32>>,
    provider_connections: Option<Setting<u32>>,
    rate: Option<Setting<Rate>>,
    provider_rate: Option<Setting<Rate>>,
    connection_rate: Option<Setting<Rate>>,
    messages_per_connection: Option<Setting<u32>>,
    recipients_per_transaction: Option<Setting<u32>>,
    connection_failures: Option<Setting<u32>>,
    tls: Option<Setting<TlsPolicy>>,
    idle_timeout: Option<Setting<Span>>,
    max_age: Option<Setting<Span>>,
    retry: Option<Setting<Retry>>,
}

/// The limits of one source towards the sites of one provider.
#[derive(Clone, Debug, PartialEq)]
pub struct PathLimits {
    /// Connections to one site.
    pub connections: Setting<u32>,
    /// Connections to all sites of the provider.
    pub provider_connections: Option<Setting<u32>>,
    /// Messages to one site.
    pub rate: Option<Setting<Rate>>,
    /// Messages to all sites of the provider.
    pub provider_rate: Option<Setting<Rate>>,
    /// New connections to one site.
    pub connection_rate: Option<Setting<Rate>>,
    /// Messages on one connection.
    pub messages_per_connection: Setting<u32>,
    /// Recipients in one transaction.
    pub recipients_per_transaction: Setting<u32>,
    /// Failures in a row before the path rests.
    pub connection_failures: u32,
    /// How TLS is used.
    pub tls: TlsPolicy,
    /// Idle connections are closed after this long.
    pub idle_timeout: Duration,
    /// Recipients are given up after this long, when that is sooner than their stream says.
    pub max_age: Option<Setting<Span>>,
    /// The retry schedule, in place of the stream's.
    pub retry: Option<Setting<Retry>>,
}

type Wrong = (&'static str, usize, String);

impl ProviderLimits {
    pub(super) fn from_form(form: &ProviderForm, text: &str, file: &str) -> Result<Self, Wrong> {
        let counts = [
            ("connections", &form.connections),
            ("provider_connections", &form.provider_connections),
            ("messages_per_connection", &form.messages_per_connection),
            ("recipients_per_transaction", &form.recipients_per_transaction),
            ("connection_failures", &form.connection_failures),
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
        Ok(ProviderLimits {
            connections: setting(&form.connections, text, file),
            provider_connections: setting(&form.provider_connections, text, file),
            rate: setting(&form.rate, text, file),
            provider_rate: setting(&form.provider_rate, text, file),
            connection_rate: setting(&form.connection_rate, text, file),
            messages_per_connection: setting(&form.messages_per_connection, text, file),
            recipients_per_transaction: setting(&form.recipients_per_transaction, text, file),
            connection_failures: setting(&form.connection_failures, text, file),
            tls: setting(&form.tls, text, file),
            idle_timeout: setting(&form.idle_timeout, text, file),
            max_age: setting(&form.max_age, text, file),
            retry: setting(&form.retry, text, file),
        })
    }
}

fn setting<T: Copy>(value: &Placed<T>, text: &str, file: &str) -> Option<Setting<T>> {
    let value = value.as_ref()?;
    let set_by = Name::from(format!("{file} line {}", line_of(text, value.span().start)));
    Some(Setting { value: *value.get_ref(), set_by })
}

impl Providers {
    /// The limits of `source` towards sites of `provider`.
    pub fn limits(&self, source: &Name, provider: &Name, overrides: &[Override]) -> PathLimits {
        let own = self.limits.get(provider);
        let fitting: Vec<(usize, &Override)> = overrides
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.source.as_ref().is_none_or(|name| name == source))
            .filter(|(_, entry)| entry.provider.as_ref().is_none_or(|name| name == provider))
            .collect();
        macro_rules! chosen {
            ($field:ident) => {{
                let set_over = fitting.iter().rev().find_map(|(idx, entry)| {
                    let set_by = || Name::from(format!(concat!("queue.overrides[{}].", stringify!($field)), idx));
                    entry.$field.map(|value| Setting { value, set_by: set_by() })
                });
                set_over.or_else(|| inherited!($field))
            }};
        }
        macro_rules! inherited {
            ($field:ident) => {
                own.and_then(|own| own.$field.clone()).or_else(|| self.default.$field.clone())
            };
        }
        PathLimits {
            connections: or_built_in(chosen!(connections), 10),
            provider_connections: chosen!(provider_connections),
            rate: chosen!(rate),
            provider_rate: chosen!(provider_rate),
            connection_rate: chosen!(connection_rate),
            messages_per_connection: or_built_in(chosen!(messages_per_connection), 100),
            recipients_per_transaction: or_built_in(chosen!(recipients_per_transaction), 100),
            connection_failures: or_built_in(inherited!(connection_failures), 3).value,
            tls: or_built_in(chosen!(tls), TlsPolicy::default()).value,
            idle_timeout: or_built_in(inherited!(idle_timeout), Span::s(5)).value.0,
            max_age: inherited!(max_age),
            retry: inherited!(retry),
        }
    }
}

/// A value that even an empty file has.
fn or_built_in<T>(found: Option<Setting<T>>, value: T) -> Setting<T> {
    found.unwrap_or_else(|| Setting { value, set_by: Name::from("built-in default") })
}
