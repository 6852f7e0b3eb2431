//! Finds out who calls, and asks the table whether they may.
//!
//! One middleware for every route: what [`crate::access::TABLE`] does not name is closed. People come with the session
//! cookie; a request of theirs that changes something must carry `X-Requested-With: ies`, which no foreign page can
//! send (the cookie is `SameSite=Strict` besides). Programs come with `Authorization: Bearer ies_…`.

use accounts::{Account, ApiKey};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use crate::access::{self, Access};
use crate::error::ApiError;
use crate::state::ApiState;

/// Name of the cookie that holds the session token.
pub const SESSION_COOKIE: &str = "ies_session";

/// Header that the UI sends with every change.
const CSRF_HEADER: &str = "x-requested-with";

/// Who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A person with a session.
    Person(Account),
    /// A program with a key.
    Program(ApiKey),
}

impl Caller {
    /// The name for logs, events and audit: the person's address or the key's name.
    pub fn name(&self) -> &str {
        match self {
            Caller::Person(account) => &account.email,
            Caller::Program(key) => &key.name,
        }
    }

    fn may(&self, access: Access) -> bool {
        match (self, access) {
            (_, Access::Public) => true,
            (Caller::Person(account), Access::Person(role) | Access::PersonOrKey(role, _)) => account.role.covers(role),
            (Caller::Program(key), Access::PersonOrKey(_, scope)) => key.scopes.contains(&scope),
            (Caller::Program(_), Access::Person(_)) => false,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(ApiError::unauthenticated)
    }
}

/// A person, for endpoints that have no meaning for programs.
#[derive(Clone, Debug)]
pub struct Person(pub Account);

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Caller::from_request_parts(parts, state).await? {
            Caller::Person(account) => Ok(Person(account)),
            Caller::Program(_) => Err(ApiError::forbidden("This is for people, not for API keys.")),
        }
    }
}

/// Lets a request through when the table says so.
pub async fn guard(
    State(state): State<ApiState>,
    path: Option<MatchedPath>,
    jar: CookieJar,
    mut request: Request,
    next: Next,
) -> Response {
    let path = path.as_ref().map_or("", MatchedPath::as_str);
    let Some(access) = access::of(request.method(), path) else {
        let allowed = access::methods(path);
        let refused = if allowed.is_empty() {
            ApiError::forbidden("This endpoint is closed.")
        } else {
            ApiError::method_not_allowed(allowed.join(", "))
        };
        return refused.into_response();
    };
    if access != Access::Public {
        match caller(&state, &jar, request.method(), request.headers()).await {
            Ok(caller) if caller.may(access) => {
                request.extensions_mut().insert(caller);
            }
            Ok(_) => return ApiError::forbidden("Your role or key does not allow this.").into_response(),
            Err(error) => return error.into_response(),
        }
    }
    next.run(request).await
}

async fn caller(state: &ApiState, jar: &CookieJar, method: &Method, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(secret) = bearer.and_then(|value| value.strip_prefix("Bearer ")) {
        let key = state.accounts.api_key(secret.trim()).await.map_err(|error| ApiError::internal(&error))?;
        return key.map(Caller::Program).ok_or_else(ApiError::unknown_key);
    }
    let token = jar.get(SESSION_COOKIE).ok_or_else(ApiError::unauthenticated)?;
    let account = state.accounts.session(token.value()).await.map_err(|error| ApiError::internal(&error))?;
    let account = account.ok_or_else(ApiError::unauthenticated)?;
    if !method.is_safe() && headers.get(CSRF_HEADER).is_none_or(|value| value != "ies") {
        return Err(ApiError::forbidden("Send the header \"X-Requested-With: ies\" with every change."));
    }
    Ok(Caller::Person(account))
}
