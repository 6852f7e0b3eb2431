//! What recipients of mail open: pixel, links, unsubscribe page. The sealed token is the permission.
//!
//! No cookies, no scripts, no redirect but to the link of the mail, and a GET never unsubscribes: scanners and previews
//! follow every link.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use campaign::tracking::{HtmlPage, UnsubscribeMethod, Visit};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Path, Peer};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(pixel)).routes(routes!(link)).routes(routes!(unsubscribe_page, unsubscribe))
}

/// A transparent GIF of one pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\
\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// Longest header that is looked at, in bytes.
const HEADER_LEN_MAX: usize = 512;

/// What a request tells of the software behind it, owned.
struct Visitor {
    client: String,
    user_agent: Option<String>,
    languages: Option<String>,
}

impl Visitor {
    fn new(Peer(client): Peer, headers: &HeaderMap) -> Self {
        let header = |name| {
            let text = headers.get(name).map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()))?;
            Some(text.chars().take(HEADER_LEN_MAX).collect::<String>())
        };
        Visitor {
            client: client.to_string(),
            user_agent: header(header::USER_AGENT),
            languages: header(header::ACCEPT_LANGUAGE),
        }
    }

    fn visit(&self) -> Visit<'_> {
        Visit {
            client: Some(&self.client),
            user_agent: self.user_agent.as_deref(),
            languages: self.languages.as_deref(),
        }
    }
}

/// The pixel of a mail. Always the same picture, whatever the token.
#[utoipa::path(get, path = "/o/{token}", tag = "tracking", params(("token" = String, Path)),
    responses((status = 200, content_type = "image/gif")))]
async fn pixel(State(state): State<ApiState>, peer: Peer, headers: HeaderMap, Path(token): Path<String>) -> Response {
    let token = token.strip_suffix(".gif").unwrap_or(&token);
    state.campaigns.tracking.open(token, &Visitor::new(peer, &headers).visit());
    let headers = [(header::CONTENT_TYPE, "image/gif"), (header::CACHE_CONTROL, "no-store")];
    (headers, PIXEL).into_response()
}

/// A link of a mail: leads to where the mail pointed.
#[utoipa::path(get, path = "/c/{token}", tag = "tracking", params(("token" = String, Path)),
    responses((status = 302), (status = 404)))]
async fn link(
    State(state): State<ApiState>,
    peer: Peer,
    method: Method,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Response {
    let visitor = Visitor::new(peer, &headers);
    let target = state.campaigns.tracking.click(&token, &visitor.visit(), method != Method::HEAD).await;
    let location = target.ok().and_then(|url| HeaderValue::from_str(&url).ok());
    let Some(location) = location else {
        return page(state.campaigns.tracking.dead_link(&visitor.visit()));
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::FOUND, headers).into_response()
}

/// The page behind the unsubscribe link. Changes nothing.
#[utoipa::path(get, path = "/u/{token}", tag = "tracking", params(("token" = String, Path)),
    responses((status = 200, content_type = "text/html", body = String)))]
async fn unsubscribe_page(
    State(state): State<ApiState>,
    peer: Peer,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Response {
    page(state.campaigns.tracking.unsubscribe_page(&token, &Visitor::new(peer, &headers).visit()).await)
}

/// Unsubscribe: by the mail program's button (RFC 8058) or by the button on the page.
#[utoipa::path(post, path = "/u/{token}", tag = "tracking", params(("token" = String, Path)),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, content_type = "text/html", body = String)))]
async fn unsubscribe(
    State(state): State<ApiState>,
    peer: Peer,
    headers: HeaderMap,
    Path(token): Path<String>,
    body: Bytes,
) -> Response {
    // RFC 8058 3.1: the body is List-Unsubscribe=One-Click, as a form or as multipart/form-data.
    let one_click = body.windows(b"One-Click".len()).any(|window| window.eq_ignore_ascii_case(b"One-Click"));
    let method = if one_click { UnsubscribeMethod::OneClick } else { UnsubscribeMethod::Page };
    page(state.campaigns.tracking.unsubscribe(&token, method, &Visitor::new(peer, &headers).visit()).await)
}

fn page(page: HtmlPage) -> Response {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
        ),
    ];
    (status, headers, Html(page.html)).into_response()
}
