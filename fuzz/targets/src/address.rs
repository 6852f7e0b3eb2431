//! Addresses and domains.
//!
//! Holds: what is accepted is accepted again as the same; it fits its limits, and a mail server takes it in RCPT; the key is
//! its own key; what is suggested is an address; the owner of a host is found whatever the host.

use std::sync::LazyLock;

use crate::bytes::text;
use mail::address::{ADDRESS_MAX, Address, AddressLists, DOMAIN_MAX, LOCAL_MAX};
use mail::provider::Providers;

static LISTS: LazyLock<AddressLists> = LazyLock::new(AddressLists::builtin);
static PROVIDERS: LazyLock<Providers> = LazyLock::new(Providers::builtin);

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let text = text(data);
    match Address::parse(&text) {
        Ok(address) => check(&address),
        Err(error) => assert!(!error.code().is_empty()),
    }
    if let Some(suggested) = LISTS.suggest_repair(&text) {
        check(&suggested);
    }
    assert!(!PROVIDERS.name_of_host(&text).is_empty() || text.trim().trim_end_matches('.').is_empty());
}

fn check(address: &Address) {
    let written = address.as_str();
    assert_eq!(Address::parse(written).as_ref(), Ok(address), "{written:?}");
    assert!(written.len() <= ADDRESS_MAX && address.local().len() <= LOCAL_MAX && address.domain().len() <= DOMAIN_MAX);
    assert_eq!(written, format!("{}@{}", address.local(), address.domain()));
    assert!(address.domain().is_ascii() && !address.domain().bytes().any(|byte| byte.is_ascii_uppercase()));
    assert!(!written.chars().any(char::is_control), "{written:?}");
    let rcpt = smtp::path::parse_rcpt(&format!("<{written}>"));
    assert_eq!(rcpt.map(|recipient| recipient.address).as_deref(), Ok(written));
    let mail = smtp::path::parse_mail(&format!("<{written}>"));
    assert_eq!(mail.map(|mail| mail.sender).as_deref(), Ok(written));
    let key = address.key();
    assert_eq!(key.to_lowercase(), key, "{written:?}");
    let _ = (address.unicode_domain(), address.is_interoperable(), LISTS.remarks(address));
}
