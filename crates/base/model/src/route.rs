//! Whence and whither: sources, pools, sites, providers and the paths between them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// An own address from which mail leaves ("virtual MTA" in the UI).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name, unique in the suite.
    pub name: Name,
    /// The local address to bind to; without one the machine chooses.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
    /// The name said in EHLO; should be the address's PTR name.
    pub ehlo_name: String,
}

/// Sources that share the work, each with a weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Its name, unique in the suite.
    pub name: Name,
    /// Names of sources with their weights.
    pub members: Vec<PoolMember>,
}

/// One source in a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolMember {
    /// The source's name.
    pub source: Name,
    /// Its share, relative to the other members; 0 takes it out without removing it.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

/// The MX hosts that serve a group of domains. Domains with the same MX set share one site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Name of the rolled-up MX set, such as `gmail-smtp-in.l.google.com+4`; equal sets have equal names.
    pub name: Name,
    /// The named group of sites it belongs to, or the registrable domain of its MX when no rule matched.
    pub provider: Name,
    /// Its hosts, best preference first.
    pub hosts: Vec<MxHost>,
}

/// One mail exchanger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MxHost {
    /// Host name in lower case without the final dot.
    pub name: Name,
    /// Preference; lower is tried first, equal ones in any order.
    pub preference: u16,
}

/// Source × site: what a connection belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The source's name.
    pub source: Name,
    /// The site's name.
    pub site: Name,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.source, self.site)
    }
}

/// How TLS is used on a path.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum TlsPolicy {
    /// Used when offered, certificate not checked (RFC 7435); in the clear otherwise.
    #[default]
    Opportunistic,
    /// Refuse to send without TLS; certificate not checked.
    Required,
    /// Never used.
    None,
}

/// Everything a session needs to know about its path; fixed for the life of the session.
#[derive(Clone, Debug)]
pub struct PathSpec {
    /// Source and site by name.
    pub path: Path,
    /// The source in full.
    pub source: Arc<Source>,
    /// The site in full.
    pub site: Arc<Site>,
    /// After so many messages the connection is closed; at least 1.
    pub messages_per_connection: u32,
    /// At most so many recipients in one transaction; at least 1.
    pub recipients_per_transaction: u32,
    /// How TLS is used.
    pub tls: TlsPolicy,
    /// An idle connection is closed after this long.
    pub idle_timeout: Duration,
}
    /// The route of the operator that leads here; `None` for the MX hosts of domains.
    pub smarthost: Option<Arc<crate::smarthost::Route>>,
