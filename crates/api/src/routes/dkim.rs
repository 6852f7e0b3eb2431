//! DKIM keys: seen by everybody, made and replaced by operators. A private key comes in, none goes out.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::dkim::{DkimAlgorithm, DkimKey, DkimOrder, DkimRefusal};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Json, Path, Query};
use crate::routes::Items;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(rotate))
        .routes(routes!(check))
        .routes(routes!(activate))
        .routes(routes!(remove))
}

/// A new key.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDkimKey {
    /// The domain in From of the mails.
    domain: String,
    /// Which keys are made.
    #[serde(default)]
    algorithm: DkimAlgorithm,
    /// Name of the key; made of the date when left out.
    #[serde(default)]
    selector: Option<String>,
    /// A private key in PEM form that was made elsewhere; it needs a selector, and `algorithm` says nothing then.
    #[serde(default)]
    pem: Option<String>,
}

/// Whether the removal is forced.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Removal {
    /// Erase it also when it signs, or when mail that it signed is on its way.
    #[serde(default)]
    force: bool,
}

/// All DKIM keys with their states and dates.
#[utoipa::path(get, path = "/api/v1/dkim", tag = "delivery", responses((status = 200, body = Items<DkimKey>)))]
async fn list(State(state): State<ApiState>) -> ApiResult<axum::Json<Items<DkimKey>>> {
    Ok(Items::all(state.dkim.keys().await.map_err(refusal)?))
}

/// Make keys for a domain, or take one in. They sign as soon as the DNS carries them.
#[utoipa::path(post, path = "/api/v1/dkim", tag = "delivery", request_body = NewDkimKey,
    responses((status = 201, body = Items<DkimKey>), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn make(
    State(state): State<ApiState>,
    caller: Caller,
    Json(new): Json<NewDkimKey>,
) -> ApiResult<(StatusCode, axum::Json<Items<DkimKey>>)> {
    let order = match (new.pem, new.selector) {
        (Some(pem), Some(selector)) => DkimOrder::Import { selector, pem },
        (Some(_), None) => {
            return Err(ApiError::invalid("A key that was made elsewhere needs its selector.").at("selector"));
        }
        (None, selector) => DkimOrder::Make { algorithm: new.algorithm, selector },
    };
    let keys = state.dkim.order(&new.domain, order, caller.name()).await.map_err(refusal)?;
    Ok((StatusCode::CREATED, Items::all(keys)))
}

/// Make a successor of each key of a domain that signs.
#[utoipa::path(post, path = "/api/v1/dkim/{domain}/rotate", tag = "delivery", params(("domain" = String, Path)),
    responses((status = 200, body = Items<DkimKey>), (status = 409, body = ErrorBody)))]
async fn rotate(
    State(state): State<ApiState>,
    caller: Caller,
    Path(domain): Path<String>,
) -> ApiResult<axum::Json<Items<DkimKey>>> {
    Ok(Items::all(state.dkim.order(&domain, DkimOrder::Rotate, caller.name()).await.map_err(refusal)?))
}

/// Ask the DNS now whether it carries the keys of a domain.
#[utoipa::path(post, path = "/api/v1/dkim/{domain}/check", tag = "delivery", params(("domain" = String, Path)),
    responses((status = 200, body = Items<DkimKey>), (status = 409, body = ErrorBody)))]
async fn check(
    State(state): State<ApiState>,
    caller: Caller,
    Path(domain): Path<String>,
) -> ApiResult<axum::Json<Items<DkimKey>>> {
    Ok(Items::all(state.dkim.order(&domain, DkimOrder::Check, caller.name()).await.map_err(refusal)?))
}

/// Let a pending key sign at once, whatever the DNS has.
#[utoipa::path(post, path = "/api/v1/dkim/{domain}/{selector}/activate", tag = "delivery",
    params(("domain" = String, Path), ("selector" = String, Path)),
    responses((status = 200, body = Items<DkimKey>), (status = 409, body = ErrorBody)))]
async fn activate(
    State(state): State<ApiState>,
    caller: Caller,
    Path((domain, selector)): Path<(String, String)>,
) -> ApiResult<axum::Json<Items<DkimKey>>> {
    let order = DkimOrder::Activate { selector };
    Ok(Items::all(state.dkim.order(&domain, order, caller.name()).await.map_err(refusal)?))
}

/// Erase a key.
#[utoipa::path(delete, path = "/api/v1/dkim/{domain}/{selector}", tag = "delivery",
    params(("domain" = String, Path), ("selector" = String, Path), Removal),
    responses((status = 204), (status = 409, body = ErrorBody)))]
async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    Path((domain, selector)): Path<(String, String)>,
    Query(removal): Query<Removal>,
) -> ApiResult<StatusCode> {
    let order = DkimOrder::Remove { selector, force: removal.force };
    state.dkim.order(&domain, order, caller.name()).await.map_err(refusal)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refusal(refusal: DkimRefusal) -> ApiError {
    match refusal {
        DkimRefusal::Refused(reason) => ApiError::conflict(reason),
        DkimRefusal::Failed(reason) => {
            tracing::error!(reason, "DKIM keys");
            ApiError::unavailable("The DKIM keys cannot be read or written now.")
        }
    }
}
