//! Accounts of people and keys of programs, for administrators.

use accounts::{Account, AccountChange, ApiKey, ApiKeyChange, NewAccount, NewApiKey, NewApiKeySecret};
use axum::extract::State;
use axum::http::StatusCode;
use model::id::AccountId;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Person;
use crate::error::{ApiResult, ErrorBody};
use crate::extract::{Json, Path};
use crate::routes::Items;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(change, remove))
        .routes(routes!(list_keys, create_key))
        .routes(routes!(change_key, remove_key))
}

/// An account just made. The password is there when it was made up, and only this once.
#[derive(Serialize, utoipa::ToSchema)]
struct CreatedAccount {
    account: Account,
    password: Option<String>,
}

/// All accounts.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", responses((status = 200, body = Items<Account>)))]
async fn list(State(state): State<ApiState>) -> ApiResult<axum::Json<Items<Account>>> {
    Ok(Items::all(state.accounts.list().await?))
}

/// Make an account.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = NewAccount,
    responses((status = 201, body = CreatedAccount), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn create(
    State(state): State<ApiState>,
    Json(new): Json<NewAccount>,
) -> ApiResult<(StatusCode, axum::Json<CreatedAccount>)> {
    let (account, secret) = state.accounts.create(new).await?;
    let password = secret.map(|secret| secret.reveal().to_owned());
    Ok((StatusCode::CREATED, axum::Json(CreatedAccount { account, password })))
}

/// Change an account.
#[utoipa::path(patch, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    request_body = AccountChange, responses((status = 200, body = Account), (status = 404, body = ErrorBody)))]
async fn change(
    State(state): State<ApiState>,
    Path(id): Path<AccountId>,
    Json(change): Json<AccountChange>,
) -> ApiResult<axum::Json<Account>> {
    Ok(axum::Json(state.accounts.change(id, change).await?))
}

/// Remove an account.
#[utoipa::path(delete, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn remove(State(state): State<ApiState>, Path(id): Path<AccountId>) -> ApiResult<StatusCode> {
    state.accounts.remove(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All API keys, without their secrets.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "accounts", responses((status = 200, body = Items<ApiKey>)))]
async fn list_keys(State(state): State<ApiState>) -> ApiResult<axum::Json<Items<ApiKey>>> {
    Ok(Items::all(state.accounts.api_keys().await?))
}

/// Make an API key. Its secret is told this once.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "accounts", request_body = NewApiKey,
    responses((status = 201, body = NewApiKeySecret), (status = 400, body = ErrorBody)))]
async fn create_key(
    State(state): State<ApiState>,
    Person(person): Person,
    Json(new): Json<NewApiKey>,
) -> ApiResult<(StatusCode, axum::Json<NewApiKeySecret>)> {
    let (key, secret) = state.accounts.create_api_key(new, &person.email).await?;
    Ok((StatusCode::CREATED, axum::Json(NewApiKeySecret { key, secret: secret.reveal().to_owned() })))
}

/// Change what an API key is called, or what it may send.
#[utoipa::path(patch, path = "/api/v1/api-keys/{id}", tag = "accounts", params(("id" = String, Path)),
    request_body = ApiKeyChange, responses((status = 200, body = ApiKey), (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn change_key(
    State(state): State<ApiState>,
    Path(id): Path<AccountId>,
    Json(change): Json<ApiKeyChange>,
) -> ApiResult<axum::Json<ApiKey>> {
    Ok(axum::Json(state.accounts.change_api_key(id, change).await?))
}

/// Remove an API key.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", tag = "accounts", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody)))]
async fn remove_key(State(state): State<ApiState>, Path(id): Path<AccountId>) -> ApiResult<StatusCode> {
    state.accounts.remove_api_key(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
