//! The campaigns wing as a whole, on a real database and a real event log, with an engine in memory.

mod audience;
mod content;
mod feed;
mod fold;
mod import;
mod postgres;
mod tracking;
mod world;
