//! Lists, contacts, fields and suppressions.

use axum::extract::State;
use axum::http::StatusCode;
use campaign::audience::{
    Contact, ContactChange, ContactFilter, Field, List, ListChange, NewContact, NewList, NewSuppressions, Suppression,
    SuppressionsAdded,
};
use campaign::{Page, PageRequest};
use model::id::{ContactId, ListId};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::error::{ApiResult, ErrorBody};
use crate::extract::{Json, Path, Query};
use crate::routes::Items;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(lists, create_list))
        .routes(routes!(list, change_list, delete_list))
        .routes(routes!(contacts, create_contact))
        .routes(routes!(contact, change_contact, delete_contact))
        .routes(routes!(fields, create_field))
        .routes(routes!(suppressions, suppress))
        .routes(routes!(unsuppress))
}

/// All lists.
#[utoipa::path(get, path = "/api/v1/lists", tag = "audience", params(PageRequest),
    responses((status = 200, body = Page<List>)))]
async fn lists(State(state): State<ApiState>, Query(page): Query<PageRequest>) -> ApiResult<axum::Json<Page<List>>> {
    Ok(axum::Json(state.campaigns.audience.lists(&page).await?))
}

/// Make a list.
#[utoipa::path(post, path = "/api/v1/lists", tag = "audience", request_body = NewList,
    responses((status = 201, body = List), (status = 400, body = ErrorBody)))]
async fn create_list(
    State(state): State<ApiState>,
    Json(new): Json<NewList>,
) -> ApiResult<(StatusCode, axum::Json<List>)> {
    Ok((StatusCode::CREATED, axum::Json(state.campaigns.audience.create_list(new).await?)))
}

/// One list.
#[utoipa::path(get, path = "/api/v1/lists/{id}", tag = "audience", params(("id" = String, Path)),
    responses((status = 200, body = List), (status = 404, body = ErrorBody)))]
async fn list(State(state): State<ApiState>, Path(id): Path<ListId>) -> ApiResult<axum::Json<List>> {
    Ok(axum::Json(state.campaigns.audience.list(id).await?))
}

/// Change name or description of a list. With `version`, only when nobody changed it since (else 409, code `stale`).
#[utoipa::path(patch, path = "/api/v1/lists/{id}", tag = "audience", params(("id" = String, Path)),
    request_body = ListChange, responses((status = 200, body = List), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn change_list(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<ListId>,
    Json(change): Json<ListChange>,
) -> ApiResult<axum::Json<List>> {
    Ok(axum::Json(state.campaigns.audience.change_list(id, change, caller.name()).await?))
}

/// Remove a list; its contacts stay.
#[utoipa::path(delete, path = "/api/v1/lists/{id}", tag = "audience", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn delete_list(State(state): State<ApiState>, Path(id): Path<ListId>) -> ApiResult<StatusCode> {
    state.campaigns.audience.delete_list(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Contacts, of one list or matching a search.
#[utoipa::path(get, path = "/api/v1/contacts", tag = "audience", params(ContactFilter, PageRequest),
    responses((status = 200, body = Page<Contact>)))]
async fn contacts(
    State(state): State<ApiState>,
    Query(filter): Query<ContactFilter>,
    Query(page): Query<PageRequest>,
) -> ApiResult<axum::Json<Page<Contact>>> {
    Ok(axum::Json(state.campaigns.audience.contacts(&filter, &page).await?))
}

/// Make a contact.
#[utoipa::path(post, path = "/api/v1/contacts", tag = "audience", request_body = NewContact,
    responses((status = 201, body = Contact), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn create_contact(
    State(state): State<ApiState>,
    Json(new): Json<NewContact>,
) -> ApiResult<(StatusCode, axum::Json<Contact>)> {
    Ok((StatusCode::CREATED, axum::Json(state.campaigns.audience.create_contact(new).await?)))
}

/// One contact.
#[utoipa::path(get, path = "/api/v1/contacts/{id}", tag = "audience", params(("id" = String, Path)),
    responses((status = 200, body = Contact), (status = 404, body = ErrorBody)))]
async fn contact(State(state): State<ApiState>, Path(id): Path<ContactId>) -> ApiResult<axum::Json<Contact>> {
    Ok(axum::Json(state.campaigns.audience.contact(id).await?))
}

/// Change a contact; what is absent stays. With `version`, only when nobody changed it since (else 409, code `stale`).
#[utoipa::path(patch, path = "/api/v1/contacts/{id}", tag = "audience", params(("id" = String, Path)),
    request_body = ContactChange, responses((status = 200, body = Contact), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn change_contact(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<ContactId>,
    Json(change): Json<ContactChange>,
) -> ApiResult<axum::Json<Contact>> {
    Ok(axum::Json(state.campaigns.audience.change_contact(id, change, caller.name()).await?))
}

/// Remove a contact.
#[utoipa::path(delete, path = "/api/v1/contacts/{id}", tag = "audience", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody)))]
async fn delete_contact(State(state): State<ApiState>, Path(id): Path<ContactId>) -> ApiResult<StatusCode> {
    state.campaigns.audience.delete_contact(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The registry of contact fields.
#[utoipa::path(get, path = "/api/v1/fields", tag = "audience", responses((status = 200, body = Items<Field>)))]
async fn fields(State(state): State<ApiState>) -> ApiResult<axum::Json<Items<Field>>> {
    Ok(Items::all(state.campaigns.audience.fields().await?))
}

/// Register a contact field.
#[utoipa::path(post, path = "/api/v1/fields", tag = "audience", request_body = Field,
    responses((status = 201, body = Field), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn create_field(
    State(state): State<ApiState>,
    Json(field): Json<Field>,
) -> ApiResult<(StatusCode, axum::Json<Field>)> {
    Ok((StatusCode::CREATED, axum::Json(state.campaigns.audience.create_field(field).await?)))
}

/// What is searched among the suppressions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct SuppressionSearch {
    /// Only addresses that begin with this.
    q: Option<String>,
}

/// Addresses that are not written to.
#[utoipa::path(get, path = "/api/v1/suppressions", tag = "audience", params(SuppressionSearch, PageRequest),
    responses((status = 200, body = Page<Suppression>)))]
async fn suppressions(
    State(state): State<ApiState>,
    Query(search): Query<SuppressionSearch>,
    Query(page): Query<PageRequest>,
) -> ApiResult<axum::Json<Page<Suppression>>> {
    Ok(axum::Json(state.campaigns.audience.suppressions(search.q.as_deref(), &page).await?))
}

/// Suppress addresses: nothing is sent to them from now on, mail already queued included.
#[utoipa::path(post, path = "/api/v1/suppressions", tag = "audience", request_body = NewSuppressions,
    responses((status = 200, body = SuppressionsAdded), (status = 400, body = ErrorBody)))]
async fn suppress(
    State(state): State<ApiState>,
    Json(new): Json<NewSuppressions>,
) -> ApiResult<axum::Json<SuppressionsAdded>> {
    Ok(axum::Json(state.campaigns.audience.suppress(new).await?))
}

/// Take all suppressions of one address away.
#[utoipa::path(delete, path = "/api/v1/suppressions/{address}", tag = "audience", params(("address" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody)))]
async fn unsuppress(State(state): State<ApiState>, Path(address): Path<String>) -> ApiResult<StatusCode> {
    state.campaigns.audience.unsuppress(&address).await?;
    Ok(StatusCode::NO_CONTENT)
}
