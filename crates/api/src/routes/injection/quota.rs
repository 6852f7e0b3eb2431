//! How much the key of a program may send: counted before anything is committed, told in headers.
//!
//! `RateLimit-Limit`, `-Remaining` and `-Reset` speak of the limit with the least left; `RateLimit-Policy` names all
//! (draft-ietf-httpapi-ratelimit-headers).

use accounts::{Allowance, Exceeded};
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::state::ApiState;

/// What is left of the limits of a key; nothing for callers without any.
pub(super) type Left = Vec<Allowance>;

/// Counts recipients, all or none.
pub(super) async fn charge(state: &ApiState, caller: &Caller, count: u64) -> Result<Left, Response> {
    let Caller::Program(key) = caller else { return Ok(Vec::new()) };
    let charged = state.accounts.charge(key, count).await;
    match charged.map_err(|error| ApiError::from(error).into_response())? {
        Ok(left) => Ok(left),
        Err(exceeded) => {
            let left = state.accounts.allowances(key).await.unwrap_or_default();
            let message = format!("{exceeded}.");
            let error = match exceeded {
                Exceeded::Wait { wait, .. } => ApiError::too_many(message, wait),
                Exceeded::TooMany { .. } => ApiError::too_large(message).at("recipients"),
            };
            Err(with_headers(error.into_response(), &left))
        }
    }
}

/// Nothing was committed after all.
pub(super) fn give_back(state: &ApiState, caller: &Caller, count: u64) {
    if let Caller::Program(key) = caller {
        state.accounts.give_back(key, count);
    }
}

/// An answer that says what is left.
pub(super) fn with_headers(mut response: Response, left: &Left) -> Response {
    let Some(tightest) = left.iter().min_by_key(|left| left.remaining) else { return response };
    let policies = left.iter().map(|left| format!("{:?};q={};w={}", left.name, left.limit, left.window.as_secs()));
    let policy = policies.collect::<Vec<_>>().join(", ");
    let seconds = tightest.reset.as_millis().div_ceil(1_000) as u64;
    let headers = response.headers_mut();
    headers.insert("ratelimit-limit", HeaderValue::from(tightest.limit));
    headers.insert("ratelimit-remaining", HeaderValue::from(tightest.remaining));
    headers.insert("ratelimit-reset", HeaderValue::from(seconds));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert("ratelimit-policy", policy);
    }
    response
}
