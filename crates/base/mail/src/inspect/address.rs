//! `inspect address` and `inspect mx`.

use serde_json::{Value, json};

use super::{InspectError, cases};
use crate::address::{Address, AddressLists};
use crate::provider::Providers;

/// One answer a line. An invalid address is an answer, not an error.
///
/// # Errors
/// [`InspectError`] for an empty input or one beyond the limits.
pub fn address(input: &[u8]) -> Result<Vec<Value>, InspectError> {
    let lists = AddressLists::builtin();
    Ok(cases(input)?.iter().map(|line| one_address(line, &lists)).collect())
}

fn one_address(line: &str, lists: &AddressLists) -> Value {
    match Address::parse(line) {
        Ok(address) => {
            let remarks = lists.remarks(&address);
            json!({
                "valid": true,
                "interoperable": address.is_interoperable(),
                "local": address.local(),
                "domain": address.unicode_domain(),
                "ascii_domain": address.domain(),
                "reason": null,
                "message": null,
                "suggestion": remarks.suggestion,
                "role": remarks.role,
                "disposable": remarks.disposable,
                "needs_smtputf8": address.needs_smtputf8(),
            })
        }
        Err(error) => {
            let (local, domain) = line.rsplit_once('@').unwrap_or((line, ""));
            json!({
                "valid": false,
                "interoperable": false,
                "local": local,
                "domain": domain,
                "ascii_domain": null,
                "reason": error.code(),
                "message": error.to_string(),
                "suggestion": lists.suggest_repair(line).map(|address| address.to_string()),
                "role": false,
                "disposable": false,
                "needs_smtputf8": false,
            })
        }
    }
}

/// One answer a line: whose mail exchanger is this host. A line that no host can be called is `unknown`, and says why.
///
/// # Errors
/// [`InspectError`] for an empty input or one beyond the limits, and with the code `not-a-host` where not one line can
/// be the name of a host.
pub fn mx(input: &[u8]) -> Result<Vec<Value>, InspectError> {
    let providers = Providers::builtin();
    let hosts = cases(input)?;
    if !hosts.iter().any(|host| may_be_host(host)) {
        let first = &hosts[0];
        return Err(InspectError {
            at: Some("line 1".to_owned()),
            ..InspectError::new("not-a-host", format!("{first:?} is not the name of a host"))
        });
    }
    let answer = |host: &String| match providers.of_host(host) {
        Some(provider) => {
            json!({ "provider": provider.name, "kind": provider.kind, "label": provider.label, "site": provider.site })
        }
        None if !may_be_host(host) => {
            let reason = format!("{host:?} is not the name of a host");
            json!({ "provider": null, "kind": "unknown", "label": null, "site": null, "reason": reason })
        }
        None => json!({ "provider": providers.name_of_host(host), "kind": "unknown", "label": null, "site": null }),
    };
    Ok(hosts.iter().map(answer).collect())
}

/// Lenient: letters of any script, digits, hyphens and underscores between dots; a final dot is allowed.
fn may_be_host(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}
