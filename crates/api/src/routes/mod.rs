//! The endpoints, a file for each noun.

mod accounts;
mod audience;
mod campaigns;
mod imports;
mod injection;
mod live;
mod monitoring;
mod operations;
mod queues;
mod session;
mod tracking;

use axum::http::header;
use axum::routing::{MethodRouter, get};
use serde::Serialize;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

/// A list that comes in one piece or in pages.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Items<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give this as `after` for the next page; null on the last one.
    pub next: Option<String>,
}

impl<T> Items<T> {
    /// A list that is complete.
    pub(crate) fn all(items: Vec<T>) -> axum::Json<Items<T>> {
        axum::Json(Items { items, next: None })
    }
}

#[derive(OpenApi)]
#[openapi(info(title = "iES", description = "Campaigns, delivery and monitoring of e-mail in one program."))]
struct Document;

/// Endpoints that answer within the ordinary time.
pub(crate) fn all() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(session::router())
        .merge(accounts::router())
        .merge(audience::router())
        .merge(imports::router())
        .merge(campaigns::router())
        .merge(queues::router())
        .merge(tracking::router())
        .merge(monitoring::router())
        .merge(operations::router())
}

/// Endpoints that may take longer: uploads and the live stream.
pub(crate) fn slow() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().merge(imports::uploads()).merge(injection::uploads()).merge(live::router())
}

/// Serves the OpenAPI document.
pub(crate) fn document(text: String) -> MethodRouter<ApiState> {
    get(move || async move { ([(header::CONTENT_TYPE, "application/json")], text) })
}
