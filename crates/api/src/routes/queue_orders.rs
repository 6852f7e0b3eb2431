//! Searches of the queue and orders about many recipients at a time. The filter of a search is written as on the command
//! line (`domain:gmail.com older:2h`); that of an order is an object with the same terms.

use axum::extract::State;
use queue::bulk::{BulkDone, BulkError, BulkOrder, BulkView, Search, SearchResult, Sort};
use queue::select::Filter;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Json, Query};
use crate::routes::Items;
use crate::state::ApiState;

/// Most recipients of one page.
const PAGE_MAX: usize = 1_000;

/// Recipients of a page that nobody wished longer or shorter.
const PAGE: usize = 50;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(recipients)).routes(routes!(orders, order))
}

/// What is looked for in the queue.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Terms that all have to hold, such as `domain:gmail.com older:2h`; everybody without any.
    #[serde(default)]
    filter: String,
    /// What comes first.
    #[serde(default)]
    #[param(inline)]
    sort: Sort,
    /// `next` of the page before.
    after: Option<String>,
    /// Recipients of a page, 0 to 1,000; with 0 they are only counted.
    limit: Option<usize>,
}

/// Recipients in the queue, in pages, and all that match counted by what they have in common.
#[utoipa::path(get, path = "/api/v1/queues/recipients", tag = "delivery", params(Wanted),
    responses((status = 200, body = SearchResult), (status = 400, body = ErrorBody)))]
async fn recipients(
    State(state): State<ApiState>,
    Query(wanted): Query<Wanted>,
) -> ApiResult<axum::Json<SearchResult>> {
    let filter: Filter = wanted.filter.parse().map_err(|error| refused(BulkError::Filter(error)).at("filter"))?;
    let after = wanted.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|error: queue::bulk::PlaceError| ApiError::invalid(error.to_string()).at("after"))?;
    let limit = wanted.limit.unwrap_or(PAGE);
    if limit > PAGE_MAX {
        let rule = format!("A page has at most {PAGE_MAX} recipients; `next` leads to the others.");
        return Err(ApiError::invalid(rule).at("limit"));
    }
    Ok(axum::Json(state.queue.search(Search { filter, sort: wanted.sort, after, limit }).await?))
}

/// Bulk orders in force or at work: holds, and what is being cancelled, rerouted or let leave earlier.
#[utoipa::path(get, path = "/api/v1/queues/orders", tag = "delivery",
    responses((status = 200, body = Items<BulkView>)))]
async fn orders(State(state): State<ApiState>) -> ApiResult<axum::Json<Items<BulkView>>> {
    Ok(Items::all(state.queue.bulk_orders().await?))
}

/// Hold, release, requeue, reroute, prioritise, cancel or expire all mail that a filter means. With `dry_run` it is only
/// counted, with examples. Answered when no crash can undo it; mail goes on meanwhile.
#[utoipa::path(post, path = "/api/v1/queues/orders", tag = "delivery", request_body = BulkOrder,
    responses((status = 200, body = BulkDone), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
async fn order(
    State(state): State<ApiState>,
    caller: Caller,
    Json(order): Json<BulkOrder>,
) -> ApiResult<axum::Json<BulkDone>> {
    Ok(axum::Json(state.queue.bulk(order, caller.name()).await?))
}

/// What is wrong with a bulk order, and where.
pub(crate) fn refused(error: BulkError) -> ApiError {
    let text = error.to_string();
    match error {
        BulkError::Filter(_) | BulkError::Everything | BulkError::Passing { .. } => {
            ApiError::invalid(text).at("filter")
        }
        BulkError::Reason => ApiError::invalid(text).at("reason"),
        BulkError::Needs { action, .. } => {
            ApiError::invalid(text).at(if action == "reroute" { "pool" } else { "priority" })
        }
        BulkError::Unknown { kind, name } => ApiError::not_found(&format!("{kind} {name}")).at(kind),
        BulkError::AddressTooWide { .. } => ApiError::invalid(text).at("filter"),
        BulkError::TooMany => ApiError::conflict(text),
        BulkError::Busy(_) => ApiError::unavailable(text),
    }
}
