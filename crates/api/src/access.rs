//! Who may call what: one table for every endpoint.
//!
//! A path that is not in the table cannot be called by anyone. A test walks the OpenAPI document and the table side by
//! side and calls every endpoint without credentials.

use accounts::{Role, Scope};
use axum::http::Method;

/// What an endpoint asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: log-in, health, and what recipients of mail open.
    Public,
    /// A person with this role.
    Person(Role),
    /// A person with this role, or a program whose key has this scope.
    PersonOrKey(Role, Scope),
}

use Access::{Person, PersonOrKey, Public};

const READ: Access = PersonOrKey(Role::Viewer, Scope::Read);
const MARKET: Access = PersonOrKey(Role::Marketer, Scope::Manage);
const OPERATE: Access = PersonOrKey(Role::Operator, Scope::Manage);
const ADMIN: Access = Person(Role::Admin);

/// Method, path as in the router, and who may.
pub const TABLE: &[(Method, &str, Access)] = &[
    // The door itself.
    (Method::POST, "/api/v1/session", Public),
    (Method::GET, "/api/v1/session", Person(Role::Viewer)),
    (Method::DELETE, "/api/v1/session", Person(Role::Viewer)),
    (Method::PATCH, "/api/v1/session", Person(Role::Viewer)),
    (Method::GET, "/api/v1/accounts", ADMIN),
    (Method::POST, "/api/v1/accounts", ADMIN),
    (Method::PATCH, "/api/v1/accounts/{id}", ADMIN),
    (Method::DELETE, "/api/v1/accounts/{id}", ADMIN),
    (Method::GET, "/api/v1/api-keys", ADMIN),
    (Method::POST, "/api/v1/api-keys", ADMIN),
    (Method::PATCH, "/api/v1/api-keys/{id}", ADMIN),
    (Method::DELETE, "/api/v1/api-keys/{id}", ADMIN),
    (Method::GET, "/api/v1/openapi.json", Public),
    (Method::GET, "/healthz", Public),
    (Method::GET, "/metrics", READ),
    // Campaigns.
    (Method::GET, "/api/v1/lists", READ),
    (Method::POST, "/api/v1/lists", MARKET),
    (Method::GET, "/api/v1/lists/{id}", READ),
    (Method::PATCH, "/api/v1/lists/{id}", MARKET),
    (Method::DELETE, "/api/v1/lists/{id}", MARKET),
    (Method::POST, "/api/v1/lists/{id}/import", MARKET),
    (Method::POST, "/api/v1/lists/{id}/import/preview", MARKET),
    (Method::GET, "/api/v1/imports/{id}", READ),
    (Method::GET, "/api/v1/imports/{id}/errors.csv", READ),
    (Method::GET, "/api/v1/contacts", READ),
    (Method::POST, "/api/v1/contacts", MARKET),
    (Method::GET, "/api/v1/contacts/{id}", READ),
    (Method::PATCH, "/api/v1/contacts/{id}", MARKET),
    (Method::DELETE, "/api/v1/contacts/{id}", MARKET),
    (Method::GET, "/api/v1/fields", READ),
    (Method::POST, "/api/v1/fields", MARKET),
    (Method::GET, "/api/v1/campaigns", READ),
    (Method::POST, "/api/v1/campaigns", MARKET),
    (Method::GET, "/api/v1/campaigns/{id}", READ),
    (Method::PATCH, "/api/v1/campaigns/{id}", MARKET),
    (Method::DELETE, "/api/v1/campaigns/{id}", MARKET),
    (Method::POST, "/api/v1/campaigns/{id}/check", READ),
    (Method::POST, "/api/v1/campaigns/{id}/test", MARKET),
    (Method::POST, "/api/v1/campaigns/{id}/send", MARKET),
    (Method::POST, "/api/v1/campaigns/{id}/pause", MARKET),
    (Method::POST, "/api/v1/campaigns/{id}/resume", MARKET),
    (Method::POST, "/api/v1/campaigns/{id}/cancel", MARKET),
    (Method::GET, "/api/v1/campaigns/{id}/report", READ),
    (Method::GET, "/api/v1/campaigns/{id}/report.pdf", READ),
    (Method::GET, "/api/v1/campaigns/{id}/recipients", READ),
    (Method::POST, "/api/v1/render", READ),
    (Method::GET, "/api/v1/suppressions", READ),
    (Method::POST, "/api/v1/suppressions", MARKET),
    (Method::DELETE, "/api/v1/suppressions/{address}", MARKET),
    // What recipients of mail open: the sealed token is the permission.
    (Method::GET, "/o/{token}", Public),
    (Method::GET, "/c/{token}", Public),
    (Method::HEAD, "/c/{token}", Public),
    (Method::GET, "/u/{token}", Public),
    (Method::POST, "/u/{token}", Public),
    // Delivery.
    (Method::POST, "/api/v1/messages", PersonOrKey(Role::Operator, Scope::Inject)),
    (Method::POST, "/api/v1/messages/stream", PersonOrKey(Role::Operator, Scope::Inject)),
    (Method::GET, "/api/v1/queues", READ),
    (Method::GET, "/api/v1/queues/paths/{source}/{site}", READ),
    (Method::GET, "/api/v1/queues/recipients", READ),
    (Method::GET, "/api/v1/queues/orders", READ),
    (Method::POST, "/api/v1/queues/orders", OPERATE),
    (Method::GET, "/api/v1/sources", READ),
    (Method::GET, "/api/v1/warm-ups", READ),
    (Method::POST, "/api/v1/warm-ups/{source}", OPERATE),
    (Method::GET, "/api/v1/pools", READ),
    (Method::GET, "/api/v1/providers", READ),
    (Method::GET, "/api/v1/resolve", READ),
    (Method::GET, "/api/v1/shaping", READ),
    (Method::GET, "/api/v1/rules", READ),
    (Method::GET, "/api/v1/rules/{name}", READ),
    (Method::POST, "/api/v1/rules/{name}/shadow", OPERATE),
    (Method::GET, "/api/v1/rules-findings", READ),
    (Method::POST, "/api/v1/rules-replay", READ),
    (Method::GET, "/api/v1/recipients/{id}/explain", READ),
    (Method::POST, "/api/v1/control", OPERATE),
    (Method::GET, "/api/v1/dkim", READ),
    (Method::POST, "/api/v1/dkim", OPERATE),
    (Method::POST, "/api/v1/dkim/{domain}/rotate", OPERATE),
    (Method::POST, "/api/v1/dkim/{domain}/check", OPERATE),
    (Method::POST, "/api/v1/dkim/{domain}/{selector}/activate", OPERATE),
    (Method::DELETE, "/api/v1/dkim/{domain}/{selector}", OPERATE),
    (Method::GET, "/api/v1/transcripts", READ),
    (Method::POST, "/api/v1/transcripts", OPERATE),
    (Method::DELETE, "/api/v1/transcripts/{id}", OPERATE),
    // Monitoring.
    (Method::GET, "/api/v1/dashboards/now", READ),
    (Method::GET, "/api/v1/dashboards/provider/{name}", READ),
    (Method::GET, "/api/v1/providers-summary", READ),
    (Method::GET, "/api/v1/events", READ),
    (Method::GET, "/api/v1/messages/{id}", READ),
    (Method::GET, "/api/v1/recipients", READ),
    (Method::GET, "/api/v1/recipients/{id}", READ),
    (Method::POST, "/api/v1/query", READ),
    (Method::GET, "/api/v1/stream", READ),
];

/// The methods of a path, in the order of the table; empty when the table does not name it.
pub fn methods(path: &str) -> Vec<&'static str> {
    TABLE.iter().filter(|(_, at, _)| *at == path).map(|(known, ..)| known.as_str()).collect()
}

/// What the endpoint asks of its caller; `None` when it is not in the table.
pub fn of(method: &Method, path: &str) -> Option<Access> {
    TABLE.iter().find(|(known, at, _)| known == method && *at == path).map(|&(_, _, access)| access)
}
