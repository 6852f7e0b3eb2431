//! HTTP: the JSON API, injection, what recipients of mail open, live numbers, and the UI.
//!
//! A thin layer: a handler reads the request, calls one query or command function of the owner (campaign, queue,
//! monitor, intake, accounts) and turns the answer into JSON. No SQL, no business rules, no second model: the owners'
//! public types are the API's JSON. Who may call what is one table ([`access`]); the OpenAPI document is generated from
//! the handlers and compared with `docs/generated/openapi.json` in a test.
//!
//! Limits: bodies [`BODY_MAX`], imports [`UPLOAD_MAX`], injection `intake.injection`, requests [`REQUEST_TIMEOUT`],
//! connections [`Limits`].

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod access;
pub mod auth;
pub mod dkim;
mod document;
pub mod error;
pub mod extract;
mod health;
pub mod proxies;
mod routes;
mod serve;
mod state;
pub mod transcripts;
mod ui;
mod wording;

use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

pub use health::{ANSWER_MAX, LAG_MAX};
pub use serve::{HEAD_MAX, Limits, serve};
pub use state::ApiState;

/// Largest body of an ordinary request, in bytes.
pub const BODY_MAX: usize = 2 << 20;

/// Largest body of an import, in bytes.
pub const UPLOAD_MAX: usize = 64 << 20;

/// An ordinary request must be answered in this time. The live stream and uploads are excepted.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The whole HTTP service; it needs the address of the client, see [`serve`].
fn router(state: ApiState) -> Router {
    let (endpoints, _) = routes::all().split_for_parts();
    let (slow, _) = routes::slow().split_for_parts();
    let endpoints = endpoints
        .route("/api/v1/openapi.json", routes::document(openapi()))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .merge(slow)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .route_layer(middleware::from_fn_with_state(state.clone(), auth::guard));
    endpoints.fallback(ui::serve).layer(CompressionLayer::new()).layer(CatchPanicLayer::new()).with_state(state)
}

/// The OpenAPI document of every endpoint, as pretty JSON with a final line feed.
pub fn openapi() -> String {
    let mut document = routes::all().merge(routes::slow()).to_openapi();
    document::settle(&mut document);
    let mut text = serde_json::to_string_pretty(&document).expect("invariant: the document is JSON");
    text.push('\n');
    text
}
