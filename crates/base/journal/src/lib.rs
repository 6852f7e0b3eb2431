//! Journal: what must survive a crash. A segmented append-only log with group commit, and on it the two logs of the
//! suite: the [`spool`] (messages waiting for delivery) and the [`events`] log (everything that happened). Beside them,
//! small [records] that are kept for a time, and small [files](file) that are replaced whole.
//!
//! This crate knows bytes, files and order. It decides nothing about mail: who is retried when, what an event means and
//! who may submit are the business of others.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod config;
pub mod events;
pub mod file;
mod log;
pub mod records;
pub mod spool;

pub use config::{EventLogConfig, SpoolConfig};
pub use log::disk::{Disk, RealDisk};
pub use log::work::Work;
pub use log::{Damage, OpenError, Options, SyncMode};
