//! The binary's own part: configuration, the wiring of all parts, the command line, the demo.
//!
//! The only place where the wings meet: [`topology`] starts every part and ties it to the others with bounded channels,
//! [`ports`] holds the adapters of the traits that one wing declares and another fulfils. Imported by nobody but the
//! binary and the end-to-end tests.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod cli;
pub mod client;
pub mod config;
mod demo;
mod dkim_desk;
mod keys;
mod parts;
mod ports;
pub mod topology;
mod transcript_desk;
