//! What the binary gives to delivery.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use dns::Resolver;
use journal::spool::Spool;
use mail::bounce::Dictionary;
use mail::token::Keys;
use model::handoff::{FromDelivery, ToDelivery};
use model::route::Source;
use model::submission::Routing;
use model::time::Clock;
use tokio::sync::mpsc;

use crate::dial::Dialer;
use crate::keys::DkimKeys;
use crate::recordings::Recordings;

/// Everything delivery works with.
pub struct Ports {
    /// What the queue says. When it ends, sessions finish their transactions and delivery ends.
    pub to_delivery: mpsc::Receiver<ToDelivery>,
    /// What the queue is told. Has to be received until it ends.
    pub from_delivery: mpsc::Sender<FromDelivery>,
    /// Rows and contents; read only.
    pub spool: Spool,
    /// Addresses of the receiving hosts.
    pub resolver: Resolver,
    /// Where this program itself takes mail: nothing is ever delivered there.
    pub own_listeners: Vec<SocketAddr>,
    /// Who must not be written to.
    pub suppression: Arc<dyn SuppressionCheck>,
    /// What replies mean.
    pub dictionary: Arc<Dictionary>,
    /// Keys that sign messages.
    pub dkim: DkimKeys,
    /// What links and return paths are sealed with.
    pub tokens: Arc<Keys>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The sources there are, to be watched.
    pub sources: Vec<Source>,
    /// The network.
    pub dialer: Arc<dyn Dialer>,
    /// Whose dialogues are kept although they went well.
    pub recordings: Recordings,
    /// A directory of delivery's own for what it has learned of hosts and of policies; without it that is forgotten
    /// over a restart. Made when it is missing.
    pub state_dir: Option<PathBuf>,
}

/// Asked at every attempt, just before a recipient is written to.
pub trait SuppressionCheck: Send + Sync + 'static {
    /// Whether this address must not be written to with mail of this tenant, stream and campaign. In memory; never
    /// blocks.
    fn check(&self, routing: &Routing, address: &str) -> Option<Suppressed>;
}

/// Why an address must not be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// For people, such as `complaint of 2026-03-01`.
    pub reason: String,
}
