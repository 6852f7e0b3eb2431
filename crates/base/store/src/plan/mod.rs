//! Running queries: the engine with its threads, its memory and its limits.
//!
//! Queries run on threads of their own, so that a heavy one never holds up the mail engine. Each waits for a place,
//! then has until its time is up; a caller that goes away takes its query with it. Memory is counted by the engine and
//! refused beyond the limit; nothing is spilled to disk.
//! Limits: `query_time_max`, `query_memory_max`, `query_rows_max`, `queries_max`, [`METADATA_CACHE_BYTES`].

mod aggregate;
mod cells;
mod expr;
mod merge;
mod scan;
mod table;

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::object_store::ObjectStore;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::future::BoxFuture;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(crate) use table::View;

use crate::config::Config;
use crate::error::{OpenError, QueryError};
use crate::query::Cost;
use table::{EventsTable, STORE_URL};

/// Memory for footers of segments that were read before.
const METADATA_CACHE_BYTES: usize = 16 << 20;
/// Most blocking operations on files at the same time.
const BLOCKING_THREADS: usize = 4;

/// The query engine of one store.
pub(crate) struct Engine {
    context: SessionContext,
    reader: Arc<CachedParquetFileReaderFactory>,
    gate: Semaphore,
    config: Config,
    /// Present until the engine is dropped.
    runtime: Option<Runtime>,
}

/// A running query; dropping it ends the query.
struct Running<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Engine {
    /// An engine over the files below `dir`.
    pub fn new(dir: &Path, config: &Config) -> Result<Engine, OpenError> {
        let refuse = |error: &dyn std::fmt::Display| OpenError::Engine(error.to_string());
        let files: Arc<dyn ObjectStore> =
            Arc::new(LocalFileSystem::new_with_prefix(dir).map_err(|error| refuse(&error))?);
        let memory = usize::try_from(config.query_memory_max.0).unwrap_or(usize::MAX);
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .with_metadata_cache_limit(METADATA_CACHE_BYTES)
            .build_arc()
            .map_err(|error| refuse(&error))?;
        let url = ObjectStoreUrl::parse(STORE_URL).map_err(|error| refuse(&error))?;
        environment.register_object_store(url.as_ref(), Arc::clone(&files));
        let reader = CachedParquetFileReaderFactory::new(files, environment.cache_manager.get_file_metadata_cache());
        let state = SessionStateBuilder::new()
            .with_config(SessionConfig::new().with_target_partitions(config.threads))
            .with_runtime_env(environment)
            .with_default_features()
            .build();
        let runtime = Builder::new_multi_thread()
            .worker_threads(config.threads)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("event-store")
            .enable_time()
            .build()
            .map_err(|error| refuse(&error))?;
        Ok(Engine {
            context: SessionContext::new_with_state(state),
            reader: Arc::new(reader),
            gate: Semaphore::new(config.queries_max),
            config: config.clone(),
            runtime: Some(runtime),
        })
    }

    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("invariant: present until dropped")
    }

    /// Runs a query within the limits of number and time.
    pub fn limited<T: Send + 'static>(
        self: &Arc<Self>,
        work: BoxFuture<'static, Result<T, QueryError>>,
    ) -> BoxFuture<'static, Result<T, QueryError>> {
        let engine = Arc::clone(self);
        let time_max = self.config.query_time_max;
        let mut running = Running(self.runtime().spawn(async move {
            let queued = async {
                let _place = engine.gate.acquire().await;
                work.await
            };
            tokio::time::timeout(time_max.0, queued).await.unwrap_or_else(|_| {
                let message = format!("took longer than {time_max}: narrow the time range or the filter");
                Err(QueryError::TooMuch { limit: "query_time_max", message })
            })
        }));
        Box::pin(async move {
            match (&mut running.0).await {
                Ok(answer) => answer,
                Err(error) => Err(QueryError::Failed(error.to_string())),
            }
        })
    }

    /// Refuses a view with more events than a query may cover.
    pub fn check_rows(&self, view: &View) -> Result<(), QueryError> {
        let (rows, max) = (view.rows(), self.config.query_rows_max);
        if rows <= max {
            return Ok(());
        }
        let message = format!("the time range holds {rows} events, a query may cover {max}: narrow it");
        Err(QueryError::TooMuch { limit: "query_rows_max", message })
    }

    /// A view as a table to build a plan on.
    pub fn table(&self, view: &View) -> Result<DataFrame, QueryError> {
        let table = EventsTable::new(view.clone(), Arc::clone(&self.reader));
        self.context.read_table(Arc::new(table)).map_err(|error| explain(&error))
    }

    /// Runs a plan to its end. The plan limits its rows.
    pub async fn collect(&self, frame: DataFrame, view: &View) -> Result<(Vec<RecordBatch>, Cost), QueryError> {
        let task = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await.map_err(|error| explain(&error))?;
        let batches = collect(Arc::clone(&plan), task).await.map_err(|error| explain(&error))?;
        // The engine measures what it reads from files; what is in memory is looked at whole.
        let mut cost = Cost { segments: view.segments.len() as u64, rows_scanned: view.hot_rows(), ..Cost::default() };
        add_cost(plan.as_ref(), &mut cost);
        Ok((batches, cost))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last owner may be a task: waiting is not allowed there, and nothing is left to wait for.
            runtime.shutdown_background();
        }
    }
}

/// Milliseconds since `start`.
pub(crate) fn ms_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// What the sources of a plan have read.
fn add_cost(plan: &dyn ExecutionPlan, cost: &mut Cost) {
    if plan.children().is_empty()
        && let Some(metrics) = plan.metrics()
    {
        let named = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize() as u64);
        cost.rows_scanned += metrics.output_rows().unwrap_or(0) as u64 + named("pushdown_rows_pruned");
        cost.bytes += named("bytes_scanned");
    }
    plan.children().into_iter().for_each(|child| add_cost(child.as_ref(), cost));
}

/// The engine's error as ours.
fn explain(error: &DataFusionError) -> QueryError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => QueryError::TooMuch {
            limit: "query_memory_max",
            message: "needs more memory than queries may take: ask for fewer groups, or narrow the time range or \
                      the filter"
                .to_owned(),
        },
        other => QueryError::Failed(other.to_string()),
    }
}
