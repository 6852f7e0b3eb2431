//! HTTP injection: mail of programs, as one JSON request or line by line.
//!
//! Order of a request: is there room, may the key write this, did it come before under its idempotency key, is there
//! quota left, commit. Must not: read or change a message, which is `intake::injection`'s.

mod permission;
mod quota;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use intake::injection::keys::read_key;
use intake::injection::service::{Idempotency, Room};
use intake::injection::stream::{Lines, Step, StreamTrouble};
use intake::injection::{Accepted, Injection, InjectionError, KeyTrouble, Kind, Taken};
use model::name::Name;
use model::submission::{Origin, Protocol, Refusal};
use std::net::IpAddr;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::extract::Peer;
use crate::state::ApiState;
use crate::wording;

/// The header of draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Said of an answer that was given before.
const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";

/// Room for a body that does not say how long it is, to begin with.
const BODY_FIRST: usize = 64 << 10;

/// Uploads: larger bodies, no ordinary time-out. The limit of the body is that of the configuration.
pub(crate) fn uploads() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(inject))
        .routes(routes!(inject_lines))
        .layer(axum::extract::DefaultBodyLimit::disable())
}

/// Send a message: a complete one (`raw`), or content with Liquid and variables for each recipient.
///
/// With an `Idempotency-Key` the same request may be repeated, also after a crash of either side: it is committed once
/// and answered the same.
#[utoipa::path(post, path = "/api/v1/messages", tag = "delivery", request_body = inline(Injection),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII letters; kept for `intake.injection.key_keep`")),
    responses((status = 202, body = Accepted), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 413, body = ErrorBody), (status = 422, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn inject(
    State(state): State<ApiState>,
    caller: Caller,
    Peer(client): Peer,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let call = Call::new(&state, &caller, client, &headers).map_err(IntoResponse::into_response)?;
    call.inject(body).await
}

/// Send a message to any number of recipients: the first line is the message, as for `POST /api/v1/messages` without
/// recipients; each other line is a recipient.
///
/// Lines that are no recipients are left out and named with their number. What was committed when the connection breaks
/// is committed; with an `Idempotency-Key` the same lines are sent again, and the rest of them is committed.
#[utoipa::path(post, path = "/api/v1/messages/stream", tag = "delivery",
    request_body(content = String, content_type = "application/x-ndjson"),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII letters; kept for `intake.injection.key_keep`")),
    responses((status = 202, body = Accepted), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 413, body = ErrorBody), (status = 422, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn inject_lines(
    State(state): State<ApiState>,
    caller: Caller,
    Peer(client): Peer,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let call = Call::new(&state, &caller, client, &headers).map_err(IntoResponse::into_response)?;
    call.inject_lines(body).await
}

/// A request, and who makes it.
struct Call<'a> {
    state: &'a ApiState,
    caller: &'a Caller,
    headers: &'a HeaderMap,
    origin: Origin,
    /// Who it is among all callers, for idempotency keys.
    identity: String,
    key: Option<String>,
}

impl<'a> Call<'a> {
    fn new(state: &'a ApiState, caller: &'a Caller, client: IpAddr, headers: &'a HeaderMap) -> ApiResult<Self> {
        let user = Some(Name::from(caller.name()));
        let origin = Origin { protocol: Protocol::Http, peer: Some(client), user };
        let identity = match caller {
            Caller::Person(account) => format!("account {}", account.id),
            Caller::Program(key) => format!("key {}", key.id),
        };
        let key = match headers.get(IDEMPOTENCY_KEY) {
            None => None,
            Some(value) => {
                let text = value.to_str().map_err(|_| ApiError::from(KeyTrouble::Malformed))?;
                Some(read_key(text)?.to_owned())
            }
        };
        Ok(Call { state, caller, headers, origin, identity, key })
    }

    fn idempotency(&self) -> Option<Idempotency<'_>> {
        self.key.as_deref().map(|key| Idempotency { caller: &self.identity, key })
    }

    async fn inject(&self, body: Body) -> Result<Response, Response> {
        let injections = &self.state.injections;
        let fails = |error: ApiError| error.into_response();
        self.check_room().map_err(fails)?;
        self.check_type("application/json").map_err(fails)?;
        let mut room = injections.room();
        let body = self.whole(body, &mut room).await.map_err(fails)?;
        let ways = permission::ways(self.caller, injections.ways());
        let draft = injections.draft(body, ways, self.origin.clone()).await.map_err(|error| fails(error.into()))?;
        permission::check(self.caller, draft.routing(), draft.domains()).map_err(fails)?;
        let opened = match injections.take(draft, self.idempotency()).await {
            Ok(Taken::Before(accepted)) => return Ok(answer(accepted, true)),
            Ok(Taken::Now(opened)) => opened,
            Err(trouble) => return Err(fails(trouble.into())),
        };
        let count = opened.left();
        let left = quota::charge(self.state, self.caller, count).await?;
        match opened.commit().await {
            Ok(accepted) => Ok(quota::with_headers(answer(accepted, false), &left)),
            Err(refusal) => {
                quota::give_back(self.state, self.caller, count);
                Err(self.refused(refusal))
            }
        }
    }

    async fn inject_lines(&self, body: Body) -> Result<Response, Response> {
        let injections = &self.state.injections;
        let fails = |error: ApiError| error.into_response();
        self.check_room().map_err(fails)?;
        let ways = permission::ways(self.caller, injections.ways());
        let mut lines = injections.lines(ways, self.origin.clone(), self.idempotency());
        let (mut room, mut chunks) = (injections.room(), body.into_data_stream());
        loop {
            match chunks.next().await {
                Some(Ok(chunk)) => lines.push(&chunk),
                // The client has gone: nobody hears this. What was committed stays, see there.
                Some(Err(_)) => return Err(fails(ApiError::invalid("The connection broke off."))),
                None => lines.end(),
            }
            room.grow(lines.held()).map_err(|refusal| self.refused(refusal))?;
            let is_over = self.advance(&mut lines).await?;
            if is_over {
                break;
            }
        }
        let last = quota::charge(self.state, self.caller, lines.ready()).await?;
        let accepted = lines.answer().await.map_err(|trouble| self.stopped(trouble))?;
        Ok(quota::with_headers(answer(accepted, false), &last))
    }

    /// Looks at all that has come; true when no more comes.
    async fn advance(&self, lines: &mut Lines) -> Result<bool, Response> {
        loop {
            match lines.step().map_err(|trouble| self.stopped(trouble))? {
                Step::Push => return Ok(lines.is_ended()),
                Step::Open => {
                    if let Some((routing, domains)) = lines.routing() {
                        permission::check(self.caller, routing, domains).map_err(IntoResponse::into_response)?;
                    }
                    lines.open().await.map_err(|trouble| self.stopped(trouble))?;
                }
                Step::Commit(count) => {
                    quota::charge(self.state, self.caller, count).await?;
                    if let Err(trouble) = lines.commit().await {
                        quota::give_back(self.state, self.caller, count);
                        return Err(self.stopped(trouble));
                    }
                }
            }
        }
    }

    /// Before anything is read: a sender of many megabytes should not have to send them first.
    fn check_room(&self) -> ApiResult<()> {
        match self.state.intake.pressure() {
            Some(pressure) => Err(ApiError::unavailable_for(pressure.reason, pressure.retry_after)),
            None => Ok(()),
        }
    }

    fn check_type(&self, wanted: &str) -> ApiResult<()> {
        let given = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = given.split(';').next().unwrap_or_default().trim();
        match kind.eq_ignore_ascii_case(wanted) {
            true => Ok(()),
            false => Err(ApiError::invalid(format!("Send JSON, and say so: Content-Type: {wanted}."))),
        }
    }

    /// The whole body, in one piece of memory.
    async fn whole(&self, body: Body, room: &mut Room) -> ApiResult<Vec<u8>> {
        let limit = usize::try_from(self.state.injections.config().body_size_max.0).unwrap_or(usize::MAX);
        let too_large = || ApiError::too_large(format!("The request is larger than the {limit} bytes allowed here."));
        let said = self.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let expected: usize = said.unwrap_or(BODY_FIRST);
        if expected > limit {
            return Err(too_large());
        }
        room.grow(expected as u64)?;
        let mut whole = Vec::with_capacity(expected);
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| ApiError::invalid("The connection broke off."))?;
            if whole.len() + chunk.len() > limit {
                return Err(too_large());
            }
            room.grow((whole.len() + chunk.len()) as u64)?;
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    fn stopped(&self, trouble: StreamTrouble) -> Response {
        match trouble {
            StreamTrouble::Head(error) => ApiError::from(error).into_response(),
            StreamTrouble::Key(trouble) => ApiError::from(trouble).into_response(),
            StreamTrouble::Refused(refusal) => self.refused(refusal),
        }
    }

    /// A refusal for the time being says when to come again.
    fn refused(&self, refusal: Refusal) -> Response {
        match (refusal, self.state.intake.pressure()) {
            (Refusal::Unavailable { reason }, Some(pressure)) => {
                ApiError::unavailable_for(reason, pressure.retry_after).into_response()
            }
            (refusal, _) => ApiError::from(refusal).into_response(),
        }
    }
}

fn answer(accepted: Accepted, is_repeated: bool) -> Response {
    let mut response = (StatusCode::ACCEPTED, axum::Json(accepted)).into_response();
    if is_repeated {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

impl From<InjectionError> for ApiError {
    fn from(error: InjectionError) -> Self {
        let InjectionError { field, reason, kind } = error;
        match kind {
            Kind::Json if field.is_empty() => wording::refusal(&reason),
            Kind::Json => wording::refusal(&format!("{field}: {reason}")),
            Kind::TooMuch if field.is_empty() => ApiError::too_large(reason),
            Kind::TooMuch => ApiError::too_large(reason).at(field),
            Kind::Value if field.is_empty() => ApiError::invalid(reason),
            Kind::Value => ApiError::invalid(reason).at(field),
        }
    }
}

impl From<KeyTrouble> for ApiError {
    fn from(trouble: KeyTrouble) -> Self {
        let message = format!("{trouble}.");
        match trouble {
            KeyTrouble::Malformed => ApiError::invalid(message).at("Idempotency-Key"),
            KeyTrouble::InProgress => ApiError::conflict(message).at("Idempotency-Key"),
            KeyTrouble::OtherBody => ApiError::unprocessable(message).at("Idempotency-Key"),
            KeyTrouble::Unavailable(reason) => ApiError::unavailable(reason),
        }
    }
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
