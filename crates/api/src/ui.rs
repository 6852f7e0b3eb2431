//! The UI: the bundle of `web/dist`, embedded in the program.
//!
//! Paths that are no file belong to the single-page application and get its first page. File names of assets carry a
//! hash of their content, so they may be kept for ever; the first page may not.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::ApiError;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Bundle;

/// What the UI may do: only its own scripts; previews of mails live in sandboxed frames without scripts.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob: https: http:; font-src 'self' data:; connect-src 'self'; frame-src 'self' blob: data:; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Serves a file of the bundle, or the first page.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/api/") {
        return ApiError::not_found("endpoint").into_response();
    }
    if let Some(file) = Bundle::get(path.trim_start_matches('/')) {
        return respond(&file, path.starts_with("/assets/"));
    }
    match Bundle::get("index.html") {
        Some(page) => respond(&page, false),
        None => (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response(),
    }
}

fn respond(file: &EmbeddedFile, keep: bool) -> Response {
    let caching = if keep { "public, max-age=31536000, immutable" } else { "no-cache" };
    let kind =
        HeaderValue::from_str(file.metadata.mimetype()).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, file.data.to_vec()).into_response()
}

const NOT_BUILT: &str = "<!doctype html><title>iES</title><h1>The UI is not part of this program</h1>\
     <p>It was built without it. Run <code>make ui</code>, then build the program again. The API works all the same.</p>";
