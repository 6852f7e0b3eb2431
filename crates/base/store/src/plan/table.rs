//! The events of a moment as a table of the engine: segments and hot batches together.
//!
//! A [`View`] is taken under one lock, so an event is in it exactly once; it keeps its segments on disk for as long as
//! it lives. Time is checked against the segments' bounds before anything is opened; the rest is left to statistics,
//! bloom filters and late materialisation inside the files.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use model::time::Timestamp;

use crate::columns::schema;
use crate::hot::HotBatch;
use crate::segment::{Segment, SegmentEntry};

/// The store's directory, as the engine addresses it.
pub(crate) const STORE_URL: &str = "ies://store";

/// All events at one moment, or a part of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub hot: Vec<HotBatch>,
    pub segments: Vec<Arc<Segment>>,
    /// Segments that were set aside.
    pub damaged: Vec<SegmentEntry>,
}

impl View {
    /// The part that may have events in `from..to`.
    pub fn between(mut self, from: Timestamp, to: Timestamp) -> View {
        self.hot.retain(|batch| batch.from < to && batch.to >= from);
        self.segments.retain(|segment| segment.entry.overlaps(from, to));
        self.damaged.retain(|entry| entry.overlaps(from, to));
        self
    }

    /// Events that should be in it and are not.
    pub fn missing_rows(&self) -> u64 {
        self.damaged.iter().map(|entry| entry.rows).sum()
    }

    /// Events in it.
    pub fn rows(&self) -> u64 {
        self.segments.iter().map(|segment| segment.entry.rows).sum::<u64>() + self.hot_rows()
    }

    /// Events in it that are in memory.
    pub fn hot_rows(&self) -> u64 {
        self.hot.iter().map(|batch| batch.batch.num_rows() as u64).sum()
    }
}

/// A view as the engine reads it.
#[derive(Debug)]
pub(crate) struct EventsTable {
    view: View,
    reader: Arc<CachedParquetFileReaderFactory>,
}

impl EventsTable {
    pub fn new(view: View, reader: Arc<CachedParquetFileReaderFactory>) -> EventsTable {
        EventsTable { view, reader }
    }

    fn scan_segments(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut source = ParquetSource::new(schema())
            .with_parquet_file_reader_factory(Arc::clone(&self.reader) as _)
            .with_pushdown_filters(true)
            .with_reorder_filters(true)
            .with_bloom_filter_on_read(true);
        if let Some(filter) = conjunction(filters.to_vec()) {
            let names = DFSchema::try_from(schema())?;
            source = source.with_predicate(state.create_physical_expr(filter, &names)?);
        }
        let files = self
            .view
            .segments
            .iter()
            .map(|segment| PartitionedFile::new(segment.entry.relative(), segment.entry.bytes));
        let groups = FileGroup::new(files.collect()).split_files(state.config().target_partitions());
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE_URL)?, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn scan_hot(&self, projection: Option<&Vec<usize>>) -> Result<Arc<dyn ExecutionPlan>> {
        let batches = self.view.hot.iter().map(|hot| hot.batch.clone()).collect();
        Ok(MemorySourceConfig::try_new_exec(&[batches], schema(), projection.cloned())?)
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.view.segments.is_empty() {
            return self.scan_hot(projection);
        }
        let segments = self.scan_segments(state, projection, filters)?;
        if self.view.hot.is_empty() {
            return Ok(segments);
        }
        UnionExec::try_new(vec![segments, self.scan_hot(projection)?])
    }
}
