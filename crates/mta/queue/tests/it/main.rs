//! The queue as a whole: a proptest model, a seeded simulation on a virtual clock, scenarios, and the driver on a real
//! spool and event log.

mod bed;
mod bench;
mod cancel;
mod driver;
mod model_test;
mod scenario;
mod simulation;
mod smarthost;
mod totals;
mod world;
