//! Limits and rules: where mail would go, what slows it now, and the rules about replies with their linter and replay.

use axum::extract::{DefaultBodyLimit, State};
use model::name::Name;
use queue::providers::lint::Finding;
use queue::providers::replay::{Replay, ReplayReport};
use queue::resolve::{Question, Resolution, ResolveError};
use queue::shaping::{RuleDetail, ShapingView};
use serde::Deserialize;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Json, Path, Query};
use crate::routes::Items;
use crate::state::ApiState;

/// Largest record that is replayed over HTTP, in bytes; `ies rules replay` reads files of any length.
const RECORD_MAX: usize = 64 << 20;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(resolve))
        .routes(routes!(shaping))
        .routes(routes!(rules))
        .routes(routes!(rule))
        .routes(routes!(shadow))
        .routes(routes!(findings))
}

/// The replay takes a larger body, and its time.
pub(crate) fn uploads() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(replay).layer(DefaultBodyLimit::max(RECORD_MAX)))
}

/// What is asked of the way to a domain.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The recipient domain, or an address of it; or `provider:NAME`, `site:NAME` or `path:SOURCE/SITE` without a domain.
    domain: String,
    /// Only this source.
    source: Option<Name>,
    /// Mail of this stream.
    stream: Option<Name>,
    /// Mail of this tenant.
    tenant: Option<Name>,
}

/// Where mail to a domain would go: hosts, provider, pool, sources, and every limit with who set it and what lost.
#[utoipa::path(get, path = "/api/v1/resolve", tag = "delivery", params(Asked),
    responses((status = 200, body = Resolution), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn resolve(State(state): State<ApiState>, Query(asked): Query<Asked>) -> ApiResult<axum::Json<Resolution>> {
    let Asked { domain, source, stream, tenant } = asked;
    let question = Question { domain, source, stream, tenant };
    Ok(axum::Json(state.directory.resolve(&question, Some(&state.queue)).await?))
}

/// What slows mail now: effects of rules, learned limits, shared budgets, and how often rules were needed.
#[utoipa::path(get, path = "/api/v1/shaping", tag = "delivery", responses((status = 200, body = ShapingView)))]
async fn shaping(State(state): State<ApiState>) -> ApiResult<axum::Json<ShapingView>> {
    Ok(axum::Json(state.queue.shaping().await?))
}

/// The rules about replies, with how often each was needed and where it is in force.
#[utoipa::path(get, path = "/api/v1/rules", tag = "delivery", responses((status = 200, body = Items<RuleDetail>)))]
async fn rules(State(state): State<ApiState>) -> ApiResult<axum::Json<Items<RuleDetail>>> {
    Ok(Items::all(state.directory.rules(Some(&state.queue.shaping().await?))))
}

/// One rule.
#[utoipa::path(get, path = "/api/v1/rules/{name}", tag = "delivery", params(("name" = String, Path)),
    responses((status = 200, body = RuleDetail), (status = 404, body = ErrorBody)))]
async fn rule(State(state): State<ApiState>, Path(name): Path<Name>) -> ApiResult<axum::Json<RuleDetail>> {
    let rules = state.directory.rules(Some(&state.queue.shaping().await?));
    let found = rules.into_iter().find(|rule| rule.name == name);
    found.map(axum::Json).ok_or_else(|| ApiError::not_found("rule of this name"))
}

/// Whether a rule only counts and tells.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ShadowOrder {
    /// True: it only counts and tells what it would do, and what it has done ends. False: it acts.
    shadow: bool,
}

/// Puts a rule into shadow, or lets it act again.
#[utoipa::path(post, path = "/api/v1/rules/{name}/shadow", tag = "delivery", params(("name" = String, Path)),
    request_body = ShadowOrder, responses((status = 200, body = RuleDetail), (status = 404, body = ErrorBody)))]
async fn shadow(
    State(state): State<ApiState>,
    caller: Caller,
    Path(name): Path<Name>,
    Json(order): Json<ShadowOrder>,
) -> ApiResult<axum::Json<RuleDetail>> {
    if !state.queue.shadow(name.clone(), order.shadow, caller.name()).await? {
        return Err(ApiError::not_found("rule of this name"));
    }
    rule(State(state), Path(name)).await
}

/// What the linter finds in the rules that are in use: rules that can never fire, and what contradicts.
#[utoipa::path(get, path = "/api/v1/rules-findings", tag = "delivery",
    responses((status = 200, body = Items<Finding>)))]
async fn findings(State(state): State<ApiState>) -> axum::Json<Items<Finding>> {
    Items::all(state.directory.provider_rules().lint())
}

/// What the rules would have done with recorded replies, one line each: own events, logs of KumoMTA, PowerMTA or Postfix,
/// or plain lines `[TIME] [PROVIDER] [PHASE] 421 4.7.0 text`.
#[utoipa::path(post, path = "/api/v1/rules-replay", tag = "delivery",
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = ReplayReport), (status = 413, body = ErrorBody)))]
async fn replay(State(state): State<ApiState>, record: axum::body::Bytes) -> ApiResult<axum::Json<ReplayReport>> {
    let (directory, now) = (state.directory.clone(), state.clock.now());
    let report = tokio::task::spawn_blocking(move || {
        let mut replay = Replay::new(directory.provider_rules(), now);
        let text = String::from_utf8_lossy(&record);
        text.lines().for_each(|line| replay.line(line));
        replay.end()
    });
    let report =
        report.await.map_err(|_| ApiError::unavailable("The replay failed; the log of the program says why."))?;
    Ok(axum::Json(report))
}

impl From<ResolveError> for ApiError {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Provider(_) => {
                ApiError::not_found("provider in the rules file, the overrides or the routes").at("domain")
            }
            ResolveError::Domain(_) => ApiError::invalid(error.to_string()).at("domain"),
            ResolveError::Source(name) => {
                ApiError::not_found(&format!("source {:?} in the configuration", &*name)).at("source")
            }
        }
    }
}
