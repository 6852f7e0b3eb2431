//! Warm-ups: how far sources are with their plans, and orders about them.

use axum::extract::State;
use model::name::Name;
use queue::warmup::view::WarmUpView;
use queue::warmup::{Order, OrderError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Json, Path};
use crate::routes::Items;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(warm_ups)).routes(routes!(order_warm_up))
}

/// The sources that have a plan to raise their volume: today, the plan and the past days, by provider.
#[utoipa::path(get, path = "/api/v1/warm-ups", tag = "delivery", responses((status = 200, body = Items<WarmUpView>)))]
async fn warm_ups(State(state): State<ApiState>) -> ApiResult<axum::Json<Items<WarmUpView>>> {
    Ok(Items::all(state.queue.warm_ups().await?))
}

/// Pause, resume or finish the plan of a source, or set its day. Answered when the order is on disk.
#[utoipa::path(post, path = "/api/v1/warm-ups/{source}", tag = "delivery", params(("source" = String, Path)),
    request_body = Order, responses((status = 200, body = WarmUpView), (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn order_warm_up(
    State(state): State<ApiState>,
    caller: Caller,
    Path(source): Path<Name>,
    Json(order): Json<Order>,
) -> ApiResult<axum::Json<WarmUpView>> {
    state.queue.order_warm_up(source.clone(), order, caller.name()).await?;
    let found = state.queue.warm_ups().await?.into_iter().find(|view| view.source == source);
    found.map(axum::Json).ok_or_else(|| ApiError::not_found("warm-up plan of this source"))
}

/// An order that is not carried out, as its sender is told.
pub(super) fn refused(error: OrderError) -> ApiError {
    match error {
        OrderError::NoPlan(_) => ApiError::not_found("warm-up plan of this source; write one under [[queue.warm_ups]]"),
        OrderError::NoProvider { .. } => ApiError::invalid(error.to_string()).at("provider"),
        OrderError::Day { .. } => ApiError::invalid(error.to_string()).at("day"),
    }
}
