//! A simulated internet of mailbox providers, and the people behind its mailboxes.
//!
//! - [`scenario`]: what there is and how it behaves, as TOML files.
//! - [`behaviour`]: the pure core: one provider's answer to each step of a dialogue, from its limits, its memory of the
//!   sender and the seed. No IO, time as a value.
//! - [`contacts`]: people who do not exist, as the CSV file of a shop.
//! - [`run`]: the lab at work: name server, listeners, people.
//! - [`ledger`]: what really happened to each mail, to be compared with what the suite believes.
//!
//! Everything happens on loopback addresses; nothing here ever speaks to another machine.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod behaviour;
pub mod contacts;
pub mod ledger;
pub mod mailbox;
mod people;
mod provider;
mod reports;
pub mod run;
pub mod scenario;

pub use run::{Lab, LabConfig, LabError};
pub use scenario::Scenario;
