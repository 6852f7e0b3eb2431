//! `[[queue.overrides]]`: the operator's limits for some paths or domains, over those of the provider rules.
//!
//! Form and check only; which entry wins is said in [`crate::providers`].

use model::config::{Fault, Faults};
use model::name::Name;
use model::route::{Source, TlsPolicy};
use model::units::{ByteRate, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::groups::fits;

/// Limits for some paths, over those of the provider rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Override {
    /// For these sources only; `*` stands for any text, so for the other three.
    pub source: Option<Name>,
    /// For this provider only.
    pub provider: Option<Name>,
    /// For this site (set of MX hosts) only.
    pub site: Option<Name>,
    /// For mail to this domain only: a budget of its own from each source, beside that of the path. Takes `connections`,
    /// `rate` and `byte_rate`.
    pub domain: Option<Name>,
    /// Connections from one source to one site.
    pub connections: Option<u32>,
    /// Connections from one source to all sites of the provider.
    pub provider_connections: Option<u32>,
    /// Connections from all sources together to all sites of the provider.
    pub total_connections: Option<u32>,
    /// Connections to one address of a mail host, from all sources together.
    pub address_connections: Option<u32>,
    /// Messages from one source to one site.
    pub rate: Option<Rate>,
    /// Messages from one source to all sites of the provider.
    pub provider_rate: Option<Rate>,
    /// Messages from all sources together to all sites of the provider.
    pub total_rate: Option<Rate>,
    /// Bytes from one source to one site.
    pub byte_rate: Option<ByteRate>,
    /// Bytes from one source to all sites of the provider.
    pub provider_byte_rate: Option<ByteRate>,
    /// Bytes from all sources together to all sites of the provider.
    pub total_byte_rate: Option<ByteRate>,
    /// New connections from one source to one site.
    pub connection_rate: Option<Rate>,
    /// New connections from one source to all sites of the provider.
    pub provider_connection_rate: Option<Rate>,
    /// New connections from all sources together to all sites of the provider.
    pub total_connection_rate: Option<Rate>,
    /// Messages after which a connection is closed.
    pub messages_per_connection: Option<u32>,
    /// Recipients in one transaction.
    pub recipients_per_transaction: Option<u32>,
    /// How TLS is used.
    pub tls: Option<TlsPolicy>,
}

impl Override {
    /// Checks what the form alone cannot. `key` is its place in the configuration.
    pub(crate) fn check(&self, key: &str, sources: &[Source], faults: &mut Faults) {
        let known = |pattern: &Name| sources.iter().any(|source| fits(pattern, &source.name));
        faults.unless(self.source.as_ref().is_none_or(known), || {
            let rule = crate::config::one_of("sources", sources.iter().map(|source| &source.name));
            Fault::new(format!("{key}.source"), rule)
        });
        let counts = [
            ("connections", self.connections),
            ("provider_connections", self.provider_connections),
            ("total_connections", self.total_connections),
            ("address_connections", self.address_connections),
            ("messages_per_connection", self.messages_per_connection),
            ("recipients_per_transaction", self.recipients_per_transaction),
        ];
        for (field, count) in counts {
            faults.unless(count != Some(0), || {
                let rule = "must be at least 1 (suspend the path to send nothing)";
                Fault::new(format!("{key}.{field}"), rule)
            });
        }
        if self.domain.is_some() {
            self.check_of_domain(key, faults);
        }
    }

    fn check_of_domain(&self, key: &str, faults: &mut Faults) {
        let of_paths = Override {
            connections: None,
            rate: None,
            byte_rate: None,
            source: None,
            provider: None,
            site: None,
            domain: None,
            ..self.clone()
        };
        faults.unless(of_paths == Override::default(), || {
            let rule = "an entry with a domain takes connections, rate and byte_rate only: the rest is of paths, which \
                        domains share";
            Fault::new(key.to_owned(), rule)
        });
    }
}
