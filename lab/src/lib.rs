//! A simulated internet of mailbox providers, and the people behind its mailboxes.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod contacts;
