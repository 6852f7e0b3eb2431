//! The queue: what waits where and why, and orders to it.

use axum::extract::State;
use model::id::RecipientId;
use model::name::Name;
use model::route::Pool;
use queue::control::{Done, Order, OrderError};
use queue::directory::{ProviderView, SourceView};
use queue::handle::{ControlError, Show, Stopped};
use queue::view::{Explanation, PathView, Snapshot};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Json, Path};
use crate::routes::Items;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(snapshot))
        .routes(routes!(path))
        .routes(routes!(explain))
        .routes(routes!(control))
        .routes(routes!(sources))
        .routes(routes!(pools))
        .routes(routes!(providers))
}

/// The whole queue at one moment: totals, the busiest paths and domains, campaigns, what is held.
#[utoipa::path(get, path = "/api/v1/queues", tag = "delivery", responses((status = 200, body = Snapshot)))]
async fn snapshot(State(state): State<ApiState>) -> ApiResult<axum::Json<Snapshot>> {
    Ok(axum::Json(state.queue.snapshot(Show::default()).await?))
}

/// One path: a source towards a site.
#[utoipa::path(get, path = "/api/v1/queues/paths/{source}/{site}", tag = "delivery",
    params(("source" = String, Path), ("site" = String, Path)),
    responses((status = 200, body = PathView), (status = 404, body = ErrorBody)))]
async fn path(
    State(state): State<ApiState>,
    Path((source, site)): Path<(Name, Name)>,
) -> ApiResult<axum::Json<PathView>> {
    let view = state.queue.path(source, site).await?;
    view.map(axum::Json).ok_or_else(|| ApiError::not_found("path with mail, now or lately"))
}

/// Why a recipient is where it is: the exact limiter, its value, who set it, and the next time.
#[utoipa::path(get, path = "/api/v1/recipients/{id}/explain", tag = "delivery", params(("id" = String, Path)),
    responses((status = 200, body = Explanation), (status = 404, body = ErrorBody)))]
async fn explain(State(state): State<ApiState>, Path(id): Path<RecipientId>) -> ApiResult<axum::Json<Explanation>> {
    let explanation = state.queue.explain(id).await?;
    explanation
        .map(axum::Json)
        .ok_or_else(|| ApiError::not_found("recipient in the queue; its history tells how it ended"))
}

/// Hold, release or cancel mail; suspend or resume a route. With `dry_run` only counted.
#[utoipa::path(post, path = "/api/v1/control", tag = "delivery", request_body = Order,
    responses((status = 200, body = Done), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn control(
    State(state): State<ApiState>,
    caller: Caller,
    Json(order): Json<Order>,
) -> ApiResult<axum::Json<Done>> {
    Ok(axum::Json(state.queue.control(order, caller.name()).await?))
}

/// The sources (virtual MTAs), with what they are doing.
#[utoipa::path(get, path = "/api/v1/sources", tag = "delivery", responses((status = 200, body = Items<SourceView>)))]
async fn sources(State(state): State<ApiState>) -> ApiResult<axum::Json<Items<SourceView>>> {
    Ok(Items::all(state.directory.sources(&state.queue.doing().await?)))
}

/// The pools of sources.
#[utoipa::path(get, path = "/api/v1/pools", tag = "delivery", responses((status = 200, body = Items<Pool>)))]
async fn pools(State(state): State<ApiState>) -> axum::Json<Items<Pool>> {
    Items::all(state.directory.pools())
}

/// Limits and rules for each mailbox provider, and what is in force now.
#[utoipa::path(get, path = "/api/v1/providers", tag = "delivery", responses((status = 200, body = Items<ProviderView>)))]
async fn providers(State(state): State<ApiState>) -> ApiResult<axum::Json<Items<ProviderView>>> {
    Ok(Items::all(state.directory.providers(&state.queue.doing().await?)))
}

impl From<Stopped> for ApiError {
    fn from(_: Stopped) -> Self {
        ApiError::unavailable("The queue is stopping; try again when the program is back.")
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Stopped(stopped) => stopped.into(),
            ControlError::Refused(OrderError::Unknown { kind, name }) => {
                ApiError::not_found(&format!("{kind} in the queue: {name}")).at("target.name")
            }
            ControlError::Refused(refused @ OrderError::Unfit { .. }) => {
                ApiError::invalid(refused.to_string()).at("action")
            }
            ControlError::Refused(refused @ OrderError::Reason) => ApiError::invalid(refused.to_string()).at("reason"),
            ControlError::Refused(refused @ (OrderError::TooMany(_) | OrderError::TooManyCancels(_))) => {
                ApiError::conflict(refused.to_string())
            }
            ControlError::Bulk(error) => super::queue_orders::refused(error),
            ControlError::WarmUp(error) => super::warm_up::refused(error),
            // In force, and lost with the next restart: whoever ordered it has to know, and may repeat it.
            unsaved @ ControlError::Unsaved { .. } => ApiError::unavailable(unsaved.to_string()),
        }
    }
}
