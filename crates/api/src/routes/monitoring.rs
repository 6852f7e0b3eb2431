//! Dashboards, search, histories, the typed query.

use axum::extract::State;
use model::event::Event;
use model::id::{MessageId, RecipientId};
use monitor::dashboards::{NowDashboard, ProviderDashboard, ProvidersSummary};
use monitor::hints::{Configured, SearchHint};
use monitor::history::{MessageHistory, RecipientHistory, RecipientSummary};
use monitor::search::SearchError;
use monitor::{Cost, EventsPage, EventsRequest, MonitorError, Query as TypedQuery, QueryError, QueryResult};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::{Json, Path, Query};
use crate::health::Losses;
use crate::routes::Items;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(now))
        .routes(routes!(provider))
        .routes(routes!(providers_summary))
        .routes(routes!(events))
        .routes(routes!(message))
        .routes(routes!(recipients))
        .routes(routes!(recipient))
        .routes(routes!(query))
}

/// How far back *Now* looks.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct Minutes {
    /// 1 to 1,440; 60 when absent.
    minutes: Option<u32>,
}

/// The dashboard *Now*, and what the program knows to have lost.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = NowDashboard)]
struct Now {
    #[serde(flatten)]
    dashboard: NowDashboard,
    /// What is lost for good; no number in the dashboard has it.
    losses: Losses,
}

/// Is mail flowing? Outcomes by provider, their course, the delay, the replies; and what was lost.
#[utoipa::path(get, path = "/api/v1/dashboards/now", tag = "monitoring", params(Minutes),
    responses((status = 200, body = Now)))]
async fn now(State(state): State<ApiState>, Query(asked): Query<Minutes>) -> ApiResult<axum::Json<Now>> {
    let dashboard = state.monitor.now(asked.minutes.unwrap_or(60)).await?;
    Ok(axum::Json(Now { dashboard, losses: Losses::of(&state).await }))
}

/// How far back a provider's dashboard looks.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct Hours {
    /// 1 to 336; 24 when absent.
    hours: Option<u32>,
}

/// How one provider treats us: outcomes over time and by source, its replies.
#[utoipa::path(get, path = "/api/v1/dashboards/provider/{name}", tag = "monitoring",
    params(("name" = String, Path), Hours), responses((status = 200, body = ProviderDashboard)))]
async fn provider(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    Query(asked): Query<Hours>,
) -> ApiResult<axum::Json<ProviderDashboard>> {
    Ok(axum::Json(state.monitor.provider(&name, asked.hours.unwrap_or(24)).await?))
}

/// All providers side by side.
#[utoipa::path(get, path = "/api/v1/providers-summary", tag = "monitoring", params(Hours),
    responses((status = 200, body = ProvidersSummary)))]
async fn providers_summary(
    State(state): State<ApiState>,
    Query(asked): Query<Hours>,
) -> ApiResult<axum::Json<ProvidersSummary>> {
    Ok(axum::Json(state.monitor.providers_summary(asked.hours.unwrap_or(24)).await?))
}

/// A page of a search.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SearchPage {
    /// The events, without transcripts.
    items: Vec<Event>,
    /// Where the next page goes on; absent when this is the last.
    next: Option<String>,
    /// What it cost.
    cost: Cost,
    /// Values in the search that neither the configuration nor any event knows; with the first page only.
    hints: Vec<SearchHint>,
}

/// Search the events: `provider:gmail kind:deferred "4.7.28"`. Newest first, without dialogues.
#[utoipa::path(get, path = "/api/v1/events", tag = "monitoring", params(EventsRequest),
    responses((status = 200, body = SearchPage), (status = 400, body = ErrorBody)))]
async fn events(
    State(state): State<ApiState>,
    Query(request): Query<EventsRequest>,
) -> ApiResult<axum::Json<SearchPage>> {
    let is_first = request.after.is_none();
    let configured =
        Configured { providers: state.directory.provider_names(), sources: state.directory.source_names() };
    let q = request.q.clone();
    let EventsPage { items, next, cost } = state.monitor.events(request).await?;
    let hints = if is_first { state.monitor.hints(&q, &configured).await } else { Vec::new() };
    Ok(axum::Json(SearchPage { items, next, cost, hints }))
}

/// Everything that happened to a message.
#[utoipa::path(get, path = "/api/v1/messages/{id}", tag = "monitoring", params(("id" = String, Path)),
    responses((status = 200, body = MessageHistory), (status = 404, body = ErrorBody)))]
async fn message(State(state): State<ApiState>, Path(id): Path<MessageId>) -> ApiResult<axum::Json<MessageHistory>> {
    let history = state.monitor.message(id).await?;
    history.map(axum::Json).ok_or_else(|| ApiError::not_found(&format!("message {id}")))
}

/// Whose mails are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct AddressSearch {
    /// The recipient's address, upper or lower case.
    address: String,
}

/// The latest mails to an address, newest first.
#[utoipa::path(get, path = "/api/v1/recipients", tag = "monitoring", params(AddressSearch),
    responses((status = 200, body = Items<RecipientSummary>)))]
async fn recipients(
    State(state): State<ApiState>,
    Query(search): Query<AddressSearch>,
) -> ApiResult<axum::Json<Items<RecipientSummary>>> {
    Ok(Items::all(state.monitor.recipients_of_address(search.address.trim()).await?))
}

/// Everything that happened to a recipient, with the SMTP dialogues.
#[utoipa::path(get, path = "/api/v1/recipients/{id}", tag = "monitoring", params(("id" = String, Path)),
    responses((status = 200, body = RecipientHistory), (status = 404, body = ErrorBody)))]
async fn recipient(
    State(state): State<ApiState>,
    Path(id): Path<RecipientId>,
) -> ApiResult<axum::Json<RecipientHistory>> {
    let history = state.monitor.recipient(id).await?;
    history.map(axum::Json).ok_or_else(|| ApiError::not_found(&format!("recipient {id}")))
}

/// Count, rate, percentiles over any dimensions of the events.
#[utoipa::path(post, path = "/api/v1/query", tag = "monitoring", request_body = TypedQuery,
    responses((status = 200, body = QueryResult), (status = 400, body = ErrorBody)))]
async fn query(State(state): State<ApiState>, Json(query): Json<TypedQuery>) -> ApiResult<axum::Json<QueryResult>> {
    Ok(axum::Json(state.monitor.query(query).await?))
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Invalid { path, message } => ApiError::invalid(message).at(path),
            QueryError::TooMuch { message, .. } => ApiError::too_large(message),
            error @ QueryError::Failed(_) => ApiError::internal(&error),
        }
    }
}

impl From<MonitorError> for ApiError {
    fn from(error: MonitorError) -> Self {
        match error {
            MonitorError::Query(error) => error.into(),
            MonitorError::Search(SearchError { position, length, message, suggestion }) => {
                ApiError::invalid(message).at("q").over(position, length).suggest(suggestion)
            }
        }
    }
}
