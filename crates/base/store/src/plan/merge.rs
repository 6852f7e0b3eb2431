//! Joining segments of one day into one.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::Engine;
use super::table::STORE_URL;
use crate::columns::schema;
use crate::error::StoreError;
use crate::field::Field;
use crate::segment::{Segment, Writer};

impl Engine {
    /// The events of these segments, by time, as one new segment. Holds a batch of each in memory, not more.
    pub async fn merge(&self, dir: PathBuf, segments: &[Arc<Segment>], number: u64) -> Result<Segment, StoreError> {
        let day = segments.first().map(|segment| segment.entry.day.clone()).unwrap_or_default();
        let plan = self.merge_plan(segments).map_err(StoreError::columns("joining segments"))?;
        let task = self.context.task_ctx();
        let mut batches = execute_stream(plan, task).map_err(StoreError::columns("joining segments"))?;
        let mut writer = Writer::create(&dir, day, number)?;
        while let Some(batch) = batches.next().await {
            writer.write(&batch.map_err(StoreError::columns("joining segments"))?)?;
        }
        writer.finish()
    }

    fn merge_plan(&self, segments: &[Arc<Segment>]) -> Result<Arc<dyn ExecutionPlan>> {
        let source = ParquetSource::new(schema());
        let file = |segment: &Arc<Segment>| PartitionedFile::new(segment.entry.relative(), segment.entry.bytes);
        let groups = segments.iter().map(|segment| FileGroup::new(vec![file(segment)])).collect();
        let by_time = || -> Result<LexOrdering> {
            let key = PhysicalSortExpr::new_default(col(Field::At.as_str(), &schema())?);
            Ok(LexOrdering::new([key]).expect("invariant: one key"))
        };
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE_URL)?, Arc::new(source))
            .with_file_groups(groups)
            .with_output_ordering(vec![by_time()?])
            .build();
        let read = DataSourceExec::from_data_source(config);
        Ok(Arc::new(SortPreservingMergeExec::new(by_time()?, read)))
    }
}
