//! What a client is told when something cannot be done: one JSON form, a code for programs, a sentence for people.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::wording;

/// When a client should try again that met something that is not there for the moment.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A refusal or failure on its way to the client.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    retry_after: Option<Duration>,
    allow: Option<String>,
    detail: Box<ErrorDetail>,
}

/// The JSON form.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorDetail {
    /// Stable name of the kind of error, in kebab-case.
    #[schema(example = "not-found")]
    pub code: &'static str,
    /// A sentence that says what is wrong and how to mend it.
    pub message: String,
    /// The field of the request that is wrong, as a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// In texts such as a search: the first wrong character, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// How many characters are concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
    /// What was probably meant, to put in place of these characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// What a handler returns.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        let detail = ErrorDetail { code, message, field: None, position: None, length: None, suggestion: None };
        ApiError { status, retry_after: None, allow: None, detail: Box::new(detail) }
    }

    /// 400: the request itself is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// 401: nobody is logged in, or no valid key was given.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Log in, or send an API key as a bearer token.")
    }

    /// 401: a key came, and nobody knows it.
    pub fn unknown_key() -> Self {
        let message = "This API key is not known: it was mistyped, or revoked. An administrator makes a new one.";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
    }

    /// 401: the log-in failed; which part was wrong is not said.
    pub fn wrong_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "wrong-credentials", "Address or password is wrong.")
    }

    /// 403: known, but not allowed.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 404: there is no such thing.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("There is no such {what}."))
    }

    /// 405: the endpoint is there, and not for this method; `allow` lists those it has.
    pub fn method_not_allowed(allow: String) -> Self {
        let message = format!("This endpoint takes {allow}.");
        let error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message);
        ApiError { allow: Some(allow), ..error }
    }

    /// 409: it is not in the state for this.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// 409: it was changed since the version that the change is based on.
    pub fn stale(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "stale", message)
    }

    /// 413: more than one request may ask for.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    }

    /// 429: too often; nothing will be different before `wait` is over.
    pub fn too_many(message: impl Into<String>, wait: Duration) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", message);
        ApiError { retry_after: Some(wait), ..error }
    }

    /// 503: not now; see [`RETRY_AFTER`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        ApiError { retry_after: Some(RETRY_AFTER), ..error }
    }

    /// 503: not now; nothing will be different before `wait` is over.
    pub fn unavailable_for(message: impl Into<String>, wait: Duration) -> Self {
        ApiError { retry_after: Some(wait), ..Self::unavailable(message) }
    }

    /// 422: understood, and not what was asked for before.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", message)
    }

    /// 500: a bug or a broken disk. The cause goes to the log, not to the client.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(cause = model::error::chain(cause), "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something broke here; the log of the server says what.",
        )
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.detail.field = Some(field.into());
        self
    }

    /// Names the characters of the field that are wrong.
    #[must_use]
    pub fn over(mut self, position: usize, length: usize) -> Self {
        (self.detail.position, self.detail.length) = (Some(position), Some(length));
        self
    }

    /// Names what was probably meant in place of these characters.
    #[must_use]
    pub fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.detail.suggestion = suggestion;
        self
    }

    /// The status it will have.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ErrorBody { error: *self.detail })).into_response();
        if let Some(wait) = self.retry_after {
            // Rounded up: a client that comes a moment too early would be refused once more.
            let seconds = wait.as_millis().div_ceil(1_000) as u64;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large("The request is larger than allowed here."),
            _ => wording::refusal(&rejection.body_text()),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        wording::refusal(&rejection.body_text())
    }
}
