//! The endpoints, a file for each noun.

mod accounts;
mod audience;
mod campaigns;
mod dkim;
mod imports;
mod injection;
mod live;
mod monitoring;
mod operations;
mod queue_orders;
mod queues;
mod session;
mod shaping;
mod tracking;
mod transcripts;
mod warm_up;

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
    prompt().into_iter().fold(OpenApiRouter::with_openapi(Document::openapi()), OpenApiRouter::merge)
}

fn prompt() -> [OpenApiRouter<ApiState>; 14] {
    [
        session::router(),
        accounts::router(),
        audience::router(),
        imports::router(),
        campaigns::router(),
        queues::router(),
        queue_orders::router(),
        shaping::router(),
        warm_up::router(),
        tracking::router(),
        monitoring::router(),
        operations::router(),
        dkim::router(),
        transcripts::router(),
    ]
}

/// Endpoints that may take longer: uploads and the live stream.
pub(crate) fn slow() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(imports::uploads())
        .merge(injection::uploads())
        .merge(shaping::uploads())
        .merge(live::router())
}

/// Serves the OpenAPI document.
pub(crate) fn document(text: String) -> MethodRouter<ApiState> {
    get(move || async move { ([(header::CONTENT_TYPE, "application/json")], text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two types of one name would silently be described as the one that was met last.
    #[test]
    fn a_name_means_one_schema() {
        let whole = all().merge(slow()).to_openapi();
        let known = whole.components.unwrap().schemas;
        let parts =
            prompt().into_iter().chain([imports::uploads(), injection::uploads(), shaping::uploads(), live::router()]);
        let mut checked = 0;
        for part in parts {
            for (name, schema) in part.get_openapi().components.iter().flat_map(|components| &components.schemas) {
                assert!(known.get(name) == Some(schema), "{name} stands for two types");
                checked += 1;
            }
        }
        assert!(checked > 100, "only {checked} schemas were looked at");
    }
}
