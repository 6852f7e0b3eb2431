//! The queue: when is each recipient due, on which path may it go, and how fast.
//!
//! ```text
//! Admitted ──▶ scheduled ──due──▶ route ──▶ backlog of a site ──pool──▶ ready on a path ──session──▶ in flight
//!                  ▲                                                                                     │
//!                  └───────────── deferred ◀─────────────── Outcome ◀──────────────────────────────── done
//! ```
//! [`core`] is a pure state machine over small pure parts (`schedule`, `fair`, [`throttle`], [`pools`], [`adapt`],
//! [`providers`]); [`driver`] is the only part that waits, reads or writes. The queue alone changes a recipient's state;
//! it never speaks SMTP, never reads a message and never names the meaning of a reply: that is `delivery::verdict`'s.
//!
//! Where to start: [`driver::run`] (how it is wired), [`core::QueueCore`] (what it does), [`handle::QueueHandle`] (how
//! to ask it).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod adapt;
pub mod bulk;
pub mod config;
pub mod control;
pub mod core;
pub mod directory;
pub mod driver;
mod entries;
mod fair;
pub mod groups;
pub mod handle;
mod ids;
mod interned;
mod messages;
mod moment;
mod overrides;
pub mod pools;
pub mod providers;
pub mod ready;
mod replies;
pub mod resolve;
pub mod retries;
pub mod retry;
mod schedule;
pub mod select;
pub mod shaping;
pub mod shares;
mod slab;
pub mod throttle;
mod timers;
pub mod view;
pub mod warmup;
pub mod windows;
