//! HTTP injection: mail of programs.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use intake::injection::{Injection, RejectedRecipient};
use model::id::{MessageId, RecipientId};
use model::name::Name;
use model::submission::{Origin, Protocol, Refusal, Submission};
use serde::Serialize;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::UPLOAD_MAX;
use crate::auth::Caller;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Json, Peer};
use crate::state::ApiState;

/// Uploads: larger bodies, no ordinary time-out.
pub(crate) fn uploads() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(inject).layer(DefaultBodyLimit::max(UPLOAD_MAX)))
}

/// Mail that is on disk and will be delivered.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Accepted {
    /// The message.
    message: MessageId,
    /// The recipients' ids are this one and the following ones, in the order of the request without the rejected.
    first_recipient: RecipientId,
    /// How many recipients were accepted.
    recipients: u32,
    /// Recipients that were left out, with the reason.
    rejected: Vec<RejectedRecipient>,
}

/// Send a message: a complete one (`raw`), or content with Liquid and variables for each recipient.
#[utoipa::path(post, path = "/api/v1/messages", tag = "delivery", request_body = Injection,
    responses((status = 202, body = Accepted), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
async fn inject(
    State(state): State<ApiState>,
    caller: Caller,
    Peer(client): Peer,
    Json(request): Json<Injection>,
) -> ApiResult<(StatusCode, axum::Json<Accepted>)> {
    let asked = request.to.len() + request.recipients.len();
    if asked > Submission::RECIPIENTS_MAX {
        let message =
            format!("{asked} recipients are too many for one request: at most {}.", Submission::RECIPIENTS_MAX);
        let field = if request.recipients.len() >= request.to.len() { "recipients" } else { "to" };
        return Err(ApiError::too_large(message).at(field));
    }
    let origin = Origin { protocol: Protocol::Http, peer: Some(client), user: Some(Name::from(caller.name())) };
    let prepared = intake::injection::prepare(request, state.bounce_domain.as_deref(), origin);
    let (submission, rejected) = prepared.map_err(|error| ApiError::invalid(error.reason).at(error.field))?;
    let receipt = state.intake.submit(submission).await?;
    let accepted = Accepted {
        message: receipt.message,
        first_recipient: receipt.first_recipient,
        recipients: receipt.count,
        rejected,
    };
    Ok((StatusCode::ACCEPTED, axum::Json(accepted)))
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid { reason } => ApiError::invalid(reason),
            Refusal::Unknown { field, reason } => ApiError::invalid(reason).at(field),
            refusal @ Refusal::UnknownMessage(_) => ApiError::conflict(refusal.to_string()),
            Refusal::Unavailable { reason } => ApiError::unavailable(reason),
        }
    }
}
