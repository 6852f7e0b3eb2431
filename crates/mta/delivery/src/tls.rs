//! How TLS is used with a host: the rule of the path, the source or the route, and DANE above it.
//!
//! Order: DANE (RFC 7672), then MTA-STS (`sts`, at each mail), then the rule. DANE that cannot be checked or fails never
//! falls back to less: another host, or later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dns::{Resolver, TlsaAnswer};
use model::name::Name;
use model::route::{PathSpec, Source, TlsFailure, TlsPolicy};
use smtp::tls::{self, ClientConfig, ClientIdentity, Signatures};
use smtp::trust::{self, Authorities, Demand, TlsFault};

/// Client configurations of the sources. Each has its own, so that a host cannot tell by resumed sessions that two
/// sources belong together.
pub(crate) struct TlsConfigs {
    pub authorities: Authorities,
    sessions_max: usize,
    sources: Mutex<HashMap<Name, Arc<SourceTls>>>,
}

/// The client configurations of one source.
pub(crate) struct SourceTls {
    /// Hosts prove that they hold the key of their certificate.
    pub proven: Arc<ClientConfig>,
    /// They need not: for certificates that cannot be read.
    pub unproven: Arc<ClientConfig>,
}

impl TlsConfigs {
    pub fn new(authorities: Authorities, sessions_max: usize) -> Self {
        TlsConfigs { authorities, sessions_max, sources: Mutex::default() }
    }

    /// Of this source; its certificate is read the first time.
    ///
    /// # Errors
    /// Its certificate or key cannot be used, for people.
    pub fn of(&self, source: &Source) -> Result<Arc<SourceTls>, String> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sources.get(&source.name) {
            return Ok(Arc::clone(known));
        }
        let identity = match (&source.client_certificate, &source.client_key) {
            (Some(certificate), Some(key)) => {
                Some(ClientIdentity { certificate: certificate.clone(), key: key.clone() })
            }
            _ => None,
        };
        let make = |signatures| {
            tls::client(signatures, identity.as_ref(), self.sessions_max).map_err(|error| error.to_string())
        };
        let made = Arc::new(SourceTls { proven: make(Signatures::Proven)?, unproven: make(Signatures::Unproven)? });
        sources.insert(source.name.clone(), Arc::clone(&made));
        Ok(made)
    }
}

/// What holds for the connections to one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub policy: TlsPolicy,
    pub demand: Demand,
    /// What asked for it, as recorded: `none`, `opportunistic`, `required`, `verified`, `dane`.
    pub by: &'static str,
}

impl Plan {
    /// The rule alone.
    pub fn of_rule(rule: TlsPolicy) -> Plan {
        let (demand, by) = match rule {
            TlsPolicy::None => (Demand::Nothing, "none"),
            TlsPolicy::Opportunistic => (Demand::Nothing, "opportunistic"),
            TlsPolicy::Required => (Demand::Nothing, "required"),
            TlsPolicy::Verified => (Demand::Authority, "verified"),
        };
        Plan { policy: rule, demand, by }
    }

    /// Whether nothing is lost where TLS cannot be had.
    pub fn may_fall_back(&self) -> bool {
        self.policy == TlsPolicy::Opportunistic
    }
}

/// The rule of a path: that of the operator's route, else of the source, else of the limits.
pub(crate) fn rule(path: &PathSpec) -> TlsPolicy {
    let of_route = path.site.smarthost.as_ref().and_then(|route| route.tls);
    of_route.or(path.source.tls).unwrap_or(path.tls)
}

/// The plan for a host: DANE where its zone is signed and it has usable records, TLS without a check where it has only
/// unusable ones (RFC 7672 2.2), else the rule.
///
/// # Errors
/// Whether DANE applies cannot be found out: nothing may be sent to this host now.
pub(crate) async fn plan(
    resolver: &Resolver,
    dane: bool,
    rule: TlsPolicy,
    host: &str,
    port: u16,
) -> Result<Plan, TlsFault> {
    if !dane || rule == TlsPolicy::None || host.starts_with('[') || !resolver.is_secure() {
        return Ok(Plan::of_rule(rule));
    }
    match resolver.tlsa(host, port).await {
        TlsaAnswer::None => Ok(Plan::of_rule(rule)),
        TlsaAnswer::Failed(reason) => {
            Err(TlsFault { failure: TlsFailure::DnssecInvalid, text: format!("DANE: {reason}") })
        }
        TlsaAnswer::Records { records, .. } => {
            let usable = trust::usable(&records);
            if !usable.is_empty() {
                return Ok(Plan { policy: TlsPolicy::Required, demand: Demand::Dane(usable.into()), by: "dane" });
            }
            let stricter = rule == TlsPolicy::Verified;
            let policy = if stricter { TlsPolicy::Verified } else { TlsPolicy::Required };
            Ok(Plan { by: "dane", ..Plan::of_rule(policy) })
        }
    }
}
