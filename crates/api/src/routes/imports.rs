//! Contact files coming in: preview, import, progress, the file of rejected rows.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use campaign::audience::{Import, ImportPreview};
use model::id::{ImportId, ListId};
use serde::Deserialize;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::UPLOAD_MAX;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Path, Query};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(import)).routes(routes!(errors))
}

/// Uploads: larger bodies, no ordinary time-out.
pub(crate) fn uploads() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(preview).layer(DefaultBodyLimit::max(UPLOAD_MAX)))
        .routes(routes!(start).layer(DefaultBodyLimit::max(UPLOAD_MAX)))
}

/// How the columns of a file become fields.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct Mapping {
    /// `0:address,first name:first_name`: number or header of a column, then `address`, `name` or a field. The
    /// suggestions of the preview when absent.
    map: Option<String>,
}

/// What is in a file: columns with suggestions, the first rows, encoding and delimiter. Nothing is stored.
#[utoipa::path(post, path = "/api/v1/lists/{id}/import/preview", tag = "audience", params(("id" = String, Path)),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = ImportPreview), (status = 400, body = ErrorBody)))]
async fn preview(
    State(state): State<ApiState>,
    Path(id): Path<ListId>,
    file: Bytes,
) -> ApiResult<axum::Json<ImportPreview>> {
    state.campaigns.audience.list(id).await?;
    Ok(axum::Json(state.campaigns.audience.preview_import(&file).await?))
}

/// Import a file into a list. It goes on in the background; ask the import how far it is.
#[utoipa::path(post, path = "/api/v1/lists/{id}/import", tag = "audience", params(("id" = String, Path), Mapping),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 202, body = Import), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn start(
    State(state): State<ApiState>,
    Path(id): Path<ListId>,
    Query(mapping): Query<Mapping>,
    file: Bytes,
) -> ApiResult<(StatusCode, axum::Json<Import>)> {
    if file.is_empty() {
        return Err(ApiError::invalid("The file is empty: send the CSV as the body of the request."));
    }
    let import = state.campaigns.audience.start_import(id, file.to_vec(), mapping.map.as_deref()).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(import)))
}

/// How far an import is.
#[utoipa::path(get, path = "/api/v1/imports/{id}", tag = "audience", params(("id" = String, Path)),
    responses((status = 200, body = Import), (status = 404, body = ErrorBody)))]
async fn import(State(state): State<ApiState>, Path(id): Path<ImportId>) -> ApiResult<axum::Json<Import>> {
    Ok(axum::Json(state.campaigns.audience.import(id).await?))
}

/// The rejected rows as CSV: line, column, reason, and the row as it was.
#[utoipa::path(get, path = "/api/v1/imports/{id}/errors.csv", tag = "audience", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/csv", body = String), (status = 404, body = ErrorBody)))]
async fn errors(State(state): State<ApiState>, Path(id): Path<ImportId>) -> ApiResult<impl IntoResponse> {
    let text = state.campaigns.audience.import_errors(id).await?;
    let name = format!("attachment; filename=\"import-{id}-errors.csv\"");
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)], text))
}
