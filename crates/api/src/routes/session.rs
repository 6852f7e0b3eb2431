//! Logging in and out, and one's own account.

use accounts::{Account, AccountError, OwnAccountChange};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Person, SESSION_COOKIE};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Json, Peer};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(log_in, who, change_own, log_out))
}

/// Address and password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The address of the account.
    email: String,
    /// Its password.
    password: String,
}

/// Who is logged in now.
#[derive(Serialize, utoipa::ToSchema)]
struct LoggedIn {
    account: Account,
}

/// Log in: the answer sets the session cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Login,
    responses((status = 200, body = LoggedIn), (status = 401, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
async fn log_in(
    State(state): State<ApiState>,
    Peer(client): Peer,
    jar: CookieJar,
    Json(login): Json<Login>,
) -> ApiResult<impl IntoResponse> {
    let account = state.accounts.authenticate(&login.email, &login.password, Some(client)).await?;
    let token = state.accounts.begin_session(&account).await?;
    let cookie = Cookie::build((SESSION_COOKIE, token.reveal().to_owned()))
        .path("/")
        .http_only(true)
        .secure(state.secure_cookies)
        .same_site(SameSite::Strict);
    Ok((jar.add(cookie), axum::Json(LoggedIn { account })))
}

/// The account that is logged in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = Account), (status = 401, body = ErrorBody)))]
async fn who(Person(account): Person) -> axum::Json<Account> {
    axum::Json(account)
}

/// Change one's own name, language or password. The session of a log-in with a one-time password sets the person's own
/// one without `current_password`.
#[utoipa::path(patch, path = "/api/v1/session", tag = "session", request_body = OwnAccountChange,
    responses((status = 200, body = Account), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn change_own(
    State(state): State<ApiState>,
    Person(account): Person,
    jar: CookieJar,
    Json(change): Json<OwnAccountChange>,
) -> ApiResult<axum::Json<Account>> {
    let token = jar.get(SESSION_COOKIE).map_or("", |cookie| cookie.value());
    Ok(axum::Json(state.accounts.change_own(&account, token, change).await?))
}

/// Log out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
async fn log_out(State(state): State<ApiState>, jar: CookieJar) -> ApiResult<impl IntoResponse> {
    if let Some(token) = jar.get(SESSION_COOKIE) {
        state.accounts.end_session(token.value()).await?;
    }
    Ok((StatusCode::NO_CONTENT, jar.remove(Cookie::build(SESSION_COOKIE).path("/"))))
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match &error {
            AccountError::WrongCredentials => ApiError::wrong_credentials(),
            AccountError::Shut { until, wait } => {
                ApiError::too_many(format!("Too many failed attempts. Try again after {until}."), *wait)
            }
            AccountError::Busy => ApiError::unavailable("Many people are logging in. Try again in a moment."),
            AccountError::Invalid { field, message } => ApiError::invalid(message.clone()).at(*field),
            AccountError::Exists => ApiError::conflict("There is an account with this address already.").at("email"),
            AccountError::NotFound => ApiError::not_found("account or key"),
            AccountError::LastAdmin => {
                ApiError::conflict("This is the last administrator. Make another account an administrator first.")
            }
            AccountError::Db(_) => ApiError::internal(&error),
        }
    }
}
