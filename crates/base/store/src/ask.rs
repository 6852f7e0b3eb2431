//! Questions to the store. Every one is a boxed future, so that no code of the engine is made outside this crate.
//!
//! A question that fails because a segment is damaged sets that segment aside (`damage.rs`) and is asked once more.

use std::sync::Arc;

use futures::future::BoxFuture;
use model::time::Timestamp;

use crate::error::{QueryError, StoreError};
use crate::query::{EventsPage, EventsQuery, History, HistoryOf, Query, QueryResult};
use crate::rollup::{RollupQuery, RollupRow};
use crate::store::{EventStore, Inner};
use crate::template::{Template, TemplateSearch};

impl EventStore {
    /// Answers a typed query. Dropping the future ends the query.
    ///
    /// # Errors
    /// [`QueryError`]: see its variants.
    pub fn query(&self, query: Query) -> BoxFuture<'static, Result<QueryResult, QueryError>> {
        let span = (query.from, query.to);
        self.ask(span, move |inner| {
            let query = query.clone();
            Box::pin(async move { inner.engine.query(inner.view()?, &query).await })
        })
    }

    /// A page of events, without transcripts. Dropping the future ends the search.
    ///
    /// # Errors
    /// [`QueryError`]: see its variants.
    pub fn events(&self, query: EventsQuery) -> BoxFuture<'static, Result<EventsPage, QueryError>> {
        let span = (query.from, query.to);
        self.ask(span, move |inner| {
            let query = query.clone();
            Box::pin(async move { inner.engine.events(inner.view()?, &query).await })
        })
    }

    /// Everything about one message, recipient or address, in the order of time, with transcripts.
    ///
    /// # Errors
    /// [`QueryError::TooMuch`] and [`QueryError::Failed`].
    pub fn history(&self, of: HistoryOf) -> BoxFuture<'static, Result<History, QueryError>> {
        self.ask((Timestamp(i64::MIN), Timestamp(i64::MAX)), move |inner| {
            let of = of.clone();
            Box::pin(async move { inner.engine.history(&inner.view()?, &of).await })
        })
    }

    /// Asks; when that fails, damaged segments of this time are looked for and set aside, and it is asked once more.
    fn ask<T: Send + 'static>(
        &self,
        (from, to): (Timestamp, Timestamp),
        question: impl Fn(Arc<Inner>) -> BoxFuture<'static, Result<T, QueryError>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, QueryError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let answer = inner.engine.limited(question(Arc::clone(&inner))).await;
            let Err(QueryError::Failed(_)) = answer else { return answer };
            let segments = inner.view()?.between(from, to).segments;
            if !inner.inspect(segments).await? {
                return answer;
            }
            inner.engine.limited(question(Arc::clone(&inner))).await
        })
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
