//! Dialogues that are recorded on demand: what is recorded now, begin, end. The dialogues themselves stand in the events
//! of the attempts.

use axum::extract::State;
use axum::http::StatusCode;
use model::recording::{NewRecording, Recording};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Json, Path};
use crate::routes::Items;
use crate::state::ApiState;
use crate::transcripts::TranscriptRefusal;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, begin)).routes(routes!(end))
}

/// What is being recorded, the oldest first.
#[utoipa::path(get, path = "/api/v1/transcripts", tag = "delivery", responses((status = 200, body = Items<Recording>)))]
async fn list(State(state): State<ApiState>) -> ApiResult<axum::Json<Items<Recording>>> {
    Ok(Items::all(state.transcripts.list(state.clock.now())))
}

/// Keep the whole dialogue of every attempt to these recipients for a time, also where it goes well. Passwords are never
/// part of it.
#[utoipa::path(post, path = "/api/v1/transcripts", tag = "delivery", request_body = NewRecording,
    responses((status = 201, body = Recording), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn begin(
    State(state): State<ApiState>,
    caller: Caller,
    Json(new): Json<NewRecording>,
) -> ApiResult<(StatusCode, axum::Json<Recording>)> {
    let recording = state.transcripts.begin(new, caller.name()).await.map_err(refusal)?;
    Ok((StatusCode::CREATED, axum::Json(recording)))
}

/// End a recording; what it has taken stays.
#[utoipa::path(delete, path = "/api/v1/transcripts/{id}", tag = "delivery", params(("id" = u32, Path)),
    responses((status = 204), (status = 404, body = ErrorBody)))]
async fn end(State(state): State<ApiState>, caller: Caller, Path(id): Path<u32>) -> ApiResult<StatusCode> {
    match state.transcripts.end(id, caller.name()).await.map_err(refusal)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::not_found(&format!("recording {id}"))),
    }
}

fn refusal(refusal: TranscriptRefusal) -> ApiError {
    match refusal {
        TranscriptRefusal::Wrong(error) => ApiError::invalid(error.reason).at(error.field),
        TranscriptRefusal::Conflict(reason) => ApiError::conflict(reason),
        TranscriptRefusal::Failed(reason) => {
            tracing::error!(reason, "recordings of dialogues");
            ApiError::unavailable("The recordings cannot be written down now.")
        }
    }
}
