//! Delivery: sessions per path, TLS policy, rendering and signing, and one table from reply to outcome.
//!
//! In: [`ToDelivery`] (open a session, give it tickets, close it). Out: [`FromDelivery`]. The queue decides who is sent
//! when and on which path; delivery connects, sends, and says what happened. It changes nothing in the spool.
//!
//! - [`run`] is the driver: it starts a task for each session and hands it what the queue says.
//! - A session (`session.rs`) connects, says [`FromDelivery::Ready`], and sends what it is given, one transaction after
//!   another: rows and contents from the spool (`load.rs`), the suppression check at the attempt, the message's bytes
//!   (`compose.rs`), SMTP (`smtp::client`), and exactly one [`FromDelivery::Done`] for each ticket that was attempted.
//! - [`verdict`] is the only place where a reply or an error becomes a disposition and a scope.
//!
//! Invariants: at most one `Done` for a ticket; a ticket without one was never attempted (before [`FromDelivery::Closed`]);
//! after `Closed` nothing more is said of a session.
//!
//! [`ToDelivery`]: model::handoff::ToDelivery
//! [`FromDelivery`]: model::handoff::FromDelivery
//! [`FromDelivery::Ready`]: model::handoff::FromDelivery::Ready
//! [`FromDelivery::Done`]: model::handoff::FromDelivery::Done
//! [`FromDelivery::Closed`]: model::handoff::FromDelivery::Closed

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod compose;
mod config;
mod dial;
mod dialogue;
mod driver;
mod egress;
mod explain;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod keys;
pub mod keystore;
mod load;
mod memory;
mod places;
mod ports;
mod race;
pub mod recordings;
mod route;
mod secret;
mod session;
mod sts;
mod tls;
pub mod verdict;

pub use config::{Config, LostAfterDot, MtaSts, PermanentBlock};
pub use dial::{Dial, Dialer, Tcp};
pub use dialogue::{Convert8bit, DialogueRule};
pub use driver::run;
pub use explain::{DomainTls, HostTls, explain_tls};
pub use keys::DkimKeys;
pub use memory::{BrokenHost, TlsTrouble, broken_hosts};
pub use ports::{Ports, Suppressed, SuppressionCheck};
pub use sts::{Mode as StsMode, Policy as StsPolicy};
