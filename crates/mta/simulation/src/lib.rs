//! The seeded simulation of the whole engine, with crashes and torn writes.
//!
//! A world of a few mailbox providers, a few dozen recipients and a suite that dies again and again, drawn from one seed
//! and lived through in a fraction of a second on a paused clock. Real: intake's submission, spool and event log on files,
//! the queue's driver, delivery's sessions, the client and the server of `smtp`, the lab's provider behaviour. Simulated:
//! the disk below the logs ([`disk`]: torn writes, no room, power that fails at the n-th operation), the network
//! ([`network`]: breaks at every byte), the clocks ([`time`]: set forwards and backwards), the DNS, the people ([`people`]).
//!
//! ```text
//! cargo nextest run -p ies-simulation --features virtual-clock                   1,000 seeds, on all cores
//! SEED=17 cargo nextest run -p ies-simulation --features virtual-clock one_seed  one of them, with its diary
//! ```
//! A world passes when ([`verdict`], [`book`]):
//!
//! - every recipient that was accepted has exactly one end, in time; a submission whose answer was lost is there whole or
//!   not at all; a feed goes on exactly behind its checkpoint;
//! - the end is what the providers' books say: delivered if and only if a 250 to the dot was read;
//! - a mail that a provider took twice has its cause: a reply that did not get through, or a crash before its event;
//! - nobody is attempted after his end, after a cancellation or during a hold that was answered; suspended routes rest;
//! - connections and rates stay within what the suite was told, as counted outside;
//! - the consumer of the event log goes on exactly where it was, and has read what the log holds at the end;
//! - torn bytes are never taken for damage, and at last the spool is empty and its segments are reclaimed.
//!
//! **Would it notice?** Mistakes made on purpose ([`world::Sabotage`]), each a test of its own:
//!
//! | mistake | noticed by |
//! |---|---|
//! | 250 is said before the spool is synced | lost mail, damage where nothing was torn |
//! | ends are acknowledged before their events are synced | ends that are told twice or not at all |
//! | the state file is lost at restarts | attempts in spite of a hold |
//! | no limits | more connections, and faster, than allowed |
//! | deferred recipients are dropped at restarts | recipients without an end |
//!
//! The clock needs tokio's `test-util`, which is why the tests stand behind the feature `virtual-clock`: no other build is
//! to compile tokio with it. Must not: be imported by anybody. Known gaps: no TLS, no DKIM, no merge programs, no SMTP in
//! front of intake; names of files survive every crash; the queue's own `check` is left to the queue's simulation.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod book;
pub mod dice;
pub mod disk;
pub mod network;
pub mod people;
pub mod plan;
pub mod provider;
pub mod suite;
pub mod time;
pub mod verdict;
pub mod world;
