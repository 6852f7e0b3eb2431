//! The vocabulary of the suite: the nouns that every stage shares, and the messages they hand to each other.
//!
//! Everything here is a value. There is no IO, no async and no SQL, and nothing here decides anything about mail:
//! a stage reads these types, decides, and writes these types. A crate of one wing meets a crate of another only here
//! and in the event log.
//!
//! Where to start: [`submission`] (what comes in), [`handoff`] (what intake, queue and delivery say to each other),
//! [`event`] (what is remembered).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[macro_use]
mod text_schema;
#[macro_use]
mod names;

pub mod category;
pub mod config;
pub mod dialogue;
pub mod dns;
pub mod error;
pub mod event;
pub mod handoff;
pub mod hash;
pub mod id;
pub mod name;
pub mod recording;
pub mod reply;
pub mod route;
pub mod smarthost;
pub mod submission;
pub mod time;
pub mod units;
pub mod value;
pub mod words;
