//! The queue as a whole: a proptest model, a seeded simulation on a virtual clock, scenarios, and the driver on a real
//! spool and event log.

mod bed;
mod bench;
mod bulk;
mod cancel;
mod driver;
mod limiters;
mod model_test;
mod scenario;
mod shaping;
mod simulation;
mod smarthost;
mod sources;
mod timing;
mod totals;
mod warm_up;
mod world;
