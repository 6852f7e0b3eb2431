//! Questions to the store. Every one is a boxed future, so that no code of the engine is made outside this crate.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::error::{QueryError, StoreError};
use crate::query::{EventsPage, EventsQuery, History, HistoryOf, Query, QueryResult};
use crate::rollup::{RollupQuery, RollupRow};
use crate::store::EventStore;
use crate::template::{Template, TemplateSearch};

impl EventStore {
    /// Answers a typed query. Dropping the future ends the query.
    ///
    /// # Errors
    /// [`QueryError`]: see its variants.
    pub fn query(&self, query: Query) -> BoxFuture<'static, Result<QueryResult, QueryError>> {
        let inner = Arc::clone(&self.0);
        self.0.engine.limited(Box::pin(async move { inner.engine.query(inner.view()?, &query).await }))
    }

    /// A page of events, without transcripts. Dropping the future ends the search.
    ///
    /// # Errors
    /// [`QueryError`]: see its variants.
    pub fn events(&self, query: EventsQuery) -> BoxFuture<'static, Result<EventsPage, QueryError>> {
        let inner = Arc::clone(&self.0);
        self.0.engine.limited(Box::pin(async move { inner.engine.events(inner.view()?, &query).await }))
    }

    /// Everything about one message, recipient or address, in the order of time, with transcripts.
    ///
    /// # Errors
    /// [`QueryError::TooMuch`] and [`QueryError::Failed`].
    pub fn history(&self, of: HistoryOf) -> BoxFuture<'static, Result<History, QueryError>> {
        let inner = Arc::clone(&self.0);
        self.0.engine.limited(Box::pin(async move { inner.engine.history(&inner.view()?, &of).await }))
    }

    /// Sums from the roll-ups: without a wait behind queries, and visible as soon as events are ingested.
    ///
    /// # Errors
    /// [`QueryError::TooMuch`] and [`QueryError::Failed`].
    pub fn rollup(&self, query: RollupQuery) -> BoxFuture<'static, Result<Vec<RollupRow>, QueryError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let worker = Arc::clone(&inner);
            let answer = move || {
                let snapshot = worker.state().rollups.snapshot(query.from, query.to);
                snapshot.answer(&query)
            };
            inner.blocking(answer).await?
        })
    }

    /// The reply template of this number.
    pub fn template(&self, id: u32) -> Option<Arc<Template>> {
        self.0.state().templates.get(id)
    }

    /// Reply templates, the most frequent first.
    pub fn search_templates(&self, search: &TemplateSearch, limit: usize) -> Vec<Arc<Template>> {
        self.0.state().templates.search(search, limit)
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        QueryError::Failed(error.to_string())
    }
}
