//! Limits and habits of the event store.

use model::config::Faults;
use model::units::{Size, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Event store: what is kept, how much memory it takes, what a query may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Events older than this are removed, whole segments at a time.
    pub keep: Span,
    /// Roll-ups older than this are removed.
    pub keep_rollups: Span,
    /// Events in memory are written to a segment when they take this much.
    pub hot_bytes_max: Size,
    /// Events in memory are written to a segment when the oldest has been there for so long.
    pub hot_age_max: Span,
    /// Small segments of a day are joined until one has this many events.
    pub segment_rows_max: u64,
    /// Roll-up cells kept in memory; older hours are read from disk when asked for.
    pub rollup_cells_max: usize,
    /// Reply templates remembered; further ones are counted under template 0.
    pub templates_max: usize,
    /// Longest time a query may take.
    pub query_time_max: Span,
    /// Memory that all running queries may take together.
    pub query_memory_max: Size,
    /// Events in the time range of a query; a query over more is refused before it starts.
    pub query_rows_max: u64,
    /// Queries that run at the same time; further ones wait, and their waiting counts as their time.
    pub queries_max: usize,
    /// Threads for queries, flushes and compaction, apart from those of the mail engine.
    pub threads: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            keep: Span::s(90 * 86_400),
            keep_rollups: Span::s(400 * 86_400),
            hot_bytes_max: Size::mb(24),
            hot_age_max: Span::s(120),
            segment_rows_max: 2_000_000,
            rollup_cells_max: 200_000,
            templates_max: 20_000,
            query_time_max: Span::s(30),
            query_memory_max: Size::mb(192),
            query_rows_max: 500_000_000,
            queries_max: 4,
            threads: 2,
        }
    }
}

impl Config {
    /// Checks ranges.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.at_least("keep", self.keep, Span::s(3_600));
        faults.at_least("keep_rollups", self.keep_rollups, Span::s(3_600));
        faults.at_least("hot_bytes_max", self.hot_bytes_max, Size::mb(1));
        faults.at_least("segment_rows_max", self.segment_rows_max, 10_000);
        faults.at_least("rollup_cells_max", self.rollup_cells_max, 1_000);
        faults.at_least("templates_max", self.templates_max, 100);
        faults.at_least("query_memory_max", self.query_memory_max, Size::mb(16));
        faults.at_least("query_rows_max", self.query_rows_max, 1_000);
        faults.at_least("queries_max", self.queries_max, 1);
        faults.at_least("threads", self.threads, 1);
        faults.result()
    }
}
