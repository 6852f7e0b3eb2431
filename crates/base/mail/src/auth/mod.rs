//! May this host speak for this domain: SPF (RFC 7208), DKIM (RFC 6376), ARC (RFC 8617), DMARC (RFC 9989).
//!
//! Everything is a function of a message, of what is known about its sender, and of [`Answers`] of the DNS. A look-up
//! that is missing comes back as an error with the question; see [`model::dns`]. Nothing here asks the DNS or the clock.
//!
//! [`Answers`]: model::dns::Answers

mod arc;
mod checked;
mod dkim;
mod dmarc;
mod letter;
mod spf;
mod tags;

pub use arc::{ArcInstance, ArcResult, ArcVerdict, INSTANCES_MAX, arc};
pub use checked::{Checked, RESULTS_MAX, is_ours, without_results};
pub use dkim::{DkimResult, DkimVerdict, SIGNATURES_MAX, dkim};
pub use dmarc::{DmarcResult, DmarcVerdict, dmarc, is_aligned};
pub use letter::Letter;
pub use spf::{LOOKUPS_MAX, SpfResult, SpfVerdict, VOIDS_MAX, spf};
pub(crate) use tags::tag;

use std::net::IpAddr;

/// Who handed a message over, as the SMTP session saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer<'a> {
    /// Its address.
    pub address: IpAddr,
    /// The name it gave in `EHLO`.
    pub helo: &'a str,
    /// The return path, without angle brackets; empty for `<>`.
    pub mail_from: &'a str,
}
