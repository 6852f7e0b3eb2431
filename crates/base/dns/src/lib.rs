//! Names to hosts and addresses: what a sender asks of the DNS, and nothing more.
//!
//! [`Resolver`] answers MX, address, TXT, PTR and TLSA questions, from real servers or from a [`Zone`] held in memory.
//! [`server`] serves a [`Zone`] over UDP and TCP, for the lab and for tests. [`site`] rolls up MX sets.
//! The only crate that knows hickory. It never decides what a missing name means for a mail: it says what the DNS said.
//!
//! Limits: see [`resolver::Config`]. Known gaps: of DNSSEC, only what DANE needs is asked.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod asking;
pub mod resolver;
mod secure;
pub mod server;
pub mod site;
pub mod zone;

pub use resolver::{DnsFailure, MxAnswer, Resolver};
pub use secure::{Dnssec, TlsaAnswer};
pub use zone::Zone;
