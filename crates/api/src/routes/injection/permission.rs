//! What the key of a program may write: for which tenants, on which streams and pools, in the name of which domains.

use accounts::KeyLimits;
use intake::injection::{Domains, Ways};
use model::name::Name;
use model::submission::Routing;

use crate::auth::Caller;
use crate::error::{ApiError, ApiResult};

/// What is meant where a request of this caller names nothing.
pub(super) fn ways(caller: &Caller, ways: &Ways) -> Ways {
    let Some(limits) = limits_of(caller) else { return ways.clone() };
    let first = |allowed: &[Name], plain: &Name| match allowed.contains(plain) {
        true => None,
        false => allowed.first().cloned(),
    };
    let plain = Routing::default();
    let (tenant, stream) = (first(&limits.tenants, &plain.tenant), first(&limits.streams, &plain.stream));
    Ways { tenant, stream, ..ways.clone() }
}

/// Whether the caller may send this.
pub(super) fn check(caller: &Caller, routing: &Routing, domains: &Domains) -> ApiResult<()> {
    let Some(limits) = limits_of(caller) else { return Ok(()) };
    let pool = routing.pool.as_ref();
    let lists = [
        ("tenant", Some(&routing.tenant), &limits.tenants),
        ("stream", Some(&routing.stream), &limits.streams),
        ("pool", pool, &limits.pools),
    ];
    for (field, named, allowed) in lists {
        if let Some(name) = named.filter(|name| !allowed.is_empty() && !allowed.contains(name)) {
            let allowed = allowed.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
            let message = format!("This key may not name the {field} {:?}; it may: {allowed}.", &**name);
            return Err(ApiError::forbidden(message).at(field));
        }
    }
    if limits.from_domains.is_empty() {
        return Ok(());
    }
    let domains = domains.as_ref().map_err(|fault| {
        ApiError::forbidden(format!("This key may write from certain domains only, and {fault}.")).at("from")
    })?;
    match domains.iter().find(|domain| !limits.may_write_from(domain)) {
        Some(domain) => {
            let allowed = limits.from_domains.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
            let message = format!("This key may not write from {domain}; it may: {allowed}.");
            Err(ApiError::forbidden(message).at("from"))
        }
        None => Ok(()),
    }
}

fn limits_of(caller: &Caller) -> Option<&KeyLimits> {
    match caller {
        Caller::Person(_) => None,
        Caller::Program(key) => Some(&key.limits),
    }
}
