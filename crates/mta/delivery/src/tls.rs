//! How TLS is used with a host: the rule of the path, the source or the route, and DANE above it.
//!
//! Order: DANE (RFC 7672), then MTA-STS (`sts`, at each mail), then the rule. DANE that cannot be checked or fails never
//! falls back to less: another host, or later.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

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
    sources: Mutex<HashMap<Name, Kept>>,
}

/// What a source has, and of which files it is made.
#[derive(Clone)]
struct Kept {
    tls: Arc<SourceTls>,
    identity: Option<ClientIdentity>,
    /// Of the files as they were read last, well or not.
    stamp: Stamp,
}

/// When certificate and key were changed, and their sizes; `None` for one that is not there.
type Stamp = [Option<(SystemTime, u64)>; 2];

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
        let mut sources = self.sources();
        if let Some(known) = sources.get(&source.name) {
            return Ok(Arc::clone(&known.tls));
        }
        let identity = match (&source.client_certificate, &source.client_key) {
            (Some(certificate), Some(key)) => {
                Some(ClientIdentity { certificate: certificate.clone(), key: key.clone() })
            }
            _ => None,
        };
        let stamp = stamp(identity.as_ref());
        let made = self.make(identity.as_ref())?;
        sources.insert(source.name.clone(), Kept { tls: Arc::clone(&made), identity, stamp });
        Ok(made)
    }

    /// Reads the certificates again whose files have changed: connections from now on show the new ones. One that cannot
    /// be used is told of, and the old one is shown on. Blocks for small files.
    pub fn refresh(&self) {
        let known: Vec<(Name, Kept)> = self.sources().iter().map(|(name, kept)| (name.clone(), kept.clone())).collect();
        for (source, kept) in known.into_iter().filter(|(_, kept)| kept.identity.is_some()) {
            let stamp = stamp(kept.identity.as_ref());
            if stamp == kept.stamp {
                continue;
            }
            let tls = match self.make(kept.identity.as_ref()) {
                Ok(tls) => {
                    tracing::info!(%source, "the client certificate of a source has changed and was read again");
                    tls
                }
                Err(error) => {
                    let what =
                        "the client certificate of a source has changed and cannot be used; the old one is shown";
                    tracing::error!(%source, error, "{what}");
                    kept.tls
                }
            };
            self.sources().insert(source, Kept { tls, identity: kept.identity, stamp });
        }
    }

    fn make(&self, identity: Option<&ClientIdentity>) -> Result<Arc<SourceTls>, String> {
        let make = |signatures| tls::client(signatures, identity, self.sessions_max).map_err(|error| error.to_string());
        Ok(Arc::new(SourceTls { proven: make(Signatures::Proven)?, unproven: make(Signatures::Unproven)? }))
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<Name, Kept>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(identity: Option<&ClientIdentity>) -> Stamp {
    let of = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    identity.map_or([None, None], |identity| [of(&identity.certificate), of(&identity.key)])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_certificate_is_shown_and_a_bad_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = |name: &str| {
            let made = dir.path().join(name);
            std::fs::create_dir(&made).unwrap();
            tls::server_self_signed(&made, &[format!("{name}.test")]).unwrap();
            [made.join(tls::CERTIFICATE_FILE), made.join(tls::KEY_FILE)]
        };
        let (first, second) = (files("a"), files("a-renewed"));
        let mut source = Source::new("ip-1", None, "a.test");
        (source.client_certificate, source.client_key) = (Some(first[0].clone()), Some(first[1].clone()));
        let configs = TlsConfigs::new(Authorities::web(), 10);
        let before = configs.of(&source).unwrap();
        let check = |same: bool, what: &str| {
            configs.refresh();
            assert_eq!(Arc::ptr_eq(&configs.of(&source).unwrap(), &before), same, "{what}");
        };
        check(true, "nothing has changed");
        std::fs::write(&first[1], b"no key").unwrap();
        check(true, "a bad key");
        std::fs::remove_file(&first[1]).unwrap();
        check(true, "no key");
        // One of the pair is new: they do not fit.
        std::fs::copy(&second[1], &first[1]).unwrap();
        check(true, "another key");
        std::fs::copy(&second[0], &first[0]).unwrap();
        check(false, "a renewed pair");
    }
}
