//! Campaigns: written, checked, sent, watched.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use campaign::content::{CampaignCheck, RenderRequest, Rendered};
use campaign::report::{CampaignRecipient, CampaignReport, RecipientFilter};
use campaign::sending::{Campaign, CampaignInput, TestReceipt, TestRequest};
use campaign::{Page, PageRequest};
use model::id::CampaignId;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Json, Path, Query};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, delete))
        .routes(routes!(check))
        .routes(routes!(test))
        .routes(routes!(send))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
        .routes(routes!(report))
        .routes(routes!(report_pdf))
        .routes(routes!(recipients))
        .routes(routes!(render))
}

/// All campaigns, newest first.
#[utoipa::path(get, path = "/api/v1/campaigns", tag = "campaigns", params(PageRequest),
    responses((status = 200, body = Page<Campaign>)))]
async fn list(State(state): State<ApiState>, Query(page): Query<PageRequest>) -> ApiResult<axum::Json<Page<Campaign>>> {
    Ok(axum::Json(state.campaigns.sending.campaigns(&page).await?))
}

/// Make a campaign; it begins as a draft.
#[utoipa::path(post, path = "/api/v1/campaigns", tag = "campaigns", request_body = CampaignInput,
    responses((status = 201, body = Campaign), (status = 400, body = ErrorBody)))]
async fn create(
    State(state): State<ApiState>,
    Json(input): Json<CampaignInput>,
) -> ApiResult<(StatusCode, axum::Json<Campaign>)> {
    Ok((StatusCode::CREATED, axum::Json(state.campaigns.sending.create(input).await?)))
}

/// One campaign.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = Campaign), (status = 404, body = ErrorBody)))]
async fn show(State(state): State<ApiState>, Path(id): Path<CampaignId>) -> ApiResult<axum::Json<Campaign>> {
    Ok(axum::Json(state.campaigns.sending.campaign(id).await?))
}

/// Change a draft; what is absent stays. With `version`, only when nobody changed it since (else 409, code `stale`).
#[utoipa::path(patch, path = "/api/v1/campaigns/{id}", tag = "campaigns", params(("id" = String, Path)),
    request_body = CampaignInput,
    responses((status = 200, body = Campaign), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<CampaignId>,
    Json(input): Json<CampaignInput>,
) -> ApiResult<axum::Json<Campaign>> {
    Ok(axum::Json(state.campaigns.sending.change(id, input, caller.name()).await?))
}

/// Remove a draft, or a campaign that has ended.
#[utoipa::path(delete, path = "/api/v1/campaigns/{id}", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn delete(State(state): State<ApiState>, Path(id): Path<CampaignId>) -> ApiResult<StatusCode> {
    state.campaigns.sending.delete(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everything that can be known before sending: errors with their place, missing values, who would get it.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/check", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = CampaignCheck), (status = 404, body = ErrorBody)))]
async fn check(State(state): State<ApiState>, Path(id): Path<CampaignId>) -> ApiResult<axum::Json<CampaignCheck>> {
    Ok(axum::Json(state.campaigns.sending.check(id).await?))
}

/// Send a test mail to some addresses.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/test", tag = "campaigns", params(("id" = String, Path)),
    request_body = TestRequest, responses((status = 202, body = TestReceipt), (status = 400, body = ErrorBody)))]
async fn test(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
    Json(request): Json<TestRequest>,
) -> ApiResult<(StatusCode, axum::Json<TestReceipt>)> {
    Ok((StatusCode::ACCEPTED, axum::Json(state.campaigns.sending.test(id, &request).await?)))
}

/// Send: the audience is frozen and handed over, each contact exactly once.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/send", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 202, body = Campaign), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn send(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> ApiResult<(StatusCode, axum::Json<Campaign>)> {
    Ok((StatusCode::ACCEPTED, axum::Json(state.campaigns.sending.send(id).await?)))
}

/// Pause: nothing more is handed over, what is queued is held.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/pause", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = Campaign), (status = 409, body = ErrorBody)))]
async fn pause(State(state): State<ApiState>, Path(id): Path<CampaignId>) -> ApiResult<axum::Json<Campaign>> {
    Ok(axum::Json(state.campaigns.sending.pause(id).await?))
}

/// Go on after a pause.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/resume", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = Campaign), (status = 409, body = ErrorBody)))]
async fn resume(State(state): State<ApiState>, Path(id): Path<CampaignId>) -> ApiResult<axum::Json<Campaign>> {
    Ok(axum::Json(state.campaigns.sending.resume(id).await?))
}

/// Cancel: what has not left does not leave any more.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/cancel", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = Campaign), (status = 409, body = ErrorBody)))]
async fn cancel(State(state): State<ApiState>, Path(id): Path<CampaignId>) -> ApiResult<axum::Json<Campaign>> {
    Ok(axum::Json(state.campaigns.sending.cancel(id).await?))
}

/// What came of a campaign, up to now.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/report", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = CampaignReport), (status = 404, body = ErrorBody)))]
async fn report(State(state): State<ApiState>, Path(id): Path<CampaignId>) -> ApiResult<axum::Json<CampaignReport>> {
    Ok(axum::Json(state.campaigns.reports.report(id).await?))
}

/// The report for printing, in French or English by `Accept-Language`.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/report.pdf", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, content_type = "application/pdf"), (status = 404, body = ErrorBody)))]
async fn report_pdf(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
    headers: HeaderMap,
) -> ApiResult<impl IntoResponse> {
    let languages = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let pdf = state.campaigns.reports.pdf(id, languages).await?;
    let name = format!("attachment; filename=\"campaign-{id}.pdf\"");
    Ok(([(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)], pdf))
}

/// Which recipients are shown.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct RecipientSearch {
    /// Only those in this state, or who did this.
    #[param(inline)]
    status: Option<RecipientFilter>,
}

/// The recipients of a campaign and what became of each.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/recipients", tag = "campaigns",
    params(("id" = String, Path), RecipientSearch, PageRequest),
    responses((status = 200, body = Page<CampaignRecipient>), (status = 404, body = ErrorBody)))]
async fn recipients(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
    Query(search): Query<RecipientSearch>,
    Query(page): Query<PageRequest>,
) -> ApiResult<axum::Json<Page<CampaignRecipient>>> {
    Ok(axum::Json(state.campaigns.reports.recipients(id, search.status, &page).await?))
}

/// Render a content as one contact would get it. Errors are part of the answer.
#[utoipa::path(post, path = "/api/v1/render", tag = "campaigns", request_body = RenderRequest,
    responses((status = 200, body = Rendered)))]
async fn render(State(state): State<ApiState>, Json(request): Json<RenderRequest>) -> ApiResult<axum::Json<Rendered>> {
    Ok(axum::Json(state.campaigns.content.render(&request).await?))
}

impl From<campaign::Error> for ApiError {
    fn from(error: campaign::Error) -> Self {
        use campaign::Error;
        match error {
            Error::NotFound { what, id } => ApiError::not_found(&format!("{what} {id}")),
            Error::Invalid { field, reason } => ApiError::invalid(reason).at(field),
            Error::Stale { .. } => ApiError::stale(error.to_string()),
            Error::Conflict { reason } => ApiError::conflict(reason),
            Error::Unavailable { reason } => ApiError::unavailable(reason),
            Error::Db(cause) if cause.is_temporary() => {
                tracing::warn!(cause = cause.chain(), "database not available");
                ApiError::unavailable("The database is not available; try again.")
            }
            error @ Error::Db(_) => ApiError::internal(&error),
        }
    }
}
